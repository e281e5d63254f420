"""Power loss: from the recorded system calls of processes, the directories that a power cut at any of them may leave.

Nothing is trusted that was not synced. Of a file only the bytes of its last fsync are sure; each later write may be on the disk
whole, in part, as zeros, or not at all. A name is sure when its directory was synced after it was made; each change of a name since
then may be on the disk or not, whatever became of the changes before it. A rename happens as one, and a rename from one directory to
another is sure when both were synced.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from support.traced import Call

WRITES: Final = frozenset({"write", "pwrite64", "writev"})
UNKNOWN: Final = frozenset(
    {"pwritev", "pwritev2", "truncate", "fallocate", "copy_file_range", "sendfile", "splice", "symlink", "symlinkat"}
)
"""Calls whose effect this model does not know; nothing recorded may use them on its files."""


@dataclass
class _Node:
    """A file or, with `directory`, a directory."""

    directory: bool = False
    synced: bytes = b""
    content: bytearray = field(default_factory=bytearray)
    changes: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Since the last sync: (place, written bytes), or (size, None) for a truncation."""


class _Naming(NamedTuple):
    """A change of names by one call; None takes a name away."""

    names: Mapping[Path, _Node | None]


@dataclass
class _Open:
    node: _Node
    path: Path
    append: bool
    offset: int = 0


@dataclass
class State:
    """One directory that a power cut may leave."""

    how: str
    files: dict[Path, bytes]
    directories: set[Path]

    def __hash__(self) -> int:
        return hash((frozenset(self.files.items()), frozenset(self.directories)))

    def write(self, home: Path, into: Path) -> None:
        """Write it below `into`, as it was below `home`."""
        into.mkdir(parents=True, exist_ok=True)
        for directory in sorted(self.directories):
            (into / directory.relative_to(home)).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content in self.files.items():
            target = into / path.relative_to(home)
            if target.parent.is_dir():  # else the directory itself is gone, and all in it
                target.write_bytes(content)
                target.chmod(0o600)


