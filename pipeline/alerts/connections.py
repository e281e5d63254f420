"""The limits of a connection of an alert: its certificate, its whole time, and the words of its errors.

Owns the errors' words: they name the kind of trouble, and neither the address nor the words of the server, which may hold a secret.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pipeline.errors import Retryable

SILENCE_SECONDS: Final = 5.0
"""The longest wait for one answer of a server."""
WHOLE_SECONDS: Final = 10.0
"""The longest time of one alert, from the connection to the answer."""


class NotTaken(Retryable):
    """The receiver answers and refuses this alert: others may go before it."""


def verifying(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies certificate and host name; raises `OSError` for a file of no use."""
    return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


@contextmanager
def cut_off(connection: Callable[[], socket.socket | None], seconds: float = WHOLE_SECONDS) -> Iterator[None]:
    """Shut a connection after so many seconds: a server that sends a byte now and then must not keep `ship` waiting."""

    def cut() -> None:
        found = connection()
        if found is not None:
            with suppress(OSError):
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def trouble(error: Exception) -> str:
    """Return an error of a connection in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid: {error.verify_message.partition(',')[0]}"  # the rest names the host
    if isinstance(error.__cause__, OSError):
        return trouble(error.__cause__)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
