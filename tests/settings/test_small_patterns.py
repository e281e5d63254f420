"""A pattern of a few values is read into all of them; anything else is an error that says where."""

import pytest

from pipeline.settings.small_patterns import values_of


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        ("", ("",)),
        ("ru", ("ru",)),
        ("ru|en", ("en", "ru")),
        ("[a-c]", ("a", "b", "c")),
        ("[a1_]x?", ("1", "1x", "_", "_x", "a", "ax")),
        ("(light|dark)-v[12]", ("dark-v1", "dark-v2", "light-v1", "light-v2")),
        ("a{1,3}", ("a", "aa", "aaa")),
        ("[ab]{2}", ("aa", "ab", "ba", "bb")),
    ],
)
def test_a_pattern_is_all_of_its_values(pattern, values):
    assert values_of(pattern, most=64) == values


@pytest.mark.parametrize("pattern", ["[a-z]{2}", "[0-9]{9}", "(a|b){7}", "[a-z0-9][a-z]", "([0-9]{1}|x){9}"])
def test_more_values_than_allowed_are_refused(pattern):
    with pytest.raises(ValueError, match="has more than 64 values"):
        values_of(pattern, most=64)


@pytest.mark.parametrize("pattern", [".*", "a+", "(a", "a)", "[", "[]", "[^a]", "a{", "a{x}", "é", "a b", "?"])
def test_another_grammar_is_refused_with_its_place(pattern):
    with pytest.raises(ValueError, match="cannot be read from its character"):
        values_of(pattern, most=64)
