import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route
from typer.testing import CliRunner

from collector.demo.site import demo_app
from collector.endpoints.assets import NAMES
from collector.http import query
from pipeline.cli import build_app
from pipeline.embedding.arrival import Loaded, arrivals, is_address
from pipeline.embedding.check_parts import PARAMETERS
from pipeline.embedding.check_tag import check, check_settings
from pipeline.embedding.csp import allows, read_policies
from pipeline.embedding.page_html import OURS
from pipeline.embedding.snippet import Wish, snippet
from pipeline.settings.site import DEMO_SITE, AllowedValue, Site
from pipeline.settings.values import browser_address
from support.edge import Edge, Served

PAGE = "https://clinic.example/doctors"
SCRIPT = '<script async src="https://stats.clinic.example/p.js" data-site="clinic"></script>'
NOSCRIPT = '<noscript><img src="https://stats.clinic.example/p.gif?s=clinic&amp;m=noscript" referrerpolicy="unsafe-url"></noscript>'
TAG = SCRIPT + NOSCRIPT
HASH = "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"
IMAGE = '<img src="https://stats.clinic.example/p.gif?s=clinic"{}>'

WISH = Wish(site="clinic", collector="https://stats.clinic.example")
REPOSITORY = Path(__file__).parents[2]


def loaded(html: str = TAG, status: int = 200, address: str = PAGE, **headers: str) -> Loaded:
    return Loaded.of(address, status, {name.replace("_", "-"): value for name, value in headers.items()}, html)


def problems(*args, **kwargs) -> list[str]:
    return [finding.text for finding in check(loaded(*args, **kwargs)) if finding.level == "problem"]


def test_a_good_page_has_no_problem():
    assert problems() == []


