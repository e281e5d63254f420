"""Spool, question six: does a newer version read what an older one left?

`golden/first.seg` was written by the first version; it is never written anew.
"""

from pathlib import Path

from pipeline.event import Count, CountsRecord, Event, Measurement, Token
from pipeline.spool.records import frame, read

FIRST = Path(__file__).with_name("golden") / "first.seg"
RECORDS = [
    Event(
        received_ms=1_795_002_896_123,
        event_id="8c0b2f6e-1d3a-4e57-9c84-0a6f5b7d9e21",
        site="clinic",
        mode="js",
        policy="1",
        visitor=1_234_567_890_123_456_789,
        visitor_kind="cookie",
        cookie_state="returning",
        cookies={"theme": "dark"},
        ip_token=Token("1122:3344:5566:7788:99aa:bbcc:ddee:ff00"),
        net_token=Token("ff00:eedd:ccbb:aa99:8877:6655:4433:2211"),
        country="RU",
        asn=64_500,
        as_org="Пример",
        ua_token=42,
        agent='Mozilla/5.0 "x"\\\t',
        https=True,
        page_host="clinic.example",
        page="/услуги/лор",
        page_flags=4,
        page_scheme="https",
        page_from="parameter",
        status=200,
        campaign={"utm_source": "yandex"},
        nonce=7,
        dropped_params=2,
    ),
    Measurement(
        received_ms=1_795_002_896_124,
        event_id="8c0b2f6e-1d3a-4e57-9c84-0a6f5b7d9e22",
        site="clinic",
        kind="vital",
        name="LCP",
        value=1234.5,
        page_host="clinic.example",
        page="/",
    ),
    CountsRecord(
        collector="w0",
        counts=[
            Count(1_795_002_840_000, "offered", value=3),
            Count(1_795_002_840_000, "refused", "bad_site", "vpn", "RU", 64_500, 2),
        ],
    ),
]


def test_a_segment_of_the_first_version_is_read() -> None:
    assert list(read(FIRST)) == RECORDS


def test_a_record_is_still_framed_as_the_first_version_did() -> None:
    lines = FIRST.read_bytes().splitlines(keepends=True)
    # Fields may be added to a record; what a line is made of may not change.
    assert [frame(record)[8:19] for record in RECORDS] == [line[8:19] for line in lines]
    assert frame(RECORDS[-1]) == lines[-1]
