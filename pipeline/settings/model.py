"""All settings, in one model: `pixel.toml` overridden by environment variables `PIXEL_*` (nested with `__`).

Owns the sources of a setting and the directories under `data`; the sections are in `sections` and `site`. An
unknown key is an error that names the key. docs/settings.md is generated from the model and a test compares them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from pipeline.errors import Fatal
from pipeline.settings.alerts import Alerts
from pipeline.settings.sections import (
    ClickHouse,
    Collector,
    Dashboards,
    Demo,
    Fraud,
    Networks,
    Privacy,
    Retention,
    Ship,
    Spool,
)
from pipeline.settings.site import DEMO_SITE, Site

REMOVED = {
    "privacy.min_visitors": "it was removed: numbers are published with a fixed rule, see docs/reports.md; delete the line",
    "privacy.min_visitors_sensitive": "it was removed: numbers are published with a fixed rule, see docs/reports.md; delete the line",
    "retention.tokens_days": "tokens end with their rows now; set retention.rows_days",
    "retention.rows_months": "rows are kept for days now, and numbers for months; set retention.rows_days and numbers_months",
    "retention.technical_days": "measurements end with all rows now; set retention.rows_days",
    "retention.counters_months": "its name is retention.numbers_months now",
}
"""Settings of earlier versions, with the remedy for a line that still has one."""

SECRET = frozenset({"alerts.webhook_url"})
"""Settings that may hold a secret, so that no error shows their value."""


class Settings(BaseSettings):
    """Every setting of clinic-pixel."""

    model_config = SettingsConfigDict(
        env_prefix="PIXEL_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )

    data: Path = Field(Path("./var"), description="Directory of spool, keys, ClickHouse data and audit.")
    collector: Collector = Collector()
    clickhouse: ClickHouse = ClickHouse()
    dashboards: Dashboards = Dashboards()
    demo: Demo = Demo()
    spool: Spool = Spool()
    ship: Ship = Ship()
    sites: tuple[Site, ...] = Field((DEMO_SITE,), min_length=1, description="The sites that carry the pixel.")
    networks: Networks = Networks()
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    fraud: Fraud = Fraud()
    alerts: Alerts = Alerts()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file, file before default."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @model_validator(mode="after")
    def _sites_differ(self) -> Settings:
        ids = [site.id for site in self.sites]
        if len(set(ids)) != len(ids):
            raise ValueError(f"sites: every id must be used once, got {', '.join(ids)}")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        ports = {"collector.port": self.collector.port}
        if self.clickhouse.url is None:
            ports |= {"clickhouse.port": self.clickhouse.port, "clickhouse.tcp_port": self.clickhouse.tcp_port}
        for (first, port), (second, other) in combinations(ports.items(), 2):
            if port == other:
                raise ValueError(f"{first} and {second} are both {port}; expected a port of its own for each")
        return self

    @property
    def spool_dir(self) -> Path:
        """Directory of the spool segments."""
        return self.data / "spool"

    @property
    def keys_dir(self) -> Path:
        """Directory of the daily keys (0700)."""
        return self.data / "keys"

    @property
    def clickhouse_dir(self) -> Path:
        """Directory of the embedded ClickHouse: configuration, logs and data."""
        return self.data / "clickhouse"

    @property
    def journal_dir(self) -> Path:
        """Directory of the acknowledge journal of `ship`."""
        return self.data / "journal"

    @property
    def audit_dir(self) -> Path:
        """Directory of the append-only audit."""
        return self.data / "audit"

    @property
    def cases_dir(self) -> Path:
        """Directory of the requests of persons (policy clause 6.2.4)."""
        return self.data / "cases"

    @property
    def pages_dir(self) -> Path:
        """Directory of the lists of public pages, read by every collector."""
        return self.data / "pages"

    @property
    def blocks_dir(self) -> Path:
        """Directory of the open blocks, read by every collector."""
        return self.data / "blocks"

    @property
    def lists_file(self) -> Path:
        """The address lists compiled into one MMDB by `lists build`."""
        return self.data / "lists" / "lists.mmdb"

    @property
    def networks_dir(self) -> Path:
        """Directory of the files about networks that `lists fetch` brings."""
        return self.data / "networks"

    @property
    def agent_keys_dir(self) -> Path:
        """Directory of the keys of signing programs, downloaded by `lists fetch`."""
        return self.data / "lists" / "agents"

    @property
    def run_dir(self) -> Path:
        """Directory of the small state files of running processes."""
        return self.data / "run"

    @property
    def secrets_dir(self) -> Path:
        """Directory of random passwords and the replay ticket (0700)."""
        return self.data / "secrets"

    def site(self, site_id: str) -> Site | None:
        """Return the configured site with this id, or None."""
        return next((site for site in self.sites if site.id == site_id), None)

    def chosen_site(self, site_id: str) -> Site:
        """Return the site that a command's `--site` names, the first one for ''; raises `Fatal` for an unknown one."""
        site = self.site(site_id) if site_id else self.sites[0]
        if site is None:
            raise Fatal(f"--site {site_id}: not configured; the sites are {', '.join(each.id for each in self.sites)}")
        return site


