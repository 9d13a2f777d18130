"""The grammar of gates accepts the language of the expression that it replaced, in linear time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbias.auditing.gates.grammar import parse_gate
from pbias.errors import UserError

# The grammar before 1.0, which backtracks: its language is right, its time is not.
OLD = re.compile(
    r"""\s*(?P<abs>abs\s*\()?\s*(?P<change>change\s*\()?\s*(?P<metric>\w+)\s*(?P<close>[)\s]*)
    (?:@\s*(?P<group>[^\s/<>=][^/<>=]*?)\s*(?:=\s*(?P<contrast>[^\s/<>][^/<>]*?))?)?
    \s*(?:/\s*(?P<attribute>[^\s<>][^<>]*?))?
    \s*(?P<side><=|>=)\s*(?P<bound>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*""",
    re.VERBOSE,
)
PIECES = ["abs", "change", "tpr", "(", ")", " ", "@", "=", "/", "<=", ">=", "<", "1", ".5", "-",
          "e", "Male", "\t", "\x1c", "\u00a0", "0:1", "é"]  # fmt: skip
PLAIN = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
NEARLY = st.tuples(
    st.sampled_from(["tpr", "abs(tpr)", "change(tpr)", "abs( change (tpr) )", "tpr )", "(tpr"]),
    st.sampled_from(["", "@Male", " @ Male = 1-0", "@=", "@a==", "@ ", "@a@b", "@a=b=c"]),
    st.sampled_from(["", "/mean", " / 5 o'clock, @home=a/b ", "/", "/ ", "//", "/a=b"]),
    st.sampled_from(["<=", ">=", "<", "==", " <= ", "<= <="]),
    st.sampled_from(["1", " -.5e3 ", "5.", "", "nan", "1 2", "\u0663"]),
).map("".join)


def old_parts(text: str) -> tuple[object, ...] | None:
    match = OLD.fullmatch(text)
    opened = 0 if match is None else bool(match["abs"]) + bool(match["change"])
    if match is None or match["close"].count(")") != opened:
        return None
    parts = (match["group"], match["contrast"], match["attribute"], match["side"] == "<=")
    return (bool(match["abs"]), bool(match["change"]), *parts, float(match["bound"]))


def new_parts(text: str) -> tuple[object, ...] | None:
    try:
        gate = parse_gate(text)
    except UserError as error:
        # Other errors in a well-formed gate do not concern the grammar.
        return None if "is not of the form" in str(error) else ()
    parts = (gate.group, gate.contrast, gate.attribute, gate.at_most)
    return (gate.absolute, gate.change, *parts, gate.bound)


@given(st.one_of(PLAIN, NEARLY))
@example("tpr@a= =b<=1")
@example("abs(change(tpr))@x/y<=1")
@example("change<=1")
def test_it_reads_what_the_expression_before_it_read(text: str) -> None:
    """What it reads besides are names that hold `<` or `>`."""
    old, new = old_parts(text), new_parts(text)
    if old is None and new:
        assert any(isinstance(name, str) and re.search("[<>]", name) for name in new)
    else:
        assert (old is None) == (new is None)
        assert not new or new == old


NAMES = st.text(st.sampled_from('ab <>=/@"#é'), min_size=1).filter(lambda t: t == t.strip() != "")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@given(NAMES, NAMES, NAMES, st.sampled_from(["<=", ">="]))
def test_any_name_in_quotes_is_read_as_it_is(
    group: str, contrast: str, attribute: str, side: str
) -> None:
    text = f"tpr@{quoted(group)} = {quoted(contrast)} /{quoted(attribute)} {side} -0.5"
    gate = parse_gate(text)
    assert (gate.group, gate.contrast, gate.attribute) == (group, contrast, attribute)
    assert (gate.at_most, gate.bound, gate.text) == (side == "<=", -0.5, text)


@pytest.mark.parametrize(
    ("text", "group", "contrast"),
    [
        ("tpr@age=<30 >= 0.5", "age", "<30"),
        ("tpr@age=>=60 <= 0.5", "age", ">=60"),
        ('tpr@12" screen=x <= 1', '12" screen', "x"),
    ],
)
def test_the_last_sign_begins_the_bound(text: str, group: str, contrast: str) -> None:
    gate = parse_gate(text)
    assert (gate.group, gate.contrast) == (group, contrast)


@pytest.mark.parametrize("text", ['tpr@"a"b <= 1', 'tpr@"a <= 1', 'tpr@"" <= 1', "tpr@age=<30 < 5"])
def test_an_error_says_that_names_may_be_quoted(text: str) -> None:
    with pytest.raises(UserError, match='put names that hold signs in quotes, as @age="<30"'):
        parse_gate(text)


@pytest.mark.parametrize("text", ["tpr{} ", "tpr@a{}b", "tpr@a{}=b{}/c{}", "tpr{}) <= 1", "abs({}"])
def test_long_runs_of_spaces_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    with pytest.raises(UserError, match="is not of the form") as caught:
        parse_gate(text.replace("{}", " " * 1_000_000))
    assert time.perf_counter() - start < 5
    assert len(str(caught.value)) < 300
