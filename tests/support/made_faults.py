"""Faults of a made-up site: each changes the chances from an hour on; they share no code with the detectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pipeline.detection.series import Slice
from support.made_site import MadeSite

Fault = Callable[[MadeSite, int], None]
SILENCE: Final = 0.02
"""A few people always come: a cached page, a browser that lies about its name."""


def site_silent(made: MadeSite, begin: int) -> None:
    """Nobody comes any more."""
    made.level[begin:] = 0


def flood(made: MadeSite, begin: int) -> None:
    """Six times as many people come."""
    made.level[begin:] *= 6


def page(name: str, factor: float) -> Fault:
    """Return the fault of a page that loses people; those who come from it are still there."""

    def fault(made: MadeSite, begin: int) -> None:
        made.pages[name][begin:] *= factor

    return fault


def page_unreached(made: MadeSite, begin: int) -> None:
    """Nobody reaches /doctors/, so nobody comes from it."""
    made.pages["/doctors/"][begin:] = 0
    made.of_page["/doctors/", "named"][begin:] = 0


def browser(name: str, factor: float = SILENCE) -> Fault:
    """Return the fault of a browser whose people are lost."""

    def fault(made: MadeSite, begin: int) -> None:
        for program, share in made.programs.items():
            if program.browser == name:
                share[begin:] *= factor

    return fault


def network(made: MadeSite, begin: int) -> None:
    """A provider has an outage."""
    made.networks["AS8359 MTS"][begin:] *= SILENCE


def other(piece: Slice) -> Fault:
    """Return the fault of a referrer or an ad block that ends."""

    def fault(made: MadeSite, begin: int) -> None:
        made.others[piece][begin:] *= SILENCE

    return fault


def flag(name: str, measure: str, chance: float) -> Fault:
    """Return the fault of a page on which people meet something."""

    def fault(made: MadeSite, begin: int) -> None:
        chances = made.of_page.setdefault((name, measure), made.always(0.0))
        chances[begin:] = chance

    return fault


def part(measure: str, chance: float, browser_name: str = "") -> Fault:
    """Return the fault of one browser, or of all, whose people do something more or less often."""

    def fault(made: MadeSite, begin: int) -> None:
        for program in made.programs:
            if browser_name in ("", program.browser):
                made.parts[program, measure][begin:] = chance

    return fault


def retried(made: MadeSite, begin: int) -> None:
    """Half of the people of a form load it again and again."""
    made.again[begin:] = 0.5


BROKEN_FORM: Final = part("done", 0.01)
OF_EACH_WATCH: Final[Mapping[str, tuple[Fault, str]]] = {
    "all_traffic": (site_silent, ""),
    "traffic_spike": (flood, ""),
    "silent_page": (page("/doctors/", 0.0), "/doctors/"),
    "program_lost": (browser("Firefox"), "Firefox"),
    "network_lost": (network, "AS8359 MTS"),
    "referrer_lost": (other(Slice("referrer", "search.example")), "search.example"),
    "dead_ad": (other(Slice("ad", "top")), "top"),
    "server_errors": (flag("/doctors/", "server_error", 0.3), "/doctors/"),
    "missing_page": (flag("/about/", "error", 1.0), "/about/"),
    "form_broken": (part("done", 0.005, "Safari"), "Safari 18"),
    "form_retried": (retried, "form"),
    "reload_storm": (flag("/contacts/", "storm", 0.3), "/contacts/"),
    "slow_page": (flag("/contacts/", "reload", 0.4), "/contacts/"),
    "loop": (flag("/booking/", "loop", 0.4), "/booking/"),
    "counted_twice": (flag("/booking/", "doubled", 0.9), "/booking/"),
    "script_lost": (part("scripted", 0.01, "Firefox"), "Firefox 145"),
    "cookie_lost": (part("cookieless", 0.4, "Firefox"), "Firefox 145"),
    "referrer_dropped": (part("unreferred", 0.4), ""),
    "insecure": (flag("/contacts/", "insecure", 0.5), "/contacts/"),
}
"""A fault for each watch, and the slice that names it."""
