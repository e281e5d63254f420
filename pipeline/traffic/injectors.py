"""The faults as changes of one visit: views that are lost, added or told differently.

Owns one function for each kind of fault. It gets a visit with a view in the period of the fault and returns its views; those before
the period stay as they are (`traffic.faults` sees to it). It shares nothing with the code that finds faults: it knows visits, not
events. Pure: randomness is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from pipeline.durations import MINUTE_MS
from pipeline.traffic.visits import DONE, FORM, View, Visit


class Fault(NamedTuple):
    """A fault of the made-up clinic: its period (Unix milliseconds), the share that it hits, and what it is about ('' where it is not)."""

    name: str
    since_ms: int
    until_ms: int
    size: float
    base: str
    page: str = ""
    leads_to: str = ""
    browser: str = ""
    major: int = 0
    engine: str = ""
    ad: str = ""
    source: str = ""
    addresses: Callable[[str], bool] = bool
    """Whether an address is in the affected network."""

    def within(self, view: View) -> bool:
        """Return whether a view is in the period."""
        return self.since_ms <= view.at_ms < self.until_ms

    def strikes(self, random: Random) -> bool:
        """Return whether it hits this person or view."""
        return random.random() < self.size


Views = Iterator[View]
Inject = Callable[[Visit, Fault, Random], Views]


def _plain(view: View) -> str:
    return view.page.partition("?")[0]


def _is_view_of(view: View, fault: Fault) -> bool:
    return not view.ads and fault.within(view) and _plain(view) == fault.page


def form_dead(visit: Visit, fault: Fault, random: Random) -> Views:
    """Nobody gets from the form to the page after it: they load the form again and give up; some look for the telephone number."""
    struck = fault.strikes(random)
    is_over = False
    for view in visit.views:
        at_form = _plain(view) == FORM and not view.ads
        if not struck or not (fault.within(view) and (at_form or _plain(view) == DONE)):
            if not is_over:
                yield view
            continue
        if at_form and not is_over:
            yield view
            last = view
            for _ in range(random.randrange(2, 6)):
                last = last._replace(at_ms=last.at_ms + random.randrange(20_000, 90_000))
                yield last
            if random.random() < 0.3:
                moment = last.at_ms + random.randrange(5_000, MINUTE_MS)
                yield view._replace(
                    at_ms=moment, page="/contacts/", referrer=fault.base + FORM if view.referrer else ""
                )
        is_over = True


def browser_form(visit: Visit, fault: Fault, random: Random) -> Views:
    """As `form_dead`, for one version of one browser."""
    is_it = (visit.browser.family, visit.browser.major) == (fault.browser, fault.major)
    return form_dead(visit, fault, random) if is_it else iter(visit.views)


def silent(visit: Visit, fault: Fault, random: Random) -> Views:
    """A page, or all pages below it, sends nothing any more; later views still name it as referrer."""
    is_section = fault.name == "silent-section"
    for view in visit.views:
        page = _plain(view)
        is_there = page.startswith(fault.page) if is_section else page == fault.page
        if not (is_there and fault.within(view) and fault.strikes(random)):
            yield view


def all_silent(visit: Visit, fault: Fault, random: Random) -> Views:
    """No page of the site sends anything."""
    return (view for view in visit.views if not (fault.within(view) and fault.strikes(random)))


def network_outage(visit: Visit, fault: Fault, random: Random) -> Views:
    """Nobody of one network or country comes through."""
    is_lost = fault.addresses(visit.address) and fault.strikes(random)
    return (view for view in visit.views if not (is_lost and fault.within(view)))


def not_found_storm(visit: Visit, fault: Fault, random: Random) -> Views:
    """A link of one page leads to a page that is not there; people come back and go on."""
    views = visit.views
    for place, view in enumerate(views):
        yield view
        if _is_view_of(view, fault) and fault.strikes(random):
            room = views[place + 1].at_ms - view.at_ms if place + 1 < len(views) else 20_000
            moment = view.at_ms + max(1, min(room // 2, 15_000))
            referrer = fault.base + fault.page if view.mode == "js" else ""
            yield view._replace(at_ms=moment, page=fault.leads_to, referrer=referrer, status=404)


def server_errors(visit: Visit, fault: Fault, random: Random) -> Views:
    """One page answers with 503; some try it again, some leave."""
    for view in visit.views:
        if not (fault.within(view) and _plain(view) == fault.page and fault.strikes(random)):
            yield view
            continue
        if view.ads:  # the template of an error has no ad blocks
            continue
        yield view._replace(status=503)
        if random.random() < 0.5:
            yield view._replace(status=503, at_ms=view.at_ms + random.randrange(2_000, 9_000))
        if random.random() < 0.4:
            return


def reload_storm(visit: Visit, fault: Fault, random: Random) -> Views:
    """A page loads itself again every few seconds for as long as it is open."""
    later = 0
    for view in visit.views:
        now = view._replace(at_ms=view.at_ms + later)
        yield now
        if _is_view_of(view, fault) and fault.strikes(random):
            for _ in range(random.randrange(7, 15)):
                later += random.randrange(4_000, 7_000)
                yield now._replace(at_ms=view.at_ms + later)


def login_loop(visit: Visit, fault: Fault, random: Random) -> Views:
    """The login and the account send each other's visitors back until they give up."""
    for view in visit.views:
        yield view
        if not (_is_view_of(view, fault) and fault.strikes(random)):
            continue
        pair, moment = (fault.page, fault.leads_to), view.at_ms
        for turn in range(random.randrange(8, 15)):
            moment += random.randrange(700, 2_200)
            before = fault.base + pair[turn % 2] if view.mode == "js" else ""
            yield view._replace(at_ms=moment, page=pair[1 - turn % 2], referrer=before)
        return


