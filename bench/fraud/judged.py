"""Write into sql/fraud/signals.toml that signals were judged: `python -m bench.fraud.judged F13 F17`, or `all`.

Run it after the attacks, the look-alikes and the public logs were measured with the rules as they are now (docs/fraud.md). Until then a changed
rule is in shadow.
"""

from __future__ import annotations

import re
import sys

from pipeline.scoring.rules import shipped_signals
from sql import FRAUD_DIR

TABLE = FRAUD_DIR / "signals.toml"


def main(names: list[str]) -> None:
    """Stamp these signals with the fingerprints of their present text."""
    text = TABLE.read_text(encoding="utf-8")
    for name in shipped_signals() if names == ["all"] else names:
        start = text.index(f"[{name}]\n")
        end = text.index(f"[{name}.en]", start)
        table = re.sub(r'^judged = "[0-9a-f]*"\n', "", text[start:end], flags=re.MULTILINE)
        stamp = f'judged = "{shipped_signals()[name].fingerprint}"\n'
        table = re.sub(r"^(?=source = )", stamp, table, count=1, flags=re.MULTILINE)
        text = text[:start] + table + text[end:]
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
