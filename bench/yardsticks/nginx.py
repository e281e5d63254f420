"""nginx with `empty_gif` and an access log, GoAccess that reads the log; and nginx as a proxy. Debian's packages."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import Program, free_port, running

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_LOG = """
log_format client '$http_x_forwarded_for - - [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';
server {{ listen 127.0.0.1:{port}; access_log {log} client; location = /p.gif {{ empty_gif; }} location / {{ return 204; }} }}
"""
_PROXY = """
upstream behind {{ server {upstream}; keepalive 64; }}
server {{
  listen 127.0.0.1:{port};
  access_log off;
  location / {{
    proxy_pass http://behind;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto https;
  }}
}}
"""
KEPT = 1_000_000
"""Requests after which nginx would close a connection of the load; as shipped it is 1,000, and wrk counts an error then."""


@contextmanager
def logging_gif(home: Path, core: int) -> Iterator[tuple[Program, Path]]:
    """Run nginx that answers with its own GIF and logs each hit; yields it and its log."""
    port, log = free_port(), home / "access.log"
    with _nginx(home, port, core, _LOG.format(port=port, log=log)) as program:
        yield program, log


@contextmanager
def proxy(home: Path, upstream: str, core: int) -> Iterator[Program]:
    """Run nginx in front of a server, `upstream` being its address and port, with kept connections."""
    port = free_port()
    with _nginx(home, port, core, _PROXY.format(port=port, upstream=upstream)) as program:
        yield program


@contextmanager
def _nginx(home: Path, port: int, core: int, lines: str) -> Iterator[Program]:
    home.mkdir(parents=True)
    paths = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in _TEMPORARY)
    user = "user root;" if os.getuid() == 0 else ""
    main = f"{user} daemon off; worker_processes 1; pid {home}/pid; error_log {home}/main.log; events {{}}"
    (home / "nginx.conf").write_text(f"{main}\nhttp {{ keepalive_requests {KEPT}; {paths}\n{lines} }}\n")
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or "nginx"
    command = [program, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "main.log")]
    with running(command, url=f"http://127.0.0.1:{port}/", core=core) as started:
        yield started


def goaccess_cpu_seconds(log: Path) -> float:
    """Return the CPU time that GoAccess takes to read a log and to write its report."""
    report = log.with_suffix(".json")
    command = ["goaccess", str(log), "--log-format=COMBINED", "--no-progress", "-o", str(report)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
