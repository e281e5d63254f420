"""The sections of the settings: names, types, defaults and the sentence that explains each setting."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline import setting_values
from pipeline.host_names import host_setting
from pipeline.small_patterns import values_of

Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(setting_values.network)]
Port = Annotated[int, Field(ge=1, le=65535)]
ListeningHost = Annotated[str, AfterValidator(setting_values.listening_host)]
Template = Annotated[str, AfterValidator(setting_values.path_template)]
SectionTemplate = Annotated[str, AfterValidator(setting_values.section_template)]
GroupName = Annotated[str, Field(pattern=r"^[a-z0-9_-]+(/[a-z0-9_-]+)*$")]
_SERVER = re.compile(r"https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*/?")
_SITEMAP = re.compile(r"(https://[^\s/@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)(/\S*)?")
SiteId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


_PLACE = re.compile(r"/[^?#]*\?(?P<name>[A-Za-z0-9_.\[\]-]{1,64})=[^&#=]{1,64}")

SHORTEST_MONTH = 28  # days
LONGEST_DAYS = 3660
LONGEST_MONTHS = 240
"""Ten and twenty years: the database counts days in 16 bits, and a term beyond them would end at once."""
MOST_VALUES = 64
"""Six bits: more different values of one cookie or parameter could follow a person."""


class Section(BaseModel):
    """A table of the settings file: unknown keys are refused, values cannot change after they are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _not_a_switch(cls, given: object, info: ValidationInfo) -> object:
        number = cls.model_fields[info.field_name or ""].annotation in (int, float)
        if number and isinstance(given, bool):  # pydantic would read `true` as 1
            raise ValueError("expected a number")
        return given


class Collector(Section):
    """The HTTP edge."""

    host: ListeningHost = Field(
        "127.0.0.1", description="Address the collector listens on; `::` is every address, IPv6 and IPv4."
    )
    port: Port = Field(8080, description="Port the collector listens on.")
    name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Name of this machine in the column `collector`, which also has the slot of the spool; unset: its host name.",
    )
    public_url: Annotated[str, AfterValidator(setting_values.browser_address)] = Field(
        "",
        description="The collector's address for browsers, such as `https://stats.clinic.example`; the printed tag has it.",
    )
    workers: int = Field(1, ge=1, le=64, description="Number of collector processes; each has its own spool slot.")
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks whose X-Forwarded-For is trusted. Default: none."
    )
    admin_networks: tuple[Network, ...] = Field(
        (), description="Networks besides loopback that may read /health and /metrics."
    )
    durability: Literal["fsync", "interval"] = Field(
        "fsync",
        description="`fsync`: a 2xx means the event is on disk. `interval`: synced every 500 ms; a power cut loses at"
        " most that half second, a killed process loses nothing.",
    )
    mint_keys: bool = Field(
        True,
        description="Whether the collector may make today's key itself; off if keys are copied to several hosts.",
    )
    flood_per_minute: int = Field(
        600,
        ge=0,
        description="Rate limit: page views a minute that one address (for IPv6: one /64, and tenfold its /48) may send before"
        " answers become 429; 0 switches it off. An ad impression counts a twentieth, and so does every hit from the site's"
        " `own_networks`. Each worker process counts for itself, so with N workers a client may send up to N times as many.",
    )
    flood_burst: int = Field(
        200, ge=1, description="Rate limit: page views that one address may send at once before the rate counts."
    )
    flood_addresses: int = Field(
        100_000, ge=1000, description="Rate limit: how many addresses are counted at a time, as keyed hashes."
    )

    @property
    def url(self) -> str:
        """Address at which this machine itself reaches the collector, without a closing slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - nothing is bound here
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def browser_url(self) -> str:
        """Address at which browsers reach the collector: `public_url`, else this machine's own."""
        return self.public_url or self.url.replace("//127.0.0.1:", "//localhost:")


