"""docs/reports.md, written from the headers of the report files, so that it cannot fall behind them.

Owns the page's wording around the headers. A test compares the page with `page()`; `clinic-pixel report --docs` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.reports.header import Report

_INTRODUCTION: Final = """\
# Reports

Each report is one file `sql/reports/<family>/<name>.sql` and one parameterised view `<family>.<name>`. Ask it with
`clinic-pixel report NAME`, or with any ClickHouse client as the role that is named below:

```sql
SELECT * FROM technical.error_pages(site='clinic', since='2026-11-21 00:00:00', until='2026-11-22 00:00:00')
```

Times are UTC and are widened to whole hours inside the view. A time with a trailing `Z` is refused by ClickHouse;
`clinic-pixel report` takes it. Numbers and thresholds: settings `privacy.min_visitors` and
`privacy.min_visitors_sensitive`, and `sql/reports/thresholds.toml`; after a change run `clinic-pixel migrate`.

## How small groups are kept out of technical reports
Every technical report of visitors goes through `sql/views/suppressed.sql`:

1. A row is shown from `min_visitors` people up, `min_visitors_sensitive` where it names a sensitive group. People are
   counted low. One person may have a cookie and, where it is refused, be a new visitor every day: so either the cookies
   count or the fullest day, whichever is more. All rows without a visitor (a privacy signal, a sensitive page, tokens past
   their retention) are together one person; so a sensitive group is not shown by name, and nor is a time whose tokens are gone.
2. Smaller rows become `other`, and the next smallest fold in until `other` has two rows and `min_visitors` people of its
   own. Where that is never reached, nothing is shown. A row without people is left out, whatever robots did there.
3. Every number is a multiple of `min_visitors`, up or down by a hidden coin that depends on the rows themselves. The same
   question has the same answer and totals do not drift; two windows, or two reports, that differ by a few people give a
   difference of nothing or of a whole step. A step also comes from the next page of a person already counted, so it
   proves no new person.

What this does not do: a number that changes with one more hour tells that something was counted in that hour; that
one visitor asked for a page five hundred times can be seen in the number of page views (not who it was), and somebody
who asks a hundred slightly different windows and averages gets close to the real number behind a rounded one: measured,
80 windows put the hits of one hour, of which there were none to five, within one and a half. In an hour with one visitor that is this visitor's browser, then
network, though never a token. Give the `ops` password to people, not to programs that nobody watches.

`visitors` counts the cookies, and for clients without one the tokens of a day: over several days such a client counts once
for each. A first hit, which cannot have a cookie yet, belongs to the cookie that the same address and agent bring later
that day.

"""


def page(reports: Sequence[Report]) -> str:
    """Return the whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *(_section(report) for report in reports)])


def _section(report: Report) -> str:
    parameters = ", ".join(
        f"`{each.name} {each.type}`" + (f" (default {_default(each.name, each.default)})" if each.default else "")
        for each in report.parameters
    )
    thresholds = ", ".join(f"`{name}`" for name in report.thresholds) or "none"
    lines = [
        f"## {report.path}",
        f"**{report.text('question', 'en')}** / {report.text('question', 'ru')}",
        "",
        f"Role `{report.role}`. Parameters: {parameters}. Chart: {report.chart}. Thresholds: {thresholds}.",
        "",
        "| column | unit | meaning |",
        "|---|---|---|",
        *(f"| `{column.name}` | {column.unit} | {column.meaning} |" for column in report.columns),
        "",
        f"Limits: {report.text('limits', 'en').format_map({name: f'`{name}`' for name in report.thresholds})}",
        "",
    ]
    return "\n".join(lines)


def _default(name: str, default: str) -> str:
    return "the next full hour" if name == "until" and default == "0h" else f"{default} ago"
