"""Threshold files: exact round trips, and one line per error."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.table import Table, to_csv
from pbias.files.threshold_file import read_thresholds

NUMBERS = st.floats(allow_nan=False)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "thresholds.csv"


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(thresholds=st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=5))
def test_what_a_table_says_is_read_exactly(file: Path, thresholds: dict[str, float]) -> None:
    table = Table({"attribute": list(thresholds), "threshold": list(thresholds.values())})
    file.write_bytes(to_csv(table).encode())
    names = list(thresholds)[::-1]
    found = read_thresholds(str(file)).of(names)
    assert found.dtype == np.float64
    assert found.tolist() == [thresholds[name] for name in names]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60), header=st.booleans())
def test_any_bytes_are_thresholds_or_a_user_error(file: Path, text: bytes, header: bool) -> None:
    file.write_bytes((b"attribute,threshold\n" if header else b"") + text)
    try:
        read_thresholds(str(file)).of(["a"])
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "attribute,threshold\na,0.5\nb,-inf\n",
        "\ufeffattribute,threshold\r\na,0.5\r\nb,-inf\r\n",
        "threshold,note,attribute\n-inf,x,b\n 5e-1 ,,a\n+1,z,c",
        "attribute,threshold\n\na,0.5\n\nb,-Infinity\n",
    ],
)
def test_columns_line_ends_and_spellings(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    assert read_thresholds(str(file)).of(["a", "b"]).tolist() == [0.5, -math.inf]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs the columns attribute and threshold"),
        ("name,threshold\na,1\n", "needs the columns attribute and threshold"),
        ("attribute,threshold\n", "has no threshold for 2 of 2 attributes (first: a)"),
        ("attribute,threshold\na,1\n", "has no threshold for 1 of 2 attributes (first: b)"),
        ("attribute,threshold\na,1\nb\n", "line 3: 1 cells, but the header has 2"),
        ("attribute,threshold\na,1\nb,2,x\n", "line 3: 3 cells, but the header has 2; quote"),
        ("attribute,threshold\na,1\nb,\n", "line 3: '' is not a threshold; give a logit, inf"),
        ("attribute,threshold\na,one\n", "line 2: 'one' is not a threshold"),
        ("attribute,threshold\na,nan\n", "line 2: 'nan' is not a threshold"),
        ("attribute,threshold\na,1\na,1\n", "line 3: 'a' is listed twice"),
        ('attribute,threshold\n"a,1\n', "line 2: unexpected end of data; fix the quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_thresholds(str(file)).of(["a", "b"])
    assert str(file) in str(caught.value) and said in str(caught.value)


def test_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes("attribute,threshold\né,1\n".encode("utf-16"))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_thresholds(str(file))
