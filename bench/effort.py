"""The effort of a run: number of runs, their length, the size of the made-up data, and the place for files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Effort:
    """Options of a run; `seconds` is the length of one slice of load."""

    scratch: Path
    say: Callable[[str], None] = lambda _text: None
    runs: int = 5
    seconds: float = 4
    hits: int = 300_000
    """Hits after which the memory of a worker is compared."""
    events: int = 200_000
    """Events in the full spool that is drained."""
    people: int = 4_000
    """Visitors on each of the two days of the made-up clinic whose bytes on disk are counted."""
    tables: tuple[int, ...] = (1_000_000, 10_000_000)
    """Rows of the tables over which the reports are asked."""
    logs: tuple[Path, ...] = ()
    """Access logs that are replayed for the same count."""

    def quick(self) -> Effort:
        return replace(self, runs=2, seconds=1, hits=60_000, events=40_000, people=100, tables=(100_000,))

    def facts(self) -> dict[str, str]:
        """Return the sizes of the run for a reader of its results."""
        return {
            "runs": str(self.runs),
            "seconds of a slice": f"{self.seconds:g}",
            "hits before memory is compared": f"{self.hits:,}",
            "events in the full spool": f"{self.events:,}",
            "people of a made-up day": f"{self.people:,}",
            "rows of the tables of reports": " and ".join(f"{rows:,}" for rows in self.tables),
        }

    def below(self, name: str) -> Effort:
        """Return the same effort with a directory of its own, whose progress carries a name."""
        scratch = self.scratch / name
        scratch.mkdir()
        return replace(self, scratch=scratch, say=lambda text: self.say(f"{name}: {text}"))
