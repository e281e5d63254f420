"""Files that our own processes write, after a disk, another program or a hostile user changed them: spool, journal, audit, keys, states.

A line of an input that begins with `!` stands for the framed line of what follows it: else no change would ever get past the checksum.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from dashboards.access.store import AccessAway, opened, reading
from pipeline.alerts.outbox import outbox_file, read_outbox
from pipeline.audit.actions import Action
from pipeline.audit.log import Audit
from pipeline.delivery.journal import Journal
from pipeline.delivery.journal_entries import frames
from pipeline.delivery.journal_entries import parse as parse_entry
from pipeline.delivery.segment_numbers import FILE as NUMBERS
from pipeline.delivery.segment_numbers import SegmentNumbers
from pipeline.edge.blocks import BlockList
from pipeline.errors import Fatal, Retryable
from pipeline.keys.directory import DESTROYED, KEY, KeyDirectory, KeyName
from pipeline.keys.ring import Keyring
from pipeline.marks.record import marks_file, note_changes
from pipeline.marks.releases import read_releases, releases_file
from pipeline.settings.model import Settings
from pipeline.ship.shared_values import SharedValues
from pipeline.ship.status import read_status, status_path
from pipeline.spool.framing import framed
from pipeline.spool.records import BadLine, frame, parse, scan
from pipeline.spool.recovery import recover
from pipeline.spool.segments import QUARANTINE, listing, parse_name, segment_path
from pipeline.system.secrets import read_or_make_secret
from support.fuzzing.parser import Parser, fresh, names, private
from support.shipping import INCARNATION


def lines_of(data: bytes) -> bytes:
    """Return the content of a framed file that an input stands for."""
    return b"".join(
        framed(line[1:].rstrip(b"\n")) if line.startswith(b"!") and line.rstrip(b"\n") != b"!" else line
        for line in data.splitlines(keepends=True)
    )


def check_segment(data: bytes) -> None:
    """Read a segment, then recover it as a file that a killed writer left: every byte of it is still somewhere."""
    content = lines_of(data)
    spool = fresh("segment")
    path = segment_path(spool, "w0", INCARNATION, 1)
    path.write_bytes(content)
    end = 0
    with path.open("rb") as stream:
        for next_end, record in scan(stream):
            assert end < next_end <= len(content)
            if not isinstance(record, BadLine):
                assert parse(frame(record)) == record
            end = next_end
    assert end == len(content)
    done = recover(spool, "w0")
    assert not done.failed
    sealed, aside = path.with_suffix(".seg"), spool / QUARANTINE
    kept = sealed.read_bytes() if sealed.exists() else b""
    tail = b"".join(file.read_bytes() for file in sorted(aside.iterdir())) if aside.is_dir() else b""
    assert len(tail) == done.torn_bytes
    cut = len(content) - len(tail)
    assert kept[:cut] + tail == content, "bytes were lost"
    assert recover(spool, "w0") == type(done)()


def check_journal(data: bytes) -> None:
    """Open a journal: refused with its place, or its state comes back from the fewest lines that tell it."""
    place = fresh("journal")
    (place / "journal").write_bytes(lines_of(data))
    try:
        journal = Journal(place)
    except Fatal as refused:
        names(refused, str(place))
        return
    with journal:
        for known in journal.open_plans():
            for line in known.lines():
                assert parse_entry(frames([line])) == line


def check_segment_names(data: bytes) -> None:
    """Read names of files in the spool, and look for gaps in their numbers with any memory of them."""
    place, spool = fresh("names"), fresh("names-spool")
    memory, *given = data.split(b"\n")
    (place / NUMBERS).write_bytes(memory)
    for name in given[:20]:
        text = name.decode("utf-8", "replace").replace("/", "").replace("\0", "")[:60]
        if text.strip("."):
            (spool / text).touch()
            assert parse_name(text) is None or text.isascii()
    numbers = SegmentNumbers(place)
    try:
        for _ in range(2):
            numbers.look_for_gaps(listing(spool))
        numbers.account_for(segment.path.name for segment in listing(spool))
    except Retryable:
        return


def check_audit(data: bytes) -> None:
    """Read and prove an audit of any content; an act after it is recorded or refused."""
    audit = Audit(fresh("audit"))
    private(audit.file, data)
    for act in (
        audit.verify_chain,
        lambda: audit.newest(5),
        lambda: list(audit.entries()),
        lambda: audit.refuse_an_old_clock(datetime(2026, 11, 29, tzinfo=UTC)),
        lambda: audit.record(Action.KEY_SEEN, {}, now=datetime(2026, 11, 29, tzinfo=UTC), who="x"),
    ):
        try:
            act()
        except (Fatal, Retryable):
            continue


def check_keys(data: bytes) -> None:
    """Read a directory of keys: the name of a file in the first line, its content after it."""
    name, _, content = data.partition(b"\n")
    text = name.decode("utf-8", "replace").replace("/", "").replace("\0", "")[:80]
    files = KeyDirectory(fresh("keys"))
    private(files.path / "2026-11-28.destroyed", content)
    if text.strip("."):
        private(files.path / text, content)
    for suffix in (KEY, DESTROYED):
        for found in files.names(suffix):
            assert KeyName.parse(found.text) == found
            assert (files.path / f"{found.text}{suffix}").exists()
    Keyring(files, may_mint=False).damaged()
    for listed in files.names(DESTROYED):
        try:
            files.tombstone(listed)
        except Fatal:
            continue
    keys = Keyring(files, may_mint=True)
    assert keys.day(datetime(2026, 11, 28, tzinfo=UTC).date(), today=datetime(2026, 11, 29, tzinfo=UTC).date()) is None


def check_secret(data: bytes) -> None:
    """Read a secret that somebody has written."""
    file = fresh("secret") / "ticket"
    private(file, data)
    try:
        read_or_make_secret(file)
    except Fatal as refused:
        names(refused, str(file))


def check_states(data: bytes) -> None:
    """Read the states of processes: each may be damaged, none may stop a process."""
    settings = Settings(data=fresh("states"))
    run = settings.run_dir
    KeyDirectory.of(settings)
    files: list[tuple[Path, Callable[[], object]]] = [
        (status_path(settings.data), lambda: read_status(settings.data)),
        (releases_file(settings), lambda: read_releases(releases_file(settings))),
        (run / "values.json", lambda: SharedValues(settings)),
        (outbox_file(run), lambda: read_outbox(run)),
        (marks_file(settings), lambda: _of_marks(settings)),
    ]
    for file, read in files:
        private(file, data)
        read()
    _of_blocks(data)


def _of_marks(settings: Settings) -> None:
    try:
        note_changes(settings)
    except (Fatal, Retryable):
        return


def _of_blocks(data: bytes) -> None:
    place = fresh("blocks")
    private(place / "case.json", data)
    try:
        BlockList(place, KeyDirectory(fresh("blocks-keys")))
    except Fatal as refused:
        names(refused, str(place))


def check_access(data: bytes) -> None:
    """Open the file of people and sessions with any content."""
    file = fresh("access") / "access.sqlite"
    private(file, data)
    for way in (reading, opened):
        try:
            with way(file) as connection:
                connection.execute("SELECT name, role FROM people").fetchall()
        except (Fatal, AccessAway):
            continue


PARSERS = (
    Parser("segment", check_segment),
    Parser("journal", check_journal),
    Parser("segment_names", check_segment_names),
    Parser("audit", check_audit),
    Parser("keys", check_keys),
    Parser("secret", check_secret),
    Parser("states", check_states),
    Parser("access_sqlite", check_access),
)
