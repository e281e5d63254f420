"""The catalogue: attacks, and innocent visitors who look like them, each with its sentence, its hours and its hits.

Pure: the same arguments give the same hits. A kind begins so many hours before its end as it needs, and all of its hits are before the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Final, NamedTuple

from pipeline.attackers import ads, booking, intruders, scrapers, shared_places, wanderers
from pipeline.attackers.scene import Scene
from pipeline.durations import HOUR_MS
from pipeline.errors import Fatal
from pipeline.settings.site import Site
from pipeline.traffic.places import Places
from pipeline.traffic.send import PlannedHit


class Kind(NamedTuple):
    """One kind: a sentence about it, its hits, the hours within which they are, and whether it is an attack."""

    sentence: str
    make: Callable[[Scene], Iterator[PlannedHit]]
    hours: float
    is_attack: bool = True


ATTACKS: Final[Mapping[str, Kind]] = {
    "click-id-reuse": Kind("the id of one paid click lands again and again, from many networks", ads.click_id_reuse, 4),
    "repeat-paid-clicks": Kind("a competitor clicks the clinic's ad all afternoon, with new cookies each time", ads.repeat_paid_clicks, 5),
    "impression-flood": Kind("one browser shows the ad blocks of the first page for two hours", ads.impression_flood, 3),
    "cookie-stuffing": Kind("a partner's hidden frames claim other people's bookings", ads.cookie_stuffing, 6),
    "booking-burst": Kind("a hosting network fills the calendar with bookings within half an hour", booking.booking_burst, 1),
    "fast-forms": Kind("a program fills the booking form within two seconds, from many homes", booking.fast_forms, 3),
    "spread-login": Kind("passwords are guessed from many addresses with one agent", booking.spread_login, 1),
    "scraper-fast": Kind("a server reads the whole site, several pages a second", scrapers.fast, 1),
    "scraper-slow": Kind("a server reads a page every five minutes, day and night", scrapers.slow, 21.5),
    "scraper-rotating-subnet": Kind("a scraper takes another address of one network for each page", scrapers.rotating_subnet, 1),
    "scraper-rotating-agents": Kind("a scraper takes another agent for each page", scrapers.rotating_agents, 1),
    "referrer-spam": Kind("views of the first page whose only purpose is their referrer", ads.referrer_spam, 4),
    "cloned-paths": Kind("a bought crowd takes one way through the site", scrapers.cloned_paths, 5),
    "cookie-replay": Kind("one cookie is used at once in three networks by three browsers", intruders.cookie_replay, 1),
    "vulnerability-scan": Kind("a scanner tries the doors of other people's programs", intruders.vulnerability_scan, 1),
    "comment-spam-botnet": Kind("one old agent posts spam from many homes", intruders.comment_spam_botnet, 4),
    "forged-pixel": Kind("a program calls the pixel without a page, and its parts contradict each other", intruders.forged_pixel, 1.5),
}  # fmt: skip
LOOK_ALIKES: Final[Mapping[str, Kind]] = {
    name: Kind(sentence, make, hours, is_attack=False)
    for name, (sentence, make, hours) in {
        "clinic-nat": ("staff and patients behind one address of the clinic, and of a branch", shared_places.clinic_nat, 11.0),
        "mobile-carrier": ("many phones behind one address of a carrier", shared_places.mobile_carrier, 12.0),
        "office-proxy": ("a company's people behind one address in a data centre", shared_places.office_proxy, 11.0),
        "kiosk": ("a terminal in the hall that one patient after another uses", shared_places.kiosk, 13.0),
        "waiting-room-screen": ("a screen that loads the first page again every minute", shared_places.waiting_room_screen, 9.5),
        "roaming-patient": ("one phone in five networks within hours", wanderers.roaming_patient, 12.0),
        "vpn-user": ("a person whose VPN is on, off, and on in another country", wanderers.vpn_user, 3.0),
        "family-booking": ("a parent who books for four of the family", shared_places.family_booking, 2.0),
        "front-desk": ("a receptionist who books all day for people on the telephone", shared_places.front_desk, 14.0),
        "browser-update": ("people whose browser updates itself between two visits", wanderers.browser_update, 9.0),
        "shared-link": ("the link of an ad that one person sent to family and friends", wanderers.shared_link, 5.0),
        "screen-reader": ("a blind person who goes through many pages with the keyboard", wanderers.screen_reader, 1.5),
        "translator": ("people who read the site through a translating proxy", wanderers.translator, 8.0),
        "link-checker": ("the clinic's own check of its links", wanderers.link_checker, 1.0),
    }.items()
}  # fmt: skip
KINDS: Final[Mapping[str, Kind]] = {**ATTACKS, **LOOK_ALIKES}


def kind_of(name: str) -> Kind:
    """Return the kind of this name; raises `Fatal` that names all kinds for another one."""
    if name not in KINDS:
        raise Fatal(
            f"--attack {name}: expected an attack ({', '.join(ATTACKS)}) or an innocent look-alike ({', '.join(LOOK_ALIKES)})"
        )
    return KINDS[name]


def planned_kind(
    name: str, site: Site, places: Places, *, start_ms: int, seed: int = 1, size: float = 1.0
) -> list[PlannedHit]:
    """Return the hits of a kind that begins at `start_ms` (Unix milliseconds), in order of time; raises `Fatal` for an unknown name."""
    scene = Scene(name, site, places, start_ms, seed, size)
    end_ms = start_ms + round(KINDS[name].hours * HOUR_MS) if name in KINDS else 0
    hits = sorted(kind_of(name).make(scene), key=attrgetter("at_ms"))
    return [hit for hit in hits if hit.at_ms < end_ms]


def truth(name: str, site: Site, hits: list[PlannedHit]) -> dict[str, object]:
    """Return what is true of a kind's hits, by the words for a person; the time is the site's."""
    kind = kind_of(name)
    begin = datetime.fromtimestamp(hits[0].at_ms / 1000, site.zone).isoformat(timespec="minutes")
    clients = {hit.person or f"{hit.address} {hit.agent}" for hit in hits}
    role = "attack" if kind.is_attack else "look-alike"
    return {
        f"{role} {name}": kind.sentence,
        f"{name} since": begin,
        f"{name} hits": len(hits),
        f"{name} browsers": len(clients),
        f"{name} addresses": len({hit.address for hit in hits}),
    }
