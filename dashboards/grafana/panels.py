"""The dashboards: one for each audience and language, a panel for each report, with the SDK of Grafana.

Owns what a panel looks like and says. Each dashboard asks through the data source of its own role, so ClickHouse
refuses what its readers may not see. Reports that are too much to read (`is_for_tools`) have no panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import barchart, dashboard, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue, VariableRefresh

from dashboards.grafana.questions import SITES, bar_of, question, time_of
from dashboards.words.catalogue import column_meaning, column_title
from pipeline.reports.answers import limits
from pipeline.reports.catalogue import FAMILIES
from pipeline.reports.header import ROLES, Family, Report

LANGUAGES: Final = ("en", "ru")
PLUGIN: Final = "grafana-clickhouse-datasource"
_GAP_AFTER_MS: Final = {"minute": 90_000, "hour": 5_400_000, "day": 129_600_000}
"""Points further apart are not joined: one and a half steps, as a day may have 25 hours."""
_TITLES: Final = {
    "en": {"technical": "Technical problems", "fraud": "Fraud", "privacy": "Personal data"},
    "ru": {"technical": "Технические проблемы", "fraud": "Мошенничество", "privacy": "Персональные данные"},
}
_SITE: Final = {"en": "Site", "ru": "Сайт"}
_FEW: Final = {"en": "not published", "ru": "не опубликовано"}
_NONE: Final = {"en": "no data", "ru": "нет данных"}
_FEW_TITLE: Final = {"en": "few", "ru": "мало"}
_SMALL: Final = {"en": "fewer than 5", "ru": "меньше 5"}
_GAP: Final = {
    "en": "A gap or “not published” means: too few visitors, or not published yet. It is never a zero.",
    "ru": "Разрыв или «не опубликовано» значит: слишком мало посетителей или ещё не опубликовано. Это никогда не ноль.",
}


class _Question(Dataquery):
    def __init__(self, sql: str, source: DataSourceRef, *, over_time: bool) -> None:
        self.sql, self.source, self.over_time = sql, source, over_time

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, object]:
        return {
            "refId": "A",
            "datasource": self.source,
            "editorType": "sql",
            "queryType": "timeseries" if self.over_time else "table",
            "format": 0 if self.over_time else 1,
            "rawSql": self.sql,
        }


def files(reports: Sequence[Report]) -> dict[str, str]:
    """Return the dashboards of these reports: file name -> JSON."""
    return {
        f"{family}.{language}.json": _board(family, language, reports) for family in FAMILIES for language in LANGUAGES
    }


def source_of(family: Family) -> str:
    """Return the uid of the data source of a family, which asks as the user of its role."""
    return f"clinic-pixel-{ROLES[family]}"


def _board(family: Family, language: str, reports: Sequence[Report]) -> str:
    board = (
        dashboard.Dashboard(f"clinic-pixel: {_TITLES[language][family]}")
        .uid(f"clinic-pixel-{family}-{language}")
        .description(_GAP[language])
        .tags(["clinic-pixel", family])
        .time("now-7d", "now")
        .timezone("browser")
        .readonly()
        .with_variable(_site(family, language))
    )
    shown = [report for report in reports if report.purpose == family and not report.is_for_tools]
    for report in sorted(shown, key=lambda each: time_of(each) is None):
        board.with_panel(_panel(report, language))
    return JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(board.build()) + "\n"


def _site(family: Family, language: str) -> Any:
    if family == "privacy":
        # This user reads no list of sites, so the reader writes its name.
        return dashboard.TextBoxVariable("site").label(_SITE[language]).default_value("clinic")
    return (
        dashboard.QueryVariable("site")
        .label(_SITE[language])
        .datasource(_source(family))
        .query({"rawSql": SITES, "refId": "site", "editorType": "sql", "format": 1, "queryType": "table"})
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .multi(False)
        .include_all(False)
    )


def _source(family: Family) -> DataSourceRef:
    return DataSourceRef(type_val=PLUGIN, uid=source_of(family))


def _panel(report: Report, language: str) -> Any:
    words, time = report.words(language), time_of(report)
    empty = (_FEW if report.is_published else _NONE)[language]
    if time is not None:
        panel: Any = timeseries.Panel().span_nulls(False).insert_nulls(_GAP_AFTER_MS[time]).span(24)
    elif bar_of(report) is not None:
        panel = barchart.Panel().x_field(bar_of(report) or "").span(12)
    else:
        panel = table.Panel().span(24)
        if report.is_published:
            mapped = [{"type": "value", "options": {"0": {"text": " "}, "1": {"text": _SMALL[language]}}}]
            few = DynamicConfigValue("displayName", _FEW_TITLE[language])
            panel = panel.override_by_name("small", [few, DynamicConfigValue("mappings", mapped)])
    for name in report.columns:
        title, meaning = column_title(name, language), column_meaning(report, name, language)
        said = [DynamicConfigValue("displayName", title), DynamicConfigValue("description", meaning)]
        panel = panel.override_by_name(name, said)
    about = [words.question, limits(report, language), *([_GAP[language]] if report.is_published else [])]
    return (
        panel.title(words.title)
        .description("\n\n".join(about))
        .no_value(empty)
        .height(9)
        .datasource(_source(report.purpose))
        .with_target(_Question(question(report), _source(report.purpose), over_time=time is not None))
    )
