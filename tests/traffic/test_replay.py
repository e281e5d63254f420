"""A replay or a simulated day is refused as a whole when its times could not be stored, before a hit is sent."""

import pytest

from pipeline.errors import Fatal
from pipeline.settings import Settings
from pipeline.traffic.replay import check_span
from pipeline.traffic.send import PlannedHit
from support.command import command

NOW = 1_795_000_000_000
DAY = 86_400_000


def planned(*moments):
    return [PlannedHit(moment, "192.0.2.1", "", {}) for moment in moments]


def test_times_between_the_oldest_key_and_now_pass(tmp_path):
    check_span(planned(NOW - 89 * DAY, NOW), Settings(data=tmp_path), now_ms=NOW)


@pytest.mark.parametrize(("moment", "message"), [(NOW + 1, "future"), (NOW - 89 * DAY - 1, "keys_days")])
def test_one_hit_outside_of_them_stops_the_whole(tmp_path, moment, message):
    with pytest.raises(Fatal, match=message):
        check_span(planned(NOW - DAY, moment, NOW), Settings(data=tmp_path), now_ms=NOW)


def test_a_simulated_day_in_the_future_says_so_and_sends_nothing(tmp_path):
    done = command(tmp_path / "var", "simulate", "--people", "1", "--as-of", "2100-01-01")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "clinic-pixel: --as-of is in the future; expected a time up to now"
