"""Generated and replayed hits, sent through the real endpoint.

Owns the reading of access logs, the generated days and weeks of a clinic, the faults at their end, and the sending of hits. May use
`networks`, `scrub` and below; shares no code with the rooms that find faults. Only its own command, `attackers` and `bench` run it.
"""

__all__ = ["clinic_day", "commands", "faults", "history", "places", "replay", "send", "visits"]
