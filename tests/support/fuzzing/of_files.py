"""Files and answers that other people write: settings, lists, databases of networks, sitemaps, pages, logs, reports, forms."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from unittest.mock import patch

from starlette.requests import Request

from dashboards import sent
from dashboards.words.catalogue import preferred
from pipeline.embedding.arrival import Loaded
from pipeline.embedding.check_tag import check, check_settings, files_of
from pipeline.embedding.csp import allows, read_policies
from pipeline.errors import Fatal, Retryable
from pipeline.event import RawAddress
from pipeline.networks.address import canonical
from pipeline.networks.lists import read_networks
from pipeline.networks.lookup import NetworkTables
from pipeline.pages.known import file_of, read
from pipeline.pages.learn import learn
from pipeline.publish.noise import Noise
from pipeline.reports.catalogue import read_period
from pipeline.reports.header import Report
from pipeline.reports.report_file import read_report
from pipeline.settings.model import Settings, load
from pipeline.settings.sections import Dashboards, Networks
from pipeline.settings.site import Site
from pipeline.subjects import request_code
from pipeline.traffic.access_log import LoggedHit, read_line
from support.fuzzing.parser import ADDRESS, Parser, fresh, loose, names, private, silent

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def check_settings_file(data: bytes) -> None:
    """Load a file of settings: refused with its name, or complete."""
    file = fresh("settings") / "pixel.toml"
    file.write_bytes(data)
    try:
        with patch.dict(os.environ, {"PIXEL_DATA": str(file.parent)}):
            load(file)
    except Fatal as refused:
        names(refused)


def check_environment(data: bytes) -> None:
    """Load settings from variables of the environment, NAME=VALUE a line."""
    given: dict[str, str] = {}
    for line in loose(data).replace("\0", "").splitlines()[:20]:
        name, equals, value = line.partition("=")
        if equals and name.strip() and name.isascii():
            given[f"PIXEL_{name.strip()}"] = value
    place = fresh("environment")
    try:
        with patch.dict(os.environ, {"PIXEL_DATA": str(place)} | given):
            load(None)
    except Fatal as refused:
        names(refused)


def check_address_list(data: bytes) -> None:
    """Read a list of networks: refused with file and line, or networks no wider than allowed."""
    file = fresh("list") / "list.txt"
    file.write_bytes(data)
    try:
        found = list(read_networks(file))
    except Fatal as refused:
        names(refused, str(file))
        return
    assert all(isinstance(one, IPv4Network | IPv6Network) for one in found)


def check_mmdb(data: bytes) -> None:
    """Load a database of networks: refused with its name, or every address has facts."""
    file = fresh("mmdb") / "country.mmdb"
    file.write_bytes(data)
    try:
        tables = NetworkTables.load(Settings(data=file.parent, networks=Networks(country_mmdb=file, asn_mmdb=file)))
    except Fatal as refused:
        names(refused, str(file))
        return
    for address in ("203.0.113.9", "2001:db8::1", "255.255.255.255", "::"):
        facts = tables.look_up(RawAddress(address))
        assert len(facts.country) in (0, 2)
        assert 0 <= facts.asn < 2**32


_SITE = Site(id="clinic", hosts=("clinic.example",))


def check_sitemap(data: bytes) -> None:
    """Learn the pages of a site from a file, and read the list that is kept of them."""
    place = fresh("sitemap")
    settings, source = Settings(data=place / "var", sites=(_SITE,)), place / "sitemap.xml"
    source.write_bytes(data)
    try:
        learned = learn(settings, _SITE, str(source))
    except (Fatal, Retryable):
        return
    kept = read(settings, "clinic")
    assert kept is not None
    assert len(kept.paths) == learned.paths


def check_page_list(data: bytes) -> None:
    """Read the list of the pages of a site."""
    settings = Settings(data=fresh("list-of-pages") / "var", sites=(_SITE,))
    private(file_of(settings, "clinic"), data)
    try:
        assert read(settings, "clinic") is not None
    except Fatal as refused:
        names(refused, "clinic.txt")


def check_page_html(data: bytes) -> None:
    """Judge the tag of a page; the first line is its Content-Security-Policy."""
    policy, _, html = loose(data).partition("\n")
    loaded = Loaded.of("https://clinic.example/a", 200, {"Content-Security-Policy": policy}, html)
    assert check(loaded)
    check_settings(loaded, [_SITE], "https://stats.clinic.example")
    files_of(loaded)
    for address in ("https://stats.clinic.example/t.js", html[:200]):
        if address.startswith("https://stats"):
            allows(read_policies([policy]), "script-src", address, "https://clinic.example/")


def check_access_log(data: bytes) -> None:
    """Read the lines of an access log."""
    for line in data.decode("utf-8", "surrogateescape").splitlines()[:50]:
        hit = read_line(line)
        if isinstance(hit, LoggedHit):
            assert canonical(hit.address) == hit.address
            assert 100 <= hit.status <= 999
            hit.target.encode()
            hit.agent.encode()


def check_report(data: bytes) -> None:
    """Read a report file: refused with its name, or a report."""
    file = fresh("report") / "made_up.sql"
    file.write_bytes(data)
    try:
        assert isinstance(read_report("technical", file), Report)
    except Fatal as refused:
        names(refused, str(file))


def check_noise(data: bytes) -> None:
    """Take a table of noise: refused, or of mean 0."""
    try:
        given = json.loads(data[:2000])
    except (ValueError, RecursionError):
        return
    if isinstance(given, list) and all(type(one) is int for one in given):
        try:
            noise = Noise.of(1.0, tuple(given))
        except ValueError:
            return
        assert noise.limits[-1] == 1_000_000
        assert -noise.reach <= noise.draw(0) <= noise.draw(2**64 - 1) <= noise.reach


def check_period(data: bytes) -> None:
    """Read the period of a question: two times, a line each."""
    since, until, *_ = [*loose(data[:200]).split("\n"), "0h"]
    for step in ("hour", "day"):
        try:
            period = read_period(since, until, NOW, _SITE.zone, step)
        except ValueError:
            continue
        assert period.since < period.until


def check_request_code(data: bytes) -> None:
    """Read a request code as a person types it: refused, or one that can be opened again."""
    text = loose(data[:300])
    try:
        found = request_code.read(text, lambda year: bytes([year % 256]) * 32, now=NOW)
    except ValueError as refused:
        silent(str(refused).replace(text, ADDRESS) if len(text) > 40 else "")
        return
    assert len(found.visitors) in (1, 2)


def check_form(data: bytes) -> None:
    """Read what a browser sends to the dashboards: the query, then headers, after an empty line a form."""
    head, _, body = data.partition(b"\n\n")
    query, *lines = head.split(b"\n")
    pairs = [line.partition(b":") for line in lines if b":" in line]
    headers = [(name.strip().lower(), value.strip()) for name, _, value in pairs]
    scope: dict[str, Any] = {
        "type": "http", "method": "POST", "path": loose(query[:50]), "query_string": query, "client": ("10.0.0.1", 1),
        "headers": [*headers, (b"content-type", b"application/x-www-form-urlencoded")],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, receive)
    own = Dashboards.model_validate({"trusted_proxies": ["10.0.0.0/8"]})
    form = asyncio.run(sent.form_of(request))
    assert isinstance(form, sent.Refusal) or len(form) <= sent.MOST_FIELDS
    asked = sent.query_of(request)
    assert isinstance(asked, sent.Refusal) or len(asked) <= sent.MOST_FIELDS
    assert sent.language_of(request) in ("en", "ru")
    assert preferred(loose(query)) in ("en", "ru")
    path = sent.own_path(loose(query))
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
    sent.cookie_of(request, "clinic-pixel")
    sent.path_of(request)
    sent.is_from_us(request, is_https=True)
    sent.signed_on(request, own)
    sent.address_of(request, own)


PARSERS = (
    Parser("settings_file", check_settings_file),
    Parser("environment", check_environment),
    Parser("address_list", check_address_list),
    Parser("mmdb", check_mmdb),
    Parser("sitemap", check_sitemap),
    Parser("page_list", check_page_list),
    Parser("page_html", check_page_html),
    Parser("access_log", check_access_log),
    Parser("report_file", check_report),
    Parser("noise", check_noise),
    Parser("period", check_period),
    Parser("request_code", check_request_code),
    Parser("form", check_form),
)