@pytest.mark.parametrize(
    ("word", "html", "said"),
    [
        ("no tag at all", "<p>hello</p>", "no tag"),
        ("only a tag manager", "<script>'https://www.googletagmanager.com/gtm.js'</script>", "tag manager"),
        ("site missing", '<script async src="https://stats.clinic.example/p.js"></script>', "data-site"),
        ("module", SCRIPT.replace("async", 'type="module"'), "type=module"),
        ("held back by a consent manager", SCRIPT.replace("async", 'type="text/plain"'), "keeps the browser"),
        ("consent a word", SCRIPT.replace("async", 'data-consent="yes"'), "data-consent"),
        ("keep that breaks the script", SCRIPT.replace("async", 'data-keep="city,a(b"'), "data-keep"),
        ("keep in Cyrillic", SCRIPT.replace("async", 'data-keep="город"'), "data-keep"),
        ("merged by Autoptimize", '<script defer src="/cache/autoptimize_1.js"></script>' + NOSCRIPT, "Exclude p.js"),
        ("script in noscript", f"<noscript>{SCRIPT}</noscript>", "inside <noscript>"),
        ("script and image in noscript", f"<noscript>{SCRIPT}</noscript>{NOSCRIPT}", "inside <noscript>"),
        ("in a template", f"<template>{TAG}</template>", "inside <template>"),
        ("in a text field", f"<textarea>{TAG}</textarea>", "as visible text"),
        ("in the title", f"<title>{TAG}</title>", "as visible text"),
        (
            "in a data address",
            '<script src="data:text/javascript;base64,YQ==" data-site="clinic"></script>' + NOSCRIPT,
            "copied",
        ),
        ("two noscript images", TAG + NOSCRIPT, "2 <noscript> images"),
        ("escaped twice", SCRIPT + NOSCRIPT.replace("&amp;", "&amp;amp;"), "escaped twice"),
        ("Perfmatters", SCRIPT.replace("async src", 'type="pmdelayedscript" src'), "Perfmatters"),
        ("NitroPack", SCRIPT.replace("async src", 'type="nitropack/inlinescript" src'), "NitroPack"),
        ("Partytown", SCRIPT.replace("async src", 'type="text/partytown" src'), "Partytown"),
        (
            "tag manager of Google without JavaScript",
            '<noscript><iframe src="https://www.googletagmanager.com/ns.html?id=GTM-1"></iframe></noscript>',
            "tag manager",
        ),
        ("AMP", '<amp-pixel src="https://stats.clinic.example/p.gif?s=clinic&amp;m=img"></amp-pixel>', "amp-pixel"),
        ("sample a word", SCRIPT.replace("async", 'data-sample="half"'), "data-sample"),
        ("sample over one", SCRIPT.replace("async", 'data-sample="10"'), "data-sample"),
        ("unknown technical part", SCRIPT.replace("async", 'data-technical="errors,mouse"'), "data-technical"),
        ("pinned", SCRIPT.replace("async", f'crossorigin integrity="{HASH}"'), "pins one version"),
        ("counted twice", TAG + IMAGE, "counted twice"),
        ("mixed content", TAG.replace("https://stats", "http://stats"), "mixed content"),
        ("ad id with a space", TAG + '<div data-pixel-ad="a b">', "ad block id"),
        ("ad id like a phone", TAG + '<div data-pixel-ad="b-79123456789">', "stored as `*`"),
        (
            "ad without script",
            IMAGE.format(' referrerpolicy="unsafe-url"') + '<div data-pixel-ad="a">',
            "needs the script",
        ),
        ("image without site", '<img src="/p.gif?m=img">', "`s` is missing"),
        ("curly quotes", SCRIPT.replace('"', "”"), "quotes round"),
        ("for old browsers alone", SCRIPT.replace("async", "async nomodule"), "nomodule"),
        ("held back by WP Rocket", SCRIPT.replace("async", 'type="rocketlazyloadscript"'), "WP Rocket"),
        ("held back by LiteSpeed", SCRIPT.replace("async", 'type="litespeed/javascript"'), "LiteSpeed"),
        ("held back by Cloudflare", SCRIPT.replace("async", 'type="0f3b8a-text/javascript"'), "data-cfasync"),
        ("held back by its old name", SCRIPT.replace("async", 'type="text/rocketscript"'), "data-cfasync"),
        (
            "held back until consent",
            SCRIPT.replace("async", 'type="text/plain" data-category="analytics"'),
            'data-consent="wait"',
        ),
        ("address moved by WP Rocket", SCRIPT.replace(" src", " data-rocket-src"), "data-rocket-src"),
        ("address moved by a lazy loader", SCRIPT.replace(" src", " data-src"), "data-src"),
        ("address moved by LiteSpeed", SCRIPT.replace(" src", " data-litespeed-src"), "data-litespeed-src"),
        ("image moved", IMAGE.format(" hidden").replace(" src", ' src="data:," data-lazy-src'), "data-lazy-src"),
        ("lazy and hidden", IMAGE.format(' hidden loading="lazy"'), "no browser ever loads it"),
        ("lazy and hidden by style", IMAGE.format(' style="Display: none" loading=lazy'), "no browser ever loads it"),
        ("lazy", IMAGE.format(' loading="lazy"'), "scrolls to it"),
        (
            "lazy in noscript",
            SCRIPT + NOSCRIPT.replace("<img", '<img hidden loading="lazy"'),
            "no browser ever loads it",
        ),
        ("only the host arrives", IMAGE.format(""), "only the host arrives"),
        ("two images", IMAGE.format("") * 2, "2 images"),
        (
            "noscript removed by an editor",
            re.sub("</?noscript>", "", NOSCRIPT),
            "for everybody",
        ),
        ("error status a word", SCRIPT.replace("async", 'data-status="lost"'), "data-status must"),
        ("Turbo", '<script src="/assets/turbo-8.0.23.min.js"></script>' + TAG, "Turbo loads the <noscript>"),
        (
            "Turbo by a module",
            "<script type=module>import '@hotwired/turbo'</script>" + TAG,
            "Turbo loads the <noscript>",
        ),
        ("Turbo by its mark", '<link data-turbo-track="reload">' + TAG, "Turbo loads the <noscript>"),
        ("htmx", '<body hx-boost="true">' + TAG, "htmx loads the <noscript>"),
        ("in a comment", f"<!-- {TAG} -->", "in a comment"),
        ("as text", "&lt;script async src=&quot;https://stats.clinic.example/p.js&quot;&gt;", "visible text"),
        ("copied into the page", "<script>const n=Symbol.for('px-'+a.site)</script>", "An optimiser copied"),
        (
            "not filled",
            IMAGE.format("").replace("clinic", "clinic&u={{page}}&r={{previous}}", 2),
            "the template left {{page}} in `u`",
        ),
        ("not filled, encoded", "<img src='/p.gif?s=clinic&u=%7B%7Bpage%7D%7D'>", "the template left {{page}} in `u`"),
        ("not filled, PHP", "<img src='/p.gif?s=clinic&u=<?= $page ?>'>", "the template left <?= $page ?> in `u`"),
        ("no address", "<img src='/p.gif?s=clinic&u=/doctors'>", "`u` is no full address"),
        (
            "not encoded",
            f"<img src='/p.gif?s=clinic&u={PAGE}?utm_source=a&utm_medium=b'>",
            "not percent-encoded: utm_medium is lost",
        ),
        (
            "another page's copy of http",
            "<img src='/p.gif?s=clinic&u=http%3A%2F%2Fclinic.example%2F'>",
            "`u` says http:",
        ),
        ("ad of an image with a space", "<img src='/p.gif?s=clinic&a=x y'>", "ad block id 'x y'"),
        ("ad of an image like a phone", "<img src='/p.gif?s=clinic&a=b-79123456789'>", "stored as `*`"),
        ("a parameter twice", "<img src='/p.gif?s=clinic&s=clinic'>", "given twice"),
        ("an unknown mode", "<img src='/p.gif?s=clinic&m=pixel'>", "m='pixel'"),
        (
            "integrity of a foreign host",
            SCRIPT.replace("async", f'integrity="{HASH}"'),
            "refuse the script of another host now",
        ),
        ("image that may not tell", IMAGE.format(' referrerpolicy="no-referrer"'), "page is unknown"),
    ],
)
def test_each_obstacle_is_said_in_words(word, html, said):
    assert any(said in text for text in problems(html)), (word, problems(html))


