"""Whether memory could be written to swap, and the locking that keeps it out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.system.swap import may_swap

HEADING = "Filename\tType\tSize\tUsed\tPriority\n"
SWAP = HEADING + "/dev/sda2 partition 1000 0 -2\n"


@pytest.mark.parametrize(
    ("word", "swaps", "locked", "unit", "expected"),
    [
        ("swap and nothing against it", SWAP, "0 kB", "max", True),
        ("no swap on the machine", HEADING, "0 kB", "max", False),
        ("locked memory", SWAP, "120 kB", "max", False),
        ("MemorySwapMax=0", SWAP, "0 kB", "0", False),
        ("nothing can be read", "", "0 kB", "max", True),
    ],
)
def test_memory_may_be_swapped_unless_something_forbids_it(tmp_path: Path, word, swaps, locked, unit, expected) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "swaps").write_text(swaps)
    (tmp_path / "self" / "status").write_text(f"Name:\tx\nVmLck:\t{locked}\n")
    (tmp_path / "self" / "cgroup").write_text("0::/system.slice/clinic-pixel-collect.service\n")
    group = tmp_path / "cgroup" / "system.slice" / "clinic-pixel-collect.service"
    group.mkdir(parents=True)
    (group / "memory.swap.max").write_text(f"{unit}\n")
    assert may_swap(tmp_path, tmp_path / "cgroup") is expected, word


def test_locked_memory_is_seen_as_locked_and_leaves_room_to_work() -> None:
    code = (
        "from pipeline.system.swap import lock_memory, _locked\n"
        "from pathlib import Path\n"
        "done = lock_memory()\n"
        "assert _locked(Path('/proc')) is done\n"
        "print(done, len(bytearray(50_000_000)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    locked, size = done.stdout.split()
    assert size == "50000000"
    if locked == "False":
        pytest.skip("this user may not lock memory")
