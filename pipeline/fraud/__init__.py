"""The search for fraud: signs of it in the stored rows, suspects, and their cases.

Owns the measuring of the signals, the views of sql/fraud, the tables `pixel.fraud_hits`, `pixel.fraud_signals`, `pixel.fraud_cases`,
`pixel.fraud_runs` and `pixel.fraud_normals`, and the words of a reason. May use `scoring`, `claims` and the rooms below them. `ship` scores; nothing is ever blocked.
"""

__all__ = ["copied", "job", "measure", "sentences", "store", "views"]
