import gzip
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.cli import build_app
from pipeline.embedding.arrival import Loaded
from pipeline.embedding.check_tag import check
from pipeline.embedding.platforms import PLATFORMS
from pipeline.embedding.snippet import Wish, snippet
from pipeline.errors import Fatal

STATIC = Path(__file__).parents[2] / "collector/static"
REPOSITORY = Path(__file__).parents[2]
WISH = Wish(site="clinic", collector="https://stats.clinic.example")


def lines(wish: Wish) -> dict[str, str]:
    return {name: text for name, _, text in snippet(wish)}


def test_the_tag_is_one_script_and_for_browsers_without_scripts_one_image():
    script, noscript = lines(WISH)["tag"].splitlines()
    assert script == '<script async src="https://stats.clinic.example/p.js" data-site="clinic"></script>'
    assert noscript == (
        '<noscript><img src="https://stats.clinic.example/p.gif?s=clinic&amp;m=noscript" alt="" width="1" height="1" hidden'
        ' loading="eager" referrerpolicy="no-referrer-when-downgrade"></noscript>'
    )


def test_every_wish_is_an_attribute():
    wish = Wish(
        site="clinic",
        collector="https://stats.clinic.example/",
        consent="explicit",
        keep=("city", "filter"),
        technical=("errors", "vitals"),
        sample=0.1,
        release="v2.1",
    )
    assert lines(wish)["tag"].splitlines()[0] == (
        '<script async src="https://stats.clinic.example/p.js" data-site="clinic" data-consent="0" data-keep="city,filter"'
        ' data-technical="errors,vitals" data-sample="0.1" data-release="v2.1"></script>'
    )


def test_where_consent_is_asked_for_no_image_claims_it():
    wish = Wish(site="clinic", collector="https://stats.clinic.example", consent="explicit", ads=True)
    images = [text for text in lines(wish).values() if "p.gif?" in text]
    assert len(images) == 6
    assert all("&amp;c=0" in text for text in images)
    assert "c=0" not in "".join(lines(WISH).values())


@pytest.mark.parametrize("platform", ["", *PLATFORMS])
def test_no_lazy_loader_finds_an_image_of_ours(platform):
    wish = Wish(site="clinic", collector="https://stats.clinic.example", ads=True)
    text = PLATFORMS[platform](wish).text if platform else "\n".join(lines(wish).values())
    images = re.findall(r"<img[^>]*>", text.replace("?>", ""))
    assert len(images) == {"": 6, "turbo": 0, "php-image": 1, "php": 2, "bitrix": 2, "wordpress": 3}[platform]
    assert all(' loading="eager"' in image for image in images)


def test_no_value_of_an_attribute_is_bare():
    wish = Wish(site="clinic", collector="https://stats.clinic.example", ads=True, technical=("errors",))
    bare = re.compile(r"<[^>]*\s[\w-]+=[^\"'\s>]")
    assert [name for name, text in lines(wish).items() if bare.search(text)] == []


def test_an_error_page_has_one_tag_that_tells_its_status():
    text = lines(WISH)["tag of an error page"]
    assert text.count("<script") == text.count("<img") == 1
    assert 'data-status="404"' in text
    assert "m=noscript&amp;e=404" in text


def test_a_site_that_waits_for_the_answer_says_so_in_the_script_and_refuses_in_the_image():
    wish = Wish(site="clinic", collector="https://stats.clinic.example", consent="wait")
    assert 'data-consent="wait"' in lines(wish)["tag"]
    assert "m=noscript&amp;c=0" in lines(wish)["tag"]


def test_the_policy_lines_keep_the_sites_own_files():
    for directive in lines(WISH)["Content-Security-Policy"].split("; "):
        name, *sources = directive.split()
        assert name in {"script-src", "connect-src", "img-src"}
        assert sources == ["'self'", "https://stats.clinic.example"]


def test_the_policy_lines_have_a_host_in_cyrillic_as_browsers_read_it():
    policy = lines(Wish(site="clinic", collector="https://stats.клиника.рф/px"))["Content-Security-Policy"]
    assert "img-src 'self' https://stats.xn--80apagcdp.xn--p1ai" in policy
    assert policy.isascii()


