"""The settings of one site: its hosts, its pages and what may be kept of their addresses.

Owns the model `Site` and its parts. Rule: a value that would match nothing, or every visitor, is refused.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.host_names import host_setting
from pipeline.settings import values as setting_values
from pipeline.settings.sections import Network, Section
from pipeline.settings.small_patterns import values_of

Template = Annotated[str, AfterValidator(setting_values.path_template)]
SectionTemplate = Annotated[str, AfterValidator(setting_values.section_template)]
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+(/[a-z0-9_-]+)*$")]
SiteId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
_SITEMAP = re.compile(r"(https://[^\s/@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)(/\S*)?")
_PLACE = re.compile(r"/[^?#]*\?(?P<name>[A-Za-z0-9_.\[\]-]{1,64})=[^&#=]{1,64}")
MOST_VALUES = 64
"""Six bits: more different values of one cookie or parameter could follow a person."""


class AllowedValue(Section):
    """One allow-listed query parameter or cookie of a site."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = Field(description="Its exact name.")
    values: tuple[str, ...] = Field((), description="Values that may be kept, at most 64; all others are dropped.")
    pattern: str = Field(
        "",
        max_length=200,
        description="Instead of `values`: a pattern of at most 64 values, such as `[abc][1-4]` or `(light|dark)-v[1-3]`.",
    )

    @model_validator(mode="after")
    def _follows_nobody(self) -> AllowedValue:
        if bool(self.values) == bool(self.pattern):
            raise ValueError(
                f"{self.name}: expected `values` or a `pattern` of at most {MOST_VALUES} values: a free value could follow one"
                " person for as long as the rows are kept"
            )
        if len(self.values) > MOST_VALUES:
            raise ValueError(f"{self.name}: {len(self.values)} values; expected at most {MOST_VALUES}")
        try:
            values_of(self.pattern, most=MOST_VALUES)
        except ValueError as error:
            raise ValueError(f"{self.name}: pattern {error}") from None
        return self

    @property
    def kept(self) -> frozenset[str]:
        """The values that may be kept."""
        return frozenset(self.values or values_of(self.pattern, most=MOST_VALUES))


class PageRole(Section):
    """The part that some pages have in the site, such as the form of an appointment or the page after it."""

    role: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")] = Field(
        description="Its name. Reports know `landing`, `search`, `form`, `done`, `login`, `reset`, `trap`, and `confirm` and `cancel`:"
        " pages behind a link in a message that confirms or cancels an appointment when it is opened. Others may be added."
    )
    path: Annotated[str, AfterValidator(setting_values.optional_template)] = Field(
        "", description="Path template; `*` is one segment. Empty: every path."
    )
    parameter: str = Field(
        "", pattern=r"^[A-Za-z0-9_.\[\]-]{0,64}$", description="Query parameter that the page must have."
    )
    value: str = Field("", max_length=64, description="Its value. Empty: any.")

    @model_validator(mode="after")
    def _names_a_page(self) -> PageRole:
        if not (self.path or self.parameter):
            raise ValueError(f"{self.role}: expected a `path`, a `parameter` or both")
        if self.value and not self.parameter:
            raise ValueError(f"{self.role}: `value` needs the `parameter` that has it")
        return self


_USUAL_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 YaBrowser/25.8.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:143.0) Gecko/20100101 Firefox/143.0",
)
"""Agents of visitors, by which words are found that mark no check."""


