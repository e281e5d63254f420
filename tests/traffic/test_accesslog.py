import pytest

from pipeline.traffic.access_log import LoggedHit, Skipped, read_line

TAIL = '[17/May/2015:10:05:03 +0000] "GET /a?b=1 HTTP/1.1" 200 12 "-" "Mozilla/5.0"'


def test_a_combined_line_gives_a_page_view():
    assert read_line(f"192.0.2.1 - - {TAIL}") == LoggedHit(
        1_431_857_103_000, "192.0.2.1", "/a?b=1", 200, "", "Mozilla/5.0"
    )


@pytest.mark.parametrize(
    ("word", "line", "field", "expected"),
    [
        ("time zone", TAIL.replace("+0000", "+0330"), "at_ms", 1_431_857_103_000 - 12_600_000),
        ("user with a space", TAIL.replace("[17", "ivan ivanov [17"), "target", "/a?b=1"),
        ("referrer", TAIL.replace('"-"', '"https://ya.ru/"'), "referrer", "https://ya.ru/"),
        ("no agent", TAIL.replace("Mozilla/5.0", "-"), "agent", ""),
        ("quote in agent", TAIL.replace("Mozilla/5.0", r"a\"b"), "agent", 'a"b'),
        ("bytes in agent", TAIL.replace("Mozilla/5.0", r"\xd0\xb0"), "agent", "а"),
        ("space in target", TAIL.replace("/a?b=1", "/a b"), "target", "/a b"),
        ("HTTP/0.9", TAIL.replace(" HTTP/1.1", ""), "target", "/a?b=1"),
        ("extra field behind", TAIL + ' "-"', "agent", "Mozilla/5.0"),
    ],
)
def test_odd_lines_are_still_read(word, line, field, expected):
    assert getattr(read_line(f"192.0.2.1 - - {line}"), field) == expected, word


@pytest.mark.parametrize(
    ("word", "line", "reason"),
    [
        ("empty", "", "not a combined log line"),
        ("junk", "hello", "not a combined log line"),
        ("POST", f"192.0.2.1 - - {TAIL}".replace("GET", "POST"), "not a GET"),
        ("TLS on port 80", f"192.0.2.1 - - {TAIL}".replace("GET /a?b=1 HTTP/1.1", r"\x16\x03\x01"), "not a GET"),
        ("picture", f"192.0.2.1 - - {TAIL}".replace("/a?b=1", "/a.PNG?b=1"), "static file"),
        ("proxy request", f"192.0.2.1 - - {TAIL}".replace("/a?b=1", "http://evil.example/"), "no path"),
        ("month of no calendar", f"192.0.2.1 - - {TAIL}".replace("May", "Mai"), "unreadable time"),
    ],
)
def test_what_is_no_page_view_is_skipped_with_a_reason(word, line, reason):
    assert read_line(line) == Skipped(reason), word
