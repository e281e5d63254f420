"""The right answer for each kind of made-up fault, and the score of a run against it.

The limit of a loss is the number of expected events after which it is certain at an error rate of 1e-5, if everything were known: ln(1e5) divided by the
evidence of one event, 1 - f + f ln f for a loss to the part f (05-reports: silence 12 to 15, a half 75, 30 % 220).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any, Final, NamedTuple

Result = Mapping[str, Any]


class Answer(NamedTuple):
    """The watches that name the fault, and the begins of the names of the right slices ('' for the whole site)."""

    watches: frozenset[str]
    places: tuple[str, ...]
    is_loss: bool = False


def _answer(watches: str, *places: str, is_loss: bool = False) -> Answer:
    return Answer(frozenset(watches.split()), places, is_loss)


RIGHT: Final[Mapping[str, Answer]] = {
    "browser-form": _answer("form_broken form_retried", "Yandex Browser", is_loss=True),
    "form-dead": _answer("form_broken form_retried silent_page", "", "form", "/zapis/spasibo", is_loss=True),
    "silent-page": _answer("silent_page", "/price", is_loss=True),
    "silent-section": _answer("silent_page", "/services", is_loss=True),
    "network-outage": _answer("network_lost", "AS9198", "KZ", is_loss=True),
    "country-outage": _answer("network_lost", "KZ", "AS9198", "AS29355", "AS21299", is_loss=True),
    "not-found-storm": _answer("broken_link missing_page", "/price", "/services/mrt-novaya"),
    "server-errors": _answer("server_errors", "/doctors"),
    "reload-storm": _answer("reload_storm slow_page", "/price"),
    "login-loop": _answer("loop form_retried", "/lk", "login"),
    "dead-ad": _answer("dead_ad", "checkup", is_loss=True),
    "cookie-loss": _answer("cookie_lost", "Mobile Safari", "WebKit"),
    "tag-removed": _answer("all_traffic", "", is_loss=True),
    "http-mix": _answer("insecure", "", "/"),
    "duplicate-hits": _answer("counted_twice", "/services"),
    "referrer-lost": _answer("referrer_lost referrer_dropped", "yandex.ru", is_loss=True),
    "search-lost": _answer("referrer_lost", "yandex.ru", is_loss=True),
    "slow-page": _answer("slow_page reload_storm", "/doctors"),
    "collector-outage": _answer("all_traffic", "", is_loss=True),
    "script-blocked": _answer("script_lost", "WebKit", "Mobile Safari", "Safari"),
}
STANDING: Final = ("broken_link", "missing_page")
"""The dead link that every made-up clinic has, fault or not."""
DEAD_LINK: Final = ("/services", "/services/mrt-staraya")


class Score(NamedTuple):
    """One run: hours until the fault was named (None: missed), whether slice and watch are right, and other problems after its begin."""

    hours: int | None
    is_right: bool
    over_limit: float | None
    others: int


def score(result: Result) -> Score:
    """Return the score of one run."""
    right = RIGHT[result["fault"]]
    new = [each for each in result["problems"] if each["hours"] >= 0 and not _is_standing(each)]
    hit = [each for each in new if _names(each, right)]
    first = min(hit, key=lambda each: each["hours"], default=None)
    if first is None:
        return Score(None, False, None, len(new))
    over = first["expected"] / limit(result["size"]) if right.is_loss and first["expected"] else None
    earliest = min(new, key=lambda each: each["hours"])
    return Score(first["hours"], earliest is first or _names(earliest, right), over, len(new) - len(hit))


def limit(size: float) -> float:
    """Return the expected events until a loss of this size is certain."""
    left = 1 - size
    return log(1e5) / (1 - left + (left * log(left) if left > 0 else 0.0))


def false_problems(result: Result) -> list[Mapping[str, Any]]:
    """Return the problems of a clean run that are none."""
    return [each for each in result["problems"] if not _is_standing(each)]


def _names(problem: Mapping[str, Any], right: Answer) -> bool:
    watch, name = problem["watch"], problem["place"][1]
    last_watch, _, last_name = problem["last"][:3]
    return any(
        each in right.watches and any(place == text or (place and text.startswith(place)) for place in right.places)
        for each, text in ((watch, name), (last_watch, last_name))
    )


def _is_standing(problem: Mapping[str, Any]) -> bool:
    return problem["watch"] in STANDING and problem["place"][1] in DEAD_LINK
