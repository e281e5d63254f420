"""A script that no engine runs is blocked by the site; one that a single engine no longer runs is the browser's own new default."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.detection.causes import Fault, faults
from pipeline.detection.detect import findings
from pipeline.detection.look import Look
from pipeline.detection.series import SITE
from support.made_site import DONE, OF_PROGRAM, PROGRAMS, MadeSite, Program

OLDER = Program("Safari", "Safari 17", "WebKit", "macOS", "desktop", 0.1)
"""A second version and system, so that the engine has more people than any of its browsers."""
DAYS, FROM, NOW = 21, 19 * 24 + 10, 20 * 24 + 16


def lost_scripts(is_hit: Callable[[Program], bool], *, shares: dict[str, float] | None = None) -> list[Fault]:
    """Return the faults of a site where some programs no longer run the script; `shares` of people by engine, where not as usual."""
    made = MadeSite(DAYS, 400)
    made.programs[OLDER] = made.always(OLDER.share)
    made.parts |= {(OLDER, flag): made.always(part) for flag, part in {**OF_PROGRAM, "done": DONE}.items()}
    for program in (*PROGRAMS, OLDER):
        made.programs[program] *= (shares or {}).get(program.engine, 1.0)
        if is_hit(program):
            made.parts[program, "scripted"][FROM:] = 0.0
    look = Look(made.table(1, NOW))
    return faults(look, findings(look))


def told(found: list[Fault]) -> list[tuple[str, str, str]]:
    return [(fault.main.watch, fault.main.slice.name, fault.cause) for fault in found]


def test_a_script_that_nobody_runs_is_blocked_on_the_site() -> None:
    found = lost_scripts(lambda _: True)
    assert told(found) == [("script_lost", "", "script_blocked")]
    assert found[0].main.slice == SITE


def test_a_script_that_one_engine_no_longer_runs_beside_others_is_a_new_privacy_default() -> None:
    found = lost_scripts(lambda program: program.engine == "WebKit")
    assert told(found) == [("script_lost", "WebKit", "privacy_default")]
    assert "Blink" in {piece.name for piece in found[0].works_for}


def test_where_everybody_has_one_engine_its_lost_script_is_that_of_the_site() -> None:
    alone = {"WebKit": 0.0, "Gecko": 0.0}
    assert told(lost_scripts(lambda _: True, shares=alone)) == [("script_lost", "", "script_blocked")]


def test_an_engine_with_nobody_to_compare_is_no_privacy_default() -> None:
    few = {"WebKit": 0.01, "Gecko": 0.01}
    (fault,) = lost_scripts(lambda program: program.engine == "Blink", shares=few)
    assert fault.cause == "script_blocked"
