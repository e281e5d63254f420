"""The request code: what it proves, what it hides, what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.headers.cookies import DAY_SECONDS, IdCookie, new_id
from pipeline.keys.tokens import cookie_visitor
from pipeline.subjects.request_code import LIFE, fingerprint, make, read

KEYS = {2026: bytes(range(32)), 2027: bytes(range(1, 33))}
NOW = datetime(2026, 11, 22, 14, 30, 12, tzinfo=UTC)
JANUARY = datetime(2027, 1, 9, 8, 0, tzinfo=UTC)
SECRET = new_id(bytes(range(16)), now_s=0).split(".")[2]


def cookie(on: datetime = NOW, secret: str = SECRET) -> IdCookie:
    return IdCookie(secret, int(on.timestamp()) // DAY_SECONDS)


def code(now: datetime = NOW, *, on: datetime = NOW, secret: str = SECRET) -> str:
    return make(cookie(on, secret), KEYS.get, now=now)


def test_a_code_names_the_visitor_of_its_cookie_and_the_minute() -> None:
    request = read(code(), KEYS.get, now=NOW + timedelta(days=3))
    assert request.visitors == {2026: cookie_visitor(KEYS[2026], SECRET)}
    assert request.made == NOW.replace(second=0)


def test_a_code_is_short_enough_to_be_read_aloud() -> None:
    assert [len(group) for group in code().split("-")] == [5, 5, 5, 5, 5, 4]


def test_in_january_a_cookie_of_last_year_is_named_under_both_keys() -> None:
    both = {year: cookie_visitor(KEYS[year], SECRET) for year in (2027, 2026)}
    assert read(code(JANUARY, on=NOW), KEYS.get, now=JANUARY).visitors == both
    assert list(read(code(JANUARY, on=JANUARY), KEYS.get, now=JANUARY).visitors) == [2027]


@pytest.mark.parametrize("year", [1970, 2025, 2058, 2106])
def test_a_clock_that_is_far_from_right_gives_no_code(year: int) -> None:
    assert make(cookie(), lambda _: bytes(32), now=datetime(year, 6, 1, tzinfo=UTC)) == ""


def test_a_code_of_december_counts_in_january() -> None:
    late = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    assert list(read(code(late), KEYS.get, now=JANUARY).visitors) == [2026]


def test_without_the_years_key_there_is_no_code() -> None:
    assert make(cookie(), {}.get, now=NOW) == ""
    only_this_year = {2027: KEYS[2027]}
    in_january = make(cookie(), only_this_year.get, now=JANUARY)
    assert list(read(in_january, only_this_year.get, now=JANUARY).visitors) == [2027]


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param(str.lower, id="small letters"),
        pytest.param(lambda text: text.replace("-", " "), id="spaces"),
        pytest.param(lambda text: text.replace("-", ""), id="no groups"),
        pytest.param(lambda text: text.replace("0", "O").replace("1", "l"), id="letters for digits"),
    ],
)
def test_a_code_may_be_typed_as_it_was_heard(typed) -> None:
    assert read(typed(code()), KEYS.get, now=NOW) == read(code(), KEYS.get, now=NOW)
    assert fingerprint(typed(code())) == fingerprint(code())


def test_every_single_slip_of_the_tongue_is_noticed() -> None:
    right = code()
    for place, letter in enumerate(right):
        if letter != "-":
            wrong = "7" if letter != "7" else "8"
            with pytest.raises(ValueError, match="not a request code"):
                read(right[:place] + wrong + right[place + 1 :], KEYS.get, now=NOW)


def test_two_groups_changed_round_are_noticed() -> None:
    groups = code().split("-")
    for first, second in combinations(range(5), 2):
        swapped = list(groups)
        swapped[first], swapped[second] = swapped[second], swapped[first]
        with pytest.raises(ValueError, match="not a request code of this system"):
            read("-".join(swapped), KEYS.get, now=NOW)


@given(st.text(max_size=60) | st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=29, max_size=29))
def test_no_text_made_up_is_a_code(text: str) -> None:
    with pytest.raises(ValueError, match="not a request code"):
        read(text, KEYS.get, now=NOW)


def test_a_code_of_another_system_is_none() -> None:
    with pytest.raises(ValueError, match="not a request code of this system"):
        read(code(), {2026: bytes([9] * 32)}.get, now=NOW)


def test_a_code_does_not_outlive_its_days_nor_the_key() -> None:
    assert read(code(), KEYS.get, now=NOW + LIFE - timedelta(minutes=1))
    with pytest.raises(ValueError, match="made on 2026-11-22; it is valid for 30 days: ask for a new one"):
        read(code(), KEYS.get, now=NOW + LIFE + timedelta(minutes=1))
    with pytest.raises(ValueError, match="whose key was destroyed"):
        read(code(), {2027: KEYS[2027]}.get, now=JANUARY)


def test_a_code_from_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="in the future"):
        read(code(NOW + timedelta(days=2)), KEYS.get, now=NOW)


def test_codes_of_one_person_have_nothing_in_common_and_show_neither_cookie_nor_visitor() -> None:
    codes = [code(NOW + timedelta(minutes=offset)) for offset in range(20)]
    assert len({text[:5] for text in codes}) > 15
    visitor = cookie_visitor(KEYS[2026], SECRET)
    for text in codes:
        assert SECRET not in text
        assert str(visitor) not in text


def test_a_refusal_never_quotes_the_code() -> None:
    for wrong in (code()[:-1] + "?", code()[::-1]):
        with pytest.raises(ValueError, match="not a request code") as refused:
            read(wrong, KEYS.get, now=NOW)
        assert wrong[:6] not in str(refused.value)
