"""docs/reports.md, generated from the report files, so that it always matches them.

Owns the page's wording around the files; `make docs` writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pipeline.reports.header import FRAME, Parameter, Report

_INTRODUCTION: Final = """\
# Reports

Readers of the technical reports see published numbers only, never a row of an event. A number is computed once, when its hour or
day is over, perturbed by the cell key method, and never changed afterwards. Statistical offices publish counts in the same way
(Handbook on Statistical Disclosure Control, section 5.4; ONS, cell key perturbation).

## Running a report
Each report is one file `sql/reports/<family>/<name>.sql` and one view `<family>.<name>`. Ask it with `clinic-pixel report NAME`, or
with any ClickHouse client as the role that is named below (`clinic-pixel connect` prints address, user and examples):

```sql
SELECT * FROM technical.error_pages_day WHERE site = 'clinic'
SELECT * FROM technical.error_pages(site = 'clinic', since = '2026-11-14 00:00:00', until = '2026-11-21 00:00:00')
```

`SELECT * FROM technical.reports` lists the reports with columns, parameters and an example. A published report has four views:

| view | period |
|---|---|
| `technical.<name>_day` | the last published day of each site |
| `technical.<name>_7d`, `technical.<name>_28d` | the last 7 or 28 published days |
| `technical.<name>(site, since, until)` | any period, widened to whole days of the site; a report by the hour: to whole hours |

Three exact reports over counters have such views, too, which end now: `technical.counters_day`, `_7d`, `_28d` (24 hours, 7 and 28
days), the same of `technical.collector_health`, and `technical.now_3h`.

The plain views have declared columns with comments, for tools that cannot see the columns of a parameterised
view. `technical.cells` has all published numbers in one table, `technical.publications` all published periods.

The parameters `since` and `until` are UTC; times in the answers are in the time zone of the site (setting `timezone`), in a plain
view in UTC if the sites have several zones. `clinic-pixel report` reads a time without an offset in the site's zone. The privacy
reports count UTC days, because a key and the rows of its day end with the UTC day; for the same reason a visitor without a cookie
is another one after midnight UTC. ClickHouse refuses a time with a trailing `Z`; `clinic-pixel report` accepts it.

`clinic-pixel report --sql NAME` prints the query of a report. The defaults of thresholds are in the report files. To change one,
write it into `sql/reports/thresholds.toml` and run `clinic-pixel migrate`.

## Events delivered twice
A proxy or a browser may send one request twice. Events of the same site, kind, ad block, visitor and nonce (the random number
of a page view), each at most ten minutes after the one before, are one event in every report and in the numbers by hour: the
first delivery counts, also where the second one fell into another hour or day (`sql/views/once.sql`). The rows stay as
they are. An event without a nonce (an image, most templates) is never a repeat. A repeat from another address by a browser
without a cookie belongs to another visitor and counts. `technical/counters` counts deliveries: offered, spooled, stored.

## How numbers are published
`clinic-pixel ship` publishes; `sql/views/counted_cells.sql` counts (page loads: `counted_loads.sql`), `pipeline/publish` perturbs and
decides.

1. **When.** An hour or a day of the site is published once everything received in it is stored, a few minutes after
   its end. The report by the hour has numbers of hours, `traffic_by_day` of days, all others of days, of weeks
   (from Monday) and of four weeks (those that follow the steps of each visitor of days and weeks alone); in an hour
   with 200 published visitors or more, the reports that have rows by page, browser and so on have numbers of the
   hour, too. If late events add more than 5 % of rows, the period is published again, once, and marked `corrected`.
   A backfill publishes the days that are stored.
2. **Periods.** The answer for a longer period is the sum of the fewest published periods in it. `visitors` of several
   days are person-days: a visitor of two days counts twice. A day in which a row had too few visitors is missing in
   its sum, so the sum of a rare row is lower than the truth. The number of a week has its own noise and counts a
   visitor once.
3. **People.** A person is a cookie, or without one the day's token of address and browser. A first page without a
   cookie belongs to the cookie that the same address and browser send later that day. Rows without a visitor (a
   privacy signal, a sensitive page) of the same country, network, device, browser and operating system (with their
   versions) are one person of the day, so people are counted low. In a week, people without a cookie are those of the
   fullest day.
4. **Robots, probes, staff** are no visitors. A robot is one that says so. A probe is a client that sends an attack or
   opens 10 different error pages in a day (each view of a page with `*` counts as a page of its own). Staff are the
   clinic's own networks. Their page views are counted apart: those of robots exactly, those of staff with noise, and
   of probes the errors and attacks with noise. A robot that opens a link because a person shared it or asked for it
   counts nowhere.
5. **Noise.** Each number of visitors is changed by a whole number from -5 to 5 (discrete Laplace, epsilon 1.0, mean
   0; sensitive groups: -10 to 10, epsilon 0.5). The noise depends on the set of people and on a secret outside of the
   database: the same people give the same noise in every report of the same hour or day. Zero stays zero. The noise
   of page views has steps of 5 page views, in reports of pages of 2, and is a draw of its own, so it tells nothing of
   the noise of the visitors. One person counts at most two such steps in a number: 10 page views, and 4 in reports of
   pages. A part is never larger than its whole, and page views are at least as many as visitors. Derived columns,
   such as shares, are computed from published numbers.
