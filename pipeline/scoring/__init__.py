"""The rules of fraud and their arithmetic: signals, points, bands, cases. Pure: numbers in, numbers out.

Owns the table of the signals (sql/fraud/signals.toml) and the score. `fraud` measures the signals and stores what is found.
"""

__all__ = ["cases", "rules", "score"]
