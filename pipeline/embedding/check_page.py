"""The whole check of a page from the outside: it and the files of its tag are loaded and judged.

Owns the order of the parts; the command and the page show the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.embedding.arrival import Arrival, Loaded, arrivals
from pipeline.embedding.check_parts import Remark
from pipeline.embedding.check_tag import check, check_answers, check_settings, files_of, in_order
from pipeline.embedding.fetch import anywhere, fetch_files, fetch_page
from pipeline.settings.model import Settings


class Checked(NamedTuple):
    """The answer: the page's HTTP status, the remarks, problems first, and the fields that arrive by each way."""

    url: str
    status: int
    remarks: Sequence[Remark]
    ways: Sequence[Arrival]

    @property
    def problems(self) -> int:
        """The number of problems."""
        return sum(remark.level == "problem" for remark in self.remarks)


def check_page(url: str, settings: Settings | None, may_ask: Callable[[str], bool] = anywhere) -> Checked:
    """Load a page and check it, against the settings where there are some.

    `may_ask` says of an address whether a file of the tag may be asked for there; the page itself is always loaded. Raises `Fatal` as
    `fetch_page` does.
    """
    answer = fetch_page(url)
    loaded = Loaded.of(url, answer.status, answer.headers, answer.body.decode("utf-8", "replace"))
    answers = fetch_files(url, *files_of(loaded), may_ask=may_ask)
    found = [*check(loaded), *check_answers(loaded, answers)]
    if settings is not None:
        found += check_settings(loaded, settings.sites, settings.collector.public_url)
    missing = {address for address, one in answers.items() if not one.is_ours}
    return Checked(url, answer.status, in_order(found), arrivals(loaded, missing))
