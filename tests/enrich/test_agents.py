"""The facts of a user agent, and the parts of it that are stored."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import user_agents
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.agents import AGENT_LIMIT, NO_AGENT, STORED_LIMIT, Agents
from pipeline.enrich.labels import Label
from pipeline.enrich.robots import Robots

CORPUS = Path(__file__).parents[2] / "../shared/data/ua-corpus/ua.jsonl"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{} Safari/537.36"
ANDROID = "Mozilla/5.0 (Linux; Android 14; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 {}Safari/537.36"
READER = Agents(Robots(), cached=64)


@pytest.fixture(scope="module")
def agents() -> Agents:
    return READER


@pytest.mark.parametrize(
    ("agent", "browser", "major", "system", "system_major", "device"),
    [
        (WINDOWS.format("140.0.0.0"), "Chrome", 140, "Windows", 0, "pc"),
        (ANDROID.format("K", "Mobile "), "Chrome Mobile", 126, "Android", 14, "phone"),
        (ANDROID.format("SM-X700", ""), "Chrome", 126, "Android", 14, "tablet"),
        (
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1"
            " Mobile/15E148 Safari/604.1"),
            "Mobile Safari",
            18,
            "iOS",
            18,
            "phone",
        ),
        (
            ("Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/92.0.4515.90"
            " Mobile/15E148 Safari/604.1"),
            "Chrome Mobile iOS",
            92,
            "iOS",
            12,
            "tablet",
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox Mobile", 140, "Android", 14, "phone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox", 140, "Linux", 0, "pc"),
        ("Mozilla/5.0 (Windows NT 5.1; rv:52.0) Gecko/20100101 Firefox/52.0", "Firefox", 52, "Windows XP", 0, "pc"),
        (
            "Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/538.1 (KHTML, like Gecko) Version/5.0 TV Safari/538.1",
            "Safari",
            5,
            "Tizen",
            5,
            "tv",
        ),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", 2, "Other", 0, "robot"),
        (WINDOWS.format("99999999.0"), "Chrome", 65535, "Windows", 0, "pc"),
        ("", "", 0, "", 0, ""),
    ],
)  # fmt: skip
def test_families_versions_and_device_are_read(
    agents: Agents, agent: str, browser: str, major: int, system: str, system_major: int, device: str
) -> None:
    facts = agents.read(agent)
    assert (facts.browser, facts.browser_major, facts.os, facts.os_major, facts.device) == (
        browser,
        major,
        system,
        system_major,
        device,
    )


def test_a_browsers_text_is_never_kept(agents: Agents) -> None:
    facts = agents.read(WINDOWS.format("140.0.0.0"))
    assert (facts.ua_raw, facts.labels, facts.robot) == ("", (), "")


@pytest.mark.parametrize(
    ("agent", "labels"),
    [
        ("", (Label.EMPTY_AGENT,)),
        ("Mozilla/5.0", (Label.ODD_AGENT,)),
        ("MyHospitalTool 1.0 of someone somewhere", (Label.DECLARED_ROBOT, Label.HTTP_LIBRARY)),
        ("MyHospitalTool 1.0 of a tablet somewhere", (Label.ODD_AGENT,)),
        ("Mozilla/5.0 (Windows NT 10.0) \x00 and more text", (Label.ODD_AGENT,)),
        ("Mozilla/5.0 (Windows NT 10.0) half \ud800 a letter", (Label.ODD_AGENT,)),
        ("Mozilla/5.0 (Windows NT 10.0)" + " x" * 300, (Label.ODD_AGENT,)),
        ("curl/8.5.0", (Label.DECLARED_ROBOT, Label.HTTP_LIBRARY)),
        (WINDOWS.format("1").replace("Chrome/", "HeadlessChrome/"), (Label.DECLARED_ROBOT, Label.AUTOMATION)),
        ("Some-Unknown-Bot/1.0", (Label.DECLARED_ROBOT,)),
    ],
)
def test_robots_libraries_and_malformed_agents_are_labelled_and_kept(
    agents: Agents, agent: str, labels: tuple[Label, ...]
) -> None:
    facts = agents.read(agent)
    assert facts.labels == labels
    assert bool(facts.ua_raw) == bool(agent)
    assert len(facts.ua_raw) <= STORED_LIMIT
    facts.ua_raw.encode()


def test_a_text_that_an_old_browser_lists_does_not_make_it_a_robot(agents: Agents) -> None:
    listed = "staticlogin:productcboxf09&actlogin&infoZmlsZW5hbWU9UG93ZXJ3b3JkMjAwOU94Zi4yNTI2OS40MDExLmV4ZSZtYWM9N0RDMTUwREU5MUEyNERBOTlB"
    old = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0; .NET CLR 2.0.50727; " + listed + ")"
    assert agents.read(old).robot == ""


def test_a_kept_text_is_scrubbed(agents: Agents) -> None:
    facts = agents.read("Some-Unknown-Bot/1.0 (ivan.petrov@example.org; +7 912 345-67-89)")
    assert facts.robot == "unlisted bot"
    assert "petrov" not in facts.ua_raw
    assert "345-67" not in facts.ua_raw
    assert facts.scrubbed


def test_a_family_taken_from_the_agents_own_words_cannot_carry_an_identifier(agents: Agents) -> None:
    # ua-parser answers with the agent's own word for programs of Apple's network library.
    assert agents.read("SnilsReader/4 CFNetwork/1121.2.2 Darwin/19.3.0").browser == "SnilsReader"
    assert agents.read("i79123456789/4 CFNetwork/1121.2.2 Darwin/19.3.0").browser == "Other"
    assert agents.read("x" * 200 + "/4 CFNetwork/1121.2.2 Darwin/19.3.0").browser == "Other"


def test_one_letter_beyond_the_limit_is_all_that_is_read_of_a_huge_agent(agents: Agents) -> None:
    huge = WINDOWS.format("140.0.0.0") + " " + "A" * 1_000_000
    assert agents.read(huge) == agents.read(huge[: AGENT_LIMIT + 1])
    assert agents.read(huge).labels == (Label.ODD_AGENT,)


def test_the_cache_is_bounded() -> None:
    small = Agents(Robots(), cached=8)
    for number in range(50):
        small.read(WINDOWS.format(number))
    assert small._facts.cache_info().currsize == 8


@given(st.text(st.characters(), max_size=700))
def test_any_text_has_facts(agent: str) -> None:
    facts = READER.read(agent)
    assert 0 <= facts.browser_major < 2**16
    assert 0 <= facts.os_major < 2**16
    assert len(facts.ua_raw) <= STORED_LIMIT
    f"{facts.browser}{facts.os}{facts.ua_raw}".encode()
    assert (facts == NO_AGENT) == (agent == "")


@pytest.mark.skipif(not CORPUS.exists(), reason="the public user-agent corpus is not beside the checkout")
def test_on_the_public_corpus_people_are_rarely_called_odd_and_robots_rarely_pass(agents: Agents) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    with CORPUS.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            facts = agents.read(row["ua"])
            mark = "robot" if facts.robot else "odd" if Label.ODD_AGENT in facts.labels else "plain"
            seen[row["label"], mark] += 1
    bots = sum(count for (label, _), count in seen.items() if label == "bot")
    browsers = sum(count for (label, _), count in seen.items() if label == "browser")
    assert seen["bot", "robot"] / bots >= 0.97
    assert seen["bot", "plain"] / bots <= 0.04
    assert seen["browser", "robot"] <= 0.003 * browsers
    assert seen["browser", "odd"] / browsers <= 0.03
    assert seen["app", "robot"] == 0


@pytest.mark.skipif(not CORPUS.exists(), reason="the public user-agent corpus is not beside the checkout")
def test_the_fast_reading_equals_the_packages_own_on_a_sample_of_the_corpus(agents: Agents) -> None:
    with CORPUS.open(encoding="utf-8") as lines:
        sample = [json.loads(line)["ua"] for line in lines][::250]
    for agent in sample:
        slow, fast = user_agents.parse(agent), agents.read(agent)
        if not fast.robot and fast.browser != "Other":
            assert fast.browser == slow.browser.family