class ClickHouse(Section):
    """The database of the events: an embedded server by default, an existing server with `url`."""

    url: str | None = Field(
        None, description="HTTP address of an existing ClickHouse, such as `https://db.example:8443`; unset: embedded."
    )
    port: Port = Field(8123, description="Loopback HTTP port of the embedded ClickHouse.")
    tcp_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Loopback native port of the embedded ClickHouse for clickhouse-client; 0 is off.",
    )
    memory_mb: int = Field(1500, ge=300, description="Memory limit of the embedded ClickHouse in MB.")

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        # The address appears in errors and logs.
        if url and not _SERVER.fullmatch(url):
            raise ValueError(
                "expected an address such as https://db.example:8443, without user and password:"
                " those are in clickhouse.json of the directory of secrets"
            )
        return url


class Dashboards(Section):
    """The read-only pages."""

    host: ListeningHost = Field("127.0.0.1", description="Address the dashboards listen on.")
    port: Port = Field(8090, description="Port the dashboards listen on.")


class Demo(Section):
    """The demo clinic, a small site for demonstration and tests."""

    host: ListeningHost = Field("127.0.0.1", description="Address the demo clinic listens on.")
    port: Port = Field(8070, description="Port the demo clinic listens on.")


class Spool(Section):
    """The files between collector and ClickHouse."""

    max_mb: int = Field(
        10_240, ge=1, description="Size at which new hits are refused with 503; no stored event is deleted."
    )
    min_free_mb: int = Field(256, ge=0, description="Free disk space below which new hits are refused with 503.")
    segment_mb: int = Field(16, ge=1, description="Size at which a segment is sealed.")
    segment_seconds: float = Field(
        5.0, gt=0, le=3600, description="Age of its first record at which a segment is sealed and may be shipped."
    )

    @model_validator(mode="after")
    def _holds_segments(self) -> Spool:
        if self.max_mb < 2 * self.segment_mb:
            raise ValueError(
                f"max_mb = {self.max_mb} is full before a segment of segment_mb = {self.segment_mb} can be shipped, and hits would"
                f" be refused; expected max_mb of at least {2 * self.segment_mb}"
            )
        return self


class Ship(Section):
    """The worker that moves events from the spool into ClickHouse."""

    batch_rows: int = Field(50_000, ge=1, le=50_000, description="Largest number of rows in one batch.")
    poll_seconds: float = Field(0.5, gt=0, le=30, description="How often the worker looks for sealed segments.")
    retry_seconds: float = Field(
        30.0, gt=0, le=3600, description="Longest pause between two tries when ClickHouse cannot be reached."
    )
    timeout_seconds: float = Field(
        60.0, gt=0, le=3600, description="Time after which an insert without an answer counts as uncertain."
    )


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
        description="Its name. Reports know `landing`, `search`, `form`, `done`, `login`, `reset` and `trap`; others may be added."
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


class AddressList(Section):
    """A file of networks, one CIDR a line, that gives `net_class`."""

    net_class: Literal["crawler", "datacenter", "vpn", "tor", "relay", "mobile"] = Field(
        description="The class it gives."
    )
    file: Path = Field(description="The file; `#` starts a comment.")
    robots: tuple[str, ...] = Field(
        (),
        description="For `crawler`: the robots whose operator published this file, such as `Googlebot`. A hit with their"
        " name from another address is labelled `false_crawler` while the file is younger than 8 days.",
    )


