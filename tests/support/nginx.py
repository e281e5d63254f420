"""A real nginx on loopback, in a directory of its own; skips the test where it is not installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.command import answers
from support.waiting import wait_until

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
DIRECTORY = Path(__file__).parents[2] / "deploy" / "nginx"
SHIPPED = DIRECTORY / "clinic-pixel.conf"
PAGES = DIRECTORY / "clinic-pixel-dashboards.conf"
CDN = DIRECTORY / "clinic-pixel-cdn.conf"
INCLUDE_CDN = "# include /etc/nginx/clinic-pixel-cdn.conf;"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """nginx with these lines inside of `http { }`, for as long as the `with` block lasts; it must listen on `port`."""

    def __init__(self, home: Path, port: int, lines: str, *, address: str = "127.0.0.1") -> None:
        if NGINX is None:
            pytest.skip("nginx is not installed (Debian package nginx-light)")
        home.mkdir(parents=True, exist_ok=True)
        self._listens = address, port
        paths = "\n".join(f"{kind}_temp_path {home}/{kind};" for kind in _TEMPORARY)
        user = "user root;" if os.getuid() == 0 else ""
        main = f"{user} daemon off; worker_processes 1; pid {home}/pid; error_log {home}/main.log info; events {{}}"
        (home / "nginx.conf").write_text(f"{main}\nhttp {{\naccess_log off;\n{paths}\n{lines}\n}}\n")
        self._command = [NGINX, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "main.log")]
        self._process: subprocess.Popen[bytes] | None = None

    def complaints(self) -> str:
        """Return what nginx says of its configuration, '' when it takes it without a word."""
        done = subprocess.run([*self._command, "-t", "-q"], capture_output=True, text=True, check=False, timeout=30)
        return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit code {done.returncode}")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command)
        wait_until(lambda: answers(*self._listens), f"nginx to listen on {self._listens}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)


def behind(home: Path, networks: str, header: str = "X-Forwarded-For") -> dict[str, str]:
    """Return the change that includes the shipped file for a CDN with these networks, separated by spaces."""
    lines = CDN.read_text().replace("real_ip_header X-Forwarded-For;", f"real_ip_header {header};")
    for example in ("192.0.2.0/24", "2001:db8::/32"):
        lines = lines.replace(f"set_real_ip_from {example};\n", "")
    home.mkdir(parents=True, exist_ok=True)
    named = "".join(f"set_real_ip_from {network};\n" for network in networks.split())
    (home / "cdn.conf").write_text(named + lines)
    return {INCLUDE_CDN: f"include {home}/cdn.conf;"}


def shipped(
    home: Path,
    upstream: int,
    *,
    listen: str,
    error_log: str = "/dev/null emerg",
    file: Path = SHIPPED,
    host: str = "stats.clinic.example",
    **changes: str,
) -> str:
    """Return a configuration that the project ships, in front of the port `upstream`; `changes` by the old text."""
    text = file.read_text()
    certificate, key = make_certificate(home)
    given = {
        ("server 127.0.0.1:8080;" if file == SHIPPED else "http://127.0.0.1:8090;"): (
            f"server 127.0.0.1:{upstream};" if file == SHIPPED else f"http://127.0.0.1:{upstream};"
        ),
        "listen 443 ssl http2;": f"listen {listen};",
        "    listen [::]:443 ssl http2;\n": "",
        f"/etc/ssl/{host}.pem": str(certificate),
        f"/etc/ssl/{host}.key": str(key),
        "error_log /dev/null emerg;": f"error_log {error_log};",
        **changes,
    }
    for old, new in given.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(home: Path) -> tuple[Path, Path]:
    """Make a certificate for stats.clinic.example, signed by itself; return its file and that of the key."""
    home.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stats.clinic.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("stats.clinic.example")]), critical=False)
        .sign(key, SHA256())
    )
    (home / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (home / "cert.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return home / "cert.pem", home / "cert.key"
