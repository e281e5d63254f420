"""The views of the fraud review: of each signal, of the facts of suspects and of a claim, which the worker reads, and those of reviewers.

Owns the rendering of sql/fraud. A signal's view gives one row for each client that has a value, whatever it is, so that the same view
measures what is usual; the threshold is applied by its reader. A view of reviewers is a file of sql/fraud/views: its question, one SELECT, and
below it as TOML the question in Russian and the columns with type and meaning, which are declared, so that every tool sees them. Its
conditions run as `pixel_viewer`, who sees no row of a blocked person.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.claims.claim import CLAIM, CLICKS
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.reports.catalogue import all_reports
from pipeline.reports.statements import declared, literal, rendered
from pipeline.reports.views import Line, line_of, list_of
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings
from sql import FRAUD_DIR, fill, without_comments

FINDER: Final = "fraud.finder"
"""The combinations that the finder compares, by site and day."""
PATH: Final = "fraud.path"
"""The hits of one suspect of a case; the one view of reviewers with single hits."""
HITS: Final = "rollup.fraud_hits"
SUSPECTS: Final = "rollup.fraud_suspects"
_SIGNAL: Final = """WITH
    {frame},
    measured AS (
        {query}
    )
SELECT client, link, toFloat64(value) AS value, began, ended, evidence FROM measured"""
# An alias may itself have joined another case, and two may name each other once the oldest rows have ended.
_CASE: Final = (
    "multiIf(NOT mapContains(names, case_id), case_id, NOT mapContains(names, names[case_id]), names[case_id],"
    " names[names[case_id]] = case_id, least(case_id, names[case_id]), names[names[case_id]])"
)
_ASKED: Final = {
    FINDER: "(site = 'clinic', day = yesterday())",
    PATH: "(case = '0123456789ab', subject = '0123456789abcdef')",
}
"""The views of reviewers with parameters, and an example of these."""
_DESCRIPTION: Final = "\n-- question_ru = "


class ReviewView(NamedTuple):
    """A view of reviewers: its name in `fraud`, its question in both languages, its query, and its columns with type and meaning."""

    name: str
    question: str
    question_ru: str
    query: str
    columns: Mapping[str, Sequence[str]]


def view_of(signal: str) -> str:
    """Return the name of the view of a signal."""
    return f"rollup.fraud_{signal}"


def fraud_views(settings: Settings) -> dict[str, str]:
    """Return the statement that makes or replaces each view, by its name; none where the fraud review is off."""
    if not settings.fraud.enabled:
        return {}
    of_day, of_days = _piece("frame.sql"), _piece("long_frame.sql")
    made = {HITS: rendered(HITS, fill(without_comments(_text("hits.sql")), {}), settings)}
    for signal in all_signals().values():
        frame = of_days if signal.hours else of_day
        body = _SIGNAL.format(frame=frame, query=without_comments(signal.query).strip())
        made[view_of(signal.name)] = rendered(view_of(signal.name), fill(body, {}), settings)
    pieces = _pieces(settings)
    for name, text in ((SUSPECTS, "suspects.sql"), (CLICKS, "clicks.sql"), (CLAIM, "claim.sql")):
        body = without_comments(_text(text)).replace("$frame", of_day).replace("$long_frame", of_days)
        body = body.replace("$members", pieces["members"])
        made[name] = rendered(name, fill(body, {**pieces, "sealed_days": str(SEALED_DAYS)}), settings)
    for view in [*review_views(), finder(), path()]:
        columns = [declared(name, kind, meaning) for name, (kind, meaning) in view.columns.items()]
        name = f"fraud.{view.name}"
        made[name] = rendered(name, fill(view.query.replace("$members", pieces["members"]), pieces), settings, columns)
    lines = [line_of(report, settings) for report in all_reports() if report.purpose == "fraud"]
    lines += [_line(view) for view in [*review_views(), finder(), path()]]
    made["fraud.reports"] = list_of("fraud.reports", lines, settings)
    return made


def review_views(directory: Path = FRAUD_DIR / "views") -> list[ReviewView]:
    """Return the views of reviewers by name; raises `ValueError` that names a file without question or description."""
    return [_read(file) for file in sorted(directory.glob("*.sql"))]


def finder() -> ReviewView:
    """Return the view of the combinations that the finder compares; it has the parameters site and day."""
    return _read(FRAUD_DIR / "finder.sql")


def path() -> ReviewView:
    """Return the view of the hits of one suspect of a case; it has the parameters case and subject."""
    return _read(FRAUD_DIR / "path.sql")


def docs_page() -> Iterator[str]:
    """Yield the lines of docs/fraud-views.md."""
    yield "# Views of the fraud review"
    yield "Written from sql/fraud/views by `make docs`."
    yield ""
    yield "They need `fraud.enabled`, have no parameters but the last two, and belong to the role `security`; `clinic-pixel fraud` reads them. A blocked"
    yield "person's rows are in none of them. Their days are UTC days."
    for view in [*review_views(), finder(), path()]:
        asked = {FINDER: "(site, day)", PATH: "(case, subject)"}.get(f"fraud.{view.name}", "")
        yield f"\n## fraud.{view.name}{asked}\n{view.question}\n\n| column | type | meaning |\n|---|---|---|"
        yield from (f"| `{name}` | `{kind}` | {meaning} |" for name, (kind, meaning) in view.columns.items())


def _line(view: ReviewView) -> Line:
    name = f"fraud.{view.name}"
    example = f"SELECT * FROM {name}{_ASKED.get(name, '')}"  # noqa: S608 - text
    return name, view.question, view.question_ru, [*view.columns], "", [name], example


def _read(file: Path) -> ReviewView:
    text = file.read_text(encoding="utf-8")
    query, _, description = text.partition(_DESCRIPTION)
    if not text.startswith("-- ") or not description:
        raise ValueError(
            f"{file.name}: expected a question in the first line, and below the query {_DESCRIPTION.strip()}"
        )
    lines = (_DESCRIPTION.strip() + " " + description).splitlines()
    told = tomllib.loads("\n".join(line.removeprefix("--").removeprefix(" ") for line in lines))
    question = text.splitlines()[0].removeprefix("-- ")
    return ReviewView(file.stem, question, told["question_ru"], without_comments(query).strip(), told["columns"])


def _pieces(settings: Settings) -> dict[str, str]:
    """Return the words of the signals and the costs of the settings as expressions."""
    signals = all_signals().values()
    shadow = [signal.name for signal in signals if signal.is_shadow]
    table = ", ".join(
        f"({literal(each.name)}, {literal(each.en.title)}, {literal(each.ru.title)}, {str(each.is_shadow).lower()})"
        for each in signals
    )
    cost = settings.fraud.click_cost
    harm = "toFloat64(arraySum(mapValues(sumMap(members.paid_clicks))))"
    if cost:
        costs = f"CAST(({_array(cost)}, {list(cost.values())}), 'Map(String, Float64)')"
        harm = f"arraySum(arrayMap((kind, clicks) -> clicks * {costs}[kind], mapKeys(sumMap(members.paid_clicks)), mapValues(sumMap(members.paid_clicks))))"
    heaviest = "arrayConcat(argMax(members.signals, members.score), groupUniqArrayArray(members.signals))"
    return {
        "members": _piece("members.sql"),
        "case": _CASE,
        "signals": f"[{table}]",
        "innocent": _map({each.name: each.en.innocent for each in signals}),
        "innocent_ru": _map({each.name: each.ru.innocent for each in signals}),
        "weighty": f"arrayFilter(name -> NOT has({_typed(shadow)}, name), {heaviest})",
        "harm": harm,
        "harm_unit": literal((settings.fraud.currency or "money") if cost else "clicks"),
    }


def _map(texts: Mapping[str, str]) -> str:
    return f"CAST(({_array(texts)}, {_array(texts.values())}), 'Map(String, String)')"


def _array(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(literal, texts))}]"


def _typed(texts: Iterable[str]) -> str:
    return f"CAST({_array(texts)}, 'Array(String)')"


def _piece(name: str) -> str:
    return without_comments(_text(name)).strip().removesuffix(",")


def _text(name: str) -> str:
    return (FRAUD_DIR / name).read_text(encoding="utf-8")
