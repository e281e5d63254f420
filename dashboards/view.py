"""What a page gets: who asks, for which site and time, in which language; and how it answers.

Owns `View`. A page asks ClickHouse only through `ask`, as the user of the person's role, so that the database refuses what the page should not have
asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NoReturn
from urllib.parse import urlencode

from clickhouse_connect.driver import Client
from starlette.responses import RedirectResponse, Response

from dashboards.access.people import Person
from dashboards.access.roles import Section, database_user, sections_of
from dashboards.access.sessions import Session
from dashboards.access.store import AccessAway
from dashboards.render import page
from dashboards.strip import Pulse, pulse
from dashboards.words.catalogue import Language, Words
from pipeline.database.client import working_as
from pipeline.errors import Busy, Fatal, Retryable, TooSlow, type_and_place
from pipeline.settings.model import Settings
from pipeline.settings.site import Site

QUERY_SECONDS: Final = 30
ANSWER_SECONDS: Final = 5
"""The database ends a slow question itself and has so much longer to say it: a client that went first would leave it running."""
PERIODS: Final = ("24h", "7d", "28d")
"""The periods of the menu; an address may have any other."""
log = logging.getLogger(__name__)


class PageError(Exception):
    """A page that cannot be shown: the HTTP status, and the key of the text that says why and what to do."""

    def __init__(self, status: int, text: str, **values: object) -> None:
        super().__init__(text)
        self.status, self.text, self.values = status, text, values


@dataclass
class View:
    """One request of a person who may make it; `query` and `form` have the last value of each name, `path` the parts of the route."""

    settings: Settings
    language: Language
    section: Section
    session: Session
    query: Mapping[str, str]
    path: Mapping[str, str]
    address: str
    form: Mapping[str, str] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def person(self) -> Person:
        """Who asks."""
        return self.session.person

    @property
    def words(self) -> Words:
        """The texts in the language of the page."""
        return Words(self.language)

    @property
    def sites(self) -> list[Site]:
        """The sites that the person may see."""
        return [site for site in self.settings.sites if self.person.may_see(site.id)]

    @property
    def site(self) -> Site:
        """The site of the address, else the person's first one; raises `PageError` for another's."""
        asked = self.query.get("site", "")
        found = next((site for site in self.sites if asked in ("", site.id)), None)
        return found or self.refuse(404, "no_such_site")

    @property
    def zone(self) -> tzinfo:
        """The time zone of what is told of all sites: that of the person's first one, UTC without any."""
        return self.sites[0].zone if self.sites else UTC

    @property
    def pulse(self) -> Pulse:
        """The figures of the strip."""
        return pulse(self.settings)

    def refuse(self, status: int, text: str, **values: object) -> NoReturn:
        """Answer with an error page that says what to do."""
        raise PageError(status, text, **values)

    @contextmanager
    def ask(self, section: Section | None = None) -> Iterator[Client]:
        """Lend a client that works as the user of the person's role for a section, by default that of the page."""
        user = database_user(self.person.role, section or self.section)
        with working_as(self.settings, user, timeout=QUERY_SECONDS + ANSWER_SECONDS) as client:
            client.set_client_setting("max_execution_time", QUERY_SECONDS)
            client.set_client_setting("cancel_http_readonly_queries_on_client_close", 1)
            yield client

    def link(self, path: str = "", **changed: str) -> str:
        """Return an address with the filters of this page, some changed; '' takes one out."""
        kept = {name: value for name, value in {**self.query, **changed}.items() if value}
        kept.pop("lang", None)
        return f"{path or self.address}?{urlencode(kept)}" if kept else path or self.address

    def show(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer with a page."""
        return page(template, self.language, status=status, view=self, menu=sections_of(self.person.role), **values)

    def go(self, path: str) -> Response:
        """Send the browser to another page of ours, after a form."""
        return RedirectResponse(path, status_code=303)


def answer_of(show: Callable[[View], Response], view: View) -> tuple[Response, str]:
    """Return what a page answers, and the key of the text where the database or the disk failed it."""
    told: dict[str, object] = {}
    try:
        return show(view), ""
    except PageError as error:
        return view.show("error.html", status=error.status, title=error.text, told=error.values), ""
    except AccessAway:
        raise
    except TooSlow:
        status, text = 504, "too_slow"
    except Busy:
        status, text = 503, "database_busy"
    except Retryable as error:
        status, text, told = 503, "database_away", {"error": str(error)}
    except Fatal as error:
        status, text, told = 503, "set_up_wrong", {"error": str(error)}
    except OSError as error:
        log.error("a page met %s, error %s of the system", type_and_place(error), error.errno)  # noqa: TRY400 - no paths
        status, text = 503, "disk_away"
    return view.show("error.html", status=status, title=text, told=told), text