@pytest.mark.parametrize(
    ("word", "html"),
    [
        ("an old type", SCRIPT.replace("async", 'async type="application/x-javascript"') + NOSCRIPT),
        ("consent that waits", SCRIPT.replace("async", 'data-consent="wait"') + NOSCRIPT),
        ("the script added by a script", snippet(WISH)[2].text),
        ("the script under another name", SCRIPT.replace("p.js", "s.js") + NOSCRIPT),
        ("Turbo without the noscript image", '<script src="/assets/turbo.js"></script>' + SCRIPT),
        ("htmx that boosts nothing", '<script src="/htmx.min.js"></script>' + TAG),
        ("somebody else's data-site", '<script data-site="ABCDEF" src="https://cdn.example/s.js"></script>' + TAG),
        ("somebody else's lazy image", '<img src="/a.gif?s=1" loading="lazy" hidden>' + TAG),
        ("a filled template", "<img src='/p.gif?s=clinic&u=https%3A%2F%2Fclinic.example%2Fdoctors&r='>"),
        ("a tag in a comment beside the tag", f"<!-- {TAG} -->{TAG}"),
    ],
)
def test_a_page_that_works_has_no_problem(word, html):
    assert problems(html) == [], word


@pytest.mark.parametrize(
    ("html", "said"),
    [
        (TAG, 'give the script data-status="404"'),
        (SCRIPT.replace("async", 'data-status="404"') + NOSCRIPT, ""),
        (SCRIPT.replace("async", 'data-status="500"') + NOSCRIPT, "500 is reported"),
        (TAG + IMAGE.format("").replace('clinic"', 'clinic&e=404"'), "remove the image with e=404"),
        (
            SCRIPT.replace("async", 'data-status="404"') + IMAGE.format("").replace('clinic"', 'clinic&e=404"'),
            "the error page is counted twice",
        ),
    ],
)
def test_an_error_page_tells_its_status_once(html, said):
    found = problems(html, status=404)
    assert any(said in text for text in found) if said else found == []


