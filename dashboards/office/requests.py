"""The requests of persons: the list with the days that are left, and the steps of each: find, block, unblock, export, erase.

Rules: every step is done by the desk that the command `subject` uses, which audits it first, under the name of the person who is signed in. An
address and a request code are in the form alone, never in an address of a page. An erasure asks for the number of the request once more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from dashboards.office.letters import letters
from dashboards.office.tables import columns, row
from dashboards.render import HEADERS
from dashboards.view import View
from pipeline.audit.certificate import act_of_erasure
from pipeline.audit.log import Audit
from pipeline.errors import Fatal
from pipeline.networks.address import canonical
from pipeline.subjects.desk import Desk, Found
from pipeline.subjects.requests import CLOSED, CaseBook, PersonRequest, check_words
from pipeline.system.private_files import may_reach

PAGE: Final = "/privacy/request"
STEPS: Final[Mapping[str, tuple[str, ...]]] = {
    "open": ("find", "block", "export", "erase"),
    "blocked": ("find", "unblock", "export", "erase"),
    "erasing": ("erase",),
}
"""The steps that a state allows; export and erasure need a request that was opened by a code."""
PROVEN: Final = ("export", "erase")


def who(view: View) -> str:
    """Return the person as the audit names them: a name of these pages is no user of the machine."""
    return f"{view.person.name} (pages)"


def show(view: View, refused: str = "", said: str = "") -> Response:
    """Show every request and the form for a new one."""
    say, today = view.words.say, view.now.date()
    rows = [
        row(
            case.case,
            say("state_of_" + case.state),
            case.requester,
            f"{case.opened:%Y-%m-%d}",
            case.due,
            ""
            if case.state in CLOSED
            else say("request_late", n=(today - case.due).days)
            if case.due < today
            else say("request_left", n=(case.due - today).days),
            say("request_by_code" if case.by_code else "request_by_address"),
            href=page_of(case.case),
        )
        for case in CaseBook(view.settings.cases_dir).all()
    ]
    titles = (
        "request_case",
        "request_state",
        "request_requester",
        "request_opened",
        "request_due",
        "request_time",
        "request_by",
    )
    return view.show(
        "requests.html",
        status=400 if refused else 200,
        rows=list(reversed(rows)),
        heads=columns(*map(say, titles)),
        refused=refused,
        said=said,
        typed={name: view.form.get(name, "") for name in ("case", "requester", "basis")},
    )


def open_request(view: View) -> Response:
    """Open a request by code or by address, and show what was found."""
    form = {
        name: view.form.get(name, "").strip() for name in ("case", "requester", "basis", "code", "ip", "from", "to")
    }
    if bool(form["code"]) == bool(form["ip"]):
        return show(view, "request_one_way")
    if not may_reach(view.settings.keys_dir):
        return show(view, "request_keys_elsewhere")
    try:
        check_words(form["case"], form["requester"], form["basis"])
        desk = _desk(view)
        if form["code"]:
            found = desk.open_by_code(form["case"], form["requester"], form["basis"], form["code"])
        else:
            address, first, last = canonical(form["ip"]), _day(form["from"]), _day(form["to"])
            if address is None or first is None or last is None:
                return show(view, "request_bad_address")
            found = desk.open_by_address(form["case"], form["requester"], form["basis"], address, first, last)
    except (ValueError, Fatal) as error:
        return show(view, "request_refused", str(error))
    return _show_case(view, found.case, found=found)


def show_request(view: View) -> Response:
    """Show one request."""
    return _show_case(view, _case(view))


def act(view: View) -> Response:
    """Do one step of a request."""
    case, step, basis = _case(view), view.form.get("step", ""), view.form.get("basis", "").strip()
    if step not in STEPS.get(case.state, ()):
        return _show_case(view, case, refused="request_no_step")
    if step == "erase" and view.form.get("again", "").strip() != case.case:
        return _show_case(view, case, refused="request_not_again")
    if not may_reach(view.settings.keys_dir):
        return _show_case(view, case, refused="request_keys_elsewhere")
    try:
        check_words(case.case, case.requester, basis)
        desk = _desk(view)
        if step == "find":
            return _show_case(view, case, found=desk.find(case.case, basis))
        if step == "export":
            return _exported(case, desk.export(case.case, basis))
        {"block": desk.block, "unblock": desk.unblock, "erase": desk.erase}[step](case.case, basis)
    except (ValueError, Fatal) as error:
        return _show_case(view, case, refused="request_refused", said=str(error))
    return view.go(page_of(case.case))


def page_of(case: str) -> str:
    """Return the address of the page of a request."""
    return f"{PAGE}?{urlencode({'case': case})}"


def _show_case(
    view: View, case: PersonRequest, *, found: Found | None = None, refused: str = "", said: str = ""
) -> Response:
    steps = [step for step in STEPS.get(case.state, ()) if case.by_code or step not in PROVEN]
    certificate = ""
    if case.state == "erased":
        certificate = act_of_erasure(Audit(view.settings.audit_dir), case.case, operator=view.settings.privacy.operator)
    days = found.days if found else None
    return view.show(
        "request.html",
        status=400 if refused else 200,
        case=case,
        here=page_of(case.case),
        left=(case.due - view.now.date()).days,
        is_closed=case.state in CLOSED,
        steps=steps,
        found=found,
        total=sum(count for _, count in days or ()),
        days=[row(day, view.words.written(count), numbers=(1,)) for day, count in days or ()],
        heads=columns(view.words.say("found_day"), view.words.say("found_events"), numbers=(1,)),
        letters=letters(view.settings, case, days, view.now.date()),
        act=certificate,
        refused=refused,
        said=said,
    )


def _exported(case: PersonRequest, content: dict[str, Any]) -> Response:
    name = re.sub(r"[^A-Za-z0-9.-]", "_", case.case)
    headers = {**HEADERS, "content-disposition": f'attachment; filename="request-{name}.json"'}
    return Response(
        orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2), media_type="application/json", headers=headers
    )


def _case(view: View) -> PersonRequest:
    number = view.query.get("case", "") or view.form.get("case", "")
    try:
        check_words(number, "-", "-")
        found = CaseBook(view.settings.cases_dir).find(number)
    except ValueError:
        found = None
    return found or view.refuse(404, "no_such_request")


def _desk(view: View) -> Desk:
    return Desk(view.settings, now=datetime.now(UTC), who=who(view))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