class Recorded:
    """The files below `home` as the recorded calls change them, and what of them is sure."""

    def __init__(self, home: Path) -> None:
        self._home = home
        root = _Node(directory=True)
        self._now: dict[Path, _Node] = {home: root}
        self._sure: dict[Path, _Node] = {home: root}
        self._pending: list[tuple[_Naming, set[Path]]] = []
        """Changes of names, each with the directories that must still be synced."""
        self._open: dict[int, _Open] = {}
        for path in sorted(home.rglob("*")):
            content = b"" if path.is_dir() else path.read_bytes()
            node = _Node(path.is_dir(), content, bytearray(content))
            self._now[path] = self._sure[path] = node

    def forget_descriptors(self) -> None:
        """Go on with the calls of another process."""
        self._open.clear()

    def apply(self, call: Call) -> bool:
        """Follow one call; return whether it changed anything that a power cut would show."""
        if call.result < 0:
            return False
        handler = getattr(self, f"_{call.name}", None)
        if call.name in WRITES:
            return self._written(call)
        if call.name in UNKNOWN:
            raise AssertionError(f"{call.name} is not in the model of the disk")
        return bool(handler(call)) if handler is not None else False

    def states(self, chance: random.Random) -> Iterator[State]:
        """Yield directories that a power cut now may leave, the worst first; then two drawn by lot."""
        none, every = [False] * len(self._pending), [True] * len(self._pending)
        yield self._state("nothing unsynced", none, _lost)
        if not self._pending and not any(node.changes for node in self._now.values()):
            return
        yield self._state("all names, no unsynced bytes", every, _lost)
        yield self._state("all names, zeros for unsynced bytes", every, _zeros)
        yield self._state("all names, torn writes", every, _torn)
        yield self._state("everything", every, lambda node: bytes(node.content))
        for _ in range(2):
            kept = [chance.random() < 0.5 for _ in self._pending]
            yield self._state("some names, some writes", kept, lambda node: _some(node, chance))

    def _state(self, how: str, kept: Iterable[bool], content: object) -> State:
        assert callable(content)
        names: dict[Path, _Node | None] = dict(self._sure)
        for (change, _), persisted in zip(self._pending, kept, strict=True):
            if persisted:
                names.update(change.names)
        there = {path: node for path, node in names.items() if node is not None}
        files = {path: content(node) for path, node in there.items() if not node.directory}
        return State(how, files, {path for path, node in there.items() if node.directory})

    def _path(self, text: bytes) -> Path | None:
        path = Path(text.decode())
        return path if path.is_relative_to(self._home) else None

    def _name(self, names: Mapping[Path, _Node | None]) -> bool:
        self._pending.append((_Naming(names), {path.parent for path in names}))
        for path, node in names.items():
            if node is None:
                self._now.pop(path, None)
            else:
                self._now[path] = node
        return True

    def _openat(self, call: Call) -> bool:
        self._open.pop(call.result, None)
        path = self._path(call.texts[0])
        if path is None:
            return False
        made = path not in self._now
        if made:
            assert "O_CREAT" in call.arguments, f"{path} was opened and nobody made it"
            self._name({path: _Node()})
        node = self._now[path]
        if "O_TRUNC" in call.arguments and node.content:
            self._cut(node, 0)
        self._open[call.result] = _Open(node, path, "O_APPEND" in call.arguments)
        return made

    def _close(self, call: Call) -> bool:
        self._open.pop(call.descriptor, None)
        return False

    def _dup(self, call: Call) -> bool:
        if (opened := self._open.get(call.descriptor)) is not None:
            self._open[call.result] = opened
        return False

    _dup2 = _dup3 = _dup

    def _written(self, call: Call) -> bool:
        opened = self._open.get(call.descriptor)
        if opened is None:
            return False
        data, node = b"".join(call.texts)[: call.result], opened.node
        if call.name == "pwrite64":
            place = int(call.arguments.rpartition(",")[2])
        else:
            place = len(node.content) if opened.append else opened.offset
            opened.offset = place + len(data)
        node.content[place : place + len(data)] = data
        node.changes.append((place, data))
        return True

    def _ftruncate(self, call: Call) -> bool:
        opened = self._open.get(call.descriptor)
        if opened is None:
            return False
        self._cut(opened.node, int(call.arguments.rpartition(",")[2]))
        return True

    def _cut(self, node: _Node, size: int) -> None:
        del node.content[size:]
        node.changes.append((size, None))

    def _fsync(self, call: Call) -> bool:
        opened = self._open.get(call.descriptor)
        if opened is None:
            return False
        if opened.node.directory:
            self._sync_names(opened.path)
        opened.node.synced, opened.node.changes = bytes(opened.node.content), []
        return True

    _fdatasync = _fsync

    def _sync_names(self, directory: Path) -> None:
        still: list[tuple[_Naming, set[Path]]] = []
        for change, missing in self._pending:
            missing.discard(directory)
            if missing:
                still.append((change, missing))
                continue
            for path, node in change.names.items():
                if node is None:
                    self._sure.pop(path, None)
                else:
                    self._sure[path] = node
        self._pending = still

    def _rename(self, call: Call) -> bool:
        old, new = (self._path(text) for text in call.texts)
        if old is None or new is None:
            assert old is new, "a rename into or out of the recorded directory"
            return False
        return self._name({old: None, new: self._now[old]})

    _renameat = _renameat2 = _rename

    def _unlink(self, call: Call) -> bool:
        path = self._path(call.texts[0])
        return path is not None and self._name({path: None})

    _unlinkat = _rmdir = _unlink

    def _link(self, call: Call) -> bool:
        old, new = (self._path(text) for text in call.texts)
        return old is not None and new is not None and self._name({new: self._now[old]})

    _linkat = _link

    def _mkdir(self, call: Call) -> bool:
        path = self._path(call.texts[0])
        return path is not None and self._name({path: _Node(directory=True)})

    _mkdirat = _mkdir


def _lost(node: _Node) -> bytes:
    return node.synced


def _zeros(node: _Node) -> bytes:
    return _after(node, [(place, None if data is None else b"\0" * len(data)) for place, data in node.changes])


def _torn(node: _Node) -> bytes:
    if not node.changes:
        return node.synced
    *whole, (place, data) = node.changes
    return _after(node, whole if data is None else [*whole, (place, data[: len(data) // 2])])


def _some(node: _Node, chance: random.Random) -> bytes:
    return _after(node, [change for change in node.changes if chance.random() < 0.5])


def _after(node: _Node, changes: Iterable[tuple[int, bytes | None]]) -> bytes:
    content = bytearray(node.synced)
    for place, data in changes:
        if data is None:
            del content[place:]
        else:
            content.extend(b"\0" * (place - len(content)))
            content[place : place + len(data)] = data
    return bytes(content)
