"""The whole product on an existing ClickHouse server behind TLS: a hit becomes a number, and each fault of the server loses nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.certificates import make_certificate
from support.command import free_port
from support.server import Server
from support.system import System
from support.tls import TlsProxy
from support.waiting import wait_until

HITS = 5


class ForeignServer:
    """A server that the product does not start, behind TLS with an authority of its own."""

    def __init__(self, home: Path) -> None:
        self._certificates = home / "certificates"
        self._certificates.mkdir()
        self.ca, self._context = make_certificate(self._certificates, "127.0.0.1")
        self.server = Server(home / "server").start()
        self.port = free_port()
        self._proxy: TlsProxy | None = None
        self.listen()

    @property
    def url(self) -> str:
        """The address that clients are given."""
        return f"https://127.0.0.1:{self.port}"

    def listen(self) -> None:
        """Be reachable."""
        self._proxy = TlsProxy(self.server.settings.clickhouse.port, self._context, port=self.port)

    def leave(self) -> None:
        """Be out of reach; the server itself works on."""
        if self._proxy is not None:
            self._proxy.close()

    def close(self) -> None:
        """End the server."""
        self.leave()
        self.server.stop()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignServer]:
    made = ForeignServer(tmp_path_factory.mktemp("foreign"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def product(foreign: ForeignServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("product")
    running = System(home, clickhouse={"url": foreign.url, "ca": str(foreign.ca)})
    shutil.copytree(foreign.server.settings.secrets_dir, running.settings.secrets_dir)
    yield running.start()
    running.stop()


def test_a_hit_becomes_a_number_and_no_engine_is_started(product: System) -> None:
    sent = product.nonces(HITS)
    for nonce in sent:
        assert product.pixel(n=str(nonce)).status == 200
    product.wait_for(sent)
    assert "stored" in product.run("report", "technical/counters", "--format", "csv").stdout
    assert not (product.settings.data / "clickhouse").exists()
    assert f"at {product.settings.clickhouse.url}" in product.run("doctor", check=False).stdout


def _of_another_authority(foreign: ForeignServer, product: System, aside: Path) -> Callable[[], None]:
    aside.mkdir()
    stranger, _ = make_certificate(aside, "127.0.0.1")
    own = foreign.ca.read_bytes()
    foreign.ca.write_bytes(stranger.read_bytes())
    return lambda: void(foreign.ca.write_bytes(own))


def _with_wrong_passwords(foreign: ForeignServer, product: System, aside: Path) -> Callable[[], None]:
    file = product.settings.secrets_dir / "clickhouse.json"
    own = file.read_text()
    file.write_text(own.replace('":"', '":"x').replace('": "', '": "x'))
    assert file.read_text() != own
    return lambda: void(file.write_text(own))


def _out_of_reach(foreign: ForeignServer, product: System, aside: Path) -> Callable[[], None]:
    foreign.leave()
    return foreign.listen


def void(_: object) -> None:
    """Drop a result."""


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (_out_of_reach, "does not answer"),
        (_of_another_authority, "a certificate that is not trusted"),
        (_with_wrong_passwords, "refuses user pixel_"),
    ],
)
def test_a_fault_is_named_and_what_was_sent_meanwhile_is_stored_once(
    foreign: ForeignServer,
    product: System,
    tmp_path: Path,
    fault: Callable[[ForeignServer, System, Path], Callable[[], None]],
    told: str,
) -> None:
    mend = fault(foreign, product, tmp_path / "aside")
    try:
        sent = product.nonces(HITS)
        assert {product.pixel(n=str(nonce)).status for nonce in sent} == {200}
        wait_until(lambda: told in _ready(product), f"/health/ready to say {told}: {_ready(product)}", seconds=60)
        assert _ready(product).startswith("ready\n")
        examined = product.run("doctor", check=False)
        assert examined.returncode == 1
        assert told in examined.stdout
    finally:
        mend()
    product.wait_for(sent)
    wait_until(lambda: "delivery: " not in _ready(product), f"delivery to be well: {_ready(product)}", seconds=60)
    assert product.stored(sent) == HITS


def _ready(product: System) -> str:
    return product.http.request("GET", f"{product.url}/health/ready").data.decode()
