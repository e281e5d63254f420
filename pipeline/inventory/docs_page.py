"""docs/data-inventory.md, written from the inventory, the grants' rules and the reports.

Owns the page's wording. The readers of a column come from `pipeline.inventory.readers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.inventory.columns import Inventory, Term
from pipeline.inventory.readers import purposes
from pipeline.reports.header import Report
from pipeline.settings.sections import Retention

_INTRODUCTION: Final = """\
# Data inventory

All stored data, column by column. This page is generated from `sql/inventory.toml`, the reports and the settings; a test
compares it with the tables of a real ClickHouse, so a column that is missing on one side breaks the build.
[legal-mapping.md](legal-mapping.md) explains the clauses and the operator's duties; `/privacy` shows the same groups in plain
words.

How to read it:

- **source** is a field of clause 3.3 of the policy. *Derived* means computed from that field before it was dropped. No field
  holds an address, the value of the id cookie, or a page's query.
- **kept** is the default term and the setting that changes it. Rows end by whole UTC days, numbers by whole months: `ship` drops
  the partition within an hour after its term is over; without a running `ship`, ClickHouse does within some hours.
- **reports** lists the purposes whose reports use the column: `technical` (role `ops`; columns of events are only counted there, and
  the role reads the published numbers of `pixel.cells`, never a row of an event), `fraud` (role `security`), `privacy` (role
  `privacy`). No other reader can reach the column. Apart from the views, every table can be read by `pixel_eraser` (requests of a
  person), by `pixel_admin` (the operator; audited first) and by `pixel_viewer`, as which nobody works; `pixel_writer` (`ship`) reads
  `batch_id`, the published numbers and counts (`rollup.*`, exact), for the fraud review the suspects of a day and the sealed click ids of a
  case, which it cannot open, and no other row of an event.

"""
_PLACES: Final = """\
## Outside of ClickHouse
Paths are below `data` (`PIXEL_DATA`). An address, and a page address as the browser sent it, exist in the memory of the
collector only: while their connection is open, and for at most ten minutes after their last request. The rate limit keeps a
hash of the address under a key that only the running process has, until the bucket of this client is full again. Freed memory
is not overwritten. This memory is not written to a disk: core dumps are off, and the units of `deploy/systemd` forbid swap;
`clinic-pixel doctor` says where swap is still possible.

| where | holds | clause | kept | read by |
|---|---|---|---|---|
"""


def page(inventory: Inventory, reports: Sequence[Report]) -> str:
    """Return the whole page as Markdown."""
    return _INTRODUCTION + "\n".join([*_groups(inventory), *_tables(inventory, reports), *_places(inventory)]) + "\n"


def _groups(inventory: Inventory) -> Iterator[str]:
    yield "## Words for a visitor\n\n| group | in plain words | kept |\n|---|---|---|"
    for kept in inventory.plain_words(Retention(), "en"):
        yield f"| {kept.title} | {kept.words} | {kept.term} |"
    yield ""


def _tables(inventory: Inventory, reports: Sequence[Report]) -> Iterator[str]:
    for table, holds in inventory.tables.items():
        yield f"## pixel.{table}\n{holds[0].upper()}{holds[1:]}.\n"
        yield "| column | source | clause | purpose | kept | reports |\n|---|---|---|---|---|---|"
        for column in inventory.of(table):
            source = inventory.fields[column.source] + (", derived" if column.derived else "")
            readers = ", ".join(purposes(column, reports)) or "none"
            yield (
                f"| `{column.name}` | {source} | {column.clause} | {column.purpose} | {_kept(column.term)} | {readers} |"
            )
        yield ""


def _places(inventory: Inventory) -> Iterator[str]:
    yield _PLACES.rstrip()
    for place in inventory.places:
        yield f"| `{place.path}` | {place.holds} | {place.clause} | {_kept(place.term)} | {place.readers} |"


def _kept(term: Term) -> str:
    words = term.text(Retention(), "en")
    return f"{words} (`{term.setting}`)" if term.setting else words
