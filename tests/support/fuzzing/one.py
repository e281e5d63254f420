"""The search in one parser, in a process of its own: `python -m support.fuzzing.one PARSER SECONDS SEED PLACE`.

Guided by coverage where atheris is installed (libFuzzer below it), else seeded changes of the corpus. `PLACE` gets the inputs that reach
new code, and in `found/` the one that broke a promise. The last line of the output is `runs NUMBER`.
"""

from __future__ import annotations

import importlib.util
import logging
import resource
import sys
import time
import traceback
from pathlib import Path

SECONDS_OF_ONE = 20
"""A single input that takes longer ends the process, for an endless loop never comes back to be measured."""
MEMORY_MB = 3000


def search(name: str, seconds: int, seed: int, place: Path) -> None:
    """Search until the time is over or an input is found."""
    for directory in (place / "inputs", place / "found"):
        directory.mkdir(parents=True, exist_ok=True)
    if importlib.util.find_spec("atheris") is None:
        _changed(name, seconds, seed, place)
    else:
        _guided(name, seconds, seed, place)


def _changed(name: str, seconds: int, seed: int, place: Path) -> None:
    from support.fuzzing.corpus import inputs
    from support.fuzzing.every import EVERY
    from support.fuzzing.mutate import mutations
    from support.fuzzing.parser import tried

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB * 2**20, MEMORY_MB * 2**20))
    end, runs = time.monotonic() + seconds, 0
    for data in mutations(list(inputs(EVERY[name]).values()), seed):
        if time.monotonic() > end:
            break
        (place / "running").write_bytes(data)  # still there after an endless loop
        runs += 1
        try:
            tried(EVERY[name], data)
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            traceback.print_exc(limit=-6)
            (place / "running").rename(place / "found" / f"input-{runs}")
            break
    print(f"runs {runs}", flush=True)  # noqa: T201 - the result for the process that started this one


def _guided(name: str, seconds: int, seed: int, place: Path) -> None:
    import atheris

    with atheris.instrument_imports(include=["collector", "pipeline", "dashboards"]):
        from support.fuzzing.corpus import inputs
        from support.fuzzing.every import EVERY
    from support.fuzzing.parser import LARGEST, tried

    parser, runs = EVERY[name], 0
    for number, data in enumerate(inputs(parser).values()):
        (place / "inputs" / f"{number:04}").write_bytes(data)
        tried(parser, data)  # what is loaded once is loaded before the measuring begins

    def one(data: bytes) -> None:
        nonlocal runs
        runs += 1
        tried(parser, data)

    options = [
        f"-max_total_time={seconds}", f"-seed={seed}", f"-timeout={SECONDS_OF_ONE}", f"-rss_limit_mb={MEMORY_MB}",
        f"-max_len={LARGEST}", f"-artifact_prefix={place / 'found'}/", "-use_value_profile=1", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(place / "inputs")], one)
    atheris.Fuzz()


if __name__ == "__main__":
    logging.disable()
    search(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
