"""The kinds of faults that a made-up history can end with: their names, sentences and places, and the truth about one.

Owns the catalogue and the period: `traffic.injectors` has the changes of a visit. Before the begin of a fault every hit is that of the
clean history of the same seed. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import dropwhile
from operator import attrgetter
from typing import Final, NamedTuple

from pipeline.durations import HOUR_MS
from pipeline.errors import Fatal
from pipeline.settings.site import Site
from pipeline.traffic import injectors
from pipeline.traffic.history import OPT_OUT, Clinic, clinic_until, hits_in_order, release_at
from pipeline.traffic.injectors import Fault, Inject
from pipeline.traffic.places import PEOPLE, Places, Provider
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import FORM, LOGIN, Visit, browser_on

YANDEX: Final = "https://yandex.ru/"
ONE_NETWORK: Final = tuple(provider for provider in PEOPLE if provider.systems == (9198,))
"""The only network of one of the providers."""
ONE_COUNTRY: Final = tuple(provider for provider in PEOPLE if provider.country == "KZ")


class Kind(NamedTuple):
    """One kind of fault: a sentence about it, hours before now at which it begins, its change of a visit, and its place.

    A fault of the site's own code begins with a new release. `lasts` is the part of the period after which it is over.
    """

    sentence: str
    hours: float
    inject: Inject
    is_release: bool = False
    page: str = ""
    leads_to: str = ""
    browser: str = ""
    engine: str = ""
    ad: str = ""
    source: str = ""
    providers: tuple[Provider, ...] = ()
    lasts: float = 1.0


KINDS: Final[dict[str, Kind]] = {
    "browser-form": Kind(
        "one version of Yandex Browser cannot finish the booking form: its users load it again and give up",
        96, injectors.browser_form, is_release=True, page=FORM, browser="Yandex Browser",
    ),
    "form-dead": Kind("nobody can finish the booking form", 24, injectors.form_dead, is_release=True, page=FORM),
    "silent-page": Kind(
        "one page sends no hits any more; other pages still name it as referrer", 24, injectors.silent, is_release=True, page="/price/"
    ),
    "silent-section": Kind(
        "all pages of one section send no hits any more", 24, injectors.silent, is_release=True, page="/services/"
    ),
    "network-outage": Kind(
        "one provider's network cannot reach the site (needs the files about networks)", 48, injectors.network_outage,
        providers=ONE_NETWORK,
    ),
    "country-outage": Kind(
        "one country cannot reach the site (needs the files about networks)", 48, injectors.network_outage, providers=ONE_COUNTRY
    ),
    "not-found-storm": Kind(
        "a link of one page leads to a page that is not there", 12, injectors.not_found_storm, is_release=True,
        page="/price/", leads_to="/services/mrt-novaya/",
    ),
    "server-errors": Kind("one page answers with 503", 6, injectors.server_errors, page="/doctors/"),
    "reload-storm": Kind("one page loads itself again every few seconds", 24, injectors.reload_storm, is_release=True, page="/price/"),
    "login-loop": Kind(
        "login and account send people back to each other", 24, injectors.login_loop, is_release=True, page=LOGIN, leads_to="/lk/vhod/"
    ),
    "dead-ad": Kind("one ad block is not shown any more", 24, injectors.dead_ad, is_release=True, ad="checkup"),
    "cookie-loss": Kind("one browser loses the id cookie on every view", 48, injectors.cookie_loss, browser="Mobile Safari"),
    "tag-removed": Kind("the tag is gone from the whole site", 12, injectors.all_silent, is_release=True),
    "http-mix": Kind("the links of the site lead to http instead of https", 24, injectors.http_mix, is_release=True),
    "duplicate-hits": Kind("one page has the tag twice", 24, injectors.duplicate_hits, is_release=True, page="/services/"),
    "referrer-lost": Kind(
        "people of one search engine still come, but their referrer is lost", 48, injectors.referrer_lost, source=YANDEX
    ),
    "search-lost": Kind("people of one search engine do not come any more", 48, injectors.search_lost, source=YANDEX),
    "slow-page": Kind("one page is slow: people load it again within ten seconds", 24, injectors.slow_page, page="/doctors/"),
    "collector-outage": Kind(
        "no hit of any site arrives for hours; then everything is as before", 24, injectors.all_silent, lasts=0.5
    ),
    "script-blocked": Kind(
        "one engine does not run the tag: its views come by the image without script", 48, injectors.script_blocked, engine="WebKit"
    ),
}  # fmt: skip


def kind_of(name: str) -> Kind:
    """Return the kind of this name; raises `Fatal` that names all kinds for another one."""
    if name not in KINDS:
        raise Fatal(f"--fault {name}: expected one of {', '.join(KINDS)}")
    return KINDS[name]


def fault_of(name: str, clinic: Clinic, since_ms: int, now_ms: int, size: float = 1.0) -> Fault:
    """Return the fault of a clinic that begins at `since_ms`; `size` is the share of the affected people or views that it hits.

    Raises `Fatal` for an unknown name, or for the outage of a network or country where the addresses have no network.
    """
    kind = kind_of(name)
    day = datetime.fromtimestamp(since_ms / 1000, clinic.site.zone).date()
    return Fault(
        name=name,
        since_ms=since_ms,
        until_ms=since_ms + round((now_ms - since_ms) * kind.lasts) if kind.lasts < 1 else 2**63,
        size=size,
        base=clinic.base,
        page=kind.page,
        leads_to=kind.leads_to,
        browser=kind.browser,
        major=_newest(day) if name == "browser-form" else 0,
        engine=kind.engine,
        ad=kind.ad,
        source=kind.source,
        addresses=_in_networks(clinic.places, name) if kind.providers else bool,
    )


def changed(visit: Visit, fault: Fault, clinic: Clinic) -> Visit:
    """Return a visit as it is with the fault; its views before the fault stay as they are."""
    views = visit.views
    if views[-1].at_ms < fault.since_ms:
        return visit
    kind = KINDS[fault.name]
    random = clinic.random(f"{fault.name} {visit.person} {visit.address} {views[0].at_ms}")
    after = [view for view in kind.inject(visit, fault, random) if view.at_ms >= fault.since_ms]
    if kind.is_release:
        after = [view._replace(release=f"{view.release}.1") if view.release else view for view in after]
    before = [view for view in views if view.at_ms < fault.since_ms]
    return visit._replace(views=(*before, *sorted(after, key=attrgetter("at_ms"))))


def truth(fault: Fault, clinic: Clinic) -> dict[str, object]:
    """Return what is true of a fault, by the words for a person; times are those of the site."""
    kind, zone = KINDS[fault.name], clinic.site.zone

    def told(moment: int) -> str:
        return datetime.fromtimestamp(moment / 1000, zone).isoformat(timespec="minutes")

    facts: dict[str, object] = {
        "fault": fault.name,
        "fault since": told(fault.since_ms),
        "fault until": told(fault.until_ms) if kind.lasts < 1 else "",
        "fault size": fault.size,
        "fault page": fault.page,
        "fault leads to": fault.leads_to,
        "fault browser": f"{fault.browser} {fault.major or ''}".strip(),
        "fault engine": fault.engine,
        "fault ad": fault.ad,
        "fault referrer": fault.source,
        "fault network": f"AS{kind.providers[0].systems[0]}" if kind.providers == ONE_NETWORK else "",
        "fault country": kind.providers[0].country if kind.providers == ONE_COUNTRY else "",
        "fault release": f"{release_at(clinic, fault.since_ms)}.1" if kind.is_release else "",
    }
    return {name: value for name, value in facts.items() if value != ""}


def planned_with_fault(clinic: Clinic, first_day: date, days: int, fault: Fault) -> Iterator[PlannedHit]:
    """Yield the hits of a history with a fault at its end, in order of time."""
    return hits_in_order(clinic, first_day, days, lambda visit: changed(visit, fault, clinic))


def planned_fault(
    site: Site,
    first_day: date,
    days: int,
    name: str,
    *,
    since_ms: int,
    visitors: int,
    size: float = 1.0,
    seed: int = 1,
    opt_out: float = OPT_OUT,
    places: Places | None = None,
) -> Iterator[PlannedHit]:
    """Yield the hits from `since_ms` on, in order of time, of the history of the same arguments with this fault.

    The hits of `planned_history` before `since_ms` and these are together the whole history.
    """
    clinic = clinic_until(site, first_day, days, visitors, seed, opt_out, places)
    end = datetime.combine(first_day + timedelta(days=days), datetime.min.time(), site.zone)
    fault = fault_of(name, clinic, since_ms, round(end.timestamp() * 1000), size)
    # A visit that began on the day before may reach into the day of the fault.
    begun = datetime.fromtimestamp(since_ms / 1000, UTC).astimezone(site.zone).date() - timedelta(days=1)
    first = max(first_day, begun)
    hits = planned_with_fault(clinic, first, (first_day - first).days + days, fault)
    return dropwhile(lambda hit: hit.at_ms < since_ms, hits)


def default_since(name: str, now_ms: int, hours: float | None = None) -> int:
    """Return the begin of a fault: so many hours before now, or as usual for its kind."""
    return now_ms - round((kind_of(name).hours if hours is None else hours) * HOUR_MS)


def _newest(day: date) -> int:
    """Return the newest version of Yandex Browser that two of five of its users have on a day."""
    return browser_on("Yandex Windows", day, 0.4).major


def _in_networks(places: Places, name: str) -> Callable[[str], bool]:
    if places.provider(places.carrier()) is None:
        raise Fatal(f"--fault {name}: the invented visitors have no network; run `clinic-pixel lists fetch` first")
    known = KINDS[name].providers

    @cache
    def is_there(address: str) -> bool:
        return places.provider(address) in known

    return is_there
