"""Self-test: plant every form of every identifier and check that the search finds it.

Owns the scratch system with the planted forms: spool, journal, log, compressed ClickHouse data.
"""

from __future__ import annotations

import gzip
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import lz4.block

from pipeline.errors import Fatal
from pipeline.event import Event
from pipeline.privacy_check.byte_search import Search
from pipeline.privacy_check.canaries import Canary, Form
from pipeline.privacy_check.compressed import LZ4, ZSTD, zstd
from pipeline.privacy_check.places import Searching, search_files
from pipeline.settings.model import Settings
from pipeline.spool.records import frame
from pipeline.spool.segments import segment_path

_BETWEEN = b"\x00~\xff"


def check_search(canaries: Iterable[Canary], settings: Settings, scratch: Path) -> int:
    """Plant all forms under the empty directory `scratch`, search it, return the number of planted forms found.

    Raises `Fatal` that names the first place with a missed form.
    """
    known = tuple(canaries)
    search = Search(known)
    system = settings.model_copy(update={"data": scratch})
    planted = _BETWEEN.join(_loud(form) for form in search.forms)
    files = {
        system.journal_dir / "journal": planted,
        system.clickhouse_dir / "server.log": planted,
        system.clickhouse_dir / "server.log.0.gz": gzip.compress(planted),
        system.clickhouse_dir / "data" / "lz4.bin": _block(LZ4, lz4.block.compress(planted, store_size=False), planted),
        system.clickhouse_dir / "data" / "zstd.bin": _block(ZSTD, zstd.compress(planted), planted),
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    system.spool_dir.mkdir()
    segment = segment_path(system.spool_dir, "w0", 1, 1)
    segment.write_bytes(b"".join(frame(_event(canary)) for canary in known))

    searching = Searching(search)
    search_files(searching, system, [scratch], since_ns=0)
    proof = searching.proof()
    found = Counter(leak.where.partition(", ")[0] for leak in proof.leaks if _is_expected(leak.where))
    # A segment holds only the text, and may hold a canary of the user agent.
    wanted = dict.fromkeys(map(str, files), len(search.forms)) | {str(segment): 0}
    for place, count in wanted.items():
        if found[place] < count:
            missed = count - found[place]
            raise Fatal(
                f"self-test failed: the search missed {missed} of {count} planted identifiers in {Path(place).name}"
            )
    spooled = {(leak.kind, leak.sent_in) for leak in proof.leaks if leak.where == str(segment)}
    if missing := [canary for canary in known if not canary.waits and (canary.kind, canary.place) not in spooled]:
        raise Fatal(f"self-test failed: the search missed the {missing[0].kind} of {missing[0].place} in a segment")
    if not proof.waiting:
        raise Fatal("self-test failed: the search missed the user agent in a segment")
    return sum(found.values())


def _is_expected(where: str) -> bool:
    # Compressed files count unpacked: the compressor may have left some forms readable in the file itself.
    return where.endswith(", unpacked") or not where.endswith((".gz", ".bin"))


def _loud(form: Form) -> bytes:
    return form.pattern.upper() if form.folded else form.pattern


def _block(method: int, packed: bytes, content: bytes) -> bytes:
    return bytes(16) + struct.pack("<BII", method, len(packed) + 9, len(content)) + packed


def _event(canary: Canary) -> Event:
    agent, page = (canary.text, "") if canary.waits else ("", f"/{canary.text}")
    return Event(received_ms=1, event_id="", site="control", agent=agent, page=page)
