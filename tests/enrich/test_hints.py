"""Client hints against the user agent: agree, contradict, missing, none."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.agents import Agents
from pipeline.enrich.hints import Claims, claims, compare, contradiction
from pipeline.enrich.robots import Robots

CHROME_WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
CHROME_ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36"
)
CHROME_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0.0.0"
    " Mobile/15E148 Safari/604.1"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BRANDS = '"Not)A;Brand";v="8", "Chromium";v="140", "Google Chrome";v="140"'
CORPUS = Path(__file__).parents[2] / "../shared/data/ua-corpus/ua.jsonl"

TABLE = [
    # word, agent, family, brands, mobile, platform, https, state
    ("same", CHROME_WINDOWS, "Chrome", BRANDS, "?0", '"Windows"', True, "agree"),
    ("phone", CHROME_ANDROID, "Chrome Mobile", BRANDS, "?1", '"Android"', True, "agree"),
    ("full versions", CHROME_WINDOWS, "Chrome", '"Chromium";v="140.0.7339.80"', "?0", '"Windows"', True, "agree"),
    ("no quotes", CHROME_WINDOWS, "Chrome", "", "", "Windows", True, "agree"),
    ("other version", CHROME_WINDOWS, "Chrome", BRANDS.replace("140", "119"), "?0", '"Windows"', True, "contradict"),
    ("other platform", CHROME_WINDOWS, "Chrome", BRANDS, "?0", '"Linux"', True, "contradict"),
    ("phone disguise", CHROME_ANDROID, "Chrome Mobile", BRANDS, "?1", '"Linux"', True, "contradict"),
    ("other form", CHROME_WINDOWS, "Chrome", BRANDS, "?1", '"Windows"', True, "contradict"),
    ("Firefox with Chromium's hints", FIREFOX, "Firefox", BRANDS, "?0", '"Linux"', True, "contradict"),
    ("none from Chrome", CHROME_WINDOWS, "Chrome", "", "", "", True, "missing"),
    ("none over http", CHROME_WINDOWS, "Chrome", "", "", "", False, "none"),
    ("none from an iPhone", CHROME_IPHONE, "Chrome Mobile iOS", "", "", "", True, "none"),
    ("none from Firefox", FIREFOX, "Firefox", "", "", "", True, "none"),
    ("none from Chrome 89", CHROME_WINDOWS.replace("140", "89"), "Chrome", "", "", "", True, "none"),
    ("none from Chrome 90", CHROME_WINDOWS.replace("140", "90"), "Chrome", "", "", "", True, "missing"),
    ("none from a web view", CHROME_ANDROID, "Chrome Mobile WebView", "", "", "", True, "none"),
    ("nothing to compare", CHROME_WINDOWS, "Chrome", "junk", "maybe", '"Unknown"', True, "none"),
]


@pytest.mark.parametrize(("agent", "family", "brands", "mobile", "platform", "https", "state"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])  # fmt: skip
def test_hints_are_held_against_the_agent(
    agent: str, family: str, brands: str, mobile: str, platform: str, https: bool, state: str
) -> None:
    assert compare(claims(agent, family), brands, mobile, platform, https=https) == state


DETAILS = [
    (CHROME_WINDOWS, "Chrome", BRANDS.replace("140", "119"), "?0", '"Windows"', "version: agent 140, hint 119"),
    (CHROME_WINDOWS, "Chrome", BRANDS, "?0", '"Linux"', "platform: agent windows, hint linux"),
    (CHROME_WINDOWS, "Chrome", BRANDS, "?1", '"Windows"', "form: agent desktop, hint phone"),
    (CHROME_ANDROID, "Chrome Mobile", BRANDS, "?0", '"Android"', "form: agent phone, hint desktop"),
    (FIREFOX, "Firefox", BRANDS, "?0", '"Linux"', "version: agent none, hint 140"),
    (CHROME_WINDOWS, "Chrome", BRANDS.replace("140", "99999"), "", "", "version: agent 140, hint other"),
    (CHROME_WINDOWS.replace("140", "88888"), "Chrome", BRANDS, "", "", "version: agent other, hint 140"),
    (CHROME_WINDOWS, "Chrome", '"HeadlessChrome";v="140", "Chromium";v="140"', "?0", '"Windows"', "brand: HeadlessChrome"),
    (CHROME_WINDOWS, "Chrome", '"Headless Petrov";v="140"', "", "", "brand: Headless"),
    (CHROME_WINDOWS, "Chrome", '"my Playwright of Ivan";v="1"', "", "", "brand: Playwright"),
    (CHROME_ANDROID, "Chrome Mobile", BRANDS.replace("140", "139"), "?0", '"Linux"', "version: agent 140, hint 139; platform: agent android, hint linux; form: agent phone, hint desktop"),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "family", "brands", "mobile", "platform", "detail"), DETAILS)
def test_a_contradiction_tells_which_side_said_what(
    agent: str, family: str, brands: str, mobile: str, platform: str, detail: str
) -> None:
    said = claims(agent, family)
    assert compare(said, brands, mobile, platform, https=True) == "contradict"
    assert contradiction(said, brands, mobile, platform) == detail


WORDS = re.compile(
    r"(?:brand: (?:Headless(?:Chrome|Edg)?|Playwright|Puppeteer|Selenium|WebDriver|PhantomJS)"
    r"|version: agent (?:[0-9]{1,4}|none|other), hint (?:[0-9]{1,4}|none|other)"
    r"|platform: agent [a-z]{3,8}, hint [a-z]{3,8}|form: agent (?:phone|desktop), hint (?:phone|desktop)|; )*"
)


@given(
    st.text(max_size=200)
    | st.builds(
        '"{}Headless{}";v="1", "Chromium";v="{}"'.format, st.text(max_size=9), st.text(max_size=9), st.integers(0)
    ),
    st.sampled_from(["", "?0", "?1", "Ivan"]),
    st.text(max_size=20) | st.sampled_from(['"Linux"', '"iOS"', '"Windows"']),
)
def test_nothing_that_a_visitor_wrote_freely_is_in_the_detail(brands: str, mobile: str, platform: str) -> None:
    for agent, family in ((CHROME_WINDOWS, "Chrome"), (CHROME_IPHONE, "Chrome Mobile iOS"), (FIREFOX, "Firefox")):
        said = claims(agent, family)
        detail = contradiction(said, brands, mobile, platform)
        assert WORDS.fullmatch(detail)
        assert len(detail) <= 160
        assert bool(detail) == (compare(said, brands, mobile, platform, https=True) == "contradict")


@pytest.mark.parametrize(
    "brands",
    [
        '"Chromium";v="140", "Google Chrome";v="140", "Not)A;Brand";v="8"',
        '"Google Chrome";v="140", " Not A;Brand";v="99", "Chromium";v="140"',
        '";Not A Brand";v="99", "Chromium";v="140", "Brave";v="140"',
        '"Opera";v="124", "Not?A_Brand";v="24", "Chromium" ; v = "140"',
    ],
)
def test_brand_order_and_invented_brands_do_not_matter(brands: str) -> None:
    assert compare(claims(CHROME_WINDOWS, "Chrome"), brands, "?0", '"Windows"', https=True) == "agree"


def test_a_huge_hint_costs_no_more_than_its_limit() -> None:
    assert (
        compare(Claims(140, "windows", mobile=False, sends_hints=True), "x" * 1_000_000 + BRANDS, "", "", https=True)
        == "none"
    )


@pytest.mark.skipif(not CORPUS.exists(), reason="the public user-agent corpus is not beside the checkout")
def test_real_browsers_agree_with_their_own_hints() -> None:
    agents = Agents(Robots())
    states: Counter[str] = Counter()
    contradicting = []
    with CORPUS.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            headers = {name.lower(): value for name, value in row.get("headers", {}).items()}
            if "sec-ch-ua" not in headers:
                continue
            said = agents.read(row["ua"]).claims
            state = compare(
                said,
                headers["sec-ch-ua"],
                headers.get("sec-ch-ua-mobile", ""),
                headers.get("sec-ch-ua-platform", ""),
                https=True,
            )
            states[state] += 1
            if state == "contradict":
                contradicting.append(said.chromium)
    assert states == {"agree": 55, "contradict": 1}
    assert contradicting == [47], "the one row that claims Chrome 47 with brand 143"