def dead_ad(visit: Visit, fault: Fault, random: Random) -> Views:
    """One ad block is not shown any more; the others on the page are."""
    for view in visit.views:
        if fault.ad not in view.ads or not fault.within(view) or not fault.strikes(random):
            yield view
        elif others := tuple(ad for ad in view.ads if ad != fault.ad):
            yield view._replace(ads=others)


def cookie_loss(visit: Visit, fault: Fault, random: Random) -> Views:
    """One browser does not send the id cookie back."""
    is_lost = visit.browser.family == fault.browser and fault.strikes(random)
    return (view._replace(keeps_cookie=not (is_lost and fault.within(view))) for view in visit.views)


def http_mix(visit: Visit, fault: Fault, random: Random) -> Views:
    """The links of the site lead to http; from https to http a browser tells no referrer, from http to http it does."""
    struck = fault.strikes(random)
    before, last = "https", ""
    for place, view in enumerate(visit.views):
        if not (struck and place and fault.within(view)):
            yield view
            last = view.page
            continue
        # Ad blocks are of the same page, and so is a reload.
        scheme = before if view.ads or view.page == last else "http"
        is_inside = view.referrer.startswith(fault.base)
        referrer = "" if before == "https" and scheme == "http" else view.referrer.replace("https:", "http:")
        yield view._replace(scheme=scheme, referrer=referrer if is_inside else view.referrer)
        before, last = scheme, view.page


def duplicate_hits(visit: Visit, fault: Fault, random: Random) -> Views:
    """A page has the tag twice."""
    for view in visit.views:
        yield view
        if _is_view_of(view, fault) and fault.strikes(random):
            yield view._replace(at_ms=view.at_ms + random.randrange(40, 400))


def referrer_lost(visit: Visit, fault: Fault, random: Random) -> Views:
    """People of a search engine still come, and their browsers do not tell it."""
    is_lost = fault.strikes(random)
    for view in visit.views:
        yield view._replace(referrer="") if is_lost and fault.within(view) and view.referrer == fault.source else view


def search_lost(visit: Visit, fault: Fault, random: Random) -> Views:
    """People of a search engine do not come any more."""
    first = visit.views[0]
    return iter(() if first.referrer == fault.source and fault.within(first) and fault.strikes(random) else visit.views)


def slow_page(visit: Visit, fault: Fault, random: Random) -> Views:
    """A page is so slow that people load it again within ten seconds, or leave."""
    later = 0
    for view in visit.views:
        now = view._replace(at_ms=view.at_ms + later)
        yield now
        if _is_view_of(view, fault) and fault.strikes(random):
            for _ in range(random.randrange(1, 4)):
                later += random.randrange(3_500, 9_500)
                yield now._replace(at_ms=view.at_ms + later)
            if random.random() < 0.3:
                return


def script_blocked(visit: Visit, fault: Fault, random: Random) -> Views:
    """One engine does not run the tag: the image without script remains, which tells no referrer and sees no ad block."""
    is_blocked = visit.browser.engine == fault.engine and fault.strikes(random)
    for view in visit.views:
        if not (is_blocked and fault.within(view)):
            yield view
        elif not view.ads:
            yield view._replace(mode="noscript", referrer="")
