"""An existing server in place of the embedded one: TLS with a trusted authority, and each wrong setting named."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipeline.database.access import make_passwords
from pipeline.database.client import OLDEST, connect, ping, too_old, unreachable
from pipeline.errors import Fatal, Retryable
from pipeline.operations.database_checks import clickhouse as check
from pipeline.settings.model import Settings
from pipeline.settings.sections import ClickHouse
from support.certificates import make_certificate
from support.command import free_port
from support.tls import TlsProxy
from support.waiting import wait_until


@pytest.fixture
def behind_tls(clickhouse: Settings, tmp_path: Path) -> Iterator[Settings]:
    """The shared server at an https address whose authority the settings name."""
    ca, context = make_certificate(tmp_path, "127.0.0.1")
    proxy = TlsProxy(clickhouse.clickhouse.port, context)
    yield _at(clickhouse, f"https://127.0.0.1:{proxy.port}", ca)
    proxy.close()


def test_a_server_behind_tls_is_asked_like_the_embedded_one(behind_tls: Settings) -> None:
    assert ping(behind_tls)
    client = connect(behind_tls, "pixel_admin")
    assert client.command("SELECT 1") == 1
    client.close()


def test_an_authority_that_is_not_trusted_is_named(behind_tls: Settings) -> None:
    unknown = _at(behind_tls, behind_tls.clickhouse.url, None)
    with pytest.raises(Retryable, match=r"certificate that is not trusted.*clickhouse\.ca"):
        connect(unknown, "pixel_admin")
    assert [(state, "not trusted" in text) for state, text in check(unknown)] == [("problem", True)]


def test_a_certificate_of_another_host_is_not_trusted(behind_tls: Settings) -> None:
    other = _at(behind_tls, str(behind_tls.clickhouse.url).replace("127.0.0.1", "localhost"), behind_tls.clickhouse.ca)
    with pytest.raises(Retryable, match="not trusted: it has ended, it is of another host"):
        connect(other, "pixel_admin")


def test_a_missing_file_of_the_authority_is_named(behind_tls: Settings, tmp_path: Path) -> None:
    missing = _at(behind_tls, behind_tls.clickhouse.url, tmp_path / "missing.pem")
    with pytest.raises(Retryable, match=r"missing\.pem \(clickhouse\.ca\) is not a file that can be read"):
        connect(missing, "pixel_admin")


def test_plain_http_to_the_port_of_tls_does_not_answer(behind_tls: Settings) -> None:
    plain = _at(behind_tls, str(behind_tls.clickhouse.url).replace("https", "http"), None)
    with pytest.raises(Retryable, match="does not answer"):
        connect(plain, "pixel_admin")


def test_another_program_at_the_address_is_told_apart(clickhouse: Settings) -> None:
    told = r"something else than ClickHouse \(/ping gives status 404\)"
    with _answering(404, b"nothing here") as url, pytest.raises(Retryable, match=told):
        connect(_at(clickhouse, url, None), "pixel_admin")


@pytest.mark.parametrize("version", ["18.16.1", "25.8.3.66", f"{OLDEST[0]}.{OLDEST[1] - 1}.9", "", "unknown"])
def test_a_version_before_the_oldest_is_refused(version: str) -> None:
    assert f"needs {OLDEST[0]}.{OLDEST[1]} or newer" in too_old(version)


@pytest.mark.parametrize("version", [f"{OLDEST[0]}.{OLDEST[1]}.1.1", "26.9.1.1-lts", "27.1.2.3"])
def test_a_version_from_the_oldest_on_is_taken(version: str) -> None:
    assert not too_old(version)


def test_the_embedded_engine_is_not_too_old(clickhouse: Settings) -> None:
    client = connect(clickhouse, "pixel_admin")
    settled = client.command("SELECT count() FROM system.settings WHERE name = 'deduplicate_insert'")
    assert (too_old(client.server_version), settled) == ("", 1)
    client.close()


@pytest.mark.parametrize("user", ["pixel_admin", "ops"])
def test_a_real_server_of_2018_is_refused_with_what_is_needed(tmp_path: Path, user: str) -> None:
    """One of its users is known, the other is not: both errors of this version have no number in a header."""
    told = r"is (version 18\.16\.1|an old version); clinic-pixel needs 26\.2 or newer"
    with _debian_server(tmp_path) as settings, pytest.raises(Fatal, match=told):
        connect(settings, user)  # type: ignore[arg-type]


def test_a_wrong_password_at_a_server_is_still_one(behind_tls: Settings, tmp_path: Path) -> None:
    stranger = behind_tls.model_copy(update={"data": tmp_path / "other"})
    make_passwords(stranger)
    with pytest.raises(Fatal, match="refuses user pixel_admin"):
        connect(stranger, "pixel_admin")


def test_an_address_that_answers_is_not_unreachable(behind_tls: Settings) -> None:
    assert unreachable(behind_tls) == ""


def _at(settings: Settings, url: str | None, ca: Path | None) -> Settings:
    return settings.model_copy(update={"clickhouse": ClickHouse(url=url, ca=ca)})


@contextmanager
def _answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  the name that the class of the standard library looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _debian_server(home: Path) -> Iterator[Settings]:
    """Run ClickHouse 18.16 of Debian with one of our users."""
    program = shutil.which("clickhouse-server")
    library = list(Path("/usr/lib").glob("*/libclickhouse.so.18.16*"))
    if program is None or not library:
        pytest.skip("needs ClickHouse 18.16: apt-get install clickhouse-server")
    port = free_port()
    settings = Settings(data=home / "var", clickhouse=ClickHouse(url=f"http://127.0.0.1:{port}"))
    (home / "config.xml").write_text(
        f"<yandex><logger><level>none</level></logger><http_port>{port}</http_port><tcp_port>{free_port()}</tcp_port>"
        f"<listen_host>127.0.0.1</listen_host><path>{home}/data/</path><tmp_path>{home}/tmp/</tmp_path>"
        "<mark_cache_size>5000000</mark_cache_size><users_config>users.xml</users_config>"
        "<default_profile>default</default_profile><default_database>default</default_database></yandex>"
    )
    password = make_passwords(settings)["pixel_admin"]
    (home / "users.xml").write_text(
        "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><pixel_admin>"
        f"<password>{password}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>"
        "<quota>default</quota></pixel_admin></users></yandex>"
    )
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, f"--config-file={home / 'config.xml'}"], stdout=log, stderr=log, cwd=home)
    try:
        wait_until(lambda: ping(settings), "the server of 2018", seconds=30)
        yield settings
    finally:
        process.terminate()
        process.wait(30)
