"""Generated and replayed hits, sent through the real endpoint.

Owns the reading of access logs, the generated day of a clinic and the sending of hits. May use `networks`, `scrub` and
below. Only its own commands run it.
"""

__all__ = ["commands", "replay"]