def test_a_page_that_exists_must_not_report_an_error():
    assert any(
        "would be counted as an error" in text for text in problems(SCRIPT.replace("async", 'data-status="404"'))
    )


@pytest.mark.parametrize(
    ("policy", "html", "said"),
    [
        ("no-referrer", TAG, []),
        ("same-origin", TAG, []),
        ("no-referrer", SCRIPT + IMAGE.format(" hidden").replace("<img", "<noscript><img"), ["the page is unknown"]),
        ("same-origin", SCRIPT + IMAGE.format(" hidden").replace("<img", "<noscript><img"), ["the page is unknown"]),
    ],
)
def test_a_policy_that_withholds_the_page_costs_images_their_page_and_the_script_nothing(policy, html, said):
    found = problems(html, Referrer_Policy=policy)
    assert len(found) == len(said)
    assert all(word in text for word, text in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("page", "collector", "said"),
    [
        ("https://клиника.рф/", "https://stats.xn--80apagcdp.xn--p1ai", ""),
        ("https://xn--80apagcdp.xn--p1ai/", "https://stats.клиника.рф", ""),
        ("https://КЛИНИКА.РФ./", "https://клиника.рф/px", ""),
        ("https://clinic.co.uk/", "https://stats.clinic.co.uk", ""),
        ("https://clinic.co.uk/", "https://stats.other.co.uk", "not the same site"),
        ("https://x.spb.ru/", "https://stats.y.spb.ru", "not the same site"),
        ("https://clinic.github.io/", "https://stats.github.io", "not the same site"),
        ("https://clinic.example/", "https://stats.vendor.example", "not the same site"),
        ("http://clinic.example/", "https://stats.clinic.example", "from an http page"),
        ("http://clinic.example/", "http://stats.clinic.example", "over http"),
        ("https://192.0.2.1/", "https://198.51.2.1", "not the same site"),
        ("http://localhost:8070/", "http://localhost:8080", ""),
    ],
)
def test_the_cookie_comes_back_only_within_one_site_as_browsers_see_it(page, collector, said):
    html = TAG.replace("https://stats.clinic.example", collector)
    told = [text for level, text in check(loaded(html, address=page)) if "id cookie" in text]
    assert [said in text for text in told] == [True] * bool(said), told


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("script-src 'self'", "the script will not run"),
        ("script-src 'strict-dynamic' https://stats.clinic.example", "the script will not run"),
        ("connect-src 'self'; script-src *", "page views are not sent"),
        ("default-src 'none'", "no image"),
    ],
)
def test_a_policy_that_forbids_the_tag_is_named_with_its_effect(policy, said):
    assert any(said in text for text in problems(Content_Security_Policy=policy))


@pytest.mark.parametrize(
    ("page", "policy", "html"),
    [
        (
            "https://клиника.рф/",
            "default-src https://stats.xn--80apagcdp.xn--p1ai",
            TAG.replace("clinic.example", "клиника.рф"),
        ),
        ("https://клиника.рф/", "default-src 'self'", TAG.replace("stats.clinic.example", "xn--80apagcdp.xn--p1ai/px")),
        ("http://clinic.example/", "default-src 'self'", TAG.replace("stats.clinic.example", "clinic.example/px")),
        (PAGE, "script-src 'nonce-x' 'strict-dynamic'", snippet(WISH)[2].text),
    ],
)
def test_a_policy_that_allows_the_tag_is_no_problem(page, policy, html):
    assert problems(html, address=page, Content_Security_Policy=policy) == []


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_firewall_that_refuses_this_program_is_no_error_page(status):
    found = check(loaded("<h1>Are you a robot?</h1>", status=status))
    assert any("perhaps a firewall" in text for level, text in found if level == "note")


def test_a_page_counted_for_two_sites_is_told_so():
    found = [text for _, text in check(loaded(TAG + SCRIPT.replace('"clinic"', '"network"')))]
    assert any("several sites: clinic, network" in text for text in found)
    assert not any("included twice" in text for text in found)


def test_an_image_on_the_sites_own_host_in_another_spelling_tells_its_page():
    html = '<img src="https://xn--80apagcdp.xn--p1ai:443/px/p.gif?s=clinic">'
    (way,) = arrivals(loaded(html, address="https://клиника.рф/врачи"))
    assert way.page == "yes, from the Referer header"


