"""The units of systemd that the project ships, read, and run without systemd: users, groups, mounts, limits and secrets as a unit says.

What a machine without systemd cannot do is left out: the filter of system calls (tests/deploy/test_system_calls.py watches the calls
instead), addresses (`IPAddressDeny=`), control groups.
"""

from __future__ import annotations

import os
import shlex
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DATA = Path("/var/lib/clinic-pixel")
PROGRAM = Path("/opt/clinic-pixel/.venv/bin/clinic-pixel")
CONFIG = Path("/etc/clinic-pixel/pixel.toml")
_PYTHON, _SITE, _SOURCE = Path("/opt/python"), Path("/opt/site-packages"), Path("/opt/source")


class Unit:
    """One unit file: every value of a key, in order."""

    def __init__(self, file: Path) -> None:
        self.file, self.name = file, file.stem.removeprefix("clinic-pixel-")
        self._lines: list[tuple[str, str]] = []
        for line in file.read_text().splitlines():
            key, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                self._lines.append((key, value))

    def all(self, key: str) -> list[str]:
        """Return the values of a key."""
        return [value for name, value in self._lines if name == key]

    def words(self, key: str) -> list[str]:
        """Return the words of all values of a key."""
        return " ".join(self.all(key)).split()

    def one(self, key: str, default: str = "") -> str:
        """Return the last value of a key."""
        return (self.all(key) or [default])[-1]

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the unit sets."""
        return dict(line.split("=", 1) for line in self.all("Environment"))

    @property
    def credentials(self) -> dict[str, Path]:
        """The files that the process is handed, by their names."""
        return {name: Path(path) for name, _, path in (line.partition(":") for line in self.all("LoadCredential"))}


def unit(name: str) -> Unit:
    """Return a unit by the name of its process."""
    return Unit(DEPLOY / "systemd" / f"clinic-pixel-{name}.service")


class Machine:
    """A root directory with our users, groups and directories, made by systemd's own tools, and the processes of units on it."""

    def __init__(self, root: Path, settings: str) -> None:
        if os.geteuid() != 0:
            pytest.skip("the processes get users of their own: needs root")
        for tool in ("systemd-sysusers", "systemd-tmpfiles", "unshare", "setpriv"):
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed (Debian packages systemd, util-linux)")
        if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode != 0:
            pytest.skip("this machine allows no mounts of one's own (unshare)")
        self.root = root
        (root / "etc" / "clinic-pixel").mkdir(parents=True)
        (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc" / "group").write_text("root:x:0:\n")
        (root / CONFIG.relative_to("/")).write_text(settings)
        for tool, file in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
            create = ["--create"] if tool == "systemd-tmpfiles" else []
            file_given = str(DEPLOY / file / "clinic-pixel.conf")
            done = subprocess.run(
                [tool, f"--root={root}", *create, file_given], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        self.data = root / DATA.relative_to("/")
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, *arguments: str, before: Sequence[str] = (), at_once: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start the process of a unit, or another command in its place; `before` is a command that runs it.

        It runs until the machine ends, or with `at_once` until the caller ends it.
        """
        of = unit(name)
        command = list(arguments) or shlex.split(of.one("ExecStart"))
        script = "\n".join(self._prepared(of, [*before, *self._as_user(of), *command]))
        with (self.root / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=log, stderr=log
            )
        if not at_once:
            self.running[name] = process
        return process

    def run(self, name: str, *arguments: str, before: Sequence[str] = (), seconds: float = 120) -> int:
        """Run the process of a unit, or a command in its place, to its end; return its exit code."""
        process = self.start(name, *arguments, before=before, at_once=True)
        try:
            return process.wait(seconds)
        finally:
            process.kill()

    def log(self, name: str) -> str:
        """Return what the process of a unit printed."""
        return (self.root / f"{name}.log").read_text(errors="replace")

    def id_of(self, user: str) -> int:
        """Return the number of a user."""
        return self._ids("passwd")[user]

    def group(self, name: str) -> int:
        """Return the number of a group."""
        return self._ids("group")[name]

    def _ids(self, file: str) -> dict[str, int]:
        lines = (self.root / "etc" / file).read_text().splitlines()
        return {fields[0]: int(fields[2]) for fields in (line.split(":") for line in lines)}

    def _as_user(self, of: Unit) -> list[str]:
        groups = self._ids("group")
        user = self.id_of(of.one("User"))
        group = groups[of.one("Group", "root")]
        others = [str(groups[name]) for name in of.words("SupplementaryGroups")]
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(DATA),
            "PYTHONPATH": f"{_SOURCE}:{_SITE}",
            "LD_LIBRARY_PATH": str(_PYTHON / "lib"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **of.environment,
        }
        if of.credentials:
            environment["CREDENTIALS_DIRECTORY"] = f"/run/credentials/{of.file.name}"
        own = ["setpriv", f"--reuid={user}", f"--regid={group}"]
        own += [f"--groups={','.join(others)}"] if others else ["--clear-groups"]
        if of.one("NoNewPrivileges") == "true":
            own += ["--no-new-privs"]
        if of.all("CapabilityBoundingSet"):
            kept = [f"+{name.removeprefix('CAP_').lower()}" for name in of.words("CapabilityBoundingSet")]
            own += [f"--bounding-set={','.join(['-all', *kept])}", "--inh-caps=-all"]
        return ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *own]

    def _prepared(self, of: Unit, command: Sequence[str]) -> Iterator[str]:
        uid = self.id_of(of.one("User"))
        yield "set -e"
        yield "mount -t tmpfs -o mode=755 tmpfs /opt"
        yield f"mkdir -p {PROGRAM.parent} {_PYTHON} {_SITE} {_SOURCE} /opt/nobody /opt/upper /opt/work /opt/root"
        yield "chmod 000 /opt/nobody"
        for place, at in ((sys.base_prefix, _PYTHON), (site.getsitepackages()[0], _SITE), (DEPLOY.parent, _SOURCE)):
            yield f"mount --bind {shlex.quote(str(place))} {at}"
        yield f"mount --bind {shlex.quote(str(self.root))} /opt/root"
        yield f"printf '#!/bin/sh\\nexec {_PYTHON}/bin/python3 -m pipeline \"$@\"\\n' > {PROGRAM}; chmod 755 {PROGRAM}"
        yield "mount -t overlay -o lowerdir=/opt/root/etc:/etc overlay /etc"
        yield f"mount -t tmpfs -o mode=755 tmpfs /var/lib; mkdir {DATA}; mount --bind /opt/root{DATA} {DATA}"
        yield "mount -t tmpfs -o mode=755 tmpfs /run"
        if of.credentials:
            place = f"/run/credentials/{of.file.name}"
            yield f"mkdir -p {place}"
            for name, path in of.credentials.items():
                yield f"cp {path} {place}/{name}; chmod 400 {place}/{name}"
            yield f"chmod 500 {place}; chown -R {uid} {place}"
        for writable in of.words("ReadWritePaths"):
            if not Path(writable).is_relative_to(DATA):
                yield f"mount -t tmpfs tmpfs {Path(writable).parent}; mkdir {writable}"
            yield f"mount --bind {writable} {writable}"
        for closed in (path.removeprefix("-") for path in of.words("InaccessiblePaths")):
            yield f"test ! -e {closed} || mount --bind /opt/nobody {closed}"
        yield "umount /opt/root"
        if of.one("PrivateTmp") == "true":
            yield "mount -t tmpfs -o mode=1777 tmpfs /tmp; mount -t tmpfs -o mode=1777 tmpfs /var/tmp"
        if of.one("ProtectHome") == "true":
            yield "for home in /home /root; do test ! -d $home || mount -t tmpfs -o mode=000 tmpfs $home; done"
        if of.one("ProtectSystem") == "strict":
            left = "|".join(["/dev", "/dev/*", "/proc", "/proc/*", "/sys", "/sys/*", "/tmp", "/var/tmp"])
            left = "|".join([left, *of.words("ReadWritePaths")])
            yield "cut -d' ' -f2 /proc/self/mounts | sort -u | while read at; do case $at in"
            yield f"{left}) ;; *) mount -o remount,bind,ro $at 2>/dev/null || true ;; esac; done"
        yield f"umask {of.one('UMask', '0022')}; ulimit -c {of.one('LimitCORE', 'unlimited')}; cd /"
        yield f"exec {shlex.join(command)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            process.wait(timeout=30)
