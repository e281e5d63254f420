import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aged_cache import AgedCache


def test_a_value_is_computed_once_while_it_is_used_and_gone_after_two_turns_without():
    computed = []
    cache = AgedCache(lambda key: computed.append(key) or len(computed), most=100)
    for _ in range(5):
        assert cache["a"] == 1
        cache.turn()
    cache.turn()
    assert not cache
    assert cache["a"] == 2


def test_nothing_is_left_of_either_generation_after_a_clear():
    values = iter(range(4))
    cache = AgedCache(lambda _: next(values), most=100)
    assert cache["old"] == 0
    cache.turn()
    assert cache["young"] == 1
    cache.clear()
    assert (cache["old"], cache["young"]) == (2, 3)


def test_an_error_is_not_remembered():
    answers = iter([ValueError("first"), 7])

    def compute(_):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = AgedCache(compute, most=100)
    with pytest.raises(ValueError, match="first"):
        cache["a"]
    assert cache["a"] == 7


@given(st.lists(st.integers(0, 40)), st.integers(2, 20))
def test_whatever_is_asked_the_answer_is_right_and_the_memory_bounded(keys, most):
    cache = AgedCache(lambda key: key * 2, most=most)
    for key in keys:
        assert cache[key] == key * 2
        assert len(cache) + len(cache._old) <= most
