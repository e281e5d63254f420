"""Public pages are learned from a real server or a file, and used by a running edge without a restart."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.edge.tables import EdgeTables
from pipeline.errors import Fatal, Retryable
from pipeline.keys.directory import KeyDirectory
from pipeline.keys.ring import Keyring
from pipeline.operations.machine_checks import sitemaps
from pipeline.pages import commands
from pipeline.pages import learn as learning
from pipeline.pages.known import file_of, read, write
from pipeline.pages.learn import Learned, learn, learn_again
from pipeline.settings.model import Settings
from pipeline.settings.site import Site
from support.command import command

MAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
SITE = Site(id="clinic", hosts=("clinic.example", "127.0.0.1"), sensitive={"hiv": ("/uslugi/vich",)})


class Quiet(SimpleHTTPRequestHandler):
    """A file server that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory of the clinic's site."""
    directory = tmp_path / "www"
    directory.mkdir()
    return directory


@pytest.fixture
def server(root: Path) -> Iterator[str]:
    """A real web server of that directory on loopback."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root)))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of one site."""
    return Settings(data=tmp_path / "var", sites=(SITE,))


def sitemap(*locations: str, kind: str = "urlset", each: str = "url") -> str:
    """Return a sitemap or an index of sitemaps."""
    entries = "".join(
        f"<{each}>\n <loc>{location}</loc><lastmod>2026-11-27</lastmod></{each}>" for location in locations
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind} xmlns="{MAP}">{entries}</{kind}>'


def index(*locations: str) -> str:
    """Return an index of sitemaps."""
    return sitemap(*locations, kind="sitemapindex", each="sitemap")


def test_a_site_is_learned_from_its_address(root: Path, server: str, settings: Settings) -> None:
    (root / "sitemap.xml").write_text(
        index(f"{server}/pages.xml", f"{server}/news.xml.gz", "https://other.example/x.xml")
    )
    (root / "pages.xml").write_text(
        sitemap(
            "https://clinic.example/Vrachi/Akhmetova-Gulnara/",
            "https://www.clinic.example/ceny?utm_source=map&amp;a=1",
            "/",
        )
    )
    news = sitemap(
        "https://clinic.example/novosti/123456789012-otkrytie",
        "https://other.example/a",
        "https://clinic.example/" + "a" * 3000,
    )
    (root / "news.xml.gz").write_bytes(gzip.compress(news.encode()))
    assert learn(settings, SITE, server) == Learned("clinic", server, 4, 1, 1)
    listed = read(settings, "clinic")
    assert listed is not None
    assert listed.paths == ("/", "/ceny", "/novosti/123456789012-otkrytie", "/vrachi/akhmetova-gulnara")
    assert listed.source == server
    assert file_of(settings, "clinic").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "https://clinic.example/a\nhttps://clinic.example/b\n",
        "\ufeff/a\r\n/b\r\n# no address\n",
        "<urlset><url><loc><![CDATA[ https://clinic.example/a ]]></loc></url><url><loc>https://clinic.example/b</loc></url></urlset>",
        '<ns:urlset xmlns:ns="x"><ns:url><ns:loc>https://clinic.example/a</ns:loc></ns:url><ns:url><ns:loc>//clinic.example/b</ns:loc></ns:url></ns:urlset>',
        "<urlset><url><loc>https://clinic.example/a</loc></url><url><loc>https://clinic.example/b</loc></url><url><loc>https://clinic.exa",
    ],
    ids=["text", "paths", "CDATA", "prefix", "torn"],
)
def test_every_usual_form_is_read(tmp_path: Path, settings: Settings, text: str) -> None:
    file = tmp_path / "sitemap"
    file.write_text(text, newline="")
    learn(settings, SITE, str(file))
    listed = read(settings, "clinic")
    assert listed is not None
    assert listed.paths == ("/a", "/b")


