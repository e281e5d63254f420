"""Agents of people in apps, on televisions and on systems that hide their version, and of robots that look like them."""

from __future__ import annotations

from time import perf_counter

import pytest

from pipeline.enrich.agents import Agents
from pipeline.enrich.labels import Label
from pipeline.enrich.robots import Robots

READER = Agents(Robots())
KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"


def _android(model: str = "SM-A546E", version: str = "14", mobile: str = "Mobile ") -> str:
    return f"Mozilla/5.0 (Linux; Android {version}; {model}) {KHTML} Chrome/126.0.0.0 {mobile}Safari/537.36"


def _view(app: str, model: str = "SM-A546E") -> str:
    return (
        f"Mozilla/5.0 (Linux; Android 14; {model}; wv) {KHTML} Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 {app}"
    )


def _iphone(rest: str, system: str = "17_5", device: str = "iPhone; CPU iPhone") -> str:
    return f"Mozilla/5.0 ({device} OS {system} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) {rest}"


def _desktop(platform: str, rest: str = "Chrome/140.0.0.0 Safari/537.36") -> str:
    return f"Mozilla/5.0 ({platform}) {KHTML} {rest}"


def _harmony(form: str, rest: str = "HuaweiBrowser/5.1.3.311") -> str:
    return f"Mozilla/5.0 ({form}; OpenHarmony 5.0) {KHTML} Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 {rest}"


META = "FBAV/480.0.0.54.88;FBBV/1;FBLC/ru_RU"

