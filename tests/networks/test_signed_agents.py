"""The keys of signing programs: downloaded, kept in memory, replaced."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import pytest
from pydantic import ValidationError

from pipeline.errors import Fatal
from pipeline.networks.fetch import MOST_BYTES, fetch_keys
from pipeline.networks.lookup import NetworkTables
from pipeline.networks.signed_agents import WELL_KNOWN, SignedAgents, figure_of
from pipeline.settings.model import Settings
from pipeline.settings.sections import Networks, SignedAgent
from support.signing import Program

PROGRAM, OTHER = Program(), Program(seed=2)


def keys_of(*programs: Program) -> bytes:
    return json.dumps({"keys": [program.jwk() for program in programs]}).encode()


class Directory(BaseHTTPRequestHandler):
    """Answers with what the test wants; a path that it does not know is a redirect to the keys."""

    answers: ClassVar[dict[str, tuple[int, bytes, dict[str, str]]]] = {}
    hold = Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            while not self.hold.wait(0.05):
                self.wfile.write(b" ")
            return
        status, content, headers = self.answers.get(self.path, (302, b"", {"location": WELL_KNOWN}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(**answers: tuple[int, bytes, dict[str, str]]) -> Iterator[str]:
    Directory.answers = {WELL_KNOWN if name == "directory" else f"/{name}": answer for name, answer in answers.items()}
    Directory.hold = Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Directory)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        Directory.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()


def settings_of(data: Path, *agents: SignedAgent) -> Settings:
    return Settings(data=data, networks=Networks(signed_agents=agents))


def test_keys_are_downloaded_from_the_well_known_place_or_from_the_address_itself(tmp_path: Path) -> None:
    packed = (200, gzip.compress(keys_of(OTHER)), {"content-encoding": "gzip"})
    with serving(directory=(200, keys_of(PROGRAM), {}), keys=packed) as url:
        settings = settings_of(
            tmp_path, SignedAgent(name="agent", url=f"{url}/"), SignedAgent(name="other", url=f"{url}/keys")
        )
        found = fetch_keys(settings)
    assert [(each.agent, each.keys, each.trouble) for each in found] == [("agent", 1, ""), ("other", 1, "")]
    signers = SignedAgents.load(settings).signers
    assert [(signer.name, signer.url, signer.discovery, set(signer.keys)) for signer in signers] == [
        ("agent", url, "directory", {PROGRAM.id}),
        ("other", f"{url}/keys", "jwks_uri", {OTHER.id}),
    ]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ((404, b"", {}), "answered 404"),
        ((302, b"", {"location": WELL_KNOWN}), "answered 302"),
        ((200, b"<html>", {}), "expected a JSON Web Key Set"),
        ((200, b" " * (MOST_BYTES + 1), {}), "larger than 256 KiB"),
        ((200, gzip.compress(b" " * 10_000_000), {"content-encoding": "gzip"}), "larger than 256 KiB"),
        ((200, b"not packed", {"content-encoding": "gzip"}), "cannot be loaded: DecodeError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_useless_answer_leaves_the_earlier_keys_in_force_and_stops_no_other(
    tmp_path: Path, answer: tuple[int, bytes, dict[str, str]], trouble: str
) -> None:
    with serving(directory=(200, keys_of(PROGRAM), {}), bad=answer) as url:
        settings = settings_of(tmp_path, SignedAgent(name="bad", url=f"{url}/bad"), SignedAgent(name="good", url=url))
        settings.agent_keys_dir.mkdir(parents=True)
        (settings.agent_keys_dir / "bad.json").write_bytes(keys_of(OTHER))
        bad, good = fetch_keys(settings)
    assert trouble in bad.trouble
    assert "the earlier keys stay in force" in bad.trouble
    assert (good.keys, good.trouble) == (1, "")
    assert [set(signer.keys) for signer in SignedAgents.load(settings).signers] == [{OTHER.id}, {PROGRAM.id}]


def test_a_server_that_sends_for_ever_is_left(tmp_path: Path) -> None:
    with serving() as url:
        (slow,) = fetch_keys(settings_of(tmp_path, SignedAgent(name="slow", url=f"{url}/slow")), seconds=0.3)
    assert "takes too long" in slow.trouble


def test_a_server_that_is_away_is_named(tmp_path: Path) -> None:
    with serving() as url:
        pass
    (away,) = fetch_keys(settings_of(tmp_path, SignedAgent(name="away", url=url)))
    assert "cannot be loaded" in away.trouble


def test_an_empty_directory_withdraws_the_keys(tmp_path: Path) -> None:
    with serving(directory=(200, b'{"keys":[]}', {})) as url:
        settings = settings_of(tmp_path, SignedAgent(name="agent", url=url))
        settings.agent_keys_dir.mkdir(parents=True)
        (settings.agent_keys_dir / "agent.json").write_bytes(keys_of(PROGRAM))
        assert fetch_keys(settings)[0].keys == 0
    assert SignedAgents.load(settings).signers[0].keys == {}


def test_a_file_of_the_operators_own_is_read_and_never_replaced(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    own.write_bytes(keys_of(PROGRAM))
    settings = settings_of(tmp_path, SignedAgent(name="agent", url="https://agent.example", file=own))
    assert fetch_keys(settings) == []
    assert set(SignedAgents.load(settings).signers[0].keys) == {PROGRAM.id}
    own.write_bytes(b"{")
    with pytest.raises(Fatal, match=r"own\.json: networks\.signed_agents: expected a JSON Web Key Set"):
        SignedAgents.load(settings)


def test_changed_keys_are_taken_by_a_running_process_and_broken_ones_are_not(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SignedAgent(name="agent", url="https://agent.example"))
    networks = NetworkTables.load(settings)
    assert networks.signed_agents.signers[0].keys == {}
    settings.agent_keys_dir.mkdir(parents=True)
    file = settings.agent_keys_dir / "agent.json"
    file.write_bytes(keys_of(PROGRAM))
    assert [networks.refresh(), networks.refresh()] == [False, True]  # two looks must see the same file
    assert set(networks.signed_agents.signers[0].keys) == {PROGRAM.id}
    file.write_bytes(b"{ broken")
    assert [networks.refresh(), networks.refresh(), networks.refused_files] == [False, False, 1]
    assert set(networks.signed_agents.signers[0].keys) == {PROGRAM.id}
    assert networks.loaded["keys_of_agent"] > 0


@pytest.mark.parametrize(
    "url",
    ["http://agent.example", "agent.example", "https://agent.example/?x=1", "ftp://127.0.0.1", "http://127.0.0.1.evil.example", "https://a b"],
)  # fmt: skip
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    with pytest.raises(ValidationError):
        SignedAgent(name="agent", url=url)


def test_two_programs_have_two_names() -> None:
    agent = SignedAgent(name="agent", url="https://agent.example")
    with pytest.raises(ValidationError, match="every name must be used once"):
        Networks(signed_agents=(agent, agent))


def test_the_figure_of_a_program_is_a_name_that_metrics_can_have() -> None:
    agent = SignedAgent(name="chat-gpt.com", url="https://chat-gpt.example")
    assert figure_of(agent) == "keys_of_chat_gpt_com"
