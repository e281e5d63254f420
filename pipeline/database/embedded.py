"""The embedded ClickHouse: a real server out of the `chdb-core` wheel, one process that owns one data directory.

Owns `clickhouse/` under the data directory: configuration, lock, log and data. Theory of operation:

* The engine's extension module opens the HTTP (and native) listeners on `SYSTEM START LISTEN` and serves them as long
  as the query that follows runs, so that query sleeps for ever. A signal ends the process at once; ClickHouse is built
  to survive this (committed data is on disk).
* Configuration is read from the working directory. `users.xml` is made from `sql/access` at every start.
* The extension is loaded by itself, without `chdb/__init__.py`, which would first open a database of its own under /tmp
  and take a second.
* The engine runs as if it were clickhouse-local, where functions open files before any grant is checked: `file()` reads
  passwords and keys, `sqlite()` makes files. The kernel keeps the process to its own directory (`confinement`), only
  named users reach a query (`engine_config`), and files that such a function made there are moved away (`planted`).
* The engine takes a write that failed (ENOSPC, EIO) for a success: it then puts a merged part of empty files in the place of
  its sources, and deletes these eight minutes later. Started again, it sets such a part aside and reads the sources. So it
  leaves the last `KEPT_FREE_MB` of its disk alone, ends when others take them (`_end_before_the_disk_is_full`), and waits for room at its start.
* Nothing is written outside of the data directory, and the log holds no query and no row.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final

from pipeline.database.access import access_sql, make_passwords, parse_access
from pipeline.database.client import ping
from pipeline.database.confinement import confine, supported
from pipeline.database.engine_config import config_xml, users_xml
from pipeline.database.planted import set_aside
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system import locks
from pipeline.system.durable_files import replace
from pipeline.system.hardening import harden_process

RTLD_DEEPBIND = 8  # the engine brings its own allocator; without this flag another library's could be taken
ROOM_MB: Final = 128
"""Free space without which the engine does not start."""
LEAST_MB: Final = 64
"""Free space below which the engine ends; smaller than `KEPT_FREE_MB`, so that only other programs can bring it about."""
LOOK_SECONDS: Final = 0.05
"""A disk that others fill by less than 1.3 GB a second is seen before it is full."""
_LOCK = "lock"
_SWITCHED_OFF = ("file",)
SLEEP = (
    "SELECT sleepEachRow(1) FROM system.numbers"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 1000000 FORMAT Null"
)


def serve(settings: Settings) -> None:
    """Run the embedded server until a signal ends the process.

    Raises `Fatal` in one line when the directory or a port is taken, or when the engine fails. Ends with exit code 75 before the
    disk is full, to be started again.
    """
    os.umask(0o077)
    harden_process()
    home = settings.clickhouse_dir.resolve()
    for directory in (home, home / "data", home / "data" / "user_defined", home / "tmp"):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.chmod(0o700)
    lock = _lock(home)
    _wait_for_room(home)
    ports = [port for port in (settings.clickhouse.port, settings.clickhouse.tcp_port) if port]
    for port in ports:
        _check_port(port)
    _write(home / "config.xml", config_xml(settings))
    access = parse_access(access_sql(make_passwords(settings)))
    _write(home / "users.xml", users_xml(access, listeners=len(ports)))
    set_aside(home)
    for name in _SWITCHED_OFF:
        text = f"CREATE FUNCTION {name} AS path -> throwIf(1, '{name}() is switched off')"
        _write(home / "data" / "user_defined" / f"function_{name}.sql", text)
    os.chdir(home)
    os.environ["TMPDIR"] = os.environ["HOME"] = str(home / "tmp")
    if supported():
        confine(home, ports)
    _run(_engine(), settings, home / "data")
    os.close(lock)


def wait_until_ready(settings: Settings, alive: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return as soon as the server answers; raises `Fatal` when it ended, `Retryable` after `seconds`."""
    end = time.monotonic() + seconds
    while not ping(settings):
        if not alive():
            raise Fatal("the embedded ClickHouse ended before it was ready; its own line above gives the reason")
        if time.monotonic() > end:
            raise Retryable(f"the embedded ClickHouse is not ready after {seconds:.0f} s")
        time.sleep(0.05)