PEOPLE = [
    # agent, system, its version, device
    (_desktop("Linux; Android 12; BeyondTV4 Build/STT1", "Chrome/110.0 Safari/537.36"), "Android", 12, "tv"),
    ("Mozilla/5.0 (Mobile; Nokia_8110_4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", "KaiOS", 2, "phone"),
    (_desktop("Macintosh; Intel Mac OS X 10_15_7", "Version/18.6 Mobile/15E148 Safari/604.1"), "iOS", 0, "tablet"),
    (_desktop("Macintosh; Intel Mac OS X 10_15_7", "CriOS/140 Version/15.0 Safari/604.1"), "iOS", 0, "tablet"),
    (_desktop("Macintosh; Intel Mac OS X 10_15_7", "Version/18.6 Safari/605.1.15"), "Mac OS X", 0, "pc"),
    # Apps of messengers and networks, which show a page inside of themselves
    (_view("Viber/12.1.0.11"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 Viber/22.1"), "iOS", 17, "phone"),
    (_desktop("Windows NT 6.1; Win64; x64", "QtWebEngine/5.15.2 Chrome/83.0.4103.122 Safari/537.36 Viber/20.1"), "Windows", 7, "pc"),
    (_view("WhatsApp/2.24.10"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 WhatsApp/24.10"), "iOS", 17, "phone"),
    (f"[FBAN/FB4A;{META};FBDM/{{density=2.6,width=1080,height=2179}};FBPN/com.facebook.katana;FBDV/SM-A546E;FBSV/14]", "Android", 14, "phone"),
    (f"[FBAN/FBIOS;{META};FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone]", "iOS", 17, "phone"),
    (f"[FBAN/FBIOS;{META};FBDV/iPad13,1;FBMD/iPad;FBSN/iPadOS;FBSV/17.5;FBSS/2;FBID/tablet]", "iOS", 17, "tablet"),
    (f"[FB_IAB/Orca-Android;{META};FBDV/M bot 60;FBSV/12]", "Android", 12, "phone"),
    (_view(f"[FB_IAB/FB4A;{META}]"), "Android", 14, "phone"),
    (_iphone(f"Mobile/15E148 [FBAN/FBIOS;{META};FBSN/iOS;FBSV/26.1]", "18_7"), "iOS", 26, "phone"),
    (_view("Instagram 330.0.0.40 Android (34/14; 420dpi; 1080x2200; samsung; SM-A546E; a54x)"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 Instagram 400.0.0.30 (iPhone14,5; iOS 26_1; ru_RU; ru; scale=3.00)", "18_7"), "iOS", 26, "phone"),
    (_view("VKAndroidApp/8.81-19702"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 VKApp/8.81"), "iOS", 17, "phone"),
    (_view("OkApp/24.5.6"), "Android", 14, "phone"),
    (_view("Telegram-Android/11.4 (Samsung SM-A546E; Android 14; SDK 34; HIGH)"), "Android", 14, "phone"),
    (_view("OneMe/25.3.1"), "Android", 14, "phone"),
    (_view("MailRuApp/14.2"), "Android", 14, "phone"),
    (_android().replace("Mobile Safari", "YaBrowser/24.4.0.100 YaSearchBrowser/24.4 BroPP/1.0 YaSearchApp/24.4 Mobile Safari"), "Android", 14, "phone"),
    (_iphone("Version/17.0 YaBrowser/24.4.0.1 Mobile/15E148 YaSearchBrowser/24.4 Safari/604.1"), "iOS", 17, "phone"),
    (_view("trill_340 BytedanceWebview/d8a21c6"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 musical_ly_34.1 BytedanceWebview/d8a21c6"), "iOS", 17, "phone"),
    (_iphone("Mobile/15E148 Safari/604.1 NAVER(inapp; search; 2000; 12.5.0; 14PRO)"), "iOS", 17, "phone"),
    (_iphone("Version/17.5 Mobile/15E148 Snapchat/12.86.0.44 (like Safari/604.1)"), "iOS", 17, "phone"),
    (_view("[Pinterest/Android]"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 LinkedInApp/9.29"), "iOS", 17, "phone"),
    (_view("Line/14.1.2/IAB"), "Android", 14, "phone"),
    (_view("Tumblr/35.1 Bluesky/1.90"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 Feedly/90"), "iOS", 17, "phone"),
    # Scanners, monitors and other apps whose names sound like robots
    (_iphone("Mobile/15E148 QRScanner/3.2"), "iOS", 17, "phone"),
    (_view("QRScanner/3.2"), "Android", 14, "phone"),
    (_view("Document Scanner 2"), "Android", 14, "phone"),
    (_android() + " CamScanner/4.8.5", "Android", 14, "phone"),
    (_view("QRbot/4.1"), "Android", 14, "phone"),
    (_view("HeartMonitor/1.4 PriceChecker/2"), "Android", 14, "phone"),
    (_iphone("Mobile/15E148 RSS Reader/7 LinkPreview/1"), "iOS", 17, "phone"),
    # Phones whose model sounds like a robot's name
    (_android("M bot 60", "12"), "Android", 12, "phone"),
    (_android("Cubot X50", "11"), "Android", 11, "phone"),
    (_android("CUBOT_P20 Build/O11019", "8.0.0"), "Android", 8, "phone"),
    (_android("Robot Vacuum X1"), "Android", 14, "phone"),
    (_android("Spider X (2024)"), "Android", 14, "phone"),
    (_android("Inspector Scan-7", mobile=""), "Android", 14, "tablet"),
    # Systems whose version the agent hides
    (_iphone("Version/26.2 Mobile/15E148 Safari/604.1", "18_7"), "iOS", 26, "phone"),
    (_iphone("Version/26.0 Mobile/15E148 Safari/604.1", "18_6", "iPad; CPU"), "iOS", 26, "tablet"),
    (_iphone("Version/18.6 Mobile/15E148 Safari/604.1", "18_6"), "iOS", 18, "phone"),
    (_iphone("Version/18.1 Mobile/15E148 Safari/604.1", "18_1"), "iOS", 18, "phone"),
    (_iphone("CriOS/143.0.0.0 Mobile/15E148 Safari/604.1", "18_7"), "iOS", 0, "phone"),
    (_iphone("CriOS/143.0.0.0 Mobile/15E148 Safari/604.1", "26_1"), "iOS", 26, "phone"),
    (_iphone("Mobile/15E148", "18_7"), "iOS", 0, "phone"),
    (_desktop("Macintosh; Intel Mac OS X 10_15_7"), "Mac OS X", 0, "pc"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Mac OS X", 0, "pc"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:140.0) Gecko/20100101 Firefox/140.0", "Mac OS X", 0, "pc"),
    (_desktop("Macintosh; Intel Mac OS X 10_11_6"), "Mac OS X", 10, "pc"),
    (_desktop("Windows NT 10.0; Win64; x64"), "Windows", 0, "pc"),
    (_desktop("Windows NT 6.1; Win64; x64"), "Windows", 7, "pc"),
    (_android("K", "10"), "Android", 0, "phone"),
    (_android("K", "10", mobile=""), "Android", 0, "tablet"),
    (_android("SM-G973F", "10"), "Android", 10, "phone"),
    ("Mozilla/5.0 (Android 10; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Android", 0, "phone"),
    ("Mozilla/5.0 (Android 10; Mobile; rv:110.0) Gecko/110.0 Firefox/110.0", "Android", 10, "phone"),
    (_desktop("X11; CrOS x86_64 14541.0.0"), "Chrome OS", 0, "pc"),
    # An iPad that asks for pages of a computer: nothing in the agent tells it from a Mac
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15", "Mac OS X", 0, "pc"),
    # HarmonyOS without Android, and on top of it
    (_harmony("Phone", "Mobile HuaweiBrowser/5.1.3.311"), "OpenHarmony", 5, "phone"),
    (_harmony("Phone", "Mobile"), "OpenHarmony", 5, "phone"),
    (_harmony("Tablet"), "OpenHarmony", 5, "tablet"),
    (_harmony("PC"), "OpenHarmony", 5, "pc"),
    (_harmony("2in1"), "OpenHarmony", 5, "pc"),
    (_harmony("TV"), "OpenHarmony", 5, "tv"),
    (_harmony("Phone", "Mobile QRScanner/1.0"), "OpenHarmony", 5, "phone"),
    (_android("HarmonyOS; ELS-AN00; HMSCore 6.6.0.312", "12"), "HarmonyOS", 0, "phone"),
    # Televisions
    (_view("", "MiTV-AXSO0 Build/PI"), "Android", 14, "tv"),
    (_android("MiTV-AXSO0 Build/PI", "9", mobile=""), "Android", 9, "tv"),
    (_android("MIBOX4 Build/PI", "9", mobile=""), "Android", 9, "tv"),
    (_android("Hisense TV", "11", mobile=""), "Android", 11, "tv"),
    (_android("KIVI-TV Build/RT", "11", mobile=""), "Android", 11, "tv"),
    (_android("TPV SmartTV", "11", mobile=""), "Android", 11, "tv"),
    (_android("HAIER_TV_2K", "11", mobile=""), "Android", 11, "tv"),
    (_android("YNDX-00251", "9", mobile=""), "Android", 9, "tv"),
    (_android("TECNO BG6 Bot; wv"), "Android", 14, "phone"),
    (_android("SberBox", "9", mobile=""), "Android", 9, "tv"),
    (_android("BRAVIA 4K VH2", "10", mobile=""), "Android", 10, "tv"),
    (_android("NOOK BNTV250", "4", mobile=""), "Android", 4, "tablet"),
    (_android("LG K10 TV"), "Android", 14, "phone"),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "system", "version", "device"), PEOPLE, ids=[row[0][-60:] for row in PEOPLE])
def test_a_person_is_read_with_the_device_and_a_version_that_is_true(
    agent: str, system: str, version: int, device: str
) -> None:
    facts = READER.read(agent)
    assert (facts.robot, facts.os, facts.os_major, facts.device) == ("", system, version, device)


@pytest.mark.parametrize("agent", [row[0] for row in PEOPLE if row[0].startswith(("Mozilla/5.0", "[FB"))])
def test_a_persons_agent_is_neither_labelled_nor_kept(agent: str) -> None:
    assert (READER.read(agent).labels, READER.read(agent).ua_raw) == ((), "")


GOOGLEBOT = "(compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

ROBOTS = [
    ("Viber", "Viber", Label.ROBOT_PREVIEW),
    ("Viber/13.3.0.5", "Viber", Label.ROBOT_PREVIEW),
    ("WhatsApp/2.24.10 A", "WhatsApp", Label.ROBOT_PREVIEW),
    (_android("Nexus 5X Build/MMB29P", "6.0.1") + f" {GOOGLEBOT}", "Googlebot", Label.ROBOT_SEARCH),
    (_android("M bot 60") + f" {GOOGLEBOT}", "Googlebot", Label.ROBOT_SEARCH),
    (_view("") + GOOGLEBOT, "Googlebot", Label.ROBOT_SEARCH),
    (_android() + " FooBot/1.0", "unlisted bot", None),
    (_android() + "; Foospider", "unlisted spider", None),
    (_android() + " (compatible; FooScanner/1.0)", "unlisted scanner", Label.ROBOT_SCANNER),
    (_view("(compatible; FooScanner/1.0)"), "unlisted scanner", Label.ROBOT_SCANNER),
    (_view("FooScanner/1.0 (+https://example.org/scan)"), "agent with a web address", None),
    (_iphone("Mobile/15E148 FooApp/1.0 (someone@example.org)"), "agent with an e-mail", None),
    (_android("Pixel 2 Build/OPD3; FooBot/1.0", "8.0"), "unlisted bot", None),
    (_android("compatible; FooBot", "8.0"), "unlisted bot", None),
    (_iphone("Version/7.0 Mobile/11A465 Safari/9537.53 BingPreview/1.0b"), "BingPreview", Label.ROBOT_PREVIEW),
    (_android() + " Chrome-Lighthouse", "Chrome-Lighthouse", Label.ROBOT_MONITOR),
    (_desktop("Windows NT 10.0; Win64; x64") + " SiteScanner/1.0", "unlisted scanner", Label.ROBOT_SCANNER),
    (_desktop("X11; Linux x86_64") + " FooCrawler/2.1", "unlisted crawler", None),
    (_desktop("X11; Linux x86_64", "HeadlessChrome/140.0.0.0 Safari/537.36"), "HeadlessChrome", Label.AUTOMATION),
    ("Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)", "vkShare", Label.ROBOT_PREVIEW),
]


@pytest.mark.parametrize(("agent", "name", "label"), ROBOTS, ids=[row[0][-60:] for row in ROBOTS])
def test_a_robot_in_the_form_of_a_browser_is_still_a_robot(agent: str, name: str, label: Label | None) -> None:
    facts = READER.read(agent)
    assert (facts.robot, facts.device) == (name, "robot")
    assert facts.labels == ((Label.DECLARED_ROBOT, label) if label else (Label.DECLARED_ROBOT,))


@pytest.mark.parametrize("model", ["M bot 60", "Robot Vacuum X1", "Spider X (2024)"])
def test_the_model_of_a_phone_is_not_its_browser(model: str) -> None:
    facts = READER.read(_android(model))
    assert (facts.browser, facts.browser_major) == ("Chrome Mobile", 126)


def test_a_browser_of_openharmony_is_not_expected_to_send_hints() -> None:
    assert not READER.read(_harmony("Phone", "Mobile")).claims.sends_hints


def test_an_app_on_a_phone_whose_model_sounds_like_a_robot_is_no_robot() -> None:
    assert READER.read("Dalvik/2.1.0 (Linux; U; Android 12; M bot 60 Build/SP1A.210812.016)").robot == ""


def test_a_hostile_agent_is_read_in_linear_time() -> None:
    for piece in ("(", "Android 1;", "; ", "Mozilla/5.0 (Linux; Android 1; ", "[FBAN/", "(x)(x"):
        began = perf_counter()
        READER.read(("Mozilla/5.0 (Linux; Android 9; bot" + piece * 600)[:513])
        assert perf_counter() - began < 0.1