def config_file(explicit: Path | None = None) -> Path | None:
    """Return the settings file in force: `--config`, `PIXEL_CONFIG`, `./pixel.toml`, or None if there is none."""
    named = explicit or (Path(os.environ["PIXEL_CONFIG"]) if os.environ.get("PIXEL_CONFIG") else None)
    if named is not None:
        return named
    default = Path("pixel.toml")
    return default if default.exists() else None


def load(explicit: Path | None = None) -> Settings:
    """Read the settings.

    Raises `Fatal` that names file, key, value and the expected value.
    """
    file = config_file(explicit)
    if file is not None:
        _check_toml(file)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

    unknown = sorted(_unknown_environment())
    if unknown:
        raise Fatal(f"environment: unknown setting {unknown[0]}; see docs/settings.md for the names")
    try:
        # Return plain `Settings` for worker processes: an instance of a local class cannot be pickled.
        return Settings.model_construct(**dict(FromFile()))
    except SettingsError as error:
        raise Fatal(
            f"environment: {error}; expected JSON, or one variable a setting such as PIXEL_SHIP__BATCH_ROWS"
        ) from None
    except ValidationError as error:
        raise Fatal(f"{file or 'settings'}: {_explain(error)}") from None


def _check_toml(file: Path) -> None:
    try:
        with file.open("rb") as stream:
            tomllib.load(stream)
    except OSError as error:
        raise Fatal(
            f"{file}: cannot be read: {error.strerror}; name another file with --config or PIXEL_CONFIG"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Fatal(f"{file}: not valid TOML: {error}") from None


def _unknown_environment() -> set[str]:
    # pydantic-settings ignores unknown variables; a misspelt one must not mean the default.
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG"}
    names = {name.removeprefix("PIXEL_") for name in os.environ if name.startswith("PIXEL_")}
    return {f"PIXEL_{name}" for name in names if name.split("__")[0] not in known}


def _explain(error: ValidationError) -> str:
    found = error.errors(include_url=False)
    places = [problem["loc"] for problem in found]
    lines: list[str] = []
    for problem in found:
        place = problem["loc"]
        if any(len(other) > len(place) and other[: len(place)] == place for other in places):
            continue  # a table is named as wrong because a value in it is
        key = ".".join(str(part) for part in place)
        named = f"{key}: " if key else ""
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {key}; {REMOVED.get(key) or _meant(str(place[-1]))}")
        else:
            shown = "" if key in SECRET else _shown(problem.get("input"))
            lines.append(f"{named}{_words(problem)}{shown}")
    return "; ".join(dict.fromkeys(lines))


def _meant(name: str) -> str:
    close = get_close_matches(name, sorted(set(_names(Settings))), n=1, cutoff=0.7)
    return f"did you mean `{close[0]}`?" if close else "see docs/settings.md for the names"


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _names(part)


def _words(problem: Any) -> str:
    match problem["type"]:
        case "tuple_type" if isinstance(problem.get("input"), dict):
            return f"expected a list of tables; write [[{'.'.join(map(str, problem['loc']))}]]"
        case "tuple_type":
            return 'expected a list, such as ["..."]'
        case "too_short":
            return "expected at least one value"
        case "missing":
            return "is missing"
    return str(problem["msg"]).removeprefix("Value error, ")


def _shown(given: Any) -> str:
    text = repr(given)
    if isinstance(given, dict):
        return ""
    # An address may hold a password, and people who must not know it may see the error in a log or on a screen.
    return " (not shown: it may hold a password)" if "@" in text or "?" in text else f" (got {text})"
