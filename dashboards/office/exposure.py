"""The extent of a suspected leak: which data, how many people and days, for which days the key is gone, and the two notices with their terms."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from dashboards.office.letters import FIRST_NOTICE, SECOND_NOTICE, Leak, notices
from dashboards.office.requests import who
from dashboards.office.tables import columns, row
from dashboards.view import View
from pipeline.inventory.exposure import TABLES, Exposure, Suspicion, examine_exposure, read_days
from pipeline.inventory.readers import ROLES
from pipeline.reports.catalogue import read_period

LONGEST: Final = 1000
FIELDS: Final = ("since", "until", "table", "role", "days", "noticed", "cause", "harm", "measures")


def show(view: View, found: Exposure | None = None, leak: Leak | None = None, refused: str = "") -> Response:
    """Show the form, and the extent where it was asked for."""
    typed = {name: view.form.get(name, "")[:LONGEST] for name in FIELDS}
    typed["since"] = typed["since"] or "7d"
    typed["noticed"] = typed["noticed"] or f"{view.now.astimezone(view.site.zone):%Y-%m-%dT%H:%M}"
    return view.show(
        "exposure.html",
        status=400 if refused else 200,
        typed=typed,
        tables=TABLES,
        roles=ROLES,
        refused=refused,
        found=found,
        **(_told(view, found, leak) if found and leak else {}),
    )


def send(view: View) -> Response:
    """Examine a suspicion; the audit has it first."""
    form = {name: view.form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    try:
        period = read_period(form["since"] or "7d", form["until"] or "0h", view.now, view.site.zone)
        suspicion = Suspicion(period, form["table"], form["role"], read_days(form["days"]))
        leak = Leak(_noticed(view, form["noticed"]), form["cause"], form["harm"], form["measures"])
        found = examine_exposure(view.settings, suspicion, now=datetime.now(UTC), who=who(view), language=view.language)
    except ValueError as error:
        return show(view, refused=str(error))
    return show(view, found, leak)


def _noticed(view: View, text: str) -> datetime:
    moment = datetime.fromisoformat(text) if text else view.now
    return moment if moment.tzinfo else moment.replace(tzinfo=view.site.zone)


def _told(view: View, found: Exposure, leak: Leak) -> dict[str, object]:
    say, days = view.words.say, {day.day for day in found.days}
    opened = {day.day for day in found.days if day.addresses}
    return {
        "people": max((touched.visitors for touched in found.tables), default=0),
        "rows": sum(touched.rows for touched in found.tables),
        "tokens": sum(touched.with_token for touched in found.tables),
        "days": len(days),
        "opened": len(opened),
        "gone": len({day.day for day in found.days if day.key in ("destroyed", "none")} - opened),
        "due": [
            (key, leak.noticed + term)
            for key, term in (("notice_first_due", FIRST_NOTICE), ("notice_second_due", SECOND_NOTICE))
        ],
        "notices": notices(view.settings, found, leak, view.site.zone),
        "table_rows": [
            row(each.table, each.means, *map(view.words.written, each[2:]), numbers=(2, 3, 4, 5))
            for each in found.tables
        ],
        "table_heads": columns(
            *map(
                say,
                ("exposed_table", "exposed_means", "exposed_days", "exposed_rows", "exposed_people", "exposed_tokens"),
            ),
            numbers=(2, 3, 4, 5),
        ),
        "day_rows": [
            row(
                each.day,
                each.table,
                view.words.written(each.rows),
                view.words.written(each.visitors),
                say("exposed_key_" + each.key),
                say("exposed_opens" if each.addresses else "exposed_closed"),
                numbers=(2, 3),
            )
            for each in found.days
        ],
        "day_heads": columns(
            *map(
                say, ("exposed_day", "exposed_table", "exposed_rows", "exposed_people", "exposed_key", "exposed_leads")
            ),
            numbers=(2, 3),
        ),
    }
