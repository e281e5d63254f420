"""The PHP for sites, checked and run by PHP itself, with the functions of the platform as stand-ins."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.embedding.arrival import Loaded
from pipeline.embedding.check_tag import check
from pipeline.embedding.platforms import PLATFORMS
from pipeline.embedding.snippet import Wish

PHP = shutil.which("php", path="/usr/bin:/usr/local/bin")
WISH = Wish(site="clinic", collector="https://stats.clinic.example", technical=("errors",), release="it's \\ 1")
WORDPRESS = """
define('ABSPATH', '/');
$hooks = [];
function add_action($hook, $function) { $GLOBALS['hooks'][$hook][] = $function; }
function is_404() { return KIND === '404'; }
function is_search() { return KIND === 'search'; }
function is_preview() { return KIND === 'preview'; }
function is_customize_preview() { return KIND === 'customize'; }
function current_user_can($what) { return KIND === 'editor' && $what === 'edit_posts'; }
function home_url($path) { return 'https://clinic.example' . $path; }
function esc_url($url) { return str_replace('&', '&#038;', $url); }
"""


@pytest.fixture
def run(tmp_path: Path):
    if PHP is None:
        pytest.skip("php is not installed (Debian package php-cli)")

    def run(platform: str, *, before: str = "", after: str = "", wish: Wish = WISH) -> str:
        file = tmp_path / "clinic-pixel.php"
        file.write_text(PLATFORMS[platform](wish).text)
        main = tmp_path / "main.php"
        main.write_text(f"<?php error_reporting(E_ALL); {before}\ninclude '{file}';\n{after}")
        for command in ([PHP, "-l", file], [PHP, "-d", "display_errors=1", main]):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
            assert done.returncode == 0, done.stdout + done.stderr
        assert not re.search(r"\b(Warning|Notice|Deprecated)\b:", done.stdout), done.stdout
        return done.stdout

    return run


def wordpress(run, kind: str, hooks: tuple[str, ...] = ("wp_body_open", "wp_footer")) -> str:
    calls = "".join(f"foreach ($hooks['{hook}'] ?? [] as $function) $function();" for hook in hooks)
    return run("wordpress", before=f"define('KIND', '{kind}'); {WORDPRESS}", after=calls)


def problems(html: str, status: int = 200) -> list[str]:
    page = Loaded.of("https://clinic.example/doctors", status, {}, f"<body>{html}")
    return [remark.text for remark in check(page) if remark.level == "problem"]


@pytest.mark.parametrize("hooks", [("wp_body_open", "wp_footer"), ("wp_footer",)])
def test_wordpress_prints_one_tag_whatever_hooks_the_theme_has(run, hooks):
    html = wordpress(run, "page", hooks)
    assert html.count("<script") == html.count("<noscript") == 1
    assert "data-status" not in html
    assert problems(html) == []


def test_wordpress_tells_the_status_of_a_missing_page_by_the_one_tag(run):
    html = wordpress(run, "404")
    assert html.count("<script") == 1
    assert 'data-status="404"' in html
    assert problems(html, 404) == []


@pytest.mark.parametrize("kind", ["editor", "preview", "customize"])
def test_wordpress_does_not_count_staff(run, kind):
    assert wordpress(run, kind) == ""


def test_wordpress_counts_a_search_as_one_page_without_its_words(run):
    html = wordpress(run, "search")
    assert "<script" not in html
    address = re.search(r'src="([^"]*)"', html)[1].replace("&#038;", "&")
    assert parse_qs(urlsplit(address).query)["u"] == ["https://clinic.example/search/"]
    assert problems(html) == []


USER = "class User { function IsAdmin() { return KIND === 'admin'; } } $USER = new User;"


@pytest.mark.parametrize(("kind", "scripts", "statuses"), [("page", 1, 0), ("404", 1, 1), ("admin", 0, 0)])
def test_bitrix_gets_the_tag_of_the_complete_page(run, kind, scripts, statuses):
    # The error becomes known after the file was read, as in a component.
    late = "define('ERROR_404', 'Y');" if kind == "404" else ""
    html = run("bitrix", before=f"define('KIND', '{kind}'); {USER}", after=f"{late} echo clinicPixelTag();")
    assert html.count("<script") == scripts
    assert html.count('data-status="404"') == statuses


@pytest.mark.parametrize(("status", "said"), [(200, 0), (404, 1), (503, 1)])
def test_plain_php_reads_the_status_of_its_page(run, status, said):
    html = run("php", before=f"http_response_code({status});")
    assert html.count("<script") == 1
    assert html.count(f'data-status="{status}"') == html.count(f"e={status}") == said
    assert problems(html, status) == []


def test_plain_php_prints_the_pages_own_address_into_the_image(run):
    server = (
        "$_SERVER = ['HTTPS' => 'on', 'HTTP_HOST' => 'clinic.example', 'HTTP_REFERER' => 'https://ya.ru/?a=1&b=2',"
        " 'REQUEST_URI' => '/%D1%86%D0%B5%D0%BD%D1%8B?utm_source=ya&utm_medium=\"><script>'];"
    )
    html = run("php-image", before=server)
    address = re.fullmatch(r'<img src="([^"]*)" [^<>]*>', html)[1].replace("&amp;", "&")
    given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert given == {
        "s": "clinic",
        "m": "server",
        "u": 'https://clinic.example/%D1%86%D0%B5%D0%BD%D1%8B?utm_source=ya&utm_medium="><script>',
        "r": "https://ya.ru/?a=1&b=2",
    }


@pytest.mark.parametrize("platform", ["wordpress", "bitrix", "php"])
def test_no_value_breaks_out_of_its_php_string(platform):
    text = PLATFORMS[platform](WISH).text
    assert "it&#x27;s \\\\ 1" in text
    assert "<?" not in text[5:].replace("<?php $APPLICATION", "")
