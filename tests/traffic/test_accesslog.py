import pytest

from pipeline.traffic.access_log import Excluded, LoggedHit, Skipped, read_line

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
        ("escape beside a letter", TAIL.replace("Mozilla/5.0", r"б\xd0\xb0"), "agent", "ба"),
        ("line end in agent", TAIL.replace("Mozilla/5.0", r"a\nb"), "agent", "a b"),
        ("page from the browser's own copy", TAIL.replace("200", "304"), "status", 304),
        ("dot in a folder", TAIL.replace("/a?b=1", "/v1.js/a"), "target", "/v1.js/a"),
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
        ("picture", f"192.0.2.1 - - {TAIL}".replace("/a?b=1", "/a.PNG?b=1"), "image"),
        ("proxy request", f"192.0.2.1 - - {TAIL}".replace("/a?b=1", "http://evil.example/"), "no path"),
        ("month of no calendar", f"192.0.2.1 - - {TAIL}".replace("May", "Mai"), "unreadable time"),
    ],
)
def test_what_is_no_page_view_is_skipped_with_a_reason(word, line, reason):
    assert read_line(line) == Skipped(reason), word


@pytest.mark.parametrize(
    ("client", "behind", "expected"),
    [
        ("10.0.0.5", ' "203.0.113.99"', "203.0.113.99"),
        ("127.0.0.1", ' "203.0.113.99, 10.0.0.7"', "203.0.113.99"),
        ("::1", ' "2001:db8::9" rt=0.01', "2001:db8::9"),
        ("192.168.1.20", ' "-"', "192.168.1.20"),
        ("192.168.1.20", "", "192.168.1.20"),
        ("192.168.1.20", ' "clinic.example"', "192.168.1.20"),
        ("10.0.0.5", ' "127.0.0.1:9000" 0.01', "10.0.0.5"),
        ("203.0.113.10", ' "198.51.100.99"', "203.0.113.10"),  # anybody may send the header
        ("clinic.example:443 10.0.0.5", ' "203.0.113.99"', "203.0.113.99"),
    ],
)
def test_behind_a_proxy_the_client_is_the_one_that_nginxs_own_format_names_last(client, behind, expected):
    assert read_line(f"{client} - - {TAIL}{behind}").address == expected


def test_a_proxy_that_does_not_know_its_client_is_not_the_client():
    assert read_line(f'10.0.0.5 - - {TAIL} "unknown"') == Skipped("no readable address")


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("/doctors", 204, "no page was shown"),
        ("/doctors", 499, "no page was shown"),
        ("/doctors", 444, "no page was shown"),
        ("/doctors", 408, "no page was shown"),
        ("/chat", 101, "no page was shown"),
        ("/doctors", "000", "no page was shown"),
        ("/site.webmanifest", 200, "other file"),
        ("/price.xlsx", 200, "other file"),
        ("/form.docx", 404, "other file"),
        ("/tour.MOV", 206, "other file"),
        ("/backup.7z", 404, "other file"),
        ("/doctors", 301, "redirect"),
        ("/doctors", 302, "redirect"),
        ("/doctors", 308, "redirect"),
        ("/photo.webp", 200, "image"),
        ("/photo.jpg;v=2", 200, "image"),
        ("/look.css?v=1", 200, "style"),
        ("/code.mjs", 200, "script"),
        ("/letters.woff2", 200, "font"),
        ("/price.pdf", 200, "other file"),
        ("/photo.jpg", 301, "image"),
    ],
)
def test_a_redirect_and_every_kind_of_file_are_skipped_by_their_own_reason(path, status, reason):
    line = f"192.0.2.1 - - {TAIL}".replace("/a?b=1", path).replace(" 200 ", f" {status} ")
    assert read_line(line) == Skipped(reason)


@pytest.mark.parametrize(
    ("pattern", "path", "is_excluded"),
    [
        ("/image/*", "/image/a/b?c", True),
        ("/image/*", "/image", False),
        ("/image/*", "/images/a", False),
        ("*/print", "/doctors/print", True),
        ("/page-?", "/page-1", True),
        ("/page-?", "/page-10", False),
        ("/цены*", "/%D1%86%D0%B5%D0%BD%D1%8B/2026", True),
        ("/Image/*", "/image/a", False),
    ],
)
def test_an_excluded_path_is_skipped(pattern, path, is_excluded):
    result = read_line(f"192.0.2.1 - - {TAIL}".replace("/a?b=1", path), Excluded(["/other", pattern]))
    assert (result == Skipped("excluded")) is is_excluded


