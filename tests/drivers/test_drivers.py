"""Each client of docs/own-tools.md that runs here asks the real server as `ops`, the way its manual says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import clickhouse_connect
import clickhouse_driver
import connectorx
import ibis
import pandas as pd
import pytest
import sqlalchemy
import urllib3
from clickhouse_connect import dbapi
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from support import clinic_day
from support.command import plain_environment
from support.reading import Door, View

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/own-tools.md"
OLD = "Debian clickhouse-client"
LZ4 = 0x82
"""The byte of a compressed block that names its method; the checksum before it has 16 bytes."""

SINCE, UNTIL = (f"{time:%Y-%m-%d %H:%M:%S}" for time in (clinic_day.SINCE, clinic_day.UNTIL))
ALL_TYPES: dict[str, tzinfo] = {
    "SELECT * FROM technical.reports": UTC,
    "SELECT * FROM technical.cells WHERE report = 'browsers' AND grain = 'day'": UTC,
    "SELECT * FROM technical.error_pages_28d": ZoneInfo("Europe/Moscow"),
    "SELECT * FROM technical.traffic_by_hour_28d": ZoneInfo("Europe/Moscow"),
}
"""Queries that together answer with every type of a plain view, and the time zone of their times."""

Ask = Callable[[str], list[tuple[object, ...]]]
CLIENTS: dict[str, Callable[[Door], AbstractContextManager[Ask]]] = {}
"""Name of a client in docs/own-tools.md -> its connection."""


def client(name: str):
    """Return a decorator that makes a generator the connection of the client of this name."""

    def keep(connection: Callable[[Door], Iterator[Ask]]) -> None:
        CLIENTS[name] = contextmanager(connection)

    return keep


@client("curl")
def _curl(door: Door) -> Iterator[Ask]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "-sS", "--user", f"{door.user}:{door.password}", f"http://127.0.0.1:{door.http}/"]
    yield lambda query: _lines(_run([*command, "--data-binary", f"{query} FORMAT JSONCompactEachRow"]))


@client("clickhouse-connect")
def _clickhouse_connect(door: Door) -> Iterator[Ask]:
    with closing(own_client(door)) as opened:
        yield lambda query: opened.query(query).result_rows


@client("clickhouse-connect, DB-API")
def _dbapi(door: Door) -> Iterator[Ask]:
    opened = dbapi.connect(host="127.0.0.1", port=door.http, username=door.user, password=door.password)
    with closing(opened), closing(opened.cursor()) as cursor:

        def ask(query: str) -> list[tuple[object, ...]]:
            cursor.execute(query)
            return cursor.fetchall()

        yield ask


@client("pandas")
def _pandas(door: Door) -> Iterator[Ask]:
    with closing(own_client(door)) as opened:
        yield lambda query: list(opened.query_df(query).itertuples(index=False, name=None))


@client("SQLAlchemy")
def _sqlalchemy(door: Door) -> Iterator[Ask]:
    with engine(door).connect() as opened:
        yield lambda query: list(opened.execute(sqlalchemy.text(query.replace(":", "\\:"))))


@client("ibis")
def _ibis(door: Door) -> Iterator[Ask]:
    opened = ibis.clickhouse.connect(host="127.0.0.1", port=door.http, user=door.user, password=door.password)
    yield lambda query: opened.raw_sql(query).result_rows
    opened.disconnect()


@client("connectorx")
def _connectorx(door: Door) -> Iterator[Ask]:
    url = f"clickhouse://{door.user}:{door.password}@127.0.0.1:{door.http}/technical"
    yield lambda query: [
        tuple(row.values()) for row in connectorx.read_sql(url, query, return_type="arrow").to_pylist()
    ]


@client("clickhouse-driver")
def _clickhouse_driver(door: Door) -> Iterator[Ask]:
    with native(door) as opened:
        yield opened.execute


@client("npm @clickhouse/client")
def _npm(door: Door) -> Iterator[Ask]:
    yield lambda query: ask_npm(door, query)


@client(OLD)
def _debian(door: Door) -> Iterator[Ask]:
    program = shutil.which("clickhouse-client")
    if program is None:
        pytest.skip("clickhouse-client is not installed (Debian package clickhouse-client)")
    command = [program, "--port", str(door.native), "--user", door.user, f"--password={door.password}", "--query"]
    yield lambda query: _lines(_run([*command, f"{query} FORMAT JSONEachRow"]))


def own_client(door: Door) -> Client:
    """Return the client of clickhouse-connect, with all that it does by itself."""
    return clickhouse_connect.get_client(
        host="127.0.0.1", port=door.http, username=door.user, password=door.password, database="technical"
    )


def engine(door: Door) -> sqlalchemy.Engine:
    """Return SQLAlchemy's engine, as Superset makes it."""
    return sqlalchemy.create_engine(f"clickhousedb://{door.user}:{door.password}@127.0.0.1:{door.http}/technical")


