"""`EDGE_STEPS`: turn a `Hit` into its `Event`s, which hold no address.

Owns the order of the steps, blocks and the rate limit. May use `headers`, `pages`, `scrub`, `networks`, `keys`, `spool` and
below. The collector calls `steps.run_edge` and `technical`; no other code runs a step.
"""

__all__ = ["blocks", "clients", "draft", "steps", "tables", "technical"]
