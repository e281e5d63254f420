"""The words of wrk, the requests that it plays, the turns of the slices."""

import pytest

from bench import mixes
from bench.load import Slice, interleaved, read
from collector.http.request import MAX_HEADERS

SAID = """\
Running 4s test @ http://127.0.0.1:8080
  Latency Distribution
     50%    4.10ms
     99%    {p99}
  21608 requests in 4.00s, 6.20MB read
{faults}Requests/sec:   5402.11
Transfer/sec:      1.55MB
"""
FAULTS = "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 17\n"


@pytest.mark.parametrize(("p99", "ms"), [("850.00us", 0.85), ("12.53ms", 12.53), ("1.20s", 1200)])
def test_a_slice_is_read_from_the_words_of_wrk(p99, ms):
    one = read(SAID.format(p99=p99, faults=""), {"server": 2.1608})
    assert (one.answered, one.refused, one.lost, one.per_second) == (21_608, 0, 0, 5402.11)
    assert one.p99_ms == pytest.approx(ms)
    assert one.cpu_us == pytest.approx(100)


def test_refused_and_lost_requests_are_counted():
    one = read(SAID.format(p99="1.00ms", faults=FAULTS), {})
    assert (one.refused, one.lost) == (17, 6)


def test_words_without_numbers_end_the_run():
    with pytest.raises(SystemExit, match="unable to connect"):
        read("unable to connect to 127.0.0.1:1", {})


def test_slices_are_taken_in_turns():
    turns = []

    def slice_of(name):
        return lambda: turns.append(name) or Slice(1, 0, 0, 1.0, 1.0)

    taken = interleaved({name: slice_of(name) for name in ("a", "b")}, 3, lambda _text: None)
    assert turns == ["a", "b", "a", "b", "a", "b"]
    assert [len(slices) for slices in taken.values()] == [3, 3]


def heads(template, number):
    line, *headers = mixes.filled(template, number).decode().removesuffix("\r\n\r\n").split("\r\n")
    return line, dict(header.split(": ", 1) for header in headers)


def test_the_mix_of_the_design_has_its_shares():
    requests = [heads(template, place) for place, template in enumerate(mixes.design(20_000))]
    count = len(requests)
    addresses = {headers["X-Forwarded-For"] for _, headers in requests}
    assert 8_000 < len(addresses) <= 10_000
    assert sum(":" in address for address in addresses) / len(addresses) == pytest.approx(0.25, abs=0.02)
    assert sum("Cookie" not in headers for _, headers in requests) / count == pytest.approx(0.2, abs=0.02)
    assert sum("Sec-GPC" in headers for _, headers in requests) / count == pytest.approx(0.05, abs=0.01)
    assert 200 < len({headers["User-Agent"] for _, headers in requests}) <= 300


def test_no_two_hits_of_the_adversarial_mix_share_a_part():
    templates = mixes.adversarial(20_000)
    numbers = [1, 2, 65_536, 65_537, 20_000_001]
    seen = [heads(templates[0], number) for number in numbers]
    for name in ("User-Agent", "X-Forwarded-For", "Cookie"):
        assert len({headers[name] for _, headers in seen}) == len(numbers)
    assert len({line for line, _ in seen}) == len(numbers)


def test_a_browser_sends_fifteen_headers_and_more():
    for template in mixes.browsers(20_000)[:50]:
        _, headers = heads(template, 1)
        assert 12 <= len(headers) <= MAX_HEADERS
