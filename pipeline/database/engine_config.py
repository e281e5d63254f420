"""The configuration files of ClickHouse: `config.xml` and `users.xml` of the embedded engine, `users.d` of a server.

Owns where the embedded engine listens, how much it may use, what it logs and whom it answers, and the XML form of the
rights that `access` reads. The list of HTTP handlers: ClickHouse analyses a query before it checks grants and quotas, so a stranger must not
reach the analyser: only requests that name one of our users do, and these prove their password first. Every other
address of the engine (its pages, its terminal, its own metrics) answers 404.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape

from pipeline.database.access import USERS, Access, Account, Bound
from pipeline.settings.model import Settings

_QUERY_HANDLER: Final = (
    "<handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>"
)

KEPT_FREE_MB: Final = 96
"""Free space of its disk that the embedded engine does not take; see `embedded`."""
_CONFIG = """\
<clickhouse>
  <!-- Made by clinic-pixel at every start; changes here are lost. -->
  <log-level>warning</log-level>
  <logger>
    <log>{home}/server.log</log>
    <size>10M</size>
    <count>2</count>
    <!-- These speak of queries and the rows in them. -->
    <levels>{silent}</levels>
  </logger>
  <http_port>{http_port}</http_port>
  {tcp_port}
  <listen_host>127.0.0.1</listen_host>
  <timezone>UTC</timezone>
  <tmp_path>{home}/tmp/</tmp_path>
  <user_files_path>{home}/user_files/</user_files_path>
  <format_schema_path>{home}/format_schemas/</format_schema_path>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <storage_configuration><disks><default>
    <keep_free_space_bytes>{kept_free}</keep_free_space_bytes>
  </default></disks></storage_configuration>
  <merge_tree>
    <!-- A broken part of any size is set aside, and its sources are read. -->
    <max_suspicious_broken_parts_bytes>1000000000000</max_suspicious_broken_parts_bytes>
    <!-- Parts that were set aside as broken hold rows; they stay for a day, so that a person can look. -->
    <merge_tree_enable_clear_old_broken_detached>1</merge_tree_enable_clear_old_broken_detached>
    <merge_tree_clear_old_broken_detached_parts_ttl_timeout_seconds>86400</merge_tree_clear_old_broken_detached_parts_ttl_timeout_seconds>
  </merge_tree>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_concurrent_queries>64</max_concurrent_queries>
  <max_connections>128</max_connections>
  <keep_alive_timeout>30</keep_alive_timeout>
  <background_pool_size>4</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <send_crash_reports><enabled>false</enabled></send_crash_reports>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
    <table_engines_require_grant>false</table_engines_require_grant>
    <settings_constraints_replace_previous>true</settings_constraints_replace_previous>
  </access_control_improvements>
  <http_handlers>
    <rule><url>/ping</url><methods>GET,HEAD</methods><handler><type>ping</type></handler></rule>
{handlers}  </http_handlers>
  <users_config>users.xml</users_config>
</clickhouse>
"""
_SILENT = (
    "ClientBase",
    "executeQuery",
    "DynamicQueryHandler",
    "HTTPHandler",
    "TCPHandler",
    "ParallelParsingBlockInputFormat",
    "BackgroundSchedulePool/BgSchPool",
)

# Known to the embedded engine alone, where `python('x')` would run code of the process; a server refuses the name.
_PYTHON: Final = "allow_python_table_function"

# The session that keeps the embedded server alive: it opens the listeners and sleeps. It has no password, so a quota of
# exactly its own queries keeps a local client from closing the listeners in its name (SELECT of constants aside).
_QUOTA_SECONDS: Final = 2_000_000_000
_DEFAULT_USER: Final = """\
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>listener</quota>
      <grants>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>"""
_THIS_MACHINE: Final = "127.0.0.1"
_ANYWHERE: Final = "::/0"


def config_xml(settings: Settings) -> str:
    """Return the server's `config.xml`."""
    tcp = settings.clickhouse.tcp_port
    return _CONFIG.format(
        home=escape(str(settings.clickhouse_dir.resolve())),
        silent="".join(f"<logger><name>{name}</name><level>none</level></logger>" for name in _SILENT),
        http_port=settings.clickhouse.port,
        tcp_port=f"<tcp_port>{tcp}</tcp_port>" if tcp else "",
        handlers="".join(
            f"    <rule><headers><{name}>{escape(value)}</{name}></headers>{_QUERY_HANDLER}</rule>\n"
            for name, value in _naming_headers(USERS)
        ),
        kept_free=KEPT_FREE_MB * 1_000_000,
        memory=settings.clickhouse.memory_mb * 1_000_000,
    )


