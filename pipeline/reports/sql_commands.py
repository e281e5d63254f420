"""`sql`: one query under one role, so that ClickHouse itself enforces the rights of the role."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.settings import model as all_settings
from pipeline.system.console import ConfigOption, FormatOption, Panel, print_rows

if TYPE_CHECKING:
    from pipeline.database.client import User

AUDITED_CHARACTERS = 4000  # of a query; a line of the audit has a limit


class Role(StrEnum):
    """The purpose of the query; a query of `admin` can read rows and is written to the audit first."""

    OPS = "ops"
    SECURITY = "security"
    PRIVACY = "privacy"
    ADMIN = "admin"


USERS: dict[Role, User] = {
    Role.OPS: "ops",
    Role.SECURITY: "security",
    Role.PRIVACY: "privacy",
    Role.ADMIN: "pixel_admin",
}


_LITERAL = re.compile(
    r"""
    --[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z)  # comments
    | \$(\w*)\$.*?(?:\$\1\$|\Z)  # heredocs
    | '(?:[^'\\]|\\.)*(?:'|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z) | `(?:[^`\\]|\\.)*(?:`|\Z)
    | \b[0-9][\w.:]* | [^\x00-\x7f]+
    """,
    re.VERBOSE | re.DOTALL,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=Panel.ASK)(sql)


def sql(
    query: Annotated[str, typer.Argument(help="One statement of ClickHouse SQL.", show_default=False)],
    role: Annotated[Role, typer.Option(help="Purpose of the query; admin is audited.")] = Role.OPS,
    form: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a query as a role; ClickHouse refuses data that the role may not read."""
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from pipeline.audit.actions import Action
    from pipeline.audit.log import Audit, operator
    from pipeline.database.client import code, connect, explain
    from pipeline.errors import Fatal

    settings = all_settings.load(config)
    client = connect(settings, USERS[role])
    try:
        if role is Role.ADMIN:
            facts = {"role": USERS[role], "query": _without_literals(query)[:AUDITED_CHARACTERS]}
            Audit(settings.audit_dir).record(Action.SQL, facts, now=datetime.now(UTC), who=operator())
        answer = client.query(query)
    except ClickHouseError as error:
        if code(error) == 0:
            raise explain(error, settings, USERS[role]) from None
        # The text is about the caller's own query, so the caller may see all of it.
        raise Fatal(" ".join(str(error).split()).rpartition("DB::Exception: ")[2]) from None
    finally:
        client.close()
    print_rows(answer.column_names, answer.result_rows, form)


def _without_literals(query: str) -> str:
    """Return the query with strings, quoted names, numbers and comments as `?`: it shows the tables and columns only."""
    return _LITERAL.sub("?", query)