@pytest.mark.parametrize(
    ("word", "front", "tail", "address", "host"),
    [
        ("plain", "192.0.2.1 - -", "", "192.0.2.1", ""),
        ("vhost first", "clinic.example 192.0.2.1 - -", "", "192.0.2.1", "clinic.example"),
        ("vhost in capitals", "Clinic.Example 192.0.2.1 - -", "", "192.0.2.1", "clinic.example"),
        ("vhost and port first", "clinic.example:443 192.0.2.1 - ivan", "", "192.0.2.1", "clinic.example"),
        ("vhost of Cyrillic letters", "клиника.рф:443 192.0.2.1 - -", "", "192.0.2.1", "клиника.рф"),
        ("vhost that is an address with a port", "198.51.100.2:80 192.0.2.1 - -", "", "192.0.2.1", "198.51.100.2"),
        ("vhost at the end", "192.0.2.1 - -", " clinic.example", "192.0.2.1", "clinic.example"),
        ("quoted vhost at the end", "192.0.2.1 - -", ' "-" "clinic.example:443"', "192.0.2.1", "clinic.example"),
        ("vhost without a name", "_ 192.0.2.1 - -", "", "192.0.2.1", ""),
        ("a time at the end", "192.0.2.1 - -", " 0.005", "192.0.2.1", ""),
        ("an address at the end", "192.0.2.1 - -", ' "198.51.100.2"', "192.0.2.1", ""),
        ("a protocol at the end", "192.0.2.1 - -", " TLSv1.3", "192.0.2.1", ""),
        ("two addresses", "192.0.2.1, 198.51.100.2 - -", "", "192.0.2.1", ""),
        ("two addresses without a space", "192.0.2.1,198.51.100.2 - -", "", "192.0.2.1", ""),
        ("two quoted addresses", '"192.0.2.1, 198.51.100.2" - -', "", "192.0.2.1", ""),
        ("three addresses behind a vhost", "a.example 192.0.2.1, ::1, 198.51.100.2 - -", "", "192.0.2.1", "a.example"),
        ("no first address", "- 192.0.2.1 - -", "", "192.0.2.1", ""),
        ("address and port", "192.0.2.1:51234 - -", "", "192.0.2.1", ""),
        ("IPv6", "2001:DB8::1 - -", "", "2001:db8::1", ""),
        ("IPv4 in IPv6", "::ffff:192.0.2.1 - -", "", "192.0.2.1", ""),
    ],
)
def test_the_client_and_the_virtual_host_are_found_in_every_format(word, front, tail, address, host):
    result = read_line(f"{front} {TAIL}{tail}")
    assert isinstance(result, LoggedHit), (word, result)
    assert (result.address, result.host, result.target) == (address, host, "/a?b=1"), word


@pytest.mark.parametrize(
    ("word", "front", "reason"),
    [
        ("name of a client", "crawl.example - -", "no readable address"),
        ("name of a client behind a vhost", "clinic.example crawl.example - -", "no readable address"),
        ("unknown first", "unknown, 198.51.100.2 - -", "no readable address"),
        ("nothing first", ", 198.51.100.2 - -", "no readable address"),
        ("not an address", "192.0.2.999 - -", "no readable address"),
        ("cut address", "92.0.2 - -", "no readable address"),
        ("address of a half line", "\0\0\x00192.0.2.1 - -", "no readable address"),
        ("vhost or first address", "192.0.2.1 198.51.100.2 - -", "two addresses without a comma"),
        ("words missing", "192.0.2.1 -", "not a combined log line"),
        (
            "a half line before it",
            '192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /x198.51.100.2 - -',
            "not a combined log line",
        ),
        ("a half time before it", "192.0.2.1 - - [17/May198.51.100.2 - -", "not a combined log line"),
    ],
)
def test_a_line_whose_client_cannot_be_read_is_nobodys(word, front, reason):
    assert read_line(f"{front} {TAIL}") == Skipped(reason), word
