"""Which published numbers show the fault of a place: the report, the number, and the rows.

Owns the table of the watches. A place that no report tells apart is shown by the whole site, and the page says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from dashboards.pages.report import reports

VISITORS: Final = "visitors"
WHOLE: Final = "1"
_OF_WATCH: Final[Mapping[str, tuple[str, str]]] = {
    "silent_page": ("pages", VISITORS),
    "program_lost": ("browsers", VISITORS),
    "network_lost": ("networks", VISITORS),
    "referrer_lost": ("referrers", VISITORS),
    "dead_ad": ("dead_ads", "impressions"),
    "server_errors": ("server_errors", "hits"),
    "broken_link": ("broken_links", "hits"),
    "missing_page": ("error_pages", "hits"),
    "form_broken": ("broken_browsers", "done"),
    "reload_storm": ("reload_storms", "reloads"),
    "slow_page": ("reload_storms", "reloads"),
    "loop": ("loops", "turns"),
    "counted_twice": ("duplicates", "again"),
    "script_lost": ("script_share", "without"),
    "cookie_lost": ("cookie_loss", "lost"),
    "insecure": ("addresses", "http"),
    "script_errors": ("js_errors", VISITORS),
    "failed_resource": ("failed_resources", VISITORS),
    "slow_vital": ("web_vitals", "poor"),
}
"""The number that moves with the fault of a watch."""
_OF_VISITORS: Final = ("browsers", "networks", "pages", "referrers", "traffic_by_day")
_HAS_ALL: Final = ("failed_resources", "js_errors", "web_vitals")
"""Reports whose rows of single pages or browsers stand beside rows of all."""
_OF_DIMENSION: Final = {
    "page": "page",
    "source": "source",
    "browser": "browser",
    "network": "network",
    "country": "country",
    "referrer": "host",
    "ad": "ad",
    "script_error": "error",
}


class Source(NamedTuple):
    """A report, its number, and the condition of its rows in ClickHouse's SQL over `key1` to `key4`, with the parameters it needs."""

    report: str
    measure: str
    where: str
    values: Mapping[str, str]
    is_whole: bool = False
    """Whether the numbers are those of the whole site, although a part of it is concerned."""

    @property
    def text(self) -> str:
        """What the number is, as the key of its words ends: the report, or visitors."""
        return VISITORS if self.report in _OF_VISITORS else self.report


def source_of(watch: str, dimension: str, name: str) -> Source:
    """Return the numbers that show the fault of a watch at a place."""
    if watch == "form_broken" and dimension in ("site", "device"):
        where = "key1 = 'done'" + (" AND key2 = {name:String}" if dimension == "device" else "")
        return Source("funnel", VISITORS, where, {"name": name} if dimension == "device" else {})
    report, measure = _OF_WATCH.get(watch, ("", VISITORS))
    if dimension == "site" and report and report not in ("browsers", "networks", "pages", "script_share", *_HAS_ALL):
        return Source(report, measure, WHOLE, {})
    where, values = _rows(report, dimension, name)
    if where:
        return Source(report, measure, where, values)
    return Source("traffic_by_day", VISITORS, WHOLE, {}, is_whole=dimension != "site")


def _rows(report: str, dimension: str, name: str) -> tuple[str, Mapping[str, str]]:
    keys = next((each.named("key") for each in reports() if each.view == f"technical.{report}"), [])
    where, values = "", {"name": name}
    if dimension == "page" and report == "loops":
        where = "(key1 = {name:String} OR key2 = {name:String})"
    elif dimension == "version" and "major" in keys:
        where = f"concat({_key(keys, 'browser')}, ' ', {_key(keys, 'major')}) = {{name:String}}"
    elif dimension == "section" and "section" in keys:
        where = f"{_key(keys, 'section')} = {{name:String}}"
    elif dimension == "section" and "page" in keys:
        where = f"({_key(keys, 'page')} = {{name:String}} OR startsWith({_key(keys, 'page')}, concat({{name:String}}, '/')))"
    elif dimension == "vital" and "metric" in keys:
        metric, _, section = name.partition(" ")
        where = f"{_key(keys, 'metric')} = {{name:String}} AND {_key(keys, 'page_group')} = {{section:String}}"
        return where, {"name": metric, "section": section or "(all)"}
    elif dimension == "resource" and "host" in keys:
        where, values = f"{_key(keys, 'host')} = {{name:String}}", {"name": name.partition(" ")[0]}
    elif (key := _OF_DIMENSION.get(dimension)) in keys and key:
        where = f"{_key(keys, key)} = {{name:String}}"
    if not where:
        return "", {}
    return (f"{where} AND has([key1, key2, key3, key4], '(all)')" if report in _HAS_ALL else where), values


def _key(keys: Sequence[str], name: str) -> str:
    return f"key{keys.index(name) + 1}"
