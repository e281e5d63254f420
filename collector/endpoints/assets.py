"""The files a browser loads from us: `/p.js` and its parts, `/web-vitals.js`, and those of `/privacy`.

The parts of the tag: `/seen.js` for ad blocks, `/t.js` for measurements.

Owns their headers. Each file is read and compressed once; the ETag is the hash of the text, so a browser gets a new
version at its next revalidation and never downloads the same version twice.
"""

from __future__ import annotations

import gzip
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

NAMES = ("p.js", "seen.js", "t.js", "web-vitals.js", "privacy.css", "privacy.js")
FRESH_SECONDS = 3600  # how long a browser may use an old tag after an update


class Asset:
    """One file, ready to be sent plain or compressed."""

    def __init__(self, name: str, text: bytes) -> None:
        self.plain = text
        self.packed = gzip.compress(text, 9, mtime=0)
        tag = sha256(text).hexdigest()[:16]
        self.headers = {
            "cache-control": f"public, max-age={FRESH_SECONDS}",
            "content-type": f"text/{'css' if name.endswith('.css') else 'javascript'}; charset=utf-8",
            "cross-origin-resource-policy": "cross-origin",
            # Modules are fetched with CORS; these files hold no secret.
            "access-control-allow-origin": "*",
            "x-content-type-options": "nosniff",
            "etag": f'W/"{tag}"',
            "vary": "accept-encoding",
        }

    async def answer(self, request: Request) -> Response:
        """Return the file, or 304 if the browser has this version (RFC 9110, section 13)."""
        known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
        if self.headers["etag"] in known or "*" in known:
            return Response(status_code=304, headers=self.headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.packed, headers=self.headers | {"content-encoding": "gzip"})
        return Response(self.plain, headers=self.headers)


def asset_routes() -> list[Route]:
    """Return one route per file."""
    directory = files("collector") / "static"
    return [Route(f"/{name}", Asset(name, (directory / name).read_bytes()).answer, methods=["GET"]) for name in NAMES]
