"""Selectors by regular expression: the matches of `re`, in linear time, and refused expressions."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.pruning.name_pattern import compile_pattern

ATOMS = st.sampled_from(["a", "b", ".", r"\.", "[ab]", "[^a]", r"\d", r"\w", "1", "^", "$", "]"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0}", "{,1}", "{1,}", "*?", "+?"])
    groups = st.one_of(inner.map("({})".format), inner.map("(?:{})".format))
    return st.one_of(
        groups,
        st.tuples(groups, repeats).map("".join),
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map("|".join),
    )


PATTERNS = st.recursive(ATOMS, _grown, max_leaves=8)


@given(PATTERNS, st.text("ab.1]", max_size=8))
def test_it_finds_what_re_finds(pattern: str, name: str) -> None:
    assert compile_pattern(pattern).search(name) == bool(re.search(pattern, name))


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(.*)(.*)(.*)(.*)(.*)x", r"(a?){30}b"])
def test_expressions_that_backtrack_for_hours_take_no_time(pattern: str) -> None:
    start = time.perf_counter()
    assert not compile_pattern(pattern).search("a" * 400 + "!")
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "pattern",
    [
        "(", ")", "a)", "[a", "*", "a**", "a{2,1}", r"\b", r"(a)\1", "(?=a)", "(?i)a", "(?P<n>a)",
        "\\", "[b-a]", "(" * 3000 + ")" * 3000, "a" * 1001, "((a{99}){99}){99}", "a{2}{3}",
    ],
)  # fmt: skip
def test_what_is_refused_in_one_line(pattern: str) -> None:
    with pytest.raises(UserError, match=r"^re: ?.*; ") as caught:
        compile_pattern(pattern)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