6. **Thresholds.** A number is shown from 5 visitors after noise and 3 before it. A page that is not publicly known, and
   a host that is not the site's own, needs 5 before it. A sensitive group needs 20 after noise, and is never shown by the hour. The same holds for each
   number in a row: errors of fewer than 3 people, or fewer than 5 after noise, are left empty; those of a sensitive
   group below 20. Only `probes` may be of one client. A page of the sitemap, of the templates in the settings, or one
   that was published in the last 28 days is publicly known.
7. **Small cells.** In reports whose rows make up the whole (browsers, networks, referrers) a row of at least 3 visitors that has
   fewer than 5 after noise is named without numbers, and its `small` is 1. Other small rows are left out; if their
   people, added over these rows, are at least 5 after noise, the row `(fewer than 5 visitors each)` says so (of a
   sensitive group: fewer than 20). An hour with few visitors looks like one with none.
8. **Faults at once.** A public page that answers 5xx, and a link on a public page to an error that 2 visitors of 2
   networks followed, are named without a number as soon as the hour is published, once a day. A fault of the site is
   worth this: it tells that somebody met it in that hour.
9. **Exact numbers.** `technical/counters`, `technical/collector_health` (the same by hour) and `technical/now` are exact, and so
   is `technical/crawl_errors`, which counts crawlers that prove their name. `technical/now` counts the hits of all visitors together by minute and site,
   for the last 24 hours only: a silent site shows at once as minutes without accepted hits. At a tiny site a minute
   with one hit is one person's page view, without page, browser or network.
10. **Page loads.** `technical/js_errors`, `failed_resources` and `web_vitals` count page loads by the measurements of the tag
   (`sql/views/counted_loads.sql`), which have no visitor and no token. A page load is a random number that the script draws for
   the measurements of one page; a measurement that came twice, or grew while the page was open, counts once, with its
   largest value. Periods, noise and thresholds are those above, with page loads in place of people. One person may load a
   page many times, so a page or group of pages is named only if it is publicly known, however many page loads it has.
   `measured` is the number of all page loads that sent a vital, and shares are shares of it. The row `(all)` holds
   the rows of single pages or browsers; do not add them.

A published number is nobody's datum: it is not changed when a person's rows are erased or blocked later.

## Limits of the method
- Nothing is claimed for all numbers together. Epsilon 1.0 (delta 0.003) holds for the noise of one number of visitors, and for one
  number of page views of a person with one step of them; it does not hold for the thresholds. Numbers do not add up exactly.
- A reader who knows all other visits of a page and a day finds out with more than even chance whether one more person came: in our
  simulation in 73 % of the cases from one number, in 83 % from three, in 91 % from eight, and in 99 % from 24. With page views
  beside the visitors it is 88 % from three for a person with 5 page views, and 96 % for one with 10. Anybody else is right in
  55 %; 50 % is a guess.
- Two reports that would count the same people (an error page, and the only link to it) have the same number. If the two numbers
  differ, somebody is certainly in one of them alone; if one person is, they differ in 82 % of the cases.
- A reader who also sends visits of his own can fill a cell, or its errors, up to just below a threshold. If the number then appears,
  somebody else was in it: in 73 to 100 % of the cases for a row, in 98 % for its errors. So the password of `ops` is for engineers, and
  forged visits are a matter for the fraud reports.
- A visitor whose own page loads are five or more can make a row of `js_errors` or `failed_resources` alone. The row tells an error, a
  browser family or a host, never a page that is not public; nothing in it leads to the visitor. Forged measurements make rows, too.

"""


def page(reports: Sequence[Report]) -> str:
    """Return the whole page as Markdown."""
    return _INTRODUCTION + "\n".join("\n".join(_section(report)) for report in reports)


def _section(report: Report) -> Iterator[str]:
    parameters = ", ".join(_parameter(name, each) for name, each in report.parameters.items())
    yield f"## {report.path}"
    yield f"**{report.en.question}** / {report.ru.question}\n"
    yield f"Role `{report.role}`. Parameters: {parameters or 'none'}. Chart: {report.chart}.\n"
    if report.roles or report.any_role:
        named = [*(f"`{role}`" for role in report.roles), " or ".join(f"`{role}`" for role in report.any_role)]
        yield f"Needs pages of the roles {', '.join(filter(None, named))} (setting `sites.roles`).\n"
    yield "| column | unit | meaning |\n|---|---|---|"
    for name, column in report.columns.items():
        computed = f"; `{column.expression}`" if column.expression else ""
        yield f"| `{name}` | {column.unit} | {column.meaning}{computed} |"
    if report.is_published:
        few = "page loads" if report.counted == "technical" else "visitors"
        yield f"| `small` | 0 or 1 | 1 where the row has no numbers: fewer than 5 {few} |"
    if report.only:
        yield f"\nShown are the rows with `{report.only}`."
    if report.thresholds:
        yield "\n| threshold | default | meaning |\n|---|---|---|"
    for name, threshold in report.thresholds.items():
        yield f"| `{name}` | `{threshold.default}` | {threshold.meaning} |"
    names = {name: f"`{name}`" for name in report.thresholds}
    yield f"\nLimits: {report.en.limits.format_map(names)}\n"


def _parameter(name: str, parameter: Parameter) -> str:
    if parameter.default is None:
        return f"`{name} {parameter.type}`"
    of_time = "the next full hour" if parameter.default == "0h" else f"{parameter.default} ago"
    return f"`{name} {parameter.type}` (default {of_time if name in FRAME else parameter.default})"
