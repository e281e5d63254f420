"""Made-up attacks on a made-up clinic, and innocent visitors who look like them.

Owns their catalogue, their hits, and `simulate`, which sends them with the clinic's own days. May use `traffic` and below; shares no code with
the rooms that look for fraud. Only its own commands and `bench` run it.
"""

__all__ = ["commands"]
