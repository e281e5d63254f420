"""The requests of the measurements: templates with marks that each hit fills with a new number.

wrk plays them by `play.lua`, and `filled` does the same in one process. Marks: `{n}` the number, `{c}` with 22 digits, `{a}`
as two parts of an IPv6 address.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from urllib.parse import quote

DAY_SECONDS = 86_400
TEMPLATES = 20_000
_CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.{}.0 Safari/537.36"
)
_FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_QUERY = "/p.gif?s=clinic&m=js&r=https%3A%2F%2Fya.ru%2F&u={page}&n={{n}}"

Mix = Callable[[int], list[str]]
"""Returns the templates of a mix for a day (days since 1970), of which the identity cookie holds one."""


def design(day: int) -> list[str]:
    """10,000 addresses of both kinds, 300 agents with a long tail, 200 pages to scrub, 5,000 cookies, 20 % without, 5 % GPC."""
    chance = random.Random(7)
    return [
        _request(_page(place), _visitor(chance.randrange(10_000), day) | {"User-Agent": _agent(chance)})
        for place in range(TEMPLATES)
    ]


def adversarial(day: int) -> list[str]:
    """Every address, page, referrer, agent and cookie is new: no cache of the collector finds anything."""
    page = quote("https://clinic.example/doctors/page-", safe="") + "{n}"
    target = f"/p.gif?s=clinic&m=js&r=https%3A%2F%2Fya.ru%2F{{n}}&u={page}&n={{n}}"
    return [
        _request(
            target,
            {
                "User-Agent": _CHROME.format(100 + place, "{n}"),
                "X-Forwarded-For": "2001:db8:{a}::1",
                "X-Forwarded-Proto": "https",
                "Cookie": f"lang=ru; __Host-px=1.{day}.{{c}}",
            },
        )
        for place in range(40)
    ]


def browsers(day: int) -> list[str]:
    """The design's mix with the fifteen headers that Chrome and Firefox send with an image of another site."""
    chance = random.Random(7)
    return [
        _request(_page(place), _browser(place, chance) | _visitor(chance.randrange(10_000), day))
        for place in range(TEMPLATES)
    ]


def filled(template: str, number: int) -> bytes:
    """Return the request of a template with this number, as `play.lua` makes it."""
    high, low = divmod(number, 65_536)
    parts = {"{n}": f"{number}", "{c}": f"{number:022d}", "{a}": f"{low:x}:{high:x}"}
    for mark, text in parts.items():
        template = template.replace(mark, text)
    return template.encode()


def _request(target: str, headers: dict[str, str]) -> str:
    lines = [f"GET {target} HTTP/1.1", "Host: stats.clinic.example"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""])


def _page(place: int) -> str:
    number = 1 + place % 200
    page = f"https://clinic.example/doctors/page-{number}/?utm_source=yandex&id={100_000 + number}"
    return _QUERY.format(page=quote(page, safe=""))


def _agent(chance: random.Random) -> str:
    rank = min(300, 1 + math.floor(-math.log(chance.random() + 1e-9) * 40))
    return _CHROME.format(100 + rank % 44, rank)


def _visitor(number: int, day: int) -> dict[str, str]:
    address = f"198.{18 + number % 2}.{number // 250}.{number % 250}"
    if number % 4 == 0:
        address = f"2001:db8:{number % 4096:x}::{number:x}"
    headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
    if number % 5:
        headers["Cookie"] = f"lang=ru; __Host-px=1.{day}.{number % 5000:022d}"
    if number % 20 == 0:
        headers["Sec-GPC"] = "1"
    return headers


def _browser(place: int, chance: random.Random) -> dict[str, str]:
    common = {
        "Accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Accept-Language": "ru-RU,ru;q=0.9,en-US;q=0.8,en;q=0.7",
        "Connection": "keep-alive",
        "Referer": "https://clinic.example/",
        "Sec-Fetch-Dest": "image",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Site": "same-site",
        "Priority": "i",
    }
    if place % 5 == 0:
        return common | {"User-Agent": _FIREFOX.format(120 + place % 30), "TE": "trailers"}
    hints = {
        "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
        "sec-ch-ua-mobile": "?0",
        "sec-ch-ua-platform": '"Windows"',
    }
    return common | hints | {"User-Agent": _agent(chance)}
