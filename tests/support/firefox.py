"""Debian's Firefox, driven by WebDriver BiDi over its own remote port (W3C WebDriver BiDi, sections 3 and 7)."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from support.waiting import wait_until

FIREFOX = Path("/usr/bin/firefox-esr")
PREFERENCES: dict[str, object] = {
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.no_proxies_on": "localhost, 127.0.0.1",
    "network.proxy.type": 1,  # everything but loopback goes to a port that nobody listens on
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "services.settings.server": "http://127.0.0.1:9",
    "toolkit.telemetry.enabled": False,
}


class Firefox:
    """One browser with an empty profile and one tab; `preferences` are added to the quiet ones."""

    def __init__(self, directory: Path, **preferences: object) -> None:
        directory.mkdir(parents=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        lines += [
            f'user_pref("{name.replace("__", ".")}", {json.dumps(value)});' for name, value in preferences.items()
        ]
        (directory / "user.js").write_text("\n".join(lines))
        self._said = directory / "said"
        self._arguments = [
            str(FIREFOX),
            "--headless",
            "--no-remote",
            "--profile",
            str(directory),
            "--remote-debugging-port",
            "0",
        ]
        self._socket: ClientConnection
        self._last = 0
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            said = stack.enter_context(self._said.open("wb"))
            # A group of its own, because Firefox is many processes.
            process = subprocess.Popen(self._arguments, stdout=said, stderr=said, start_new_session=True)
            stack.callback(process.wait, 30)
            stack.callback(os.killpg, process.pid, signal.SIGTERM)
            found = wait_until(
                lambda: re.search(r"listening on (ws://\S+)", self._said.read_text(errors="replace")), seconds=60
            )
            self._socket = stack.enter_context(connect(found[1] + "/session", max_size=None, open_timeout=30))
            self.version = self.call("session.new", capabilities={})["capabilities"]["browserVersion"]
            self.call("session.subscribe", events=["log.entryAdded"])
            self.tab = self.call("browsingContext.getTree")["contexts"][0]["context"]
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send one command and return its result; uncaught errors of pages are gathered on the way."""
        self._last += 1
        self._socket.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(30))
            if message.get("method") == "log.entryAdded" and message["params"]["type"] == "javascript":
                self.errors.append(message["params"]["text"])
            if message.get("id") == self._last:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result

    def goto(self, url: str, wait: str = "complete") -> None:
        self.call("browsingContext.navigate", context=self.tab, url=url, wait=wait)

    def run(self, script: str) -> Any:
        """Evaluate a script in the page and return its value, awaited."""
        answer = self.call("script.evaluate", expression=script, target={"context": self.tab}, awaitPromise=True)
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def back(self) -> None:
        self.call("browsingContext.traverseHistory", context=self.tab, delta=-1)