def test_a_policy_in_meta_counts_beside_the_header():
    meta = "<meta http-equiv=Content-Security-Policy content=\"script-src 'self'\">"
    assert problems(meta + TAG, Content_Security_Policy="script-src *")


@pytest.mark.parametrize(
    ("policy", "nonce", "allowed"),
    [
        ("script-src https://stats.clinic.example", "", True),
        ("script-src stats.clinic.example", "", True),
        ("script-src *.clinic.example", "", True),
        ("script-src *.example", "", True),
        ("script-src https:", "", True),
        ("script-src http:", "", True),
        ("script-src *", "", True),
        ("script-src https://stats.clinic.example/p.js", "", True),
        ("script-src https://stats.clinic.example/px/", "", False),
        ("script-src https://stats.clinic.example:8443", "", False),
        ("script-src https://stats.clinic.example:*", "", True),
        ("script-src 'nonce-abc' 'strict-dynamic'", "abc", True),
        ("script-src 'nonce-abc' 'strict-dynamic' https:", "", False),
        ("script-src-elem 'none'; script-src *", "", False),
        ("default-src 'none'; script-src *", "", True),
        ("img-src 'none'", "", True),
        ("script-src *, script-src 'self'", "", False),
        ("script-src *.stats.clinic.example", "", False),
        ("script-src [", "", False),
        ("", "", True),
    ],
)
def test_sources_are_matched_as_a_browser_matches_them(policy, nonce, allowed):
    verdict = allows(read_policies([policy]), "script-src", "https://stats.clinic.example/p.js", PAGE, nonce)
    assert verdict.allowed is allowed


@pytest.mark.parametrize(
    ("attribute", "header", "page", "arrives"),
    [
        ("", "", PAGE, "host only: strict-origin-when-cross-origin"),
        ("", "no-referrer-when-downgrade", PAGE, "yes, from the Referer header"),
        (' referrerpolicy="no-referrer-when-downgrade"', "", PAGE, "yes, from the Referer header"),
        (' referrerpolicy="no-referrer-when-downgrade"', "no-referrer", PAGE, "yes, from the Referer header"),
        ("", "no-referrer", PAGE, "no: Referrer-Policy no-referrer"),
        ("", "same-origin", PAGE, "no: Referrer-Policy same-origin, and the collector is another origin"),
        ("", "same-origin", "https://stats.clinic.example/a", "yes, from the Referer header"),
        ("", "origin", "https://stats.clinic.example/a", "host only: origin"),
        ("", "unsafe-url, made-up", PAGE, "yes, from the Referer header"),
    ],
)
def test_what_an_image_tells_of_its_page_follows_the_referrer_policy(attribute, header, page, arrives):
    (way,) = arrivals(loaded(IMAGE.format(attribute), address=page, Referrer_Policy=header))
    assert (way.way, way.page) == ("image", arrives)


@pytest.mark.parametrize(("html", "told"), [(IMAGE.format(""), 1), (TAG, 0), ("", 0)])
def test_a_page_with_images_alone_is_told_that_blockers_stop_them(html, told):
    assert sum("EasyPrivacy" in text for level, text in check(loaded(html)) if level == "note") == told


@pytest.mark.parametrize("name", ["p.js", "p.src.js"])
def test_our_script_is_known_by_its_mark(name):
    assert OURS.search((Path(__file__).parents[2] / "collector/static" / name).read_text())


def test_an_error_page_must_tell_its_status():
    assert any("404" in text for text in problems(status=404))
    image = '<img src="https://stats.clinic.example/p.gif?s=clinic&e=404&u=https%3A%2F%2Fclinic.example%2Fdoctors">'
    assert problems(image, status=404) == []


@pytest.mark.parametrize(("policy", "told"), [("no-referrer", 1), ("strict-origin", 1), ("same-origin", 0), ("", 0)])
def test_a_policy_that_hides_this_page_from_the_next_is_noted(policy, told):
    assert sum("the next page" in text for _, text in check(loaded(Referrer_Policy=policy))) == told


