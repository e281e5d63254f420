"""Programs that read the whole site: in a hurry, all day long, or spread over addresses and agents."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.attackers.scene import PAGES, SECOND_MS, TRAP, Client, Scene, beside, minutes
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import View


def fast(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one server that follows every link, the hidden one too, several pages a second."""
    client = scene.stranger(scene.server(), "Chrome Windows")
    yield from scene.hits(client, _walk(scene, scene.count(140), 180, 420, hidden=True))


def slow(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one server that reads a page every few minutes, day and night, and keeps its cookies."""
    client = scene.client("slow", scene.server(), "Chrome Windows")
    yield from scene.hits(client, _walk(scene, scene.count(230), minutes(4.5), minutes(5.5), hidden=False))


def rotating_subnet(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a scraper that takes another address of one network for each page."""
    browser, first = scene.browser("Chrome Windows"), scene.server()
    for number, view in enumerate(_walk(scene, scene.count(110), 4 * SECOND_MS, 14 * SECOND_MS, hidden=False)):
        yield from scene.hits(Client("", browser, beside(first, number)), [view])


def rotating_agents(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a scraper that takes another agent for each page."""
    address = scene.server()
    families = ("Chrome Windows", "Chrome Android", "Edge", "Firefox", "Safari Mac", "Safari iPhone", "Yandex Windows")
    browsers = [scene.browser(family) for family in families for _ in range(3)]
    for view in _walk(scene, scene.count(110), SECOND_MS, 4 * SECOND_MS, hidden=False):
        yield from scene.hits(Client("", scene.random.choice(browsers), address), [view])


def cloned_paths(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a bought crowd of browsers in many networks that all take one way through the site."""
    way = ("/news/", "/akcii/", "/services/", "/services/mrt/", "/contacts/", "/doctors/lor/")
    for number, moment in enumerate(scene.moments(scene.count(11), minutes(240))):
        views = scene.chain(way, moment, (11 * SECOND_MS, 42 * SECOND_MS))
        yield from scene.hits(scene.client(number, scene.home()), views)


def _walk(scene: Scene, count: int, shortest_ms: int, longest_ms: int, *, hidden: bool) -> Iterator[View]:
    """Yield views of the pages of the site in one order, again from the first after the last."""
    pages = [*PAGES, *([TRAP] if hidden else [])]
    scene.random.shuffle(pages)
    moment = scene.start_ms
    for number in range(count):
        yield View(moment, pages[number % len(pages)])
        moment += scene.later(shortest_ms, longest_ms)
