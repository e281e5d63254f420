"""The keys of the programs that sign their requests, as one process has them in memory.

Owns the files of the keys and their reading; `networks.fetch` downloads them. A missing file is a program without keys
(`doctor` reports it); a broken one stops the start, and later leaves the earlier keys in force.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pipeline.errors import Fatal
from pipeline.networks.loaded_file import LoadedFile
from pipeline.settings.model import Settings
from pipeline.settings.sections import SignedAgent
from pipeline.signatures.check import Discovery, Signer, normal_url
from pipeline.signatures.key_set import KeySet, UnusableKeys, read_keys

WELL_KNOWN: Final = "/.well-known/http-message-signatures-directory"
"""The place of the keys of an origin (draft-meunier-http-message-signatures-directory)."""


class SignedAgents:
    """The programs of the settings, each with its keys; `refresh` is the only I/O after the start."""

    def __init__(self, agents: Iterable[tuple[SignedAgent, Path]] = ()) -> None:
        self._files = [(agent, LoadedFile(file, _read)) for agent, file in agents]
        self.signers = self._signers()

    @classmethod
    def load(cls, settings: Settings) -> SignedAgents:
        """Read the key files of the settings; raises `Fatal` naming the file and the expected content."""
        return cls(key_files(settings))

    @property
    def files(self) -> dict[str, LoadedFile[KeySet]]:
        """The files by the name of their program."""
        return {figure_of(agent): file for agent, file in self._files}

    def refresh(self) -> bool:
        """Take the files that changed; return whether there was one."""
        is_changed = sum(file.look() for _, file in self._files) > 0
        if is_changed:
            self.signers = self._signers()
        return is_changed

    def _signers(self) -> tuple[Signer, ...]:
        return tuple(
            Signer(agent.name, normal_url(agent.url), discovery(agent), file.content) for agent, file in self._files
        )


def figure_of(agent: SignedAgent) -> str:
    """Return the name of a program's file in /metrics, which knows no dots and hyphens."""
    return f"keys_of_{agent.name.replace('.', '_').replace('-', '_')}"


def key_files(settings: Settings) -> list[tuple[SignedAgent, Path]]:
    """Return each program of the settings with the file of its keys."""
    return [
        (agent, agent.file or settings.agent_keys_dir / f"{agent.name}.json")
        for agent in settings.networks.signed_agents
    ]


def discovery(agent: SignedAgent) -> Discovery:
    """Return how the keys are found: at the well-known place of an origin, or at the address itself."""
    return "jwks_uri" if "/" in agent.url.partition("://")[2].rstrip("/") else "directory"


def keys_url(agent: SignedAgent) -> str:
    """Return the address from which the keys are downloaded."""
    return agent.url.rstrip("/") + WELL_KNOWN if discovery(agent) == "directory" else agent.url


def _read(file: Path) -> KeySet:
    try:
        return read_keys(file.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Fatal(f"{file}: networks.signed_agents cannot be read: {error.strerror}") from None
    except UnusableKeys as error:
        raise Fatal(f"{file}: networks.signed_agents: {error}; run `clinic-pixel lists fetch`") from None
