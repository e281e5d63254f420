"""Tries every way around a reader's grant; ClickHouse itself refuses each one."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from pipeline.database.access import (
    PASSWORD_FILE,
    USERS,
    Access,
    User,
    access_sql,
    make_passwords,
    parse_access,
    read_passwords,
)
from pipeline.database.client import connect
from pipeline.database.engine_config import users_xml
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from sql import ACCESS_DIR, statements
from support.server import Rows

VIEW = "technical.access_test(site='clinic')"
FILE = "'/etc/passwd'"
DENIED = r"ACCESS_DENIED"
CLOSED = r"READONLY|SETTING_CONSTRAINT_VIOLATION"
OFF = r"switched off|ACCESS_DENIED|BAD_ARGUMENTS|ILLEGAL_TYPE_OF_ARGUMENT|FUNCTION_THROW_IF|UNKNOWN_QUERY_PARAMETER"

ATTEMPTS: dict[str, tuple[str, str]] = {
    # base tables
    "a base table": ("SELECT visitor FROM pixel.events", DENIED),
    "only a count of a base table": ("SELECT count() FROM pixel.events", DENIED),
    "a join with a base table": (f"SELECT v.* FROM {VIEW} AS v CROSS JOIN pixel.events AS e", DENIED),
    "a common table expression": ("WITH e AS (SELECT ip_token FROM pixel.events) SELECT * FROM e", DENIED),
    "a scalar subquery": ("SELECT (SELECT max(visitor) FROM pixel.events)", DENIED),
    "an IN subquery": ("SELECT 1 IN (SELECT visitor FROM pixel.events)", DENIED),
    "an IN table": ("SELECT visitor IN (pixel.events) FROM (SELECT 1 AS visitor)", DENIED),
    "a subquery as a view's parameter": (
        "SELECT * FROM technical.access_test(site=(SELECT toString(max(visitor)) FROM pixel.events))",
        DENIED,
    ),
    "the blocks": ("SELECT * FROM pixel.subject_blocks", DENIED),
    "the numbers of the problems engine": ("SELECT people FROM pixel.series", DENIED),
    "a count of them": ("SELECT count() FROM pixel.series", DENIED),
    "the view that counts them": (
        "SELECT * FROM rollup.series(site = 'clinic', since = toDateTime(0), until = now())",
        DENIED,
    ),
    "the facts of the problems": ("SELECT facts, fixed_by FROM pixel.problems", DENIED),
    "a marked change": ("SELECT * FROM pixel.marks", DENIED),
    "the audit": ("SELECT * FROM pixel.audit", DENIED),
    # other purposes
    "a fraud view": ("SELECT * FROM fraud.access_test(site='clinic')", DENIED),
    "a privacy view": ("SELECT * FROM privacy.access_test(site='clinic')", DENIED),
    # table functions
    "merge()": ("SELECT * FROM merge('pixel', 'events')", r"CANNOT_EXTRACT_TABLE_STRUCTURE|ACCESS_DENIED"),
    "merge() over databases": ("SELECT * FROM merge(REGEXP('.*'), 'events')", r"CANNOT_EXTRACT_TABLE|ACCESS_DENIED"),
    "mergeTreeIndex()": ("SELECT * FROM mergeTreeIndex('pixel', 'events')", DENIED),
    "mergeTreeAnalyzeIndexes()": ("SELECT * FROM mergeTreeAnalyzeIndexes('pixel', 'events')", DENIED),
    "remote()": ("SELECT * FROM remote('127.0.0.1', 'pixel', 'events')", DENIED),
    "remote() as another user": ("SELECT * FROM remote('127.0.0.1', 'pixel', 'events', 'pixel_admin', 'x')", DENIED),
    "cluster()": ("SELECT * FROM cluster('default', 'pixel', 'events')", r"CLUSTER_DOESNT_EXIST|ACCESS_DENIED"),
    "loop()": ("SELECT * FROM loop('pixel', 'events')", DENIED),
    "view()": ("SELECT * FROM view(SELECT visitor FROM pixel.events)", DENIED),
    "dictionary()": ("SELECT * FROM dictionary('pixel.events')", DENIED),
    "dictGet()": ("SELECT dictGet('pixel.events', 'visitor', 1)", r"not found"),
    "a new dictionary": (
        "CREATE DICTIONARY technical.d (visitor UInt64) PRIMARY KEY visitor SOURCE(CLICKHOUSE(TABLE 'events')) LAYOUT(FLAT())",
        DENIED,
    ),
    "a file as a table": (f"SELECT * FROM file({FILE}, 'LineAsString', 'line String')", DENIED),
    "an address": ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x String')", DENIED),
    "a bucket": ("SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'x String')", DENIED),
    "a program": ("SELECT * FROM executable('cat', 'TSV', 'x String')", DENIED),
    "SQLite": ("SELECT * FROM sqlite('x', 't')", DENIED),
    "PostgreSQL": ("SELECT * FROM postgresql('127.0.0.1:1', 'd', 't', 'u', 'p')", DENIED),
    "a directory": ("SELECT * FROM filesystem('/')", DENIED),
    # file(), which the embedded engine would let everybody call
    "a file as a value": (f"SELECT file({FILE})", OFF),
    "a file as a value, with a default": (f"SELECT file({FILE}, 'x')", OFF),
    "a file in a lambda": (f"SELECT arrayMap(x -> file(x), [{FILE}])", OFF),
    "a file by the function's name": (f"SELECT arrayMap(file, [{FILE}])", OFF),
    "a file by APPLY": (f"SELECT * APPLY file FROM (SELECT {FILE} AS x)", OFF),
    "a file in a column's expression": (f"SELECT x FROM values('a String, x String ALIAS file(a)', ({FILE}))", OFF),
    "a file as a view's parameter": (f"SELECT * FROM technical.access_test(site=file({FILE}))", OFF),
    "a file in an error": (f"SELECT throwIf(1, file({FILE}))", OFF),
    "the function back": ("DROP FUNCTION file", DENIED),
    # the server's own tables
    **{
        f"system.{name}": (f"SELECT * FROM system.{name}", DENIED)
        for name in (
            "processes",
            "query_cache",
            "parts",
            "parts_columns",
            "detached_parts",
            "errors",
            "mutations",
            "merges",
            "users",
            "grants",
            "roles",
            "row_policies",
            "settings_profiles",
            "server_settings",
            "user_processes",
            "stack_trace",
            "data_skipping_indices",
            "disks",
            "metrics",
            "events",
        )
    },
    "information_schema": ("SELECT * FROM information_schema.columns", DENIED),
    "SHOW PROCESSLIST": ("SHOW PROCESSLIST", DENIED),
    "SHOW CREATE TABLE": ("SHOW CREATE TABLE pixel.events", DENIED),
    "SHOW CREATE VIEW": ("SHOW CREATE VIEW fraud.access_test", DENIED),
    "SHOW GRANTS": ("SHOW GRANTS FOR security", DENIED),
    "DESCRIBE": ("DESCRIBE TABLE pixel.events", DENIED),
    "EXISTS": ("EXISTS TABLE pixel.events", DENIED),
    "EXPLAIN": ("EXPLAIN ESTIMATE SELECT visitor FROM pixel.events", DENIED),
    # settings
    **{
        f"SETTINGS {setting}": (f"SELECT * FROM {VIEW} SETTINGS {setting}", CLOSED)
        for setting in (
            "readonly = 0",
            "max_execution_time = 0",
            "max_execution_time = 91",  # Grafana asks for 64
            "max_memory_usage = 0",
            "max_result_rows = 0",
            "max_rows_to_read = 1, read_overflow_mode = 'break'",
            "additional_table_filters = {'pixel.events': 'visitor = 1'}",
            "query_plan_filter_push_down = 1",
            "query_plan_merge_filters = 1",
            "allow_experimental_analyzer = 0",
            "allow_introspection_functions = 1",
            "network_compression_method = 'ZSTD'",
            "max_block_size = 1048577",
            "http_headers_progress_interval_ms = 0",
            "send_logs_level = 'trace'",
            "session_timezone = 'Asia/Tokyo'",
            "join_use_nulls = 1",
            "read_overflow_mode = 'break'",
            "group_by_overflow_mode = 'any'",
            "use_query_cache = 1",
            "add_http_cors_header = 1",
        )
    },
    "SET": ("SET readonly = 0", CLOSED),
    # rights and writes
    "acting as the definer": ("EXECUTE AS pixel_viewer SELECT visitor FROM pixel.events", r"SUPPORT_IS_DISABLED"),
    "a new user": ("CREATE USER me", DENIED),
    "a grant": ("GRANT SELECT ON pixel.* TO ops", DENIED),
    "a new view": ("CREATE VIEW technical.mine AS SELECT * FROM pixel.events", DENIED),
    "another body for a view": (
        "CREATE OR REPLACE VIEW technical.access_test DEFINER = pixel_viewer SQL SECURITY DEFINER AS SELECT 1",
        DENIED,
    ),
    "a temporary table": ("CREATE TEMPORARY TABLE t (x UInt8)", DENIED),
    "an insert": ("INSERT INTO pixel.subject_blocks (case_id) VALUES ('x')", DENIED),
    "an insert into a file": ("INSERT INTO FUNCTION file('x.csv', 'CSV', 'x UInt8') VALUES (1)", DENIED),
    "a file of results": ("SELECT 1 INTO OUTFILE 'x'", r"INTO_OUTFILE_NOT_ALLOWED|SYNTAX_ERROR"),
    "a deletion": ("ALTER TABLE pixel.events DELETE WHERE 1", DENIED),
    "emptying a table": ("TRUNCATE TABLE pixel.events", DENIED),
    "a backup": ("BACKUP TABLE pixel.events TO Disk('default', 'x')", DENIED),
    "killing others' queries": ("KILL QUERY WHERE 1", DENIED),
    "closing the listener": ("SYSTEM STOP LISTEN HTTP", DENIED),
    "shutting down": ("SYSTEM SHUTDOWN", DENIED),
    "another database": ("USE pixel", DENIED),
    "code addresses": ("SELECT demangle('x')", DENIED),
}


@pytest.fixture(scope="module")
def views(clickhouse: Settings) -> Iterator[None]:
    """One view of each family over the events, of the form that `migrate` makes."""
    migrator = connect(clickhouse, "pixel_migrator")
    for family in ("technical", "fraud", "privacy"):
        migrator.command(
            f"CREATE OR REPLACE VIEW {family}.access_test DEFINER = pixel_viewer SQL SECURITY DEFINER AS"
            " SELECT page, uniqExact(visitor) AS visitors FROM pixel.events WHERE site = {site:String}"
            " GROUP BY page HAVING visitors >= 5"
        )
    yield
    for family in ("technical", "fraud", "privacy"):
        migrator.command(f"DROP VIEW {family}.access_test")
    migrator.close()


@pytest.fixture(scope="module")
def ops(clickhouse: Settings, views: None) -> Iterator[Client]:
    """A client of role ops."""
    client = connect(clickhouse, "ops")
    yield client
    client.close()


def store(tables: Rows, page: str, visitors: range) -> None:
    """Store one page view of each visitor; the address token counts with the visitor."""
    tables.writer.command(
        "INSERT INTO pixel.events (received_at, epoch, site, kind, page, visitor, ip_token) SELECT now64(3), today(),"
        f" 'clinic', 'pageview', '{page}', number, toIPv6('fd00::' || hex(number)) FROM numbers({visitors.start}, {len(visitors)})"
    )


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_clickhouse_refuses_ops(ops: Client, attempt: str) -> None:
    query, refusal = ATTEMPTS[attempt]
    with pytest.raises(DatabaseError, match=refusal):
        ops.query(query)


def test_each_reader_reads_its_own_purpose_only(clickhouse: Settings, views: None) -> None:
    allowed: dict[User, set[str]] = {
        "ops": {"technical"},
        "security": {"technical", "fraud"},
        "privacy": {"privacy"},
    }
    for user, families in allowed.items():
        client = connect(clickhouse, user)
        for family in ("technical", "fraud", "privacy"):
            query = f"SELECT * FROM {family}.access_test(site='clinic')"
            if family in families:
                client.query(query)
            else:
                with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
                    client.query(query)
        client.close()


def test_a_reader_may_ask_for_less_time_and_use_parameters(ops: Client, tables: Rows) -> None:
    store(tables, "/page", range(1, 8))
    query = "SELECT * FROM technical.access_test(site = {site:String})"
    answer = ops.query(query, parameters={"site": "clinic"}, settings={"max_execution_time": 5})
    assert answer.result_rows == [("/page", 7)]


DRIVERS_SETTINGS = {
    "max_execution_time": "64",  # Grafana
    "max_block_size": "100000",  # clickhouse-driver's rows in pieces
    "send_progress_in_http_headers": "1",  # clickhouse-connect, and npm's recipe for long queries
    "http_headers_progress_interval_ms": "120000",  # the same two
    "cancel_http_readonly_queries_on_client_close": "1",  # the same two
    "extremes": "1",  # older clients for Java
    "output_format_binary_write_json_as_string": "1",  # DBeaver
    "output_format_native_write_json_as_string": "1",  # clickhouse-connect
    "result_overflow_mode": "'break'",  # clients for Java, with max_result_rows
    "network_compression_method": "'LZ4'",  # clickhouse-driver: the value that the setting has
}


@pytest.mark.parametrize("setting", DRIVERS_SETTINGS)
def test_a_setting_that_drivers_send_changes_no_number(ops: Client, tables: Rows, setting: str) -> None:
    store(tables, "/page", range(1, 8))
    store(tables, "/secret", range(8, 10))
    answer = ops.query(f"SELECT * FROM {VIEW} SETTINGS {setting} = {DRIVERS_SETTINGS[setting]}")
    assert answer.result_rows == [("/page", 7)]


def test_a_readers_condition_never_meets_a_hidden_row(ops: Client, tables: Rows) -> None:
    store(tables, "/shown", range(1, 11))
    store(tables, "/secret", range(11, 13))
    answer = ops.query(f"SELECT * FROM {VIEW} WHERE throwIf(page = '/secret') = 0")
    assert answer.result_rows == [("/shown", 10)]
    # The guard is needed: pushed into the view, the condition is asked of the hidden page and answers by its error.
    careless = "SETTINGS query_plan_filter_push_down = 1, query_plan_merge_filters = 1"
    with pytest.raises(DatabaseError, match="throwIf"):
        tables.admin.query(f"SELECT * FROM {VIEW} WHERE throwIf(page = '/secret') = 0 {careless}")


def test_a_blocked_persons_rows_are_invisible_in_every_view(clickhouse: Settings, ops: Client, tables: Rows) -> None:
    store(tables, "/page", range(1, 11))
    tables.block(visitor=3)
    tables.block(address="fd00::5")
    seen = {row[0]: row[1] for row in ops.query(f"SELECT * FROM {VIEW}").result_rows}
    assert seen == {"/page": 8}
    security = connect(clickhouse, "security")
    assert security.query("SELECT visitors FROM fraud.access_test(site='clinic')").result_rows == [(8,)]
    security.close()
    assert tables.admin.query("SELECT count() FROM pixel.events").result_rows == [(10,)]
    tables.block(visitor=3, state="unblocked", seconds_later=1)
    assert ops.query(f"SELECT visitors FROM {VIEW}").result_rows == [(9,)]


def test_rows_without_visitor_and_token_are_never_blocked_with_others(ops: Client, tables: Rows) -> None:
    tables.writer.command(
        "INSERT INTO pixel.events (received_at, epoch, site, page, visitor) SELECT now64(3), today(), 'clinic', '/p', number"
        " FROM numbers(1, 6)"
    )
    tables.block(visitor=1)
    assert ops.query(f"SELECT visitors FROM {VIEW}").result_rows == [(5,)]


def test_the_writer_reads_batches_back_and_nothing_else(tables: Rows) -> None:
    tables.writer.query("SELECT count() FROM pixel.events WHERE batch_id IN ('00000000-0000-0000-0000-000000000000')")
    for query in (
        "SELECT visitor FROM pixel.events",
        "ALTER TABLE pixel.events DELETE WHERE 1",
        "OPTIMIZE TABLE pixel.events",
    ):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            tables.writer.query(query)


def test_the_operator_reads_rows_but_changes_none(tables: Rows) -> None:
    tables.admin.query("SELECT visitor, ip_token FROM pixel.events")
    for query in ("INSERT INTO pixel.audit (who) VALUES ('x')", "ALTER TABLE pixel.events DELETE WHERE 1"):
        with pytest.raises(DatabaseError, match="ACCESS_DENIED"):
            tables.admin.query(query)


def test_nobody_on_the_network_holds_a_wildcard_a_source_or_the_right_to_grant() -> None:
    grants = [
        statement
        for file in ACCESS_DIR.glob("*.sql")
        for statement in statements(file.read_text())
        if statement.startswith("GRANT")
    ]
    assert len(grants) > 10
    assert [grant for grant in grants if "*.*" in grant or "GRANT OPTION" in grant] == []
    sources = ("FILE", "URL", "REMOTE", "S3", "SOURCES", "ALL")
    assert [grant for grant in grants if any(f" {word} " in grant or f" {word}," in grant for word in sources)] == []


def test_every_user_has_grants_since_one_without_would_get_everything() -> None:
    access = everything()
    assert set(access.accounts) == set(USERS) == set(get_args(User))
    assert [account.name for account in access.accounts.values() if not account.grants] == []


def everything() -> Access:
    """Return the parsed access files."""
    return parse_access(access_sql(dict.fromkeys(USERS, "password")))


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT SELECT ON pixel.*",
        "CREATE ROLE reader",
        "CREATE ROW POLICY p ON pixel.events AS RESTRICTIVE USING 1 TO ops",
        "REVOKE SELECT ON technical.* FROM ops",
        "CREATE SETTINGS PROFILE OR REPLACE p SETTINGS readonly = 1 WRITABLE",
        "CREATE SETTINGS PROFILE OR REPLACE p SETTINGS max_threads = 1 MIN 1 MAX 2",
        "CREATE SETTINGS PROFILE OR REPLACE p SETTINGS max_threads = 1 MAX 2 CHANGEABLE_IN_READONLY",
        "CREATE USER IF NOT EXISTS ops IDENTIFIED WITH sha256_hash BY '00' SETTINGS PROFILE 'pixel_reader'",
    ],
)
def test_an_access_statement_that_would_be_lost_is_an_error(statement: str) -> None:
    with pytest.raises(Fatal, match="sql/access"):
        parse_access(f"{statement};\n")


def test_a_setting_may_be_changeable_within_bounds_without_bounds_or_not_at_all() -> None:
    text = "a = 1, b = 'x' CHANGEABLE_IN_READONLY, c = 2 MIN 1 MAX 3 CHANGEABLE_IN_READONLY"
    xml = users_xml(parse_access(f"CREATE SETTINGS PROFILE OR REPLACE p SETTINGS {text};\n"))
    assert "<a>1</a>" in xml
    assert "<b>x</b>" in xml
    assert "<c>2</c>" in xml
    assert "<b><changeable_in_readonly/></b>" in xml
    assert "<c><min>1</min><max>3</max><changeable_in_readonly/></c>" in xml
    assert xml.count("changeable_in_readonly") == 2


def access_statements() -> list[str]:
    """Return the statements of the access files, in the order in which a server runs them."""
    return statements(access_sql(dict.fromkeys(USERS, "password")))


def test_clickhouse_understands_every_access_statement(tables: Rows) -> None:
    for statement in access_statements():
        assert tables.admin.query(f"EXPLAIN AST {statement}").result_rows, statement


def test_what_is_run_again_takes_the_place_of_what_was_there() -> None:
    kept = [text for text in access_statements() if text.startswith("CREATE") and " OR REPLACE " not in text]
    assert kept == []


def test_every_user_loses_all_rights_before_the_first_grant() -> None:
    first, *_ = (place for place, text in enumerate(access_statements()) if text.startswith("GRANT"))
    assert {text for text in access_statements()[:first] if text.startswith("REVOKE")} == {
        f"REVOKE ALL ON *.* FROM {user}" for user in USERS
    }


def test_what_is_replaced_comes_before_what_names_it() -> None:
    kinds = ("CREATE SETTINGS PROFILE", "CREATE USER", "REVOKE", "GRANT", "CREATE ROW POLICY")
    places = [next(place for place, kind in enumerate(kinds) if text.startswith(kind)) for text in access_statements()]
    assert places == sorted(places)
    assert set(places) == set(range(len(kinds)))


def test_a_right_that_was_taken_back_is_not_in_the_configuration() -> None:
    text = access_sql(dict.fromkeys(USERS, "password"))
    assert parse_access(f"{text}\nREVOKE ALL ON *.* FROM ops;\n").accounts["ops"].grants == []


def test_no_password_stands_in_the_configuration() -> None:
    passwords = {user: f"secret-of-{user}" for user in USERS}
    assert "secret-of" not in users_xml(parse_access(access_sql(passwords)))


def test_passwords_are_made_once_and_are_private(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    first = make_passwords(settings)
    assert make_passwords(settings) == first
    assert len(set(first.values())) == len(USERS)
    assert stat.S_IMODE((settings.secrets_dir / PASSWORD_FILE).stat().st_mode) == 0o600


def test_passwords_handed_over_by_systemd_are_used_and_none_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = make_passwords(Settings(data=tmp_path / "shipper"))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "shipper" / "secrets"))
    engine = Settings(data=tmp_path / "engine")
    assert make_passwords(engine) == read_passwords(engine) == others
    assert not engine.secrets_dir.exists()


def test_a_password_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    make_passwords(settings)
    (settings.secrets_dir / PASSWORD_FILE).chmod(0o640)
    with pytest.raises(Fatal, match="0600"):
        read_passwords(settings)


def test_a_password_file_names_whom_it_lacks(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    passwords = make_passwords(settings)
    (settings.secrets_dir / PASSWORD_FILE).write_text(json.dumps(passwords | {"pixel_writer": None}))
    with pytest.raises(Fatal, match="no password for pixel_writer"):
        read_passwords(settings)


def test_a_missing_password_file_is_waited_for_only_beside_the_embedded_server(tmp_path: Path) -> None:
    with pytest.raises(Retryable, match="clinic-pixel clickhouse"):
        read_passwords(Settings(data=tmp_path))
    with pytest.raises(Fatal, match="missing"):
        read_passwords(Settings(data=tmp_path, clickhouse=ClickHouse(url="https://db.example:8443")))
