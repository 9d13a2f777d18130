"""The reader of every CSV file: strict, with the line of each error."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.data.layouts.celeba import list_celeba
from pbias.errors import UserError
from pbias.files.csv_reader import CsvFile, read_csv
from pbias.files.flag_list import read_flags
from pbias.files.manifest import read_manifest
from pbias.files.threshold_file import read_thresholds

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
READERS: dict[Callable[[str], object], str] = {
    read_manifest: "image,a",
    read_flags: "id,attribute",
    read_thresholds: "attribute,threshold",
}
BOM = b"\xef\xbb\xbf"


def read(folder: Path, data: bytes) -> CsvFile:
    path = folder / "table.csv"
    path.write_bytes(data)
    return read_csv(str(path))


def test_rows_know_their_lines_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    file = read(tmp_path, BOM + b'a,b\r\n\r\n1,"x\r\ny"\r\n\r\n2,z\r\n')
    assert file.header == ["a", "b"]
    assert file.rows == [["1", "x\r\ny"], ["2", "z"]]
    assert file.lines == [4, 6]
    assert file.columns() == [["1", "2"], ["x\r\ny", "z"]]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
def test_what_csv_writers_write_is_read(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([("first", "second"), *rows])
    file = read(tmp_path, buffer.getvalue().encode())
    assert [tuple(row) for row in file.rows] == [row for row in rows if any(row)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,\xff\n", "is not UTF-8 text (byte 6; perhaps Windows-1252"),
        (b"\xff\xfea\x00", "perhaps UTF-16); save it as CSV in UTF-8"),
        (b"a;b\n1;2\n", "line 1: the cells are separated by semicolons"),
        (b"a\tb\n1\t2\n", "line 1: the cells are separated by tabs"),
        (b"sep=,\na,b\n1,2\n", "line 1 is 'sep=', which only spreadsheets understand"),
        (b'a,b\n1,"x"y\n', "line 2: "),
        (b'a,b\n1,2\n1,"x\n', "line 3: unexpected end of data; fix the quotes in that line"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, data)
    assert said in str(caught.value) and str(tmp_path / "table.csv") in str(caught.value)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_all_readers_say_the_same_of_a_row_that_is_too_long(
    tmp_path: Path, reader: Callable[[str], object]
) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{READERS[reader]}\nx,1\n\ny,1,2\n")
    with pytest.raises(UserError) as caught:
        reader(str(path))
    said = "line 4: 3 cells, but the header has 2; quote cells that contain commas"
    assert str(caught.value) == f"{path}, {said}"


def test_a_file_of_a_known_data_set_is_read_as_strictly(tmp_path: Path) -> None:
    (tmp_path / "list_attr_celeba.csv").write_text('image_id,Male\n1.jpg,"1"x\n')
    with pytest.raises(UserError, match=r"list_attr_celeba\.csv, line 2: .*fix the quotes"):
        list_celeba(str(tmp_path))


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_that_is_too_long_is_said_to_be(tmp_path: Path, quote: str) -> None:
    data = f"a\n{quote}{'x' * 131_073}{quote}\n".encode()
    with pytest.raises(UserError, match="line 2: a cell has more than 131,072 characters; shorten"):
        read(tmp_path, data)
    assert read(tmp_path, data.replace(b"xx", b"x", 1)).rows == [["x" * 131_072]]
