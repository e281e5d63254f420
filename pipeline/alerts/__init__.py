"""Alerts: which problems are told now, to whom, and by which ways.

Owns the choice and the weekly budget, the texts of mails and webhooks, their sending, and the memory of it in `run/alerts.json`; the
numbers of problems for /metrics in `run/problems.json`. May use `problems`, `system` and `settings`. `ship` calls `send.tell`, the
collector and `doctor` read the two files. An alert has texts and numbers of problems, and nothing about a visitor.
"""

__all__ = ["commands", "gauges", "outbox", "send", "webhook"]
