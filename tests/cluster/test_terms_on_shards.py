"""The end of terms on two shards: old days and old click ids are gone on both, newer ones stay."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.database.client import of_each_shard
from pipeline.errors import Retryable
from pipeline.keys.sealed import SEALED_DAYS
from pipeline.settings.model import Settings
from pipeline.ship.retention import clear_sealed_clicks, drop_expired
from support import clinic_day
from support.command import free_port
from support.publishing import view
from support.server import Rows
from support.shards import Shards

DAY = timedelta(days=1)


@pytest.fixture
def empty(two_shards: Shards) -> Iterator[Settings]:
    rows = Rows(two_shards.settings)
    rows.clear()
    yield two_shards.settings
    rows.clear()
    rows.close()


def on_each(settings: Settings, condition: str) -> list[int]:
    query = f"SELECT count() FROM pixel.events_local WHERE {condition}"
    return of_each_shard(settings, "pixel_admin", lambda shard: int(shard.query(query).result_rows[0][0]))


def test_days_past_their_term_are_dropped_on_both_shards(empty: Settings) -> None:
    old = clinic_day.SINCE - (empty.retention.rows_days + 10) * DAY
    clinic_day.store(empty, [view(1, old), view(2, old), view(3, clinic_day.SINCE), view(4, clinic_day.SINCE)])
    drop_expired(empty)
    assert on_each(empty, "1") == [1, 1]
    assert on_each(empty, "visitor < 3") == [0, 0]


def test_sealed_click_ids_of_old_days_are_cleared_on_both_shards(empty: Settings) -> None:
    old = clinic_day.SINCE - (SEALED_DAYS + 5) * DAY
    times = (old, old, clinic_day.SINCE, clinic_day.SINCE)
    clinic_day.store(empty, [view(number, at, click_sealed="sealed") for number, at in enumerate(times)])
    assert on_each(empty, "click_sealed != ''") == [2, 2]
    clear_sealed_clicks(empty)
    assert on_each(empty, "click_sealed != ''") == [1, 1]
    assert on_each(empty, "1") == [2, 2]


def test_the_terms_of_a_shard_end_while_the_one_before_it_is_away(empty: Settings) -> None:
    old = clinic_day.SINCE - (SEALED_DAYS + 5) * DAY  # within the term of the table, which would end them by itself
    clinic_day.store(empty, [view(number, old, click_sealed="sealed") for number in range(4)])
    gone = f"http://127.0.0.1:{free_port()}"
    servers = {"url": gone, "shards": (gone, *empty.clickhouse.shards[1:])}
    without_home = empty.model_copy(
        update={
            "clickhouse": empty.clickhouse.model_copy(update=servers),
            "retention": empty.retention.model_copy(update={"rows_days": SEALED_DAYS}),
        }
    )
    with pytest.raises(Retryable, match=gone):
        clear_sealed_clicks(without_home)
    assert on_each(empty, "click_sealed != ''") == [2, 0]
    with pytest.raises(Retryable, match=gone):
        drop_expired(without_home)
    assert on_each(empty, "1") == [2, 0]
