"""Lists of flags: their order, and one line per error."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.flag_list import read_flags
from pbias.files.provenance import sha256


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flags.csv"


def test_without_a_risk_the_order_is_that_of_the_file(file: Path) -> None:
    file.write_text('attribute,other,id\nhat,x,b\n\n"a,b",,"a ""1"".png"\nhat,,a\n')
    found = read_flags(str(file))
    assert found.pairs == [("b", "hat"), ('a "1".png', "a,b"), ("a", "hat")]
    assert len(found) == 3 and found.sha256 == sha256(file.read_bytes())


def test_the_highest_risk_comes_first_and_equal_ones_keep_their_order(file: Path) -> None:
    file.write_text("id,attribute,risk\na,hat,0.5\nb,hat,2\nc,hat,0.5\nd,hat,1e1\ne,hat,-inf\n")
    assert [sample for sample, _ in read_flags(str(file)).pairs] == ["d", "b", "a", "c", "e"]


def test_a_list_may_be_empty(file: Path) -> None:
    file.write_text("id,attribute,risk\n")
    assert read_flags(str(file)).pairs == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs the columns id and attribute"),
        ("id,risk\na,1\n", "needs the columns id and attribute"),
        ("id,attribute\na\n", "line 2: 1 cells, but the header has 2; quote"),
        ("id,attribute,risk\na,hat,1\nb,hat,high\n", "line 3: 'high' is not a risk"),
        ("id,attribute,risk\na,hat,nan\n", "line 2: 'nan' is not a risk"),
        ("id,attribute\na,hat\nb,hat\na,hat\n", "lists a, hat twice"),
    ],
)
def test_what_is_wrong_is_said(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        read_flags(str(file))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60), header=st.booleans())
def test_any_bytes_are_flags_or_a_user_error(file: Path, text: bytes, header: bool) -> None:
    file.write_bytes((b"id,attribute,risk\n" if header else b"") + text)
    try:
        read_flags(str(file))
    except UserError as error:
        assert "; " in str(error) and "\n" not in str(error)
