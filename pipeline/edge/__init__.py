"""`EDGE_STEPS`: turn a `Hit` into its `Event`s, which hold no address.

Owns the order of the steps, consent, cookies, blocks and the rate limit. May use `scrub`, `networks`, `keys`, `spool` and
below. The collector calls `steps.run_edge` and `technical`; no other code runs a step.
"""

__all__ = ["aged_cache", "blocks", "clients", "cookies", "steps", "tables", "technical"]
