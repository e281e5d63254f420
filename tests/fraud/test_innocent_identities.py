"""People who look odd by their network, cookie or browser: with every signal counted none of them becomes likely."""

from __future__ import annotations

import random
from collections.abc import Iterator

from pipeline.fraud.day import Suspect
from pipeline.scoring.rules import all_signals
from pipeline.scoring.score import Scored, Sign, scored
from pipeline.settings.model import Settings
from support.clinic_day import store
from support.server import Rows
from support.suspicion import MadeClient, found

PAGES = ("/", "/price", "/doctors", "/contacts", "/booking")
HOUR = 3600
NEW = {"cookie_state": "new", "visitor_kind": "day"}
Row = dict[str, object]


def as_if_judged(suspect: Suspect) -> Scored:
    """Return the score of a suspect as if every signal was judged."""
    signals = all_signals()
    judged = {name: signal.model_copy(update={"judged": signal.fingerprint}) for name, signal in signals.items()}
    around = suspect.around
    return scored([Sign(judged[sign.signal], sign.value) for sign in suspect.signs], around)


def crowd() -> Iterator[Row]:
    """Yield an ordinary day of 300 people, each on a way of its own."""
    draw = random.Random(13)
    for place in range(300):
        way = draw.choices([f"/page-{number}" for number in range(50)], k=5)
        yield from MadeClient({"ua_token": place % 7, "os": "Windows"}).views(
            range(place, place + 200, 40), way, hints="agree"
        )


def vpn_without_consent() -> Iterator[Row]:
    """Yield a person behind a VPN who refused, and whose browser takes the hints away."""
    facts = {"net_class": "vpn", "cookie_state": "refused", "visitor_kind": "day", "consent": "refused"}
    yield from MadeClient(facts).views(range(0, 300, 30), PAGES, hints="missing")


def tor() -> Iterator[Row]:
    """Yield a person in Tor whose circuit changes every ten minutes."""
    person = MadeClient({"net_class": "tor", "browser": "Firefox", "browser_major": 128})
    for place in range(6):
        there = {"net_token": f"2001:db8:{place:x}::", "asn": 64500 + place, "country": ("DE", "NL", "SE")[place % 3]}
        yield from person.views(range(600 * place, 600 * place + 300, 60), PAGES, **there)


def roaming() -> Iterator[Row]:
    """Yield a patient at home, on the way, and in a hotel over the border within two hours."""
    person = MadeClient()
    yield from person.views(range(0, 200, 40), PAGES)
    yield from person.views(range(1800, 2000, 40), PAGES, asn=8359, net_class="mobile", net_token="2001:db8:a::")
    yield from person.views(range(5400, 5600, 40), PAGES, asn=64500, country="KZ", net_token="2001:db8:b::")


def updated() -> Iterator[Row]:
    """Yield a person whose browser is updated in the middle of the day."""
    person = MadeClient({"os": "Windows"})
    yield from person.views(range(0, 200, 40), PAGES, browser_major=142, ua_token=142)
    yield from person.views(range(HOUR, HOUR + 200, 40), PAGES, browser_major=143, ua_token=143)


def office() -> Iterator[Row]:
    """Yield 60 people with one browser behind one address: their first hits are one suspect, their cookies are 60."""
    there = {"ip_token": "2001:db8::60", "net_token": "2001:db8::", "ua_token": 60}
    first = MadeClient(there | NEW)
    for place in range(60):
        yield from first.views([55 * place], [PAGES[place % 5]], referrer_kind="other", referrer_host="partner.example")
        person = MadeClient(there)
        yield from person.views(range(55 * place + 20, 55 * place + 140, 40), PAGES, referrer_kind="internal")


def carrier() -> Iterator[Row]:
    """Yield 200 phones behind one address of a mobile carrier, with twelve browsers, some seen once."""
    there = {"ip_token": "2001:db8::200", "net_token": "2001:db8:2::", "net_class": "mobile", "asn": 8359}
    for place in range(200):
        phone = MadeClient(there | {"ua_token": 200 + place % 12})
        yield from phone.views([10 * place, 10 * place + 30][: 1 + place % 2], PAGES)
        yield from MadeClient(there | NEW | {"ua_token": 200 + place % 12}).views([10 * place], PAGES)


def screen_reader() -> Iterator[Row]:
    """Yield a person with an old browser that its screen reader needs, who goes through the pages at an even pace."""
    person = MadeClient({"browser_major": 109, "os": "Windows"})
    yield from person.views(range(0, 600, 20), [f"/page-{place}" for place in range(30)], hints="missing")


def translator() -> Iterator[Row]:
    """Yield a reader of a translated page: the tag names the clinic, the browser the translator."""
    translated = {"page_host": "clinic-example.translate.goog", "page_flags": 1024 | 512, "hints": "missing"}
    yield from MadeClient().views(range(0, 300, 30), PAGES, **translated)


def data_saver() -> Iterator[Row]:
    """Yield a phone whose data-saving proxy has three addresses in a data centre."""
    person = MadeClient({"net_class": "datacenter", "as_org": "Proxy", "asn": 64500, "browser": "Opera Mobile"})
    for place in range(3):
        there = {"ip_token": f"2001:db8:3::{place:x}", "net_token": "2001:db8:3::"}
        yield from person.views(range(30 * place, 30 * place + 300, 60), PAGES, hints="missing", **there)


INNOCENT = (vpn_without_consent, tor, roaming, updated, office, carrier, screen_reader, translator, data_saver)


def test_nobody_odd_but_innocent_is_likely_on_a_day_that_has_a_controlled_browser(
    tables: Rows, clickhouse: Settings
) -> None:
    robot = MadeClient({"robot": "HeadlessChrome", "ivt_reasons": ["automation_token"]})
    made = {person.__name__: list(person()) for person in INNOCENT}
    names = {row["visitor"]: name for name, rows in made.items() for row in rows}
    store(clickhouse, [*crowd(), *robot.views([0]), *(row for rows in made.values() for row in rows)])
    scores = {each.suspect: as_if_judged(each) for each in found(tables.writer, *all_signals())}
    likely = {
        suspect: (names.get(suspect), score.points) for suspect, score in scores.items() if score.band == "likely"
    }
    assert set(likely) == {robot.suspect}, likely
    # The test says nothing unless the signals see them.
    told = {names.get(suspect) for suspect, score in scores.items() if any(score.points.values())}
    assert told >= {"vpn_without_consent", "tor", "roaming", "screen_reader", "translator", "data_saver"}
