"""The state of the machine in sentences: collector, database, shipper, spool, lists, keys, versions, and what `doctor` says."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from starlette.responses import Response

from dashboards.kept import Kept
from dashboards.strip import Pulse, pulse
from dashboards.view import View
from pipeline import __version__
from pipeline.database.client import ping, working_as
from pipeline.errors import PixelError
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.listed import listed
from pipeline.operations.doctor import Result, examine
from pipeline.settings.model import Settings
from pipeline.ship.status import read_status
from pipeline.spool.segments import used_bytes
from pipeline.system.durable_files import MB
from pipeline.system.private_files import may_reach

EXAMINED_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 10.0
OLD_LISTS: Final = 90
SHIP_SECONDS: Final = 60
_EXAMINED: Final = Kept[list[Result]](EXAMINED_SECONDS)
State = Literal["good", "warn", "bad"]


class Said(NamedTuple):
    """A sentence with its state: the key of the text, and its values."""

    state: State
    text: str
    values: dict[str, object]


def show(view: View) -> Response:
    """Show the sentences, then every check."""
    limit = AGAIN_SECONDS if "again" in view.query else EXAMINED_SECONDS
    made = _EXAMINED.get(view.settings.data, lambda: examine(view.settings, not_ours="note"), at_most=limit)
    return view.show(
        "health.html",
        said=list(sentences(view)),
        problems=[each for each in made.value if each.state == "problem"],
        notes=[each for each in made.value if each.state == "note"],
        fine=[each for each in made.value if each.state == "ok"],
        examined=made.at,
        versions=_versions(view),
    )


def _versions(view: View) -> dict[str, str]:
    try:
        with working_as(view.settings, "ops", timeout=5) as client:
            database = str(client.server_version)
    except PixelError:
        database = "–"
    return {"clinic-pixel": __version__, "ClickHouse": database, "Python": platform.python_version()}


def sentences(view: View) -> Iterator[Said]:
    """Yield the state of each part."""
    settings, beat = view.settings, pulse(view.settings)
    yield (
        Said("good", "health_collects", {})
        if beat.accepts
        else Said("bad", "health_silent", {"url": settings.collector.url})
    )
    hits = beat.hits(site.id for site in view.sites)
    if hits is not None:
        yield Said("good", "health_hits", {"n": hits}) if hits else Said("warn", "health_no_hits", {})
    yield (
        Said("good", "health_database", {})
        if ping(settings)
        else Said("bad", "health_no_database", {"n": beat.waiting})
    )
    yield _ship(view)
    used = _used(settings) / MB
    spool: dict[str, object] = {"n": beat.waiting, "used": used, "most": settings.spool.max_mb}
    yield Said("warn" if beat.is_late or used > settings.spool.max_mb / 2 else "good", "health_spool", spool)
    yield _lists(beat)
    yield _keys(view)


def _ship(view: View) -> Said:
    status = read_status(view.settings.data)
    if status is None:
        return Said("bad", "health_no_ship", {})
    at = datetime.fromtimestamp(status.at_ms / 1000, view.now.tzinfo)
    if status.state == "stopped" or (view.now - at).total_seconds() > SHIP_SECONDS:
        return Said("bad", "health_ship_stopped", {"ago": view.words.ago(at, view.now)})
    if status.state == "halted" or status.tries:
        return Said("bad", "health_ship_fails", {"n": status.tries, "error": status.error})
    return Said("good", "health_ship", {"n": status.stored})


def _lists(beat: Pulse) -> Said:
    if beat.lists is None:
        return Said("warn", "health_no_lists", {})
    return Said("warn" if beat.lists > OLD_LISTS else "good", "health_lists", {"n": beat.lists})


def _used(settings: Settings) -> int:
    if may_reach(settings.spool_dir):
        return used_bytes(settings.spool_dir)
    status = read_status(settings.data)
    return status.pending_bytes if status else 0


def _keys(view: View) -> Said:
    if not may_reach(view.settings.keys_dir):
        return Said("good", "health_keys_elsewhere", {})
    try:
        keys = listed(KeyDirectory.of(view.settings), view.now.date(), view.settings.retention.keys_days)
    except PixelError as error:
        return Said("bad", "health_keys_unsafe", {"error": str(error)})
    daily = [key for key in keys if key.name.first == key.name.last and key.state != "destroyed"]
    if not any(key.name.first == view.now.date() for key in daily):
        return Said("bad", "health_no_key", {"day": view.words.date(view.now.date())})
    over = sum(key.state == "due" for key in daily)
    return Said(
        "warn" if over else "good",
        "health_keys",
        {"n": len(daily), "oldest": view.words.date(daily[0].name.first), "over": over},
    )
