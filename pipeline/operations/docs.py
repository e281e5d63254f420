"""The pages of `docs/` that are generated from the code, so that they always match it: `make docs`.

Owns the wording around settings and refusals; the other pages are `docs_page` of the rooms `reports`,
`inventory` and `fraud`. A test compares the files with `pages()`.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.database.access import access_without_passwords
from pipeline.database.engine_config import server_users_xml
from pipeline.errors import Reason
from pipeline.fraud.views import docs_page
from pipeline.inventory.columns import inventory
from pipeline.inventory.docs_page import page as inventory_page
from pipeline.reasons import QUARANTINED, REJECTED
from pipeline.reports.catalogue import all_reports
from pipeline.reports.docs_page import page as reports_page
from pipeline.review.docs_page import page as signals_page
from pipeline.scoring.rules import all_signals
from pipeline.settings.model import Settings

DOCS_DIR = Path(__file__).parents[2] / "docs"
USERS_DIR = DOCS_DIR.parent / "deploy" / "clickhouse" / "users.d"
SERVER_USERS = {"clinic-pixel.xml": False, "clinic-pixel-cluster.xml": True}
"""The files for `users.d` of a server, and whether one is for the servers of a cluster."""

_SETTINGS = """\
# Settings

Read from `pixel.toml` in the working directory, or the file named by `--config` or `PIXEL_CONFIG`. Every value can be
overridden by an environment variable: `PIXEL_` and the name in capitals, sections joined by two underscores
(`PIXEL_COLLECTOR__PORT=8080`); lists and tables as JSON. An unknown key is an error that names it.

`collector.durability` decides what a power cut may lose: with `fsync` no event that was answered with 2xx; with `interval`
the events of the last 500 ms. A killed process loses no event in either case.
"""

_REFUSALS = """\
# Refusals

A hit is refused for one of these reasons and no other. The page is not disturbed: the GIF is sent with the status. Refused
hits are counted by reason in `/metrics` (`clinic_pixel_refused_total{reason="..."}`) and per minute in `pixel.counters`
(report `technical/counters`).

| reason | status | what happened |
|---|---|---|
"""

_REJECTS = """
## Rejected records

An acknowledged record that cannot become a row is counted in `pixel.counters` as `rejected`, for one of these reasons and no
other; `pixel.rejects` keeps its time, site and identity.

| reason | what happened |
|---|---|
"""

_QUARANTINE = """
## Quarantined lines

Lines and segments that cannot be read or accounted for are kept under `quarantine/` in the spool and counted as
`quarantined`, for one of these reasons and no other.

| reason | what happened |
|---|---|
"""


def pages() -> dict[str, str]:
    """Return the generated pages: file name in `docs/` -> content."""
    return {
        "settings.md": _SETTINGS + "\n" + "\n".join(_section("", Settings)),
        "refusals.md": "".join(_reasons()),
        "reports.md": reports_page(all_reports()),
        "fraud-views.md": "\n".join(docs_page()) + "\n",
        "fraud-signals.md": signals_page(all_signals().values()),
        "data-inventory.md": inventory_page(inventory(), all_reports()),
    }


def _reasons() -> Iterator[str]:
    yield _REFUSALS
    yield from (f"| `{reason}` | {reason.status} | {reason.meaning} |\n" for reason in Reason)
    yield _REJECTS
    yield from (f"| `{reason}` | {meaning} |\n" for reason, meaning in REJECTED.items())
    yield _QUARANTINE
    yield from (f"| `{reason}` | {meaning} |\n" for reason, meaning in QUARANTINED.items())


def main() -> None:
    """Write the pages, and the users of a ClickHouse server."""
    for name, content in pages().items():
        (DOCS_DIR / name).write_text(content)
    for name, cluster in SERVER_USERS.items():
        (USERS_DIR / name).write_text(server_users_xml(access_without_passwords(cluster=cluster)))


def _section(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    simple = {name: field for name, field in model.model_fields.items() if _table(field) is None}
    tables = {name: field for name, field in model.model_fields.items() if name not in simple}
    if prefix:
        yield f"## {prefix}\n\n{(model.__doc__ or '').strip().splitlines()[0]}\n"
    yield "| setting | type | default | meaning |\n|---|---|---|---|"
    for name, field in simple.items():
        yield f"| `{name}` | {_type(field.annotation)} | {_default(field)} | {field.description} |"
    yield ""
    for name, field in tables.items():
        table = _table(field)
        if table is not None:
            many = get_origin(field.annotation) is tuple
            heading = ".".join(filter(None, (prefix.strip("[]"), name)))
            yield from _section(f"[[{heading}]]" if many else f"[{heading}]", table)


def _table(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "table"
    if origin is types.UnionType:
        return " or ".join(dict.fromkeys(_type(part) for part in arguments if part is not type(None)))
    if arguments and origin is not None and all(isinstance(part, str) for part in arguments):
        return ", ".join(f"`{part}`" for part in arguments)
    if hasattr(annotation, "__metadata__"):
        return _type(annotation.__origin__)
    names = {"IPv4Network": "network", "IPv6Network": "network", "str": "text", "int": "number", "float": "number"}
    return names.get(annotation.__name__, str(annotation.__name__).lower())


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "required" if field.is_required() else "none"
    if field.default in (None, (), ""):
        return "none"
    if isinstance(field.default, tuple) and all(isinstance(each, str) for each in field.default):
        return ", ".join(f"`{each}`" for each in field.default)
    if isinstance(field.default, tuple):
        return "a demo site"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    main()
