"""The first minutes of a newcomer with an installed `clinic-pixel`, in an empty folder: `python installed_journey.py PROGRAM`.

Uses the standard library alone, so that it runs in any environment, also in a network namespace. Prints what it saw as JSON.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

START_SECONDS = 300
COMMANDS = (
    "--version",
    "snippet",
    "migrate --print",
    "report --list",
    "doctor --format json",
    "verify-privacy --format json",
)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def asked(url: str) -> str:
    """Return the body of an address, '' where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            body: bytes = answer.read()
            return body.decode("latin-1")
    except OSError:
        return ""


def wait_for(log: Path, text: str) -> str:
    """Return the log once a text is in it; raises `TimeoutError` with the log."""
    end = time.monotonic() + START_SECONDS
    while text not in log.read_text():
        if time.monotonic() > end:
            raise TimeoutError(log.read_text())
        time.sleep(0.5)
    return log.read_text()


def journey(program: str) -> dict[str, object]:
    """Start everything, send one hit and ask for it; run the other commands; stop."""
    collector, dashboards = free_port(), free_port()
    ports = {"COLLECTOR__PORT": collector, "DASHBOARDS__PORT": dashboards}
    ports |= {"CLICKHOUSE__PORT": free_port(), "CLICKHOUSE__TCP_PORT": free_port()}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = kept | {f"PIXEL_{name}": str(port) for name, port in ports.items()}
    log = Path("up.log")

    def said(*arguments: str) -> dict[str, object]:
        done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
        return {"code": done.returncode, "out": done.stdout, "err": done.stderr}

    with log.open("wb") as output:
        process = subprocess.Popen([program, "up"], env=environment, stdout=output, stderr=output)
    try:
        started = wait_for(log, "ready after")
        hit = asked(f"http://127.0.0.1:{collector}/p.gif?s=clinic&u=https://clinic.example/")
        end = time.monotonic() + START_SECONDS
        while True:
            counted = {
                row["outcome"]: row["events"]
                for row in json.loads(str(said("report", "technical/counters", "--format", "json")["out"]) or "[]")
            }
            if counted.get("stored") or time.monotonic() > end:
                break
            time.sleep(1)
        link = re.search(r"http://localhost:\d+/welcome\?token=\S+", started)
        return {
            "hit": hit[:6],
            "counted": counted,
            "page": asked(link[0]) if link else "",
            "metrics": asked(f"http://127.0.0.1:{collector}/metrics"),
            "commands": {command: said(*command.split()) for command in COMMANDS},
        }
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(journey(sys.argv[1])))