def test_what_is_no_sitemap_is_named(root: Path, server: str, tmp_path: Path, settings: Settings) -> None:
    (root / "sitemap.xml").write_text("<html>not found</html>")
    with pytest.raises(Fatal, match=r"no page of clinic\.example, 127\.0\.0\.1 in it"):
        learn(settings, SITE, server)
    with pytest.raises(Retryable, match="answered 404"):
        learn(settings, SITE, f"{server}/no.xml")
    with pytest.raises(Retryable, match="cannot be loaded"):
        learn(settings, SITE, "http://127.0.0.1:9/sitemap.xml")
    with pytest.raises(Fatal, match="cannot be read: No such file"):
        learn(settings, SITE, str(tmp_path / "none"))
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8bjunk")
    with pytest.raises(Fatal, match="damaged gzip"):
        learn(settings, SITE, str(tmp_path / "bad.gz"))
    assert read(settings, "clinic") is None


def test_a_bomb_of_gzip_is_refused(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_BYTES", 1_000_000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"/a\n" * 10_000_000))
    with pytest.raises(Fatal, match="which no sitemap may be"):
        learn(settings, SITE, str(tmp_path / "bomb.gz"))


def test_a_server_that_drips_is_not_waited_for(
    root: Path, server: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "sitemap.xml").write_text(sitemap("https://clinic.example/a"))
    monkeypatch.setattr(learning, "ALL_SECONDS", -1.0)
    with pytest.raises(Retryable, match="take longer than"):
        learn(settings, SITE, server)


def test_ship_learns_again_and_keeps_a_list_that_lost_its_pages(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "pages.txt"
    file.write_text("".join(f"/a{number}\n" for number in range(10)))
    learn(settings, SITE, str(file))
    file.write_text("".join(f"/b{number}\n" for number in range(12)))
    learn_again(settings)
    assert len(getattr(read(settings, "clinic"), "paths", ())) == 12
    file.write_text("/c\n")
    with pytest.raises(Retryable, match="1 pages in place of 12; the list stays as it was"):
        learn_again(settings)
    assert len(getattr(read(settings, "clinic"), "paths", ())) == 12


def test_a_running_edge_takes_a_new_list(tmp_path: Path, settings: Settings) -> None:
    keys = Keyring(KeyDirectory(tmp_path / "keys"), may_mint=True)
    tables = EdgeTables.load(settings, keys, lambda size: bytes(size))
    doctor, hiv = "https://clinic.example/spravka/2041", "https://clinic.example/uslugi/vich"
    assert tables.page("clinic", doctor).path == "/spravka/*"
    file = tmp_path / "pages.txt"
    file.write_text("/spravka/2041\n/uslugi/vich\n")
    learn(settings, SITE, str(file))
    assert tables.page("clinic", doctor).path == "/spravka/*"
    tables.learn(tables.changed_pages())
    assert tables.page("clinic", doctor).path == "/spravka/2041"
    assert tables.referrer("clinic", doctor).path == "/spravka/2041"
    assert tables.page("clinic", hiv).path == "/~hiv"
    file_of(settings, "clinic").unlink()
    tables.learn(tables.changed_pages())
    assert tables.page("clinic", doctor).path == "/spravka/*"


def test_a_damaged_list_stops_no_collector(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.pages_dir.mkdir(parents=True, mode=0o700)
    file_of(settings, "clinic").write_bytes(b"\xff\xfe")
    tables = EdgeTables.load(
        settings, Keyring(KeyDirectory(tmp_path / "keys"), may_mint=True), lambda size: bytes(size)
    )
    assert tables.page("clinic", "https://clinic.example/uslugi").path == "/uslugi"
    assert "not a list of pages" in caplog.text


def test_the_commands_learn_and_show(tmp_path: Path) -> None:
    data, file = tmp_path / "var", tmp_path / "pages.txt"
    file.write_text("https://clinic.example/a\n/b\n")
    done = command(data, "pages", "learn", str(file))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pages"] == 2
    (row,) = json.loads(command(data, "pages", "show").stdout)
    assert (row["site"], row["pages"], row["source"]) == ("clinic", 2, str(file))
    refused = command(data, "pages", "learn", str(tmp_path / "none"))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("host", ["second.example", "www.second.example", "Second.Example:443"])
def test_without_a_name_the_site_is_the_one_on_whose_host_the_sitemap_is(tmp_path: Path, host: str) -> None:
    second = Site(id="second", hosts=("second.example",))
    settings = Settings(data=tmp_path, sites=(SITE, second))
    assert commands._site(settings, "", f"https://{host}/sitemap.xml") == second


def with_sitemap(settings: Settings, source: str) -> Settings:
    """Return the settings with a sitemap of the site."""
    return settings.model_copy(update={"sites": (SITE.model_copy(update={"sitemap": source}),)})


def test_ship_learns_the_sitemap_of_the_settings_without_an_operator(
    root: Path, server: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "map.xml").write_text(sitemap("https://clinic.example/vrachi/", "https://clinic.example/ceny/"))
    configured = with_sitemap(settings, f"{server}/map.xml")
    with caplog.at_level("INFO"):
        learn_again(configured)
    listed = read(configured, "clinic")
    assert listed is not None
    assert (listed.source, listed.paths) == (f"{server}/map.xml", ("/ceny", "/vrachi"))
    assert f"clinic: 2 pages learned from {server}/map.xml" in caplog.text


def test_a_sitemap_that_fails_leaves_the_list_as_it_was(root: Path, server: str, settings: Settings) -> None:
    (root / "map.xml").write_text(sitemap(*(f"https://clinic.example/{name}" for name in ("a", "b", "c", "d"))))
    configured = with_sitemap(settings, f"{server}/map.xml")
    learn_again(configured)
    before = read(configured, "clinic")
    (root / "map.xml").write_text(sitemap("https://clinic.example/a"))
    with pytest.raises(Retryable, match="1 pages in place of 4"):
        learn_again(configured)
    (root / "map.xml").unlink()
    with pytest.raises(Retryable, match="answered 404"):
        learn_again(configured)
    assert read(configured, "clinic") == before


@pytest.mark.parametrize(
    "source", ["http://clinic.example/sitemap.xml", "ftp://127.0.0.1/x", "https://u:p@clinic.example/x"]
)
def test_a_sitemap_that_anybody_on_the_way_could_change_is_refused(source: str) -> None:
    with pytest.raises(ValidationError, match="expected an address with https"):
        Site(id="clinic", hosts=("clinic.example",), sitemap=source)


def test_doctor_names_a_sitemap_that_was_never_learned_or_is_old(tmp_path: Path, settings: Settings) -> None:
    source = tmp_path / "map.txt"
    source.write_text("/vrachi\n")
    configured = with_sitemap(settings, str(source))
    assert [state for state, _ in sitemaps(settings)] == []
    ((state, text),) = sitemaps(configured)
    assert (state, "was never learned" in text) == ("problem", True)
    learn_again(configured)
    assert [state for state, _ in sitemaps(configured)] == ["ok"]
    write(configured, "clinic", str(source), ["/vrachi"], datetime.now(UTC) - timedelta(days=8))
    ((state, text),) = sitemaps(configured)
    assert (state, "8 days old" in text) == ("problem", True)


def test_the_command_without_a_source_learns_the_sitemaps_of_the_settings(tmp_path: Path) -> None:
    source = tmp_path / "map.txt"
    source.write_text("/vrachi\n/ceny\n")
    config = tmp_path / "pixel.toml"
    site = f'data = "{tmp_path}/var"\n[[sites]]\nid = "clinic"\nhosts = ["clinic.example"]\n'
    config.write_text(site)
    refused = command(tmp_path / "var", "pages", "learn", "--config", str(config))
    assert refused.returncode == 1
    assert "no site has a `sitemap`" in refused.stderr
    config.write_text(f'{site}sitemap = "{source}"\n')
    assert (
        json.loads(command(tmp_path / "var", "pages", "learn", "--config", str(config), "--format", "json").stdout)[
            "pages"
        ]
        == 2
    )
