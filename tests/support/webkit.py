"""Debian's WebKitGTK, Safari's engine, driven by WebDriver (W3C WebDriver) on a virtual screen."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import urllib3

from support.command import free_port
from support.waiting import wait_until

DRIVER = shutil.which("WebKitWebDriver")
SCREEN = shutil.which("Xvfb")
BROWSERS = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))


class WebKit:
    """One browser with one tab, without a past; it ends with the `with` block."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._open: ExitStack
        self._session = ""

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._said = stack.enter_context((self._directory / "said").open("wb"))
            display = self._start_screen(stack)
            port = free_port()
            home = str(self._directory)
            surroundings = {"DISPLAY": display, "NO_AT_BRIDGE": "1", "HOME": home, "XDG_RUNTIME_DIR": home}
            self._start(stack, [str(DRIVER), f"--port={port}"], surroundings)
            self._driver = stack.enter_context(urllib3.PoolManager())
            self._url = f"http://127.0.0.1:{port}"
            wait_until(self._is_ready, "the driver")
            options = {"binary": str(BROWSERS[-1]), "args": ["--automation"]}
            given = self._call(
                "POST", "/session", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
            )
            self._session = f"/session/{given['sessionId']}"
            self.version = given["capabilities"]["browserVersion"]
            stack.callback(self._call, "DELETE", self._session)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _start(self, stack: ExitStack, command: list[str], surroundings: dict[str, str], *inherited: int) -> None:
        # A group of its own, because the browser is many processes.
        process = subprocess.Popen(
            command,
            stdout=self._said,
            stderr=self._said,
            env={**os.environ, **surroundings},
            pass_fds=inherited,
            start_new_session=True,
        )
        stack.callback(process.wait, 30)
        stack.callback(os.killpg, process.pid, signal.SIGTERM)

    def _start_screen(self, stack: ExitStack) -> str:
        """Start a virtual screen and return its name; it writes the number that was free."""
        reading, writing = os.pipe()
        screen = [str(SCREEN), "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        self._start(stack, screen, {}, writing)
        os.close(writing)
        with os.fdopen(reading) as said:
            return ":" + said.readline().strip()

    def _is_ready(self) -> bool:
        try:
            return bool(self._call("GET", "/status")["ready"])
        except urllib3.exceptions.HTTPError:
            return False

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._driver.request(method, self._url + path, json=body, timeout=30, retries=False)
        value = answer.json()["value"]
        assert answer.status == 200, value
        return value

    def goto(self, url: str) -> None:
        self._call("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """Run a script in the page and return the value of its last expression."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": f"return eval({script!r})", "args": []})

    def back(self) -> None:
        self._call("POST", f"{self._session}/back", {})

    def tab(self) -> str:
        """Return the name of the tab that commands go to."""
        return str(self._call("GET", f"{self._session}/window"))

    def new_tab(self) -> str:
        """Open a tab in front of the others and return its name; commands go to the old one."""
        return str(self._call("POST", f"{self._session}/window/new", {"type": "tab"})["handle"])

    def switch(self, tab: str) -> None:
        self._call("POST", f"{self._session}/window", {"handle": tab})

    def close(self) -> None:
        """Close the tab that commands go to."""
        self._call("DELETE", f"{self._session}/window")

    def forget(self) -> None:
        """Drop all cookies of the open page's host."""
        self._call("DELETE", f"{self._session}/cookie")
