"""Attacks on the site and on the pixel itself: probes, spam, a copied cookie, and pixel requests that no page made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipeline.attackers.scene import PAGES, SECOND_MS, Client, Scene, minutes
from pipeline.durations import HOUR_MS
from pipeline.traffic.clinic_day import SCANNER_PATHS
from pipeline.traffic.send import PlannedHit
from pipeline.traffic.visits import DONE, FORM, Browser, View

_OLD_AGENT: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.110 Safari/537.36"


def cookie_replay(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one cookie, first the attacker's own, that three browsers in three networks send at once."""
    jar, addresses = scene.jar("copied"), (scene.home(), scene.server(), scene.server())
    for number, address in enumerate(addresses):
        client = Client(jar, scene.browser(("Chrome Windows", "Firefox", "Edge")[number]), address)
        moment = scene.start_ms + number * scene.later(SECOND_MS, 9 * SECOND_MS)
        pages = scene.random.choices(PAGES, k=scene.count(10))
        yield from scene.hits(client, scene.chain(pages, moment, (15 * SECOND_MS, 70 * SECOND_MS)))


def vulnerability_scan(scene: Scene) -> Iterator[PlannedHit]:
    """Yield a scanner with a browser's agent that tries the doors of other people's programs."""
    browser, moment, views = scene.browser("Chrome Windows"), scene.start_ms, []
    paths = [
        *SCANNER_PATHS,
        "/zapis/?id=1%27%20or%201=1--",
        "/price/?f=../../../../etc/passwd",
        "/?q=<script>alert(1)</script>",
    ]
    for number in range(scene.count(70)):
        views.append(View(moment, paths[number % len(paths)], status=404 if number % 9 else 403))
        moment += scene.later(250, 1_100)
    yield from scene.hits(Client("", Browser("", 0, "", browser.agent, {}), scene.server()), views)


def comment_spam_botnet(scene: Scene) -> Iterator[PlannedHit]:
    """Yield one old agent from many homes, which posts to pages that take no comments and names a page that it never loaded."""
    browser = Browser("", 0, "", _OLD_AGENT, {})
    news = [page for page in PAGES if page.startswith("/news/")]
    for number, moment in enumerate(scene.moments(scene.count(32), minutes(200))):
        client = Client("", browser, scene.home() if number % 3 else scene.server())
        page = scene.random.choice(news)
        views = [View(moment, page, scene.base + page, status=403)]
        if number % 2:
            views.append(View(moment + scene.later(800, 4_000), "/wp-comments-post.php", scene.base + page, status=404))
        yield from scene.hits(client, views)


def forged_pixel(scene: Scene) -> Iterator[PlannedHit]:
    """Yield pixel requests of a program: no page was loaded, and their parts contradict each other."""
    real = scene.browser("Chrome Windows")
    hints = {name: value.replace('v="1', 'v="9') for name, value in real.headers.items()}
    forged = {
        **hints,
        "Sec-CH-UA-Platform": '"Linux"',
        "Sec-Fetch-Dest": "empty",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "none",
        "Referer": "https://pixel-tester.example/send",
    }
    addresses = [scene.server() for _ in range(3)]
    for number, moment in enumerate(scene.moments(scene.count(72), HOUR_MS)):
        page = (*PAGES[:6], FORM, DONE)[number % 8]
        ads = ("checkup",) if number % 8 < 2 else ()
        client = Client("", real._replace(headers=forged), addresses[number % 3])
        yield from scene.hits(client, [View(moment, page, ads=ads)])
