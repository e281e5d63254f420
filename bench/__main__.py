"""`make bench`: one collector worker beside an empty ASGI app on the same settings, interleaved, each on its own core.

Prints one table of medians and writes bench/results.json. wrk (Debian's package) makes the load, on the other core.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import urllib3

HERE = Path(__file__).parent
LATENCY = re.compile(r"99%\s+([0-9.]+)(us|ms|s)")
RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)")
UNIT = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(arguments: list[str], port: int, **environment: str) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIXEL_")}
    pinned = ["taskset", "-c", "0"] if (os.cpu_count() or 1) > 1 else []
    process = subprocess.Popen([*pinned, *arguments], env={**kept, **environment}, stderr=subprocess.DEVNULL)
    for _ in range(200):
        try:
            urllib3.request("GET", f"http://127.0.0.1:{port}/health/live", retries=False, timeout=1)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return process
    raise SystemExit(f"nothing answers on port {port}")


def collector(scratch: str, ports: dict[str, int], durability: str) -> subprocess.Popen[bytes]:
    return start(
        [sys.executable, "-m", "pipeline", "collect"],
        ports[durability],
        PIXEL_DATA=f"{scratch}/{durability}",
        PIXEL_COLLECTOR__PORT=str(ports[durability]),
        PIXEL_COLLECTOR__DURABILITY=durability,
        PIXEL_COLLECTOR__TRUSTED_PROXIES='["127.0.0.1/32"]',
    )


def load(port: int, seconds: int) -> tuple[float, float, int]:
    """Return hits a second, p99 in ms, answers that were not 2xx."""
    pinned = ["taskset", "-c", "1"] if (os.cpu_count() or 1) > 1 else []
    command = ["wrk", "-t1", "-c64", f"-d{seconds}", "--latency", "-s", str(HERE / "hits.lua")]
    environment = {**os.environ, "BENCH_DAY": str(int(time.time() // 86_400))}
    said = subprocess.run(
        [*pinned, *command, f"http://127.0.0.1:{port}"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    p99, unit = LATENCY.search(said).groups()  # type: ignore[union-attr]
    bad = BAD.search(said)
    return float(RATE.search(said)[1]), float(p99) * UNIT[unit], int(bad[1]) if bad else 0  # type: ignore[index]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load and is not installed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as scratch:
        ports = {name: free_port() for name in ("empty", "fsync", "interval")}
        plain = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
        empty = [sys.executable, "-m", "uvicorn", "bench.empty:app", "--port", str(ports["empty"]), *plain]
        processes = [start(empty, ports["empty"]), *(collector(scratch, ports, kind) for kind in ("fsync", "interval"))]
        try:
            results = measure(ports, options.runs, options.seconds)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    (HERE / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    show(results)


def measure(ports: dict[str, int], runs: int, seconds: int) -> dict[str, dict[str, float]]:
    seen: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ports}
    for port in ports.values():
        load(port, 1)
    for _ in range(runs):
        for name, port in ports.items():
            seen[name].append(load(port, seconds))
    return {
        name: {
            "hits_per_second": statistics.median(rate for rate, _, _ in values),
            "p99_ms": statistics.median(p99 for _, p99, _ in values),
            "not_2xx": sum(bad for _, _, bad in values),
        }
        for name, values in seen.items()
    }


def show(results: dict[str, dict[str, float]]) -> None:
    empty = results["empty"]
    print(f"{'what':<34}{'hits/s':>10}{'share':>8}{'p99 ms':>9}{'p99 x':>8}{'not 2xx':>9}")
    names = {
        "empty": "empty ASGI app",
        "fsync": "collector, durability fsync",
        "interval": "collector, durability interval",
    }
    for name, row in results.items():
        share = row["hits_per_second"] / empty["hits_per_second"]
        times = row["p99_ms"] / empty["p99_ms"]
        print(
            f"{names[name]:<34}{row['hits_per_second']:>10,.0f}{share:>8.0%}{row['p99_ms']:>9.1f}{times:>8.1f}{row['not_2xx']:>9.0f}"
        )


main()