@pytest.mark.parametrize(
    ("kind", "told"), [("application/pdf", 1), ("text/html; charset=windows-1251", 0), ("application/xhtml+xml", 0)]
)
def test_what_is_no_html_page_runs_no_tag(kind, told):
    assert sum("not an HTML page" in text for text in problems(Content_Type=kind)) == told


def test_another_site_than_the_pages_is_noted_because_of_the_cookie():
    found = check(loaded(TAG.replace("stats.clinic.example", "stats.vendor.example2")))
    assert any("cookie" in finding.text and finding.level == "note" for finding in found)


def test_the_collectors_own_settings_are_compared():
    page = loaded(TAG.replace('data-site="clinic"', 'data-site="klinic"'))
    assert any("klinic" in finding.text for finding in check_settings(page, [DEMO_SITE]))
    assert check_settings(loaded(), [DEMO_SITE]) == []
    foreign = check_settings(loaded(address="https://evil.example/"), [DEMO_SITE])
    assert "not among the hosts" in foreign[0].text


CONFIGURED = Site(
    id="clinic", hosts=("clinic.example",), consent="explicit", query=(AllowedValue(name="city", values=("omsk",)),)
)
ADDRESSED = CONFIGURED.model_copy(update={"query": (), "page_parameters": ("ID",), "consent": "implied"})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", ["data-keep lacks city", "no data-consent"]),
        ('data-keep="city" data-consent="wait"', []),
        ('data-keep="city,street" data-consent="0"', ["data-keep names street"]),
    ],
)
def test_a_pasted_tag_that_is_older_than_the_settings_is_named(given, said):
    found = check_settings(loaded(SCRIPT.replace("async", f"async {given}")), [CONFIGURED])
    assert len(found) == len(said)
    assert all(word in remark.text for word, remark in zip(said, found, strict=True))


def test_a_tag_without_the_parameter_that_names_the_page_is_named():
    assert "data-keep lacks ID" in check_settings(loaded(SCRIPT), [ADDRESSED])[0].text


@pytest.mark.parametrize(
    ("collector", "told"),
    [("https://stats.clinic.example", 0), ("https://stats.clinik.example", 1), ("", 0)],
)
def test_a_tag_of_another_collector_than_the_settings_name_is_noted(collector, told):
    found = check_settings(loaded(SCRIPT), [DEMO_SITE], collector)
    assert sum("wrong name" in remark.text for remark in found) == told
    own_path = loaded(SCRIPT.replace("stats.clinic.example", "clinic.example/px"))
    assert check_settings(own_path, [DEMO_SITE], collector) == []


@pytest.mark.parametrize(
    "html",
    [
        "",
        "<" * 10_000,
        "<script src='http://[::1'>",
        "<script src='http://a:b/p.js'>",
        "<base href='//['><img src='/p.gif'>",
        "\x00",
    ],
)
def test_no_page_is_too_broken_to_be_read(html):
    assert problems(html)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with (
        Edge(tmp_path_factory.mktemp("edge") / "var") as edge,
        Served(demo_app(Wish(site="clinic", collector=edge.url, ads=True))) as served,
    ):
        yield served


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", 0),
        ("/services/hiv", 0),
        ("/prices", 0),
        ("/print", 0),
        ("/partner", 0),
        ("/nowhere", 0),
        ("/static/my.js", 1),
    ],
)
def test_the_command_judges_the_pages_of_the_demo_clinic(demo, path, code):
    result = CliRunner().invoke(build_app(), ["check-tag", demo.url + path, "--format", "table"])
    assert result.exit_code == code, result.output


def test_the_command_says_what_arrives_as_json(demo):
    result = CliRunner().invoke(build_app(), ["check-tag", demo.url + "/"])
    assert '"previous": "yes, from the browser"' in result.stdout


def test_a_page_that_cannot_be_loaded_is_one_line(demo):
    result = CliRunner().invoke(build_app(), ["check-tag", "http://localhost:1/"])
    assert "cannot be loaded" in str(result.exception)


async def endless(part: bytes, pause: float) -> AsyncIterator[bytes]:
    for _ in range(500):
        yield part
        await asyncio.sleep(pause)


