"""Confines the process of the embedded engine with Landlock: it reads the system, writes its own directory, no more.

ClickHouse has functions that open files, databases and sockets, and each version brings new ones. A list of those that
are switched off is never complete, so the kernel refuses the access itself. Landlock needs no privilege.
Source: https://docs.kernel.org/userspace-api/landlock.html and linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pipeline
import sql
from pipeline.errors import Fatal

LEAST_ABI: Final = 2
"""Linux 5.19: before it no file could be renamed into another directory, which ClickHouse does with parts."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_VERSION_FLAG = 1
_PATH_RULE, _PORT_RULE = 1, 2
_PR_SET_NO_NEW_PRIVS = 38

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEVICE = 1 << 14, 1 << 15
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_SCOPES = 0b11  # abstract sockets and signals of other processes

_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ONLY_FOR_DIRECTORIES = _READ_DIR | ((1 << 14) - (1 << 4))
_SYSTEM = ("/usr", "/lib", "/lib64", "/proc", "/sys", "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_SYSTEM_FILES = ("ld.so.cache", "localtime", "timezone", "hosts", "nsswitch.conf", "resolv.conf", "passwd", "group")


def abi() -> int:
    """Return the version of Landlock that this kernel offers, 0 where it has none or has it switched off."""
    if sys.platform != "linux":
        return 0
    version: int = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    return max(version, 0)


def supported() -> bool:
    """Tell whether `confine` works on this kernel."""
    return abi() >= LEAST_ABI


def confine(home: Path, ports: Iterable[int]) -> None:
    """Take from this process, for good, every file but the system's (to read) and `home`, and every TCP port but `ports`.

    A file that is already open stays usable. The ports may be listened on; the process opens no connection of its own
    (from Linux 6.7 on). Raises `Fatal` where the kernel refuses.
    """
    version = abi()
    handled = (1 << 16) - 1
    handled &= ~(0 if version >= 5 else _IOCTL_DEVICE) & ~(0 if version >= 3 else _TRUNCATE)
    sizes = {2: 8, 3: 8, 4: 16, 5: 16}
    attributes = struct.pack("=QQQ", handled, _BIND_TCP | _CONNECT_TCP, _SCOPES)[: sizes.get(version, 24)]
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    try:
        for path in _readable():
            _allow(rules, path, _READ & handled)
        _allow(rules, Path("/dev/null"), (_WRITE_FILE | _TRUNCATE) & handled)
        _allow(rules, home, handled)
        if version >= 4:
            for port in ports:
                _call(_ADD_RULE, rules, _PORT_RULE, struct.pack("=QQ", _BIND_TCP, port), 0)
        _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _readable() -> list[Path]:
    packages = [Path(module.__file__).parent for module in (pipeline, sql) if module.__file__]
    # Not the whole of sys.path: it may name the project's directory, and data lies below that by default.
    libraries = [Path(entry) for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]
    system = [Path(name) for name in _SYSTEM] + [Path("/etc", name) for name in _SYSTEM_FILES]
    return [*system, Path(sys.base_prefix), Path(sys.prefix), *libraries, *packages]


def _allow(rules: int, path: Path, access: int) -> None:
    try:
        target = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = access if path.is_dir() else access & ~_ONLY_FOR_DIRECTORIES
        _call(_ADD_RULE, rules, _PATH_RULE, struct.pack("=Qi", allowed, target), 0)
    finally:
        os.close(target)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc().syscall(number, *arguments)
    if result < 0:
        raise Fatal(f"the embedded ClickHouse cannot be confined (Landlock: {os.strerror(ctypes.get_errno())})")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
