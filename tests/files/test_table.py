"""Tables as CSV and JSON: full precision, empty if undefined, the same bytes each time."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.files.table import COLUMNS, Table, to_csv, to_json

CELLS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**60), 2**60),
)


def parse(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def test_the_columns_are_an_interface() -> None:
    columns = "metric attribute group contrast value low high status reason reference change "
    columns += "change_low change_high change_status p p_adjusted detectable "
    columns += "n n_positive n_predicted_positive n_discordant runs"
    assert columns.split() == list(COLUMNS)


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_csv_comes_back_exactly(rows: list[tuple[Any, Any]]) -> None:
    a, b = zip(*rows, strict=True)
    header, *cells = parse(to_csv(Table({"a": a, "b": b})))
    assert header == ["a", "b"]
    for row, found in zip(rows, cells, strict=True):
        for value, text in zip(row, found, strict=True):
            assert type(value)(text) == value


@given(rows=st.lists(CELLS, min_size=1, max_size=5))
def test_json_comes_back_exactly(rows: list[Any]) -> None:
    document = json.loads(to_json(Table({"a": rows}), command="metrics"))
    assert document["rows"] == [{"a": value} for value in rows]
    assert (document["schema"], document["command"], document["columns"]) == (1, "metrics", ["a"])


@pytest.mark.parametrize("value", [math.nan, None])
def test_an_undefined_number_is_empty_or_null(value: float | None) -> None:
    table = Table({"a": [value], "b": ["x"]})
    assert to_csv(table) == "a,b\n,x\n"
    assert json.loads(to_json(table))["rows"] == [{"a": None, "b": "x"}]


@pytest.mark.parametrize(("value", "text"), [(math.inf, "inf"), (-math.inf, "-inf")])
def test_an_infinite_number_is_a_word(value: float, text: str) -> None:
    table = Table({"a": [value]})
    assert to_csv(table) == f"a\n{text}\n"
    assert json.loads(to_json(table), parse_constant=pytest.fail)["rows"] == [{"a": text}]


def test_csv_is_rfc_4180_with_line_feeds() -> None:
    table = Table({"a,b": ["x", 'say "é"', "two\nlines", "a\rb"]})
    assert to_csv(table) == '"a,b"\nx\n"say ""é"""\n"two\nlines"\n"a\rb"\n'


def test_json_keeps_names_readable() -> None:
    assert "é名" in to_json(Table({"a": ["é名"]}))


def test_a_table_without_rows_is_its_header() -> None:
    table = Table({"a": [], "b": []})
    assert (len(table), table.records(), to_csv(table)) == (0, [], "a,b\n")
    assert json.loads(to_json(table))["rows"] == []


def test_rows_are_found_by_what_their_columns_hold() -> None:
    table = Table({"metric": ["tpr", "fpr", "tpr"], "group": ["", "", "Male"], "value": [1, 2, 3]})
    assert [row["value"] for row in table.where(metric="tpr")] == [1, 3]
    assert [row["value"] for row in table.where(metric="tpr", group="")] == [1]
    assert table.where(metric="ppv") == []


def test_columns_of_different_length_are_a_bug() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Table({"a": [1, 2], "b": [1]}).records()


def test_text_of_numpy_is_text() -> None:
    column = list(np.array(["a", "b,c", ""]))
    assert to_csv(Table({"id": column, "n": [1, None, 0.5]})) == 'id,n\na,1\n"b,c",\n,0.5\n'