@pytest.mark.parametrize(("path", "said"), [("/drip", "takes longer than"), ("/huge", "is longer than 4096 KiB")])
@pytest.mark.parametrize("declared", [False, True], ids=["chunked", "with_a_length"])
def test_a_page_without_end_is_given_up(monkeypatch, path, said, declared):
    monkeypatch.setattr("pipeline.embedding.fetch.SECONDS", 1.0)
    pages = {"/drip": (b"<p>", 0.01), "/huge": (b"<p>" * 100_000, 0)}
    length = {"content-length": "400000000"} if declared else {}
    route = Route(path, lambda _: StreamingResponse(endless(*pages[path]), headers=length, media_type="text/html"))
    with Served(Starlette(routes=[route])) as served:
        result = CliRunner().invoke(build_app(), ["check-tag", served.url + path])
    assert said in str(result.exception)


def test_a_sandbox_without_scripts_is_named():
    assert any("sandbox" in text for text in problems(Content_Security_Policy="sandbox allow-forms"))
    assert problems(Content_Security_Policy="sandbox allow-scripts") == []


@pytest.mark.parametrize("keep", ["city,street", "city, street", "street city"])
def test_names_to_keep_are_read_as_the_script_reads_them(keep):
    site = Site(
        id="clinic",
        hosts=("clinic.example",),
        query=(AllowedValue(name="city", values=("omsk",)), AllowedValue(name="street", values=("5",))),
    )
    page = loaded(TAG.replace("async", f'async data-keep="{keep}"'))
    assert [remark.text for remark in [*check(page), *check_settings(page, [site])] if remark.level == "problem"] == []


def test_an_answer_printed_into_the_page_is_noted():
    site = Site(id="clinic", hosts=("clinic.example",), consent="explicit")
    given = [remark.text for remark in check_settings(loaded(TAG.replace("async", 'async data-consent="1"')), [site])]
    assert any("no cache keeps the page" in text for text in given)


def test_a_tag_that_a_script_writes_tells_its_site():
    html = "<script>document.write('" + SCRIPT.replace("</", "<\\/") + "')</script>"
    assert problems(html) == []


@pytest.mark.parametrize("host", ["spb.clinic.example", "www.clinic.example", "Stats.example"])
def test_an_address_may_begin_with_any_letter(host):
    assert is_address(f"https://{host}/")
    assert not is_address("https:// clinic.example/")
    assert not is_address("https:///clinic.example/")


def test_the_check_knows_every_name_that_the_collector_reads():
    assert frozenset(query.PARAMETERS) == PARAMETERS


@pytest.mark.parametrize(
    ("policy", "added", "allowed"),
    [
        ("script-src 'nonce-a' 'strict-dynamic'", True, True),
        ("script-src 'nonce-a' 'STRICT-DYNAMIC'", True, True),
        ("script-src 'nonce-a' 'strict-dynamic', script-src 'self'", True, False),
        ("script-src 'self'; style-src 'strict-dynamic'", True, False),
        ("script-src 'nonce-a' 'strict-dynamic'", False, False),
    ],
)
def test_every_policy_must_let_a_script_add_another(policy: str, added: bool, allowed: bool) -> None:
    address, page = "https://stats.clinic.example/p.js", "https://clinic.example/"
    assert allows(read_policies([policy]), "script-src", address, page, added=added).allowed is allowed


def test_every_place_that_lists_the_files_of_the_collector_lists_all():
    places = [
        (REPOSITORY / "deploy/nginx/clinic-pixel.conf").read_text(),
        next(line for line in (REPOSITORY / "docs/runbook.md").read_text().splitlines() if "provider cache" in line),
        next(text for name, _, text in snippet(WISH) if name == "nginx"),
    ]
    for name in (name.removesuffix(".js") for name in NAMES if name.endswith(".js") and name != "privacy.js"):
        assert [re.search(rf"\b{name}\b", place) is not None for place in places] == [True] * len(places), name
        with pytest.raises(ValueError, match="expected"):
            browser_address(f"https://stats.clinic.example/{name}.js")