def _naming_headers(users: Iterable[str]) -> list[tuple[str, str]]:
    """Return the headers, as (name, pattern of the value), by which a client names one of the users.

    A page in a browser can send neither without a preflight, which the engine does not grant.
    """
    names = "|".join(users)
    basic = "|".join(_basic_prefix(user) for user in users)
    return [("X-ClickHouse-User", f"regex:({names})"), ("Authorization", f"regex:Basic ({basic})[A-Za-z0-9+/=]*")]


def _basic_prefix(user: str) -> str:
    """Return the signs with which the Base64 of `user:password` begins, whatever the password is."""
    name = f"{user}:".encode()
    whole = len(name) * 8 // 6
    return base64.b64encode(name)[:whole].decode().replace("+", "[+]")


def users_xml(access: Access, *, listeners: int = 1) -> str:
    """Return the `users.xml` of the embedded server that opens so many listeners."""
    switched_off = [Bound(_PYTHON, "0", None, None, changeable=False, fixed=True)]
    profiles = {"default": switched_off} | {name: bounds + switched_off for name, bounds in access.profiles.items()}
    accounts = "\n".join(
        _account_xml(account, _embedded_hash(account), _THIS_MACHINE) for account in access.accounts.values()
    )
    return (
        "<clickhouse>\n"
        f"  <profiles>\n{_profiles_xml(profiles)}  </profiles>\n"
        "  <quotas>\n    <default/>\n"
        f"    <listener><interval><duration>{_QUOTA_SECONDS}</duration><queries>{listeners + 1}</queries></interval></listener>\n"
        "  </quotas>\n"
        f"  <users>\n{_DEFAULT_USER}\n{accounts}\n  </users>\n"
        "</clickhouse>\n"
    )


def server_users_xml(access: Access) -> str:
    """Return a file for `users.d` of a server; each hash is the name of a variable in the server's environment."""
    accounts = "\n".join(
        _account_xml(account, f'<password_sha256_hex from_env="{account.sha256}"/>', _ANYWHERE)
        for account in access.accounts.values()
    )
    return (
        "<!-- Made from sql/access/*.sql by `make docs`; docs/clickhouse-server.md says how to use it. -->\n"
        "<clickhouse>\n"
        f"  <profiles>\n{_profiles_xml(access.profiles)}  </profiles>\n"
        f"  <users>\n{accounts}\n  </users>\n"
        "</clickhouse>\n"
    )


def _embedded_hash(account: Account) -> str:
    return f"<password_sha256_hex>{account.sha256}</password_sha256_hex>"


def _profiles_xml(profiles: Mapping[str, list[Bound]]) -> str:
    return "".join(_profile_xml(name, bounds) for name, bounds in profiles.items())


def _profile_xml(name: str, bounds: list[Bound]) -> str:
    values = "".join(f"      <{bound.name}>{bound.value}</{bound.name}>\n" for bound in bounds)
    constraints = "".join(_constraint_xml(bound) for bound in bounds if bound.changeable or bound.fixed)
    return f"    <{name}>\n{values}      <constraints>\n{constraints}      </constraints>\n    </{name}>\n"


def _constraint_xml(bound: Bound) -> str:
    if not bound.changeable:
        return f"        <{bound.name}><readonly/></{bound.name}>\n"
    bounds = "" if bound.least is None else f"<min>{bound.least}</min><max>{bound.most}</max>"
    return f"        <{bound.name}>{bounds}<changeable_in_readonly/></{bound.name}>\n"


def _account_xml(account: Account, password: str, network: str) -> str:
    grants = "".join(f"        <query>{escape(grant)}</query>\n" for grant in account.grants)
    databases: dict[str, str] = defaultdict(str)
    for (database, table), expression in account.filters.items():
        databases[database] += f"<{table}><filter>{escape(expression)}</filter></{table}>"
    rows = "".join(f"<{name}>{inner}</{name}>" for name, inner in databases.items())
    return (
        f"    <{account.name}>\n"
        f"      {password}\n"
        f"      <networks><ip>{network}</ip></networks>\n"
        f"      <profile>{account.profile}</profile>\n"
        "      <quota>default</quota>\n"
        "      <access_management>0</access_management>\n"
        f"      <databases>{rows}</databases>\n"
        f"      <grants>\n{grants}      </grants>\n"
        f"    </{account.name}>"
    )