def _free_mb(home: Path) -> int:
    disk = os.statvfs(home)
    return disk.f_bavail * disk.f_frsize // 1_000_000


def _wait_for_room(home: Path) -> None:
    # To end here would not help: systemd gives up after a few tries, and the disk may be freed at any moment.
    if (free := _free_mb(home)) >= ROOM_MB:
        return
    _say(f"{home}: {free} MB free; the embedded ClickHouse waits for {ROOM_MB} MB; free the disk")
    while _free_mb(home) < ROOM_MB:
        time.sleep(1)
    _say(f"{home}: there is room again")


def _say(line: str, terminal: int = 2) -> None:
    with suppress(OSError):  # nobody listens any more
        os.write(terminal, f"{line}\n".encode())


def _end_before_the_disk_is_full(home: Path, terminal: int) -> None:
    while (free := _free_mb(home)) >= LEAST_MB:
        time.sleep(LOOK_SECONDS)
    _say(
        f"{home}: {free} MB free: the embedded ClickHouse ends, because it would lose rows on a full disk; free the disk",
        terminal,
    )
    os._exit(os.EX_TEMPFAIL)


def _run(engine: ModuleType, settings: Settings, data: Path) -> None:
    # The engine blocks in C, where Python would not get to its own handlers.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_before_the_disk_is_full, args=(data.parent, os.dup(2)), daemon=True).start()
    listen = "SYSTEM START LISTEN HTTP; " + ("SYSTEM START LISTEN TCP; " if settings.clickhouse.tcp_port else "")
    with _unprinted() as said:
        # TabSeparated: the listeners take it as their default format, and clickhouse-connect relies on it.
        result = engine.query(listen + SLEEP, "TabSeparated", path=str(data))
        reason = result.error_message() if result.has_error() else said()
    raise Fatal(f"the embedded ClickHouse could not serve: {reason.splitlines()[0][:300]}")


@contextmanager
def _unprinted() -> Iterator[Callable[[], str]]:
    """Keep the engine's output off the terminal and the disk; yield a function that returns its first error so far.

    The engine prints a greeting and, when it crashes, the query. It says there, and not in its log, why it cannot start.
    """
    output = os.memfd_create("engine") if sys.platform == "linux" else os.open(os.devnull, os.O_RDWR)
    kept = {stream: os.dup(stream) for stream in (1, 2)}
    for stream in kept:
        os.dup2(output, stream)

    def first_error() -> str:
        lines = os.pread(output, 1_000_000, 0).decode(errors="replace").splitlines()
        return next((line for line in lines if line.startswith("Code: ")), "the listening query ended")

    try:
        yield first_error
    finally:
        for stream, copy in kept.items():
            os.dup2(copy, stream)


def _engine() -> ModuleType:
    package = importlib.util.find_spec("chdb")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(name="chdb")
    extension = str(Path(package.origin).with_name("_chdb.abi3.so"))
    try:
        ctypes.CDLL(extension, mode=sys.getdlopenflags() | RTLD_DEEPBIND)
    except OSError as error:
        raise Fatal(f"chdb-core: the engine cannot be loaded: {error}") from None
    loader = ExtensionFileLoader("chdb._chdb", extension)
    spec = importlib.util.spec_from_file_location("chdb._chdb", extension, loader=loader)
    if spec is None:
        raise Fatal("chdb-core: the engine has no module specification")
    engine = importlib.util.module_from_spec(spec)
    loader.exec_module(engine)
    return engine


def is_at_work(settings: Settings) -> bool:
    """Return whether the embedded ClickHouse of this data directory runs; raises as `pipeline.system.locks.take` does."""
    return locks.is_held(settings.clickhouse_dir.resolve() / _LOCK)


def _lock(home: Path) -> int:
    try:
        return locks.take(home / _LOCK)
    except locks.Held:
        raise Fatal(f"{home}: another ClickHouse works on this directory; stop it, or set another PIXEL_DATA") from None


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Fatal(
                f"port {port} is in use; stop the program that uses it, or set PIXEL_CLICKHOUSE__PORT"
            ) from None


def _write(path: Path, text: str) -> None:
    replace(path, text.encode(), sync=False)
