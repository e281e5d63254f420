"""The only access to ClickHouse: `connect(settings, user)`, the same for the embedded server and an existing one.

Owns address, client options and the translation of the driver's errors into `Retryable` and `Fatal`. Rules: one client
per thread; no session ids, so that two queries of one client may run at once; no data of a visitor's
request (headers, address) is sent with a query.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, TypeVar
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from pipeline.database.access import PASSWORD_FILE, read_passwords
from pipeline.database.access import User as User
from pipeline.database.cluster import is_home, shards
from pipeline.errors import Busy, Fatal, Retryable, TooSlow
from pipeline.settings.model import Settings
from pipeline.system.answers import CertificateNotTrusted, answer_of
from pipeline.told import Told

CONNECT_SECONDS = 5
UNREACHABLE = "pipeline.database/unreachable.toml"
_VERSION: Final = re.compile(r"(\d+)\.(\d+)[\d.A-Za-z-]*")
OLDEST: Final = (26, 2)
"""The first version that has every setting of our inserts (`deduplicate_insert`); older ones refuse them."""
WRONG_PASSWORD = {192, 193, 194, 516}  # unknown user, wrong or required password, authentication failed
NO_RIGHT = 497
# An answer that breaks off, timeouts, too many queries, network, memory, disk space, too many parts, read-only, a shard or a
# replica away, Keeper: these errors end by themselves.
AWAY = {32, 159, 202, 209, 210, 241, 242, 243, 252, 279, 285, 286, 289, 319, 425, 999}
TOO_SLOW = 159
SHARD_AWAY = 279
BUSY = {202, 241}


def address(settings: Settings) -> str:
    """Return the HTTP address of the ClickHouse in force, without a closing slash."""
    return (settings.clickhouse.url or f"http://127.0.0.1:{settings.clickhouse.port}").rstrip("/")


def unreachable(settings: Settings, *, timeout: float = 1.0) -> str:
    """Return why no ClickHouse can be asked at the address, as the end of a sentence; empty if one answers."""
    ca = settings.clickhouse.ca
    if ca is not None and not os.access(ca, os.R_OK):
        return Told(UNREACHABLE, "no_authority", {"file": ca})
    try:
        answer = answer_of(f"{address(settings)}/ping", timeout=timeout, ca=ca)
    except CertificateNotTrusted:
        return Told(UNREACHABLE, "not_trusted", {})
    if answer is None:
        return Told(UNREACHABLE, "silent", {})
    if answer.status != 200 or answer.data != b"Ok.\n":
        return Told(UNREACHABLE, "another_program", {"status": answer.status})
    return ""


def ping(settings: Settings, *, timeout: float = 1.0) -> bool:
    """Return whether a ClickHouse answers at the address."""
    return not unreachable(settings, timeout=timeout)


def wait_until_answering(settings: Settings) -> None:
    """Return once ClickHouse answers, on a cluster every shard, however long that takes."""
    while not all(map(ping, shards(settings))):
        time.sleep(0.1)


def connect(settings: Settings, user: User, *, timeout: float = 60) -> Client:
    """Return a client that works as `user`; `timeout` is the longest time for an answer, in seconds.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` for a wrong password and for a version before `OLDEST`.
    """
    # The driver logs whole tracebacks with query and address; every error reaches the caller anyway.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
    parts = urlsplit(address(settings))
    password = read_passwords(settings, (user,))[user]
    try:
        client = clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname or "",  # the setting always has a host
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            proxy_path=parts.path,
            username=user,
            password=password,
            connect_timeout=CONNECT_SECONDS,
            send_receive_timeout=max(1, round(timeout)),
            query_retries=0,
            autogenerate_session_id=False,
            client_name="clinic-pixel",
            show_clickhouse_errors="scrub",
            ca_cert=settings.clickhouse.ca and str(settings.clickhouse.ca),
        )
    except ClickHouseError as error:
        raise explain(error, settings, user) from None
    if old := too_old(client.server_version or ""):
        client.close()
        raise Fatal(f"ClickHouse at {address(settings)} {old}")
    return client


def too_old(version: str) -> str:
    """Return what is wrong with the version of a server, as the end of a sentence; empty if it is new enough."""
    numbers = _VERSION.match(version)
    if numbers and (int(numbers[1]), int(numbers[2])) >= OLDEST:
        return ""
    return f"is {f'version {version}' if numbers else 'an old version'}; clinic-pixel needs {OLDEST[0]}.{OLDEST[1]} or newer (docs/clickhouse-server.md)"


Answer = TypeVar("Answer")


@contextmanager
def working_as(settings: Settings, user: User, *, timeout: float = 60) -> Iterator[Client]:
    """Lend a client that works as `user` and is closed at the end; the driver's errors become our own.

    Raises `Retryable` when ClickHouse is unavailable, `Fatal` when it refuses.
    """
    client = connect(settings, user, timeout=timeout)
    try:
        yield client
    except ClickHouseError as error:
        raise explain(error, settings, user) from None
    finally:
        client.close()


@contextmanager
def lent(settings: Settings, user: User, opened: Client | None = None) -> Iterator[Client]:
    """Lend a client that works as `user`: the opened one, which stays open, or a new one, closed at the end.

    A page that sends many queries opens one client per user and thread. Raises the errors of `connect`.
    """
    client = opened or connect(settings, user)
    try:
        yield client
    finally:
        if opened is None:
            client.close()


def of_each_shard(
    settings: Settings, user: User, ask: Callable[[Client], Answer], home: Client | None = None, *, timeout: float = 60
) -> list[Answer]:
    """Ask each server that has rows and return the answers in the order of `clickhouse.shards`; one server is one shard.

    `home` is a client of the server at `clickhouse.url` that is open already; its errors are those of the driver. Raises `Retryable`
    when another server is unavailable, `Fatal` when it refuses.
    """
    answers = []
    for server in shards(settings):
        if home is not None and is_home(server):
            answers.append(ask(home))
            continue
        with working_as(server, user, timeout=timeout) as client:
            answers.append(ask(client))
    return answers


def in_utc(moment: datetime) -> datetime:
    """Return a time of the driver, which leaves out the zone where it is UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def code(error: BaseException) -> int:
    """Return ClickHouse's number of an error, 0 when it has none (the connection itself failed)."""
    return (error.code or 0) if isinstance(error, Error) else 0


def explain(error: ClickHouseError, settings: Settings, user: User) -> Fatal | Retryable:
    """Return our own error for one of the driver: one line, without the query."""
    number = code(error)
    place = address(settings)
    if number in WRONG_PASSWORD:
        return Fatal(f"ClickHouse at {place} refuses user {user}; see {settings.secrets_dir / PASSWORD_FILE}")
    if number == 0:
        why = unreachable(settings)
        if not why and (old := _ancient(settings, user)):
            return Fatal(f"ClickHouse at {place} {old}")
        return Retryable(f"ClickHouse at {place} {why or 'broke off its answer'}")
    message = f"ClickHouse at {place} answers user {user} with error {number} ({getattr(error, 'name', None)})"
    if number == NO_RIGHT and user == "pixel_writer":  # it asks nothing but the software's own queries
        message += f"; its rights are those of an earlier version: {_rights_again(settings)}"
    if number == SHARD_AWAY and settings.clickhouse.cluster:
        message += ", because another server of the cluster is away; `clinic-pixel doctor --cluster` says which one"
    if number == TOO_SLOW:
        return TooSlow(message)
    if number in BUSY:
        return Busy(message)
    return Retryable(message) if number in AWAY else Fatal(message)


def _ancient(settings: Settings, user: User) -> str:
    """Return `too_old` for a server that the driver cannot even ask for its version; its errors have no number in a header."""
    fields = {"X-ClickHouse-User": user, "X-ClickHouse-Key": read_passwords(settings, (user,))[user]}
    question = f"{address(settings)}/?query=SELECT%20version()"
    answer = answer_of(question, timeout=CONNECT_SECONDS, ca=settings.clickhouse.ca, fields=fields)
    if answer is None or "X-ClickHouse-Exception-Code" in answer.headers:
        return ""
    text = answer.data.decode(errors="replace").strip()
    if answer.status == 200 and _VERSION.fullmatch(text):
        return too_old(text)
    return too_old("") if text.startswith("Code: ") else ""


def _rights_again(settings: Settings) -> str:
    if settings.clickhouse.url is None:
        return "restart the embedded ClickHouse"
    return "run `clinic-pixel migrate --grants sql` again, and its output as an administrator of the server"