class SignedAgent(Section):
    """A program whose signed requests (Web Bot Auth) are believed; a signature must be for the host of `collector.public_url` or of a site."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,31}$",
        description="Its name in the column `robot`, as `agent:NAME`, when a signature is verified.",
    )
    url: str = Field(
        pattern=r"^(?:https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?|http://(?:127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|localhost|\[::1\])(?::[0-9]{1,5})?)"
        r"(?:/[A-Za-z0-9._~/-]*)?$",
        description="The address that its header `Signature-Agent` names: an origin such as `https://chatgpt.com`, or the address"
        " of a key set. `lists fetch` downloads the keys from there: only https, http for this machine alone.",
    )
    file: Path | None = Field(
        None,
        description="File with its keys (JWKS), for machines that download nothing; unset: `lists fetch` brings it.",
    )


class Networks(Section):
    """The files for look-ups; a changed one is in force within a minute, without a restart."""

    country_mmdb: Path | None = Field(
        None, description="MMDB with `country.iso_code` (GeoLite2-Country) or `country_code` (IPinfo Lite)."
    )
    asn_mmdb: Path | None = Field(
        None, description="MMDB with autonomous system number and organisation; also IPinfo Lite."
    )
    lists: tuple[AddressList, ...] = Field((), description="Address lists; where several match, the first one counts.")
    referrer_spam: Path | None = Field(
        None, description="File of referrer-spam domains, one a line; `#` starts a comment. Unset: none is known."
    )
    signed_agents: tuple[SignedAgent, ...] = Field(
        (),
        description="Programs whose signed requests are believed. Default: none, and no signature is checked.",
    )

    @field_validator("signed_agents")
    @classmethod
    def _names_differ(cls, agents: tuple[SignedAgent, ...]) -> tuple[SignedAgent, ...]:
        names = [agent.name for agent in agents]
        if len(set(names)) != len(names):
            raise ValueError(f"every name must be used once, got {', '.join(names)}")
        return agents


class Privacy(Section):
    """The values of this collector that the privacy policy names."""

    policy_version: str = Field("1", pattern=r"^[A-Za-z0-9_.-]{1,32}$", description="Version of the policy in force.")
    policy_url: Annotated[str, AfterValidator(setting_values.web_address)] = Field(
        "", description="Address of the published policy; /privacy links to it (clause 9.3)."
    )
    contact: str = Field("", description="Contact for visitors' questions; shown on /privacy beside the button.")
    operator: str = Field(
        "",
        description="Name and address of the operator; printed in acts of destruction. Its first line heads /privacy.",
    )
    reveals_per_hour: int = Field(
        5, ge=0, description="How many times an hour `reveal` and `relink` answer, both together; 0 switches them off."
    )
    min_visitors: int = Field(5, ge=2, description="Visitors a cell of a technical report must have to be shown.")


class Retention(Section):
    """The retention of each kind of data."""

    keys_days: int = Field(90, ge=1, le=LONGEST_DAYS, description="Days a daily key is kept before `ship` destroys it.")
    rows_days: int = Field(
        90,
        ge=1,
        le=LONGEST_DAYS,
        description="Days an event, a measurement or a sign of fraud is kept; its whole UTC day ends at once.",
    )
    numbers_months: int = Field(
        25,
        ge=1,
        le=LONGEST_MONTHS,
        description="Months numbers without any person are kept: counts by the hour, counters.",
    )
    quarantine_days: int = Field(
        30, ge=1, le=LONGEST_DAYS, description="Days a quarantined, suspect or rejected record is kept."
    )

    @model_validator(mode="after")
    def _terms_agree(self) -> Retention:
        months = -(-self.keys_days // SHORTEST_MONTH)
        for name, given, least in (
            ("rows_days", self.rows_days, self.keys_days),
            ("numbers_months", self.numbers_months, months),
        ):
            if given < least:
                raise ValueError(
                    f"{name} = {given} is shorter than keys_days = {self.keys_days}: a hit may be replayed as long as the"
                    " key of its day is kept, and would be stored after its retention has ended;"
                    f" expected {name} of at least {least}, or fewer keys_days"
                )
        if self.quarantine_days > self.rows_days:
            raise ValueError(
                f"quarantine_days = {self.quarantine_days} is longer than rows_days = {self.rows_days}: a quarantined event would"
                f" be kept after its retention has ended; expected quarantine_days of at most {self.rows_days}"
            )
        return self


class Fraud(Section):
    """Fraud review (policy clause 4.1.3)."""

    enabled: bool = Field(True, description="Off: `migrate` makes no fraud views. See docs/legal-mapping.md.")
    claim_key: str = Field(
        "",
        pattern=r"^([A-Za-z0-9+/]{43}=)?$",
        description="Public key of `clinic-pixel keys claim-pair`: click ids of ads are sealed to it, for claims for refunds, and end"
        " after 60 days. Empty: no click id is kept in any form that can be read again.",
    )


DEMO_SITE = Site(
    id="clinic",
    hosts=("clinic.example", "www.clinic.example", "localhost", "127.0.0.1"),
    sensitive={"services/sensitive": ("/services/hiv", "/services/oncology")},
)
