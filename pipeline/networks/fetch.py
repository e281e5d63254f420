"""Downloads the keys of the programs that sign their requests.

Owns the bounded download, also for other files. Rules: https only (http for this machine alone), no redirect of keys is followed, bytes
and time are bounded; an answer that is no key set leaves the earlier file in force, and the file is replaced whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

import urllib3

from pipeline.errors import Fatal, PixelError, Retryable
from pipeline.networks.signed_agents import key_files, keys_url
from pipeline.settings.model import Settings
from pipeline.settings.sections import SignedAgent
from pipeline.signatures.key_set import UnusableKeys, read_keys
from pipeline.system.durable_files import READABLE, replace

MOST_BYTES: Final = 256 * 1024
SECONDS: Final = 30.0
"""The longest time of one download of keys."""
SILENCE_SECONDS: Final = 10.0

_HEADERS = {"User-Agent": "clinic-pixel lists"}
_KEY_HEADERS = {
    "Accept": "application/http-message-signatures-directory+json, application/jwk-set+json, application/json",
    "Accept-Encoding": "gzip",
}


class Fetched(NamedTuple):
    """The result for one program: the number of usable keys in force, and the trouble of the download, '' for none."""

    agent: str
    url: str
    keys: int
    trouble: str = ""


def fetch_keys(settings: Settings, *, seconds: float = SECONDS) -> list[Fetched]:
    """Download the keys of every program without a file of its own in the settings; a failed one does not stop the others."""
    found: list[Fetched] = []
    for agent, file in key_files(settings):
        if agent.file is not None:
            continue
        try:
            content = download(keys_url(agent), MOST_BYTES, seconds, headers=_KEY_HEADERS)
            keys = len(read_keys(content))
            file.parent.mkdir(parents=True, exist_ok=True)
            replace(file, content, mode=READABLE)
        except (PixelError, UnusableKeys, OSError) as error:
            found.append(_failed(agent, error))
        else:
            found.append(Fetched(agent.name, keys_url(agent), keys))
    return found


def _failed(agent: SignedAgent, error: Exception) -> Fetched:
    reason = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
    return Fetched(agent.name, keys_url(agent), 0, f"{reason}; the earlier keys stay in force")


def download(
    address: str, most: int, seconds: float, *, redirects: int = 0, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return the content at an address, after so many redirects at most.

    Raises `Fatal` for an address that is not safe, `Retryable` when none answers with 200, or when the content is larger than `most`
    bytes or takes longer than so many seconds.
    """
    end = time.monotonic() + seconds
    given = {**_HEADERS, **(headers or {})}
    with urllib3.PoolManager(timeout=min(seconds, SILENCE_SECONDS), retries=False, headers=given) as pool:
        for _ in range(redirects + 1):
            if not _is_safe(address):
                raise Fatal("expected an address with https (http for this machine alone)")
            try:
                with pool.request("GET", address, preload_content=False, redirect=False) as answer:
                    moved = redirects and answer.get_redirect_location()
                    if not moved:
                        return _content(answer, most, end)
            except (urllib3.exceptions.HTTPError, UnicodeError) as error:
                raise Retryable(f"cannot be loaded: {type(error).__name__}") from None
            address = urljoin(address, moved)
    raise Retryable(f"more than {redirects} redirects")


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    near = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and near))


def _content(answer: urllib3.BaseHTTPResponse, most: int, end: float) -> bytes:
    if answer.status != 200:
        raise Retryable(f"answered {answer.status}")
    data = bytearray()
    while part := answer.read1(16 * 1024):  # `read` would wait for the whole part
        data += part
        if len(data) > most:
            raise Retryable(f"larger than {most // 1024} KiB")
        if time.monotonic() > end:
            raise Retryable("takes too long")
    return bytes(data)