def native(door: Door, **options: object) -> clickhouse_driver.Client:
    """Return a client of the native port, to be used in `with`."""
    return clickhouse_driver.Client(
        "127.0.0.1", port=door.native, user=door.user, password=door.password, database="technical", **options
    )


def ask_npm(door: Door, query: str, **settings: object) -> list[tuple[object, ...]]:
    """Return the rows that the client of npm gets; skips where there is no node or no registry."""
    command = ["node", str(npm_folder(door) / "ask.mjs"), f"http://127.0.0.1:{door.http}", door.user, query]
    times = [clinic_day.SINCE.isoformat(), clinic_day.UNTIL.isoformat()]
    return _lines(_run([*command, *times, json.dumps(settings)], PASSWORD=door.password))


def npm_folder(door: Door) -> Path:
    """Return the folder with ask.mjs and the locked client of npm, made beside the data at the first call."""
    folder = door.settings.data / "npm"
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (Debian package npm)")
    if not folder.exists():
        shutil.copytree(HERE / "npm", folder)
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, timeout=60, check=False
        )
    if not (folder / "node_modules/@clickhouse/client").exists():
        pytest.skip("npm could not install @clickhouse/client")
    return folder


def _run(command: list[str], **environment: str) -> str:
    done = subprocess.run(
        command, env=plain_environment(**environment), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _lines(text: str) -> list[tuple[object, ...]]:
    """Return the rows of JSON lines, arrays or objects."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [tuple(row.values() if isinstance(row, dict) else row) for row in rows]


def _plain(rows: list[tuple[object, ...]], zone: tzinfo = UTC) -> list[tuple[object, ...]]:
    """Return the rows as texts, times in `zone`: clients give numbers, gaps and times in forms of their own."""
    return [tuple(_text(value, zone) for value in row) for row in rows]


def _text(value: object, zone: tzinfo) -> str | None:
    if isinstance(value, list | tuple):
        return str(list(value))
    if pd.isna(value):
        return None
    if isinstance(value, datetime):
        local = value.astimezone(zone) if value.tzinfo else value
        return f"{local:%Y-%m-%d %H:%M:%S}"
    return str(value)


@pytest.fixture(scope="module", params=CLIENTS)
def ask(request: pytest.FixtureRequest, door: Door) -> Iterator[Ask]:
    """The connection of one client."""
    with CLIENTS[request.param](door) as connection:
        yield connection


def test_the_client_connects_as_the_role(ask: Ask) -> None:
    assert ask("SELECT currentUser() AS user") == [("ops",)]


def test_the_client_lists_the_views(ask: Ask) -> None:
    names = {name for (name,) in ask("SELECT name FROM system.tables WHERE database = 'technical'")}
    assert {"browsers", "browsers_7d", "error_pages_day", "cells", "publications", "reports"} <= names


def test_the_client_sees_the_columns_of_a_plain_view_and_their_meaning(ask: Ask, plain_view: View) -> None:
    table = plain_view.name.partition(".")[2]
    query = f"SELECT name, comment FROM system.columns WHERE database = 'technical' AND table = '{table}'"
    assert dict(ask(query)) == plain_view.comments
    assert all(plain_view.comments.values())


def test_the_client_asks_a_plain_view(ask: Ask, plain_view: View) -> None:
    assert _plain(ask(plain_view.question)) == _plain(plain_view.rows)


@pytest.mark.parametrize("query", ALL_TYPES)
def test_the_client_reads_every_type_of_a_plain_view(ask: Ask, door: Door, query: str) -> None:
    stored = _lines(posted(door, f"{query} FORMAT JSONCompactEachRow").data.decode())
    assert stored
    assert _plain(ask(query), ALL_TYPES[query]) == _plain(stored)


def test_the_client_asks_a_view_with_parameters(ask: Ask, asked_view: View, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.params["ask"] == OLD and "version 18." in _run(["clickhouse-client", "--version"]):
        with pytest.raises(AssertionError, match="Syntax error"):
            ask(asked_view.question)
    else:
        assert _plain(ask(asked_view.question)) == _plain(asked_view.rows)


def _with_parameters(site: str, since: str, until: str) -> str:
    """Return the question of `asked_view` with these words in place of its values."""
    return View(f"technical.browsers(site = {site}, since = {since}, until = {until})", {}, []).question


def test_the_table_of_clients_names_each_client_that_is_asked() -> None:
    named = set(re.findall(r"^\| ([^|]+) \|", PAGE.read_text(), re.MULTILINE))
    assert set(CLIENTS) <= named


def queries_of_the_page() -> list[str]:
    """Return the queries of docs/own-tools.md that stand alone: blocks of SQL, and the examples of tables and sentences."""
    page = PAGE.read_text()
    found = re.findall(r"^ *```sql\n(.*?)```", page, re.MULTILINE | re.DOTALL) + re.findall(r"`(SELECT [^`]+)`", page)
    return [" ".join(query.split()) for query in found]


@pytest.mark.parametrize("query", queries_of_the_page())
def test_each_query_of_the_page_is_answered(door: Door, query: str) -> None:
    answer = posted(door, f"{in_grafana(query)} FORMAT JSONCompactEachRow")
    assert answer.status == 200, answer.data
    assert answer.data


def in_grafana(query: str) -> str:
    """Return a query with the macros of Grafana's plugin filled in, for two days up to the end of the clinic's day."""
    times = (clinic_day.SINCE - timedelta(days=1), clinic_day.UNTIL)
    since, until = (f"toDateTime({time.timestamp():.0f})" for time in times)
    query = query.replace("$__fromTime", since).replace("$__toTime", until)
    return re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= {since} AND \1 <= {until}", query)


def test_clickhouse_connect_gives_values_by_parameters_of_the_server(door: Door, asked_view: View) -> None:
    with closing(own_client(door)) as opened:
        answer = opened.query(
            _with_parameters("{site:String}", "{since:DateTime}", "{until:DateTime}"),
            parameters={"site": clinic_day.SITE, "since": clinic_day.SINCE, "until": clinic_day.UNTIL},
            settings={"max_block_size": 1000, "max_execution_time": 64},
        )
        assert _plain(answer.result_rows) == _plain(asked_view.rows)


def test_pandas_gets_numbers_times_and_gaps(door: Door, plain_view: View) -> None:
    with closing(own_client(door)) as opened:
        browsers = opened.query_df(f"SELECT * FROM {plain_view.name}")
        hours = opened.query_df("SELECT * FROM technical.traffic_by_hour_28d")
    assert list(browsers.columns) == list(plain_view.comments)
    assert browsers["error_share"].max() > 0
    assert browsers["error_share"].isna().sum() >= browsers["visitors"].isna().sum() == 1
    assert pd.api.types.is_datetime64_any_dtype(hours["hour"])


def test_sqlalchemy_lists_reflects_and_selects(door: Door, plain_view: View) -> None:
    schema, _, name = plain_view.name.partition(".")
    inspector = sqlalchemy.inspect(engine(door))
    assert schema in inspector.get_schema_names()
    assert name in inspector.get_view_names(schema)
    assert {column["name"]: column["comment"] for column in inspector.get_columns(name, schema)} == plain_view.comments
    table = sqlalchemy.Table(name, sqlalchemy.MetaData(), schema=schema, autoload_with=engine(door))
    query = sqlalchemy.select(table.c.browser, table.c.major, table.c.visitors).order_by(table.c.visitors)
    with engine(door).connect() as opened:
        assert _plain(list(opened.execute(query))) == _plain(plain_view.rows)
    assert len(pd.read_sql_table(name, engine(door), schema=schema)) == len(plain_view.rows)


def test_sqlalchemy_binds_the_parameters_of_a_view(door: Door, asked_view: View) -> None:
    query = sqlalchemy.text(_with_parameters(":site", ":since", ":until"))
    with engine(door).connect() as opened:
        answer = opened.execute(query, {"site": clinic_day.SITE, "since": SINCE, "until": UNTIL})
        assert _plain(list(answer)) == _plain(asked_view.rows)


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option:Warning")  # ibis 12 asks pandas 3 for it
def test_ibis_lists_describes_and_filters(door: Door, plain_view: View) -> None:
    schema, _, name = plain_view.name.partition(".")
    opened = ibis.clickhouse.connect(host="127.0.0.1", port=door.http, user=door.user, password=door.password)
    assert name in opened.list_tables(database=schema)
    table = opened.table(name, database=schema)
    assert list(table.columns) == list(plain_view.comments)
    assert len(table.filter(table.small == 1).execute()) == 1
    assert len(table.filter(table.visitors > 0).execute()) == len(plain_view.rows) - 1
    opened.disconnect()


def test_clickhouse_driver_reads_in_pieces_compressed_and_by_parameters(
    door: Door, plain_view: View, asked_view: View
) -> None:
    with native(door, compression=True) as opened:
        pieces = opened.execute_iter(plain_view.question, settings={"max_block_size": 100_000})
        assert _plain(list(pieces)) == _plain(plain_view.rows)
        query = _with_parameters("%(site)s", "%(since)s", "%(until)s")
        given = {"site": clinic_day.SITE, "since": SINCE, "until": UNTIL}
        assert _plain(opened.execute(query, given)) == _plain(asked_view.rows)


def test_the_client_of_npm_keeps_a_long_query_alive_and_gives_parameters(door: Door, asked_view: View) -> None:
    answer = ask_npm(
        door,
        _with_parameters("{site: String}", "{since: DateTime64(3)}", "{until: DateTime64(3)}"),
        send_progress_in_http_headers=1,
        http_headers_progress_interval_ms="110000",
        cancel_http_readonly_queries_on_client_close=1,
    )
    assert _plain(answer) == _plain(asked_view.rows)


def posted(door: Door, query: str, **fields: str) -> urllib3.BaseHTTPResponse:
    """Send a query as a client of another language does; for clients that cannot be installed here."""
    return urllib3.request(
        "POST",
        f"http://127.0.0.1:{door.http}/?{urlencode(fields)}",
        headers={"X-ClickHouse-User": door.user, "X-ClickHouse-Key": door.password},
        body=query,
    )


@pytest.mark.parametrize(
    "view",
    [
        f"technical.traffic_by_hour(site='{clinic_day.SITE}', since=$__fromTime, until=$__toTime)",
        "technical.traffic_by_hour_28d WHERE $__timeFilter(hour)",
    ],
    ids=["with parameters", "with the filter of the query builder"],
)
def test_a_panel_of_grafana_over_time_is_answered(door: Door, view: str) -> None:
    query = in_grafana(f"SELECT hour AS time, visitors, errors FROM {view} ORDER BY time")
    # clickhouse-go asks for the seconds left of the plugin's 60, and five more.
    answer = posted(door, query, default_format="JSONCompactEachRow", database="technical", max_execution_time="64")
    assert answer.status == 200, answer.data
    hours = _lines(answer.data.decode())
    assert hours[0][0] == f"{clinic_day.SINCE.astimezone(ZoneInfo('Europe/Moscow')):%Y-%m-%d %H:%M:%S}"
    assert any(visitors is not None for _, visitors, _ in hours)


def test_the_health_check_and_the_table_tree_of_grafana_are_answered(door: Door, plain_view: View) -> None:
    for query in (
        "SELECT displayName(), version(), revision(), timezone()",
        "SHOW DATABASES",
        "SHOW TABLES FROM technical",
        f"DESC TABLE {plain_view.name}",
    ):
        answer = posted(door, query, max_execution_time="14")
        assert answer.status == 200, answer.data


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"result_overflow_mode": "break", "max_result_rows": "200"},
        {"extremes": "0", "output_format_binary_write_json_as_string": "1"},
    ],
    ids=["as it comes", "with a limit of rows", "with JSON as text"],
)
def test_a_client_for_java_gets_the_lz4_that_it_reads(door: Door, plain_view: View, settings: dict[str, str]) -> None:
    query = f"{plain_view.question} FORMAT RowBinaryWithNamesAndTypes"
    answer = posted(door, query, compress="1", **settings)
    assert answer.status == 200, answer.data
    assert answer.data[16] == LZ4


def test_the_old_client_of_debian_describes_a_plain_view(door: Door, plain_view: View) -> None:
    with CLIENTS[OLD](door) as ask:
        assert [row[0] for row in ask(f"DESCRIBE TABLE {plain_view.name}")] == list(plain_view.comments)


def test_a_client_that_would_reach_into_the_views_is_refused(door: Door, plain_view: View) -> None:
    with closing(own_client(door)) as opened, pytest.raises(DatabaseError, match="READONLY"):
        opened.query(f"{plain_view.question} SETTINGS additional_table_filters = {{'pixel.events': 'visitor = 1'}}")


def test_the_page_of_the_server_is_closed(door: Door) -> None:
    for path in ("/play", "/dashboard", "/"):
        assert urllib3.request("GET", f"http://127.0.0.1:{door.http}{path}").status == 404
