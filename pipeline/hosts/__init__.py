"""Several hosts of one database: who they are, whether their keys and clocks agree, and which one does the work for all.

Owns `pixel.hosts` and `run/hosts.json`. May use `keys`, `database`, `system` and `settings`. `ship` reports and asks, `alerts`, `doctor` and the
collector tell the findings.
"""

__all__ = ["evaluator", "findings", "host"]
