"""docs/reports.md, generated from the report files, so that it always matches them.

Owns the page's wording around the files; `make docs` writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.reports.header import FRAME, OF_SETTINGS, Parameter, Report

_INTRODUCTION: Final = """\
# Reports

Small groups are kept out of the technical reports by primary suppression at k people, complementary (secondary)
suppression into one row `other`, and seeded random rounding to base k, as statistical offices publish it (Statistics
Canada, Stats NZ). k is the setting `privacy.min_visitors`.

## Running a report
Each report is one file `sql/reports/<family>/<name>.sql` and one parameterised view `<family>.<name>`. Ask it with
`clinic-pixel report NAME`, or with any ClickHouse client as the role that is named below:

```sql
SELECT * FROM technical.error_pages(site='clinic', since='2026-11-21 00:00:00', until='2026-11-22 00:00:00')
```

The parameters `since` and `until` of a view are UTC. The view widens the period to whole hours of the site's time zone (the
setting `timezone` of the site) and gives times in this zone: the type of the column names it. `clinic-pixel report` reads a
time without an offset in the zone and writes times with their offset, so the two hours of one name at the end of summer time
are two rows. The privacy reports count UTC days, because a key and the rows of its day end with the UTC day; for the same
reason a visitor without a cookie is another one after midnight UTC, not after the site's midnight. `pixel.hourly` has UTC hours.

ClickHouse refuses a time with a trailing `Z`; `clinic-pixel report` accepts it. `clinic-pixel report --sql NAME` prints the whole query with period and thresholds filled in; the operator can run
or change it with `clinic-pixel sql --role admin "$(clinic-pixel report --sql NAME)"`, which is audited.

The defaults of thresholds are in the report files. To change one, write it into `sql/reports/thresholds.toml` and run
`clinic-pixel migrate`.

## Events delivered twice
A proxy or a browser may send one request twice. Events of the same site, kind, ad block, visitor and nonce (the random number
of a page view), each at most ten minutes after the one before, are one event in every report and in the numbers by hour: the
first delivery counts, also where the second one fell into another hour or day (`sql/views/once.sql`). The rows stay as
they are. An event without a nonce (an image, most templates) is never a repeat. A repeat from another address by a browser
without a cookie belongs to another visitor and counts. `technical/counters` counts deliveries: offered, spooled, stored.

## Suppression of small groups in technical reports
Every technical report of visitors goes through `sql/views/suppressed.sql`. Below, k is `privacy.min_visitors`.

1. **People.** `sql/views/people.sql` decides which rows belong to one person. It counts people low, because one person can
   have a cookie and, after refusing it, be a new visitor every day: it takes the number of cookies or the number of visitors
   on the fullest day, whichever is larger. All rows without a visitor (a privacy signal, a sensitive page) count as
   one person together. Declared robots are not people.
2. **Primary suppression.** A row is shown if it has at least k people. A row without people is left out, even if robots
   have hits in it. A sensitive group is never shown by name, because its rows have no visitor.
3. **Complementary suppression.** Smaller rows are added up in one row `other`. The next smallest rows join it until it has
   two rows and k people of its own. If that is not possible, nothing is shown. The column `folded` is true in this row
   and false in all others, so a page or browser that is really called `other` is not mistaken for it.
4. **Seeded random rounding.** Every number is rounded to a multiple of k, up or down at random. The random choice depends on
   the rows alone, so the same question always has the same answer. All numbers of one row are rounded the same way, so
   `errors` is never larger than `hits`. Totals do not drift. If two periods or two reports differ by a few people, their
   numbers are equal or differ by k. A page view of a person already counted can cause the same step, so a step does not
   prove a new person.
5. **Derived columns** (for example `error_share`) are computed from the rounded numbers and add no information.

Limits of the method:

- If a number changes when the period grows by one hour, something was counted in that hour. If that hour had one visitor, the
  row shows this visitor's browser or network, but never a token.
- A very large number of page views by one visitor is visible in the total of page views; the visitor is not.
- A reader who asks for a hundred slightly different periods and averages the answers gets close to the real number. In our
  measurement, 80 periods gave the hits of one hour (none to five) to within 1.5.

Therefore give the password of `ops` to people, not to programs without supervision.

`visitors` counts cookies, and day tokens of clients without a cookie: such a client counts once for each day. A first hit has
no cookie yet; it belongs to the cookie that the same address and agent send later that day.

"""


def page(reports: Sequence[Report]) -> str:
    """Return the whole page as Markdown."""
    return _INTRODUCTION + "\n".join("\n".join(_section(report)) for report in reports)


def _section(report: Report) -> Iterator[str]:
    parameters = ", ".join(_parameter(name, each) for name, each in report.parameters.items())
    yield f"## {report.path}"
    yield f"**{report.en.question}** / {report.ru.question}\n"
    yield f"Role `{report.role}`. Parameters: {parameters}. Chart: {report.chart}.\n"
    yield "| column | unit | meaning |\n|---|---|---|"
    for name, column in report.columns.items():
        computed = f"; `{column.expression}`" if column.expression else ""
        yield f"| `{name}` | {column.unit} | {column.meaning}{computed} |"
    if report.suppressed:
        yield "| `folded` | yes or no | true in the one row of small groups, `other` |"
    if report.thresholds:
        yield "\n| threshold | default | meaning |\n|---|---|---|"
    for name, threshold in report.thresholds.items():
        yield f"| `{name}` | `{threshold.default}` | {threshold.meaning} |"
    names = {name: f"`{name}`" for name in (*report.thresholds, *OF_SETTINGS)}
    yield f"\nLimits: {report.en.limits.format_map(names)}\n"


def _parameter(name: str, parameter: Parameter) -> str:
    if parameter.default is None:
        return f"`{name} {parameter.type}`"
    of_time = "the next full hour" if parameter.default == "0h" else f"{parameter.default} ago"
    return f"`{name} {parameter.type}` (default {of_time if name in FRAME else parameter.default})"