def test_the_lines_that_are_owed_to_visitors_are_printed():
    printed = lines(Wish(site="clinic", collector="https://stats.clinic.example/", decided="2026-11-27"))
    assert printed["link to /privacy"].startswith('<a href="https://stats.clinic.example/privacy">')
    assert json.loads(printed["gpc.json"]) == {"gpc": True, "lastUpdate": "2026-11-27"}


def test_without_the_wish_no_line_speaks_of_ads_or_technical_signals():
    text = "\n".join(lines(WISH).values())
    assert "pixel-ad" not in text
    assert "technical" not in text


def test_a_release_cannot_break_out_of_its_attribute():
    wish = Wish(site="clinic", collector="https://stats.clinic.example", technical=("errors",), release='"><script>')
    assert 'data-release="&quot;&gt;&lt;script&gt;"' in lines(wish)["tag"]
    assert lines(wish)["tag manager"].count("<script>") == 1


@pytest.mark.parametrize(
    "address",
    [
        *("stats.clinic.example", "ftp://a.example", "https://", "https://a.example/?q", "", "javascript:alert(1)"),
        *(
            "https://a.example;script-src *",
            'https://a.example/"><script>',
            "https://a b",
            "https://ivan:secret@a.example",
        ),
        *("https://a.example:x", "https://a.example\nscript-src *"),
    ],
)
def test_a_collector_address_that_is_none_is_refused(address):
    with pytest.raises(Fatal, match="expected something like"):
        snippet(Wish(site="clinic", collector=address))


@pytest.mark.parametrize(
    "name", ["tag", "tag manager", "image without script", "image from a server-side template", "ad block"]
)
def test_check_tag_has_nothing_against_what_snippet_prints(name):
    wish = Wish(site="clinic", collector="https://stats.clinic.example", ads=True, technical=("errors",))
    printed = lines(wish)
    line = printed[name].replace("{{page}}", "https%3A%2F%2Fclinic.example%2Fdoctors").replace("{{previous}}", "")
    html = f"<body>{line}{printed['tag'] if name == 'ad block' else ''}</body>"
    policy = {"Content-Security-Policy": f"default-src 'self'; {printed['Content-Security-Policy']}"}
    found = check(Loaded.of("https://clinic.example/doctors", 200, policy, html))
    assert [finding for finding in found if finding.level == "problem"] == []


@pytest.mark.parametrize(
    "address", ["http://localhost:8080", "http://[::1]:8080", "https://клиника.рф/px", "https://a.example/px/"]
)
def test_a_collector_address_may_have_a_port_and_a_path(address):
    assert f'src="{address.rstrip("/")}/p.js"' in lines(Wish(site="clinic", collector=address))["tag"]


def test_the_embedding_guide_shows_exactly_these_lines():
    guide = (REPOSITORY / "docs/embedding.md").read_text(encoding="utf-8")
    wish = Wish(site="clinic", collector="https://stats.clinic.example", ads=True)
    for name, text in (lines(wish) | {name: PLATFORMS[name](wish).text for name in PLATFORMS}).items():
        assert text in guide, name


def test_every_line_of_contents_of_the_embedding_guide_leads_to_its_section():
    guide = (REPOSITORY / "docs/embedding.md").read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", guide, flags=re.DOTALL), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", guide)) <= anchors


@pytest.mark.parametrize(
    "said", ["data-consent", "data-keep", "data-technical", "data-sample", "data-release", "data-site", "data-status"]
)
def test_the_embedding_guide_explains_every_attribute(said):
    assert f"`{said}`" in (REPOSITORY / "docs/embedding.md").read_text(encoding="utf-8")


