"""The hash-chained log of sensitive acts, and the certificate that is printed from it.

Owns `audit.log` and its format. May use `system` and the root. Others record an act with `log.Audit` before they carry it
out, and name it with a word of `actions`.
"""

__all__ = ["actions", "certificate", "chain", "log"]
