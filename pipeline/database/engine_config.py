"""The embedded engine's `config.xml`: where it listens, how much it may use, what it logs and whom it answers.

Owns the list of HTTP handlers. ClickHouse analyses a query before it checks grants and quotas, so a stranger must not
reach the analyser: only requests that name one of our users do, and these prove their password first. Every other
address of the engine (its pages, its terminal, its own metrics) answers 404.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

from pipeline.database.access import USERS
from pipeline.settings.model import Settings

_QUERY_HANDLER: Final = (
    "<handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler>"
)

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