class Monitor(Section):
    """A check of the site's own, such as an uptime monitor or a synthetic test; all of its marks must match."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$", description="Its events are stored with the robot `monitor:NAME`."
    )
    agent: str = Field("", max_length=256, description="A part of its user agent.")
    cookie: str = Field(
        "", pattern=r"^[A-Za-z0-9_.-]{0,64}$", description="Name of a cookie that only the check sends."
    )
    network: Network | None = Field(None, description="Its network.")

    @model_validator(mode="after")
    def _has_a_mark(self) -> Monitor:
        if not (self.agent or self.cookie or self.network):
            raise ValueError(
                f"{self.name}: expected an agent, a cookie or a network: without one every visitor matches"
            )
        if not (self.cookie or self.network) and any(self.agent in usual for usual in _USUAL_AGENTS):
            raise ValueError(
                f"{self.name}: browsers of visitors have {self.agent!r} in their agents, too;"
                " expected a word of the check's own, or its network"
            )
        if self.cookie.startswith("__Host-px"):
            raise ValueError(f"{self.name}: {self.cookie} is the collector's own cookie, which visitors have, too")
        return self


STAFF_SECTIONS = (
    "doctors", "doctor", "our-doctors", "physicians", "specialists", "staff", "team", "our-team",
    "vrachi", "vrach", "nashi-vrachi", "specialisty", "nashi-specialisty", "sotrudniki", "personal", "komanda", "kollektiv",
    "врачи", "врач", "наши-врачи", "специалисты", "наши-специалисты", "сотрудники", "персонал", "команда",
)  # fmt: skip
"""The usual names of sections with one page for each doctor."""


class Site(Section):
    """One site whose pages carry the pixel."""

    id: SiteId = Field(description="The `s` of the tag.")
    hosts: tuple[str, ...] = Field(
        min_length=1,
        description="Host names of the site's pages, each in full and alone, in any spelling (`клиника.рф`, Punycode); `www.` is"
        " included.",
    )
    ad_hosts: tuple[str, ...] = Field((), description="Foreign hosts that show the site's ad blocks.")
    consent: Literal["implied", "explicit"] = Field(
        "implied", description="`implied` (policy clause 2.1) or `explicit`: id cookie and tokens only with `c=1`."
    )
    staff_sections: tuple[Annotated[str, AfterValidator(setting_values.segment_name)], ...] = Field(
        STAFF_SECTIONS,
        description="Names of path segments; directly below one, and below a speciality in it, a slug of letters and hyphens is"
        " a doctor's published name and is stored.",
    )
    query: tuple[AllowedValue, ...] = Field((), description="Query parameters kept beside utm_*.")
    cookies: tuple[AllowedValue, ...] = Field((), description="The site's own cookies that are kept.")
    templates: tuple[Template, ...] = Field(
        (),
        description="Path templates such as `/doctors/*`; `*` is one segment. A matching path is stored as the template.",
    )
    sensitive: dict[GroupName, Annotated[tuple[SectionTemplate, ...], Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Sensitive groups: name -> path templates, each with all paths below it. The group `hiv` is stored"
        " as `/~hiv`, `services/sensitive` as `/services/~sensitive`; without visitor, tokens and campaign. A template may end with"
        " one parameter: `/?page_id=10`.",
    )
    roles: tuple[PageRole, ...] = Field(
        (), description="Parts of pages in the site (column `page_role`); the first that fits counts."
    )
    page_parameters: tuple[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), AfterValidator(setting_values.page_parameter)], ...
    ] = Field(
        (),
        max_length=8,
        description="Query parameters that belong to the page, such as `ELEMENT_ID`: stored in `page` as `/detail?ELEMENT_ID=12`. A"
        " value that looks like an identifier (six digits or more, a name, a date) is stored as `*`.",
    )
    own_networks: tuple[Network, ...] = Field((), description="The clinic's own networks (`net_class` own).")
    sitemap: str = Field(
        "",
        max_length=1000,
        description="Address (https, or http on this machine) or file of the site's sitemap: its pages are public, so their paths"
        " are stored as they are. `pages learn` reads it, and `ship` reads it again daily.",
    )
    monitors: tuple[Monitor, ...] = Field(
        (), description="The site's own checks: counted as robots, without visitor and tokens. The first match counts."
    )
    timezone: str = Field(
        "UTC",
        pattern=r"^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$",
        description="Time zone of the site by its IANA name, such as `Europe/Moscow`: reports give its hours and days, and a time"
        " without an offset is read in it. Rows are stored in UTC. In force after `migrate`, which `up` runs.",
    )

    holidays: tuple[date, ...] = Field(
        (),
        max_length=400,
        description="Days on which the clinic is closed or open as on a Sunday, such as `2027-01-07`: the problems engine expects the visitors of a"
        " Sunday.",
    )

    @field_validator("sitemap")
    @classmethod
    def _honest_source(cls, source: str) -> str:
        if "://" in source and not _SITEMAP.fullmatch(source):
            raise ValueError("expected an address with https, one of this machine with http, or a file")
        return source

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"no time zone is called {name}; expected an IANA name such as Europe/Moscow") from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.timezone)

    @field_validator("sensitive")
    @classmethod
    def _one_parameter(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for place in (place for places in groups.values() for place in places if "?" in place):
            if not _PLACE.fullmatch(place):
                raise ValueError(f"{place!r}: expected a path with one parameter, such as `/?page_id=10`")
        return groups

    @property
    def kept_parameters(self) -> tuple[str, ...]:
        """The names of query parameters that the tag must send besides `utm_*` and click ids (`data-keep`)."""
        placed = [_PLACE.fullmatch(place) for places in self.sensitive.values() for place in places]
        names = [
            *(one.name for one in self.query),
            *self.page_parameters,
            *(role.parameter for role in self.roles),
            *(found["name"] for found in placed if found),
        ]
        return tuple(name for name in dict.fromkeys(names) if name)

    @field_validator("hosts", "ad_hosts")
    @classmethod
    def _normal(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(host_setting(host) for host in hosts))

    @model_validator(mode="after")
    def _each_once(self) -> Site:
        if both := sorted(set(self.hosts) & set(self.ad_hosts)):
            raise ValueError(
                f"{both[0]} is in hosts and in ad_hosts; expected it in hosts alone, where its pages are read"
            )
        for name, listed in (("query", self.query), ("cookies", self.cookies)):
            names = [one.name for one in listed]
            if twice := [one for one in names if names.count(one) > 1]:
                raise ValueError(f"{name}: {twice[0]} is there twice; expected one table with all its values")
        for cookie in self.cookies:
            if cookie.name.startswith("__Host-px"):
                raise ValueError(f"cookies: {cookie.name} is the collector's own; it is never stored")
            for value in cookie.kept:
                setting_values.cookie_value(value)
        for parameter in self.query:
            for value in parameter.kept:
                setting_values.query_value(value)
        return self


DEMO_SITE = Site(
    id="clinic",
    hosts=("clinic.example", "www.clinic.example", "localhost", "127.0.0.1"),
    sensitive={"services/sensitive": ("/services/hiv", "/services/oncology")},
    roles=tuple(
        PageRole(role=role, path=path)
        for role, paths in {
            "form": ("/zapis", "/booking"),
            "done": ("/zapis/spasibo", "/booking/done"),
            "login": ("/lk", "/login"),
        }.items()
        for path in paths
    ),
)
"""The demo clinic, and the made-up one of `simulate`, whose pages have Russian names."""
