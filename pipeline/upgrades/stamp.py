"""The stamp of a data directory: the format of spool and journal, and the version that wrote them.

Owns `run/format.json`, in the directory that collector, `ship` and `migrate` may write where each has a user of its own. Rules:
`FORMAT` grows when an older version cannot read a record of the spool or a line of the journal as it was meant. A version writes its stamp where there is none or an older one; where there is a newer one it changes nothing:
`ship` would set records aside that it does not know, or call a good journal damaged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from pipeline import __version__
from pipeline.errors import Fatal, Retryable
from pipeline.settings.model import Settings
from pipeline.system.durable_files import LOCAL_FILES, make_directory, replace

FORMAT: Final = 1
FILE: Final = "run/format.json"
RESTORING: Final = "run/restoring"
"""Exists from the first file that a restore places until its end: rows, spool and journal may be of different moments."""


class Stamp(msgspec.Struct, frozen=True):
    """The format of the files, and the version that began it."""

    format: int = 0
    version: str = ""


def stamp_of(data: Path) -> Stamp:
    """Return the stamp of a data directory, format 0 where there is none; raises `Fatal` for a damaged one."""
    file = data / FILE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Stamp)
    except FileNotFoundError:
        return Stamp()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Fatal(f"{file}: damaged; if no newer version of clinic-pixel worked here, delete it") from None


def newer(data: Path) -> str:
    """Return the sentence about a data directory of a newer version, '' for one of this version or an older one."""
    found = stamp_of(data)
    if found.format <= FORMAT:
        return ""
    return (
        f"{data}: written by the newer clinic-pixel {found.version} (format {found.format}); this is {__version__} (format"
        f" {FORMAT}). Nothing was changed; install that version again, or restore a backup made before the upgrade"
    )


def try_claim(settings: Settings) -> str:
    """Stamp the data directory as one of this version; return the sentence about a newer one, '' without one.

    Raises `Fatal` for a damaged stamp, `Retryable` where the disk refuses.
    """
    if text := newer(settings.data):
        return text
    if stamp_of(settings.data).format < FORMAT:
        try:
            make_directory(settings.run_dir)
            replace(settings.data / FILE, msgspec.json.encode(Stamp(FORMAT, __version__)) + b"\n")
        except OSError as error:
            raise Retryable(f"{settings.data / FILE}: cannot be written: {error.strerror}") from None
    return ""


def claim(settings: Settings) -> None:
    """Do the same; raises `Fatal` where the directory is of a newer version or a restore did not end, `Retryable` where the disk refuses."""
    if (settings.data / RESTORING).exists():
        raise Fatal(
            f"{settings.data}: a restore was begun and did not end; run `clinic-pixel restore` again, with --into empty"
        )
    if text := try_claim(settings):
        raise Fatal(text)


def mark_restore(settings: Settings, *, is_open: bool) -> None:
    """Let `claim` refuse from the begin of a restore until its end; after a kill it goes on to refuse. Raises `OSError`."""
    mark = settings.data / RESTORING
    make_directory(settings.run_dir)
    if is_open:
        replace(mark, b"")
    else:
        mark.unlink(missing_ok=True)
        LOCAL_FILES.fsync_directory(mark.parent)
