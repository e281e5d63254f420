"""The review of fraud: signs of it in the stored rows, suspects, cases, and a reviewer's verdicts.

Owns the measuring of the signals, `pixel.fraud_signals`, `pixel.fraud_cases`, `pixel.fraud_runs`, `pixel.fraud_normals`, `pixel.verdicts`, and the
words of a case. May use `scoring` and the rooms below it. `ship` scores; nothing is ever blocked.
"""

__all__ = ["commands", "docs_page", "job", "views"]
