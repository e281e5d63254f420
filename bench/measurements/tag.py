"""The size of the tag, compressed as it is sent."""

from __future__ import annotations

import gzip
from pathlib import Path

from bench.effort import Effort
from bench.figures import Figure, Findings, at_most

TAG = Path(__file__).parents[2] / "collector/static/p.js"


def measure(_effort: Effort) -> Findings:
    size = len(gzip.compress(TAG.read_bytes(), 9, mtime=0))
    return Findings((Figure("tag.gzip_bytes", "the tag `/p.js`, gzip", "B", (size,), at_most(1200)),))
