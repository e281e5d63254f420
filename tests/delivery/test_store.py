"""The store trusts only a count that is a number; any other answer leaves the outcome unknown."""

import pytest

from pipeline.delivery.plan import Batch
from pipeline.delivery.store import ClickHouseStore
from pipeline.delivery.tally import Bin
from pipeline.errors import Retryable
from pipeline.settings.model import Settings

BATCH = Batch("00000000-0000-0000-0000-000000000001", "events", 202611, [b"[]"], [Bin(0, "clinic")])


class Answering:
    """A client whose every query is answered with the same bytes."""

    def __init__(self, answer):
        self.answer = answer

    def raw_query(self, *_, **__):
        return self.answer


def store_answered(tmp_path, answer):
    store = ClickHouseStore(Settings(data=tmp_path))
    store._clients[0] = Answering(answer)
    return store


@pytest.mark.parametrize(("answer", "rows"), [(b"0\n", 0), (b"50000\n", 50_000)])
def test_a_count_is_the_number_that_was_answered(tmp_path, answer, rows):
    assert store_answered(tmp_path, answer).count(BATCH) == rows


@pytest.mark.parametrize("answer", [b"", b"\n", b"Code: 243. DB::Exception: Cannot reserve", b"7\nCode: 243", b"-1\n"])
def test_an_answer_without_a_number_is_an_unknown_outcome(tmp_path, answer):
    with pytest.raises(Retryable, match="without a number"):
        store_answered(tmp_path, answer).count(BATCH)
