"""The engine that several browsers share, and pages that an app shows inside of itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.enrich.agents import Agents
from pipeline.enrich.robots import Robots

READER = Agents(Robots())
LIKE = "(KHTML, like Gecko)"
BLINK = f"AppleWebKit/537.36 {LIKE}"
ANDROID = f"Mozilla/5.0 (Linux; Android 14; SM-A546E) {BLINK}"
VIEW = f"Mozilla/5.0 (Linux; Android 14; SM-A546E Build/UP1A.231005.007; wv) {BLINK} Version/4.0 Chrome/126.0.6478.122 Mobile Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK}"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
PHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 {LIKE}"
FROZEN = PHONE.replace("17_5", "18_7")
HARMONY = f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {BLINK} Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile"
META = "FBAV/480.0.0.54.88;FBBV/1;FBLC/ru_RU"

BROWSERS = [
    # agent, engine, its version
    # Blink, under many names: the version is Chrome's
    (f"{WINDOWS} Chrome/140.0.0.0 Safari/537.36", "Blink", 140),
    (f"{WINDOWS} Chrome/138.0.0.0 YaBrowser/25.8.0.0 Safari/537.36", "Blink", 138),
    (f"{WINDOWS} Chrome/139.0.0.0 Safari/537.36 OPR/122.0.0.0", "Blink", 139),
    (f"{WINDOWS} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Blink", 140),
    (f"{WINDOWS} Chrome/134.0.0.0 Safari/537.36 Vivaldi/7.3", "Blink", 134),
    (f"{WINDOWS} Chromium/98.0.4758.102 Chrome/98.0.4758.102 Safari/537.36", "Blink", 98),
    (f"{WINDOWS} Chrome/126.0.0.0 Atom/33.0.0 Safari/537.36", "Blink", 126),
    (f"{WINDOWS} Code/1.90 Chrome/122.0.6261.156 Electron/29.4.0 Safari/537.36", "Blink", 122),
    (f"{WINDOWS} QtWebEngine/5.15.2 Chrome/83.0.4103.122 Safari/537.36", "Blink", 83),
    (f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36", "Blink", 130),
    (f"{ANDROID} Version/4.0 Chrome/123.0.6312.118 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.23.0-gn", "Blink", 123),
    (f"{ANDROID} Chrome/127.0.6533.103 YaBrowser/24.7.6.103.00 SA/3 Mobile Safari/537.36", "Blink", 127),
    (f"{ANDROID} Chrome/28.0.1500.94 Mobile Safari/537.36", "Blink", 28),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {BLINK} Chrome/138.0.0.0 Safari/537.36", "Blink", 138),
    (f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 5.5) {BLINK} 69.0.3497.106/5.5 TV Safari/537.36", "WebKit", 537),
    (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {BLINK} Chrome/79.0.3945.79 Safari/537.36 WebAppManager", "Blink", 79),
    # WebKit: on iOS whatever the browser is called, with the version of the system
    (f"{PHONE} Version/17.5 Mobile/15E148 Safari/604.1", "WebKit", 17),
    (f"{PHONE} CriOS/126.0.6478.153 Mobile/15E148 Safari/604.1", "WebKit", 17),
    (f"{PHONE} FxiOS/140.0 Mobile/15E148 Safari/605.1.15", "WebKit", 17),
    (f"{PHONE} Version/17.0 EdgiOS/126.0.2592.113 Mobile/15E148 Safari/604.1", "WebKit", 17),
    (f"{PHONE} Version/17.0 YaBrowser/24.6.6.494.10 SA/3 Mobile/15E148 Safari/604.1", "WebKit", 17),
    (f"{PHONE} Version/17.5 Mobile/15E148 Safari/604.1 OPT/4.7.0", "WebKit", 17),
    (f"{PHONE} Version/17.5 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15", "WebKit", 17),
    (f"{FROZEN} Version/26.2 Mobile/15E148 Safari/604.1", "WebKit", 26),
    (f"{FROZEN} CriOS/143.0.7499.92 Mobile/15E148 Safari/604.1", "WebKit", 0),
    (f"{FROZEN} FxiOS/146.0 Mobile/15E148 Safari/604.1", "WebKit", 0),
    (f"{MAC} AppleWebKit/605.1.15 {LIKE} Version/18.5 Safari/605.1.15", "WebKit", 18),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6) AppleWebKit/601.7.7 {LIKE} Version/9.1.2 Safari/601.7.7", "WebKit", 9),
    (f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 {LIKE} Version/17.4 Safari/605.1.15 Epiphany/605.1.15", "WebKit", 17),
    (f"Mozilla/5.0 (Linux; U; Android 4.1.2; ru-ru; GT-I9100) AppleWebKit/534.30 {LIKE} Version/4.0 Mobile Safari/534.30", "WebKit", 534),
    (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 5.0) AppleWebKit/538.1 {LIKE} Version/5.0 TV Safari/538.1", "WebKit", 538),
    (f"Mozilla/5.0 (Windows NT 6.1) AppleWebKit/537.22 {LIKE} Chrome/25.0.1364.172 Safari/537.22", "WebKit", 537),
    # Gecko: Firefox 110 to 119 wrote another version behind `rv:`
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Gecko", 140),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:109.0) Gecko/20100101 Firefox/115.0", "Gecko", 115),
    ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Gecko", 140),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Thunderbird/102.3.0", "Gecko", 102),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:60.0) Gecko/20100101 Firefox/60.0 SeaMonkey/2.53.18", "Gecko", 60),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Goanna/6.7 Firefox/128.0 PaleMoon/33.3.1", "Goanna", 6),
    # Engines of the past, of other systems and of the future
    ("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", "Trident", 7),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; SLCC2)", "Trident", 4),
    ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)", "Trident", 0),
    (f"{WINDOWS} Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763", "EdgeHTML", 18),
    ("Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18", "Presto", 2),
    ("Opera/9.80 (J2ME/MIDP; Opera Mini/7.1.32052/29.3709; U; ru) Presto/2.8.119 Version/11.10", "Presto", 2),
    ("Opera/9.25 (Windows NT 5.1; U; ru)", "Presto", 0),
    ("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; en) Opera 8.00", "Presto", 0),
    ("Mozilla/5.0 (compatible; Konqueror/4.3; Linux) KHTML/4.3.4 (like Gecko)", "KHTML", 4),
    (HARMONY, "ArkWeb", 4),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Servo/0.0.1 Firefox/128.0", "Servo", 0),
    ("Mozilla/5.0 (Linux; x86_64) Ladybird/1.0 Chrome/140.0.0.0 AppleWebKit/537.36 Safari/537.36", "LibWeb", 1),
    # Programs that show no page
    ("Dalvik/2.1.0 (Linux; U; Android 12; SM-A546E Build/SP1A.210812.016)", "", 0),
    ("Viber/12.8.0.1 CFNetwork/1121.2.2 Darwin/19.3.0", "", 0),
    ("Lynx/2.8.9rel.1 libwww-FM/2.14 SSL-MM/1.4.1", "", 0),
    ("", "", 0),
    (f"{WINDOWS} Chrome/999999999.0.0.0 Safari/537.36", "Blink", 65535),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "engine", "major"), BROWSERS, ids=[row[0][-50:] for row in BROWSERS])
def test_the_engine_of_a_browser_is_read_under_any_name(agent: str, engine: str, major: int) -> None:
    facts = READER.read(agent)
    assert (facts.engine, facts.engine_major) == (engine, major)


ROBOTS = [
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", "", 0),
    (f"Mozilla/5.0 {BLINK[:-1]}; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36", "Blink", 116),
    (f"{ANDROID} Chrome/138.0.7204.183 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Blink", 138),
    (f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} HeadlessChrome/140.0.0.0 Safari/537.36", "Blink", 140),
    (f"{VIEW} FooBot/1.0 (+https://example.org/bot)", "Blink", 126),
    ("curl/8.5.0", "", 0),
]  # fmt: skip


@pytest.mark.parametrize(("agent", "engine", "major"), ROBOTS, ids=[row[0][-50:] for row in ROBOTS])
def test_a_robot_has_the_engine_of_its_agent_and_is_no_web_view(agent: str, engine: str, major: int) -> None:
    facts = READER.read(agent)
    assert facts.robot
    assert (facts.engine, facts.engine_major, facts.webview) == (engine, major, False)


IN_APPS = [
    VIEW,
    f"{VIEW} [FB_IAB/FB4A;{META}]",
    f"{VIEW} Instagram 330.0.0.40 Android (34/14; 420dpi; 1080x2200; samsung; SM-A546E; a54x)",
    f"{VIEW} VKAndroidApp/8.81-19702",
    f"{VIEW} OkApp/24.5.6",
    f"{VIEW} trill_340 BytedanceWebview/d8a21c6",
    f"{ANDROID} Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36 KAKAOTALK/10.2.3 (INAPP)",
    f"{ANDROID} Chrome/138.0.7204.180 Mobile Safari/537.36 Telegram-Android/12.3.1 (Xiaomi 2304FPN6DG; Android 14; SDK 34; HIGH)",
    f"{ANDROID} Chrome/127.0.6533.103 YaBrowser/24.7.6.103 YaSearchBrowser/24.76 BroPP/1.0 YaSearchApp/24.76 Mobile Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 4.4.2; A3-A11 Build/KOT49H) {BLINK} Version/4.0 Chrome/30.0.0.0 Safari/537.36",
    f"[FBAN/FB4A;{META};FBPN/com.facebook.katana;FBDV/SM-A546E;FBSV/14]",
    f"[FBAN/FBIOS;{META};FBDV/iPhone14,5;FBMD/iPhone;FBSN/iOS;FBSV/17.5;FBSS/3;FBID/phone]",
    f"{PHONE} Mobile/15E148 [FBAN/FBIOS;{META};FBSN/iOS;FBSV/17.5]",
    f"{PHONE} Mobile/15E148 Instagram 400.0.0.30 (iPhone14,5; iOS 17_5; ru_RU; ru; scale=3.00)",
    f"{PHONE} Mobile/15E148 VKApp/8.81",
    f"{PHONE} Mobile/15E148",
    f"{PHONE} GSA/326.0.653331328 Mobile/15E148 Safari/604.1",
    f"{PHONE} Mobile/15E148 Safari/604.1 NAVER(inapp; search; 2000; 12.5.0; 14PRO)",
    f"{PHONE} Version/17.5 Mobile/15E148 Snapchat/12.86.0.44 (like Safari/604.1)",
    f"{PHONE} Version/17.0 YaBrowser/24.4.0.1 Mobile/15E148 YaSearchBrowser/24.4 Safari/604.1",
    f"{MAC} AppleWebKit/605.1.15 {LIKE}",
    f"{WINDOWS} QtWebEngine/5.15.2 Chrome/83.0.4103.122 Safari/537.36 Viber/20.1",
]

BROWSERS_OF_THEIR_OWN = [
    *(agent for agent, *_ in BROWSERS),
    f"{WINDOWS} Slack/4.38 Chrome/124.0.6367.207 Electron/30.0.6 Safari/537.36",
    f"{ANDROID} Version/4.0 Chrome/123.0.6312.80 UCBrowser/18.4.8.1474 Mobile Safari/537.36",
]


@pytest.mark.parametrize("agent", IN_APPS, ids=[agent[-50:] for agent in IN_APPS])
def test_a_page_inside_of_an_app_is_marked(agent: str) -> None:
    facts = READER.read(agent)
    assert facts.webview
    assert facts.engine in {"Blink", "WebKit"}


@pytest.mark.parametrize("agent", BROWSERS_OF_THEIR_OWN, ids=[agent[-50:] for agent in BROWSERS_OF_THEIR_OWN])
def test_a_browser_of_its_own_is_no_web_view(agent: str) -> None:
    assert not READER.read(agent).webview


@given(st.text(max_size=600))
def test_any_agent_has_an_engine_of_the_closed_list(agent: str) -> None:
    facts = READER.read(agent)
    known = {engine for _, engine, _ in BROWSERS}
    assert facts.engine in known
    assert 0 <= facts.engine_major < 2**16
    assert facts.engine or not facts.webview
