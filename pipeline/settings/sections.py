"""The sections of the settings but the sites: names, types, defaults and the sentence that explains each setting."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

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

from pipeline.settings import values as setting_values

Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(setting_values.network)]
Port = Annotated[int, Field(ge=1, le=65535)]
ListeningHost = Annotated[str, AfterValidator(setting_values.listening_host)]


SHORTEST_MONTH = 28  # days
LONGEST_DAYS = 3660
LONGEST_MONTHS = 240
"""Ten and twenty years: the database counts days in 16 bits, and a term beyond them would end at once."""


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
        description="Whether this host makes keys: the collector today's, and `keys mint` those of coming days. Of several hosts"
        " one makes them, and all others have `false`: a second key of a day counts each visitor twice.",
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
        50_000, ge=1000, description="Rate limit: how many addresses are counted at a time, as keyed hashes."
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
    cluster: str = Field(
        "",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$|^$",
        description="Name of the cluster in `remote_servers`, whose shards have the rows; unset: one server. See docs/cluster.md.",
    )
    shards: tuple[str, ...] = Field(
        (), description="HTTP addresses of the shards, the one at `url` first; new ones are added at the end."
    )
    replicated: bool = Field(False, description="Whether the servers of the cluster have Keeper and replicas.")
    quorum: bool = Field(
        False, description="Whether a batch counts as stored only when most replicas of its shard have it."
    )
    ca: Path | None = Field(
        None,
        description="PEM file of the authority that signed the certificate of the server at `url`; unset: those that this system trusts.",
    )
    port: Port = Field(8123, description="Loopback HTTP port of the embedded ClickHouse.")
    tcp_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="Loopback native port of the embedded ClickHouse for clickhouse-client; 0 is off.",
    )
    memory_mb: int = Field(1500, ge=300, description="Memory limit of the embedded ClickHouse in MB.")

    @field_validator("url", "shards")
    @classmethod
    def _in_one_form(cls, given: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        # Two forms of one address would be two shards, and its rows would count twice.
        if isinstance(given, tuple):
            return tuple(map(setting_values.database_address, given))
        return setting_values.database_address(given) if given else None

    @model_validator(mode="after")
    def _whole_cluster(self) -> ClickHouse:
        if bool(self.cluster) != bool(self.shards):
            raise ValueError(
                "`cluster` and `shards` belong together: the name of the cluster, and the address of each shard"
            )
        if self.shards and self.shards[0] != self.url:
            raise ValueError("the first of `shards` is the server at `url`, where the views are")
        if len(set(self.shards)) != len(self.shards):
            raise ValueError("`shards` has an address twice, so that its rows would count twice")
        if (self.replicated or self.quorum) and not self.cluster:
            raise ValueError("`replicated` and `quorum` are for a cluster: set `cluster` and `shards`")
        if self.quorum and not self.replicated:
            raise ValueError("`quorum` needs replicas: set `replicated`")
        return self


class Dashboards(Section):
    """The read-only pages."""

    host: ListeningHost = Field("127.0.0.1", description="Address the dashboards listen on.")
    port: Port = Field(8090, description="Port the dashboards listen on.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?$",
        description="Address at which browsers reach the dashboards through a proxy, such as `https://pages.clinic.example`; unset: this machine alone.",
    )
    trusted_proxies: tuple[Network, ...] = Field(
        (), description="Networks of the proxies whose `sign_on_header` is believed. Default: none."
    )
    sign_on_header: str | None = Field(
        None,
        pattern=r"^(?i:x|remote|cf)-[A-Za-z0-9-]{1,60}$",
        description="Header in which a trusted proxy gives the name of who signed on there, such as `X-Auth-Request-User`; unset: passwords alone.",
    )

    @model_validator(mode="after")
    def _header_has_a_proxy(self) -> Dashboards:
        if self.sign_on_header and not self.trusted_proxies:
            raise ValueError("sign_on_header: nobody may send it; expected the proxy in dashboards.trusted_proxies")
        return self

    @property
    def browser_url(self) -> str:
        """Address at which browsers reach the dashboards: `public_url`, else this machine's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}".replace("//127.0.0.1:", "//localhost:")


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
    evaluator: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Name (`collector.name`, else the host name) of the one host that works for all: it looks for problems, scores fraud,"
        " publishes numbers, counts hours and ends old days. The same on all hosts; unset: this host, as a single one should.",
    )
    publish: bool = Field(
        True, description="Publish the numbers of closed hours and days, on the host that works for all."
    )
    problems: bool = Field(
        True, description="Look for problems of the sites every minute, on the host that works for all."
    )


class AddressList(Section):
    """A file of networks, one CIDR or the number of an autonomous system (`AS12345`) a line, that gives `net_class`."""

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
        None,
        description="MMDB with `country.iso_code` (GeoLite2-Country) or `country_code` (IPinfo Lite). Unset: the file that"
        " `lists fetch` left in `networks` below `data`, if there is one.",
    )
    asn_mmdb: Path | None = Field(
        None,
        description="MMDB with autonomous system number and organisation; also IPinfo Lite. Unset: as `country_mmdb`.",
    )
    provider_classes: bool = Field(
        True,
        description="Whether the built-in table of hosting providers and mobile carriers gives `datacenter` and `mobile` by"
        " autonomous system. Networks of the lists keep the lists' class.",
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
    click_cost: dict[
        Annotated[str, AfterValidator(setting_values.click_kind)], Annotated[float, Field(ge=0, le=1_000_000)]
    ] = Field(
        default_factory=dict,
        description="Cost of one paid click by the parameter that marks it, such as `{gclid = 120.0, yclid = 80.0}`: the harm of a case is its paid"
        " clicks times this, and 0 for a parameter that is not named. Empty: the harm is the number of paid clicks.",
    )
    currency: str = Field(
        "",
        max_length=8,
        pattern=r"^[^\s\x00-\x1f]*$",
        description="Currency of `click_cost`, as it is printed, such as `RUB`.",
    )
