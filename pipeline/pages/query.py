"""Reduces the query of a page address to allow-listed values and the click id; drops and counts all other parameters.

Owns the grammar of kept values. Rules:

* An unlisted name is dropped, whatever its value. Of a listed name only the values of the settings are kept. A free `utm_*`
  value is kept if it fits the grammar and no pattern matches it; `ship` stores it once enough people brought it.
* A `+` becomes a space before any check, and a listed value is found under the same spelling: it is stored as it is listed.
  The first of several equal names counts.
* A second `?` separates like `&`: ad systems add `?yclid=...` to an address that has a query.
* A click id leaves this module only as the raw value of which `pipeline.keys` makes `click_token` and, for claims, `click_sealed`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from pipeline.event import Scrubbed
from pipeline.scrub.decode import plain
from pipeline.scrub.identifiers import find
from pipeline.scrub.paths import scrub_path
from pipeline.scrub.redact import STAR
from pipeline.settings.ad_names import CLICK_ID_NAMES, UTM_NAMES
from pipeline.settings.site import AllowedValue

_PAGE_NUMBER = re.compile(r"[0-9]{1,5}")  # six digits may be a date of birth
VALUE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
CLICK_ID_MAX = 512
DROPPED_MAX = 255


class Query(NamedTuple):
    """The kept part of a query: allow-listed values, the number of dropped parameters, the raw click id ('' none)."""

    values: dict[str, str]
    dropped: int
    click_id: str
    scrubbed: int
    click_kind: str = ""
    placed: Mapping[str, str] = MappingProxyType({})
    """Raw values of the parameters that tell pages apart; stored are only results of rules and the scrubbed `page_parameters`."""


NO_QUERY = Query({}, 0, "", 0)

Allowed = Mapping[str, Mapping[str, str]]
"""Name -> the values that may be kept as they are read, with their listed spelling; without any, of a free `utm_*` only, the
grammar decides."""


def allowed_values(configured: Iterable[AllowedValue]) -> Allowed:
    """Return the query allow-list of a site: `utm_*` and its own parameters; an own `utm_source` narrows the default."""
    free: dict[str, Mapping[str, str]] = {name: {} for name in UTM_NAMES}
    return free | {one.name: _as_read(one.kept) for one in configured}


def _as_read(listed: Iterable[str]) -> dict[str, str]:
    """Return listed values by the text in which a query gives them; one that is listed exactly so comes first."""
    values = sorted(listed)
    return {plain(value.replace("+", " ")): value for value in values} | {plain(value): value for value in values}


def read_query(query: str, allowed: Allowed, placing: Collection[str] = ()) -> Query:
    """Return the storable part of the text after `?`; `placing` are the names that tell pages apart."""
    if not query:
        return NO_QUERY
    values: dict[str, str] = {}
    dropped = scrubbed = 0
    click_id = click_kind = ""
    placed: dict[str, str] = {}
    for parameter in query.replace("?", "&").split("&"):
        if not parameter:
            continue
        name, _, value = parameter.partition("=")
        name = plain(name)
        value = plain(value.replace("+", " "))
        if name in placing:
            placed.setdefault(name, value)
            if name not in allowed and name.lower() not in CLICK_ID_NAMES:
                continue
        if name in allowed and name not in values and _may_keep(value, allowed[name]):
            values[name] = allowed[name].get(value, value)
        elif (kind := name.lower()) in CLICK_ID_NAMES and value and not click_id:
            click_id, click_kind = value[:CLICK_ID_MAX], kind
        else:
            dropped += 1
            if name in allowed and value:
                scrubbed = Scrubbed.CAMPAIGN.value
    return Query(values, min(dropped, DROPPED_MAX), click_id, scrubbed, click_kind, placed)


def page_parameters(placed: Mapping[str, str], names: Iterable[str]) -> str:
    """Return the parameters that belong to the page, as `?name=value&name=value`; a value like an identifier is `*`."""
    pairs = [f"{name}={_page_value(value)}" for name in names if (value := placed.get(name))]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _page_value(value: str) -> str:
    """Return the number of a page, else a value that is judged like a segment of an unknown path."""
    if _PAGE_NUMBER.fullmatch(value):
        return value
    path = f"/{value.lower()}"
    return value.lower() if VALUE.fullmatch(value) and scrub_path(path).text == path else STAR


def _may_keep(value: str, listed: Collection[str]) -> bool:
    if listed:
        return value in listed
    return VALUE.fullmatch(value) is not None and not find(value)
