"""The rules of fraud and their arithmetic: signals, points, bands, cases. Pure: numbers in, numbers out.

Owns the table of the signals (sql/fraud/signals.toml) and the score. May use nothing of the
project but the files of `sql`; `fraud` measures the signals and stores what is found.
"""

__all__ = ["cases", "finder", "rules", "score", "trial"]