def printed(*options: str) -> str:
    result = CliRunner().invoke(build_app(), ["snippet", "--url", "https://s.example", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_lines_come_as_json_when_asked_for():
    assert '"name": "nginx"' in printed("--ads", "--format", "json")


def test_in_a_file_the_tag_counts_and_all_else_is_a_comment():
    class Counted(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.comments = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)

        def handle_comment(self, data: str) -> None:
            self.comments += data

    page = Counted()
    page.feed(printed("--ads"))
    assert page.tags == ["script", "noscript", "img"]
    for said in ("proxy_pass", "connect-src", "/privacy", "lastUpdate", "data-pixel-ad", "print and paste it again"):
        assert said in page.comments


@pytest.mark.parametrize(("platform", "begins"), [("wordpress", "<?php\n"), ("turbo", "<script async ")])
def test_the_text_for_a_platform_is_a_file_without_anything_else(platform, begins):
    assert printed("--platform", platform).startswith(begins)


@pytest.mark.parametrize("wrong", [["--technical", "mood"], ["--consent", "maybe"], ["--platform", "pascal"]])
def test_a_wish_that_cannot_be_granted_is_wrong_use(wrong):
    result = CliRunner().invoke(build_app(), ["snippet", *wrong])
    assert result.exit_code == 2


def test_a_site_that_is_not_configured_is_named():
    result = CliRunner().invoke(build_app(), ["snippet", "--site", "nowhere"])
    assert str(result.exception) == "--site nowhere: not configured; the sites are clinic"


def test_the_tag_is_at_most_1200_bytes_as_served():
    assert len(gzip.compress((STATIC / "p.js").read_bytes(), 9, mtime=0)) <= 1200


def test_the_served_tag_names_the_source_it_was_made_of():
    source = hashlib.sha256((STATIC / "p.src.js").read_bytes()).hexdigest()
    assert (STATIC / "p.js").read_text().startswith(f"/*{source[:4]}*/"), "run collector/static/build"


def test_the_served_tag_is_what_the_minifier_makes_of_its_source(tmp_path):
    terser = shutil.which("terser") or shutil.which("terser", path=REPOSITORY / "node_modules/.bin")
    if terser is None:
        pytest.skip("terser is not installed; the hash of the source is compared anyway")
    for name in ("build", "p.src.js"):
        shutil.copy(STATIC / name, tmp_path)
    subprocess.run(["sh", tmp_path / "build"], env={"TERSER": terser, "PATH": "/usr/bin:/bin"}, check=True, timeout=60)
    assert (tmp_path / "p.js").read_text() == (STATIC / "p.js").read_text()


@pytest.mark.parametrize("name", ["p.js", "seen.js", "t.js"])
def test_our_scripts_touch_no_cookie_no_storage_and_nothing_that_tells_browsers_apart(name):
    script = (STATIC / name).read_text()
    forbidden = re.compile(
        r"cookie|localStorage|sessionStorage|indexedDB|userAgent|plugins|languages?\b|screen\b|hardwareConcurrency"
        r"|deviceMemory|canvas|AudioContext|timezone|getBattery|caches|location\.hash|eval\(|Function\("
    )
    without_comments = re.sub(r"/\*.*?\*/|^\s*//.*$", "", script, flags=re.DOTALL | re.MULTILINE)
    assert forbidden.findall(without_comments) == []


def test_web_vitals_is_the_published_file_unmodified():
    # web-vitals 6.2.3, dist/web-vitals.js, Apache-2.0; its licence stands beside it.
    assert hashlib.sha256((STATIC / "web-vitals.js").read_bytes()).hexdigest() == (
        "bdf421fcbd62c2572c8b09096572262496e2bc54289bcae80c9fe94f6ca6769d"
    )
    assert "Apache License" in (STATIC / "web-vitals.LICENSE").read_text()


def directives(text: str) -> set[str]:
    stripped = map(str.strip, text.splitlines())
    return {line for line in stripped if line.endswith(";") and not line.startswith("#")}


def test_the_printed_lines_of_nginx_say_what_the_shipped_configuration_says():
    printed = directives(lines(WISH)["nginx"])
    shipped = (REPOSITORY / "deploy/nginx/clinic-pixel.conf").read_text()
    of_server = {
        directive
        for directive in directives(shipped[shipped.index("server {") : shipped.index("location ~")])
        # These hold for a host as a whole, here for that of the site.
        if not directive.startswith(
            ("listen", "server_name", "ssl_", "client_header_", "large_client_header_", "limit_conn")
        )
    }
    of_location = directives(shipped[shipped.index("location ~") : shipped.index("location / {")])
    own = {line for line in printed if line.startswith(("rewrite", "return", "proxy_pass"))}
    assert printed - own == of_server | of_location - {"proxy_pass http://clinic_pixel;"}


def test_the_manual_shows_the_printed_lines_of_nginx():
    printed = lines(WISH)["nginx"]
    assert printed in (REPOSITORY / "docs/embedding.md").read_text()
