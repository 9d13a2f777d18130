"""Archives of arrays: read in blocks, nothing unpickled, one line per error."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.lib import format as npy

from pbias.errors import UserError
from pbias.files.logits import npz, read_logits
from pbias.files.logits.npz import KNOWN, Npz

ROWS = np.arange(21, dtype=np.float32).reshape(7, 3)
HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (7, 3), }"


def npz_bytes(save: Callable[..., None] = np.savez, **arrays: Any) -> bytes:
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


def zip_bytes(data: bytes, name: str = "rows.npy", method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive of one member with exactly these bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def npy_bytes(
    header: str, data: bytes = ROWS.tobytes(), version: tuple[int, int] = (1, 0)
) -> bytes:
    """Return an array file with exactly this header."""
    text = header.encode("latin1") + b"\n"
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return npy.magic(*version) + size + text + data


def read_all(path: Path) -> dict[str, Any]:
    with Npz(str(path)) as npz:
        return {name: npz.read(name) for name in npz.members}


def refusal(path: Path, data: bytes) -> str:
    """Return the error for a file with these bytes."""
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_all(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a file.npz"


ARRAYS = hnp.arrays(
    st.sampled_from([np.dtype(t) for t in ("<f4", "<f8", ">f4", "i1", "<i8", "?", "<U3")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
    elements={"allow_nan": False, "alphabet": "aé名"},
)
ON_DISK = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ON_DISK
@given(array=ARRAYS, compressed=st.booleans())
def test_what_numpy_saves_is_read(file: Path, array: Any, compressed: bool) -> None:
    array = np.ascontiguousarray(array).reshape(array.shape)
    file.write_bytes(npz_bytes(np.savez_compressed if compressed else np.savez, rows=array))
    found = read_all(file)["rows"]
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_blocks_are_the_rows_in_order(file: Path, save: Callable[..., None], size: int) -> None:
    file.write_bytes(npz_bytes(save, rows=ROWS, other=ROWS + 1))
    with Npz(str(file)) as npz:
        blocks = list(npz.blocks("rows", size))
    assert {len(block) for block in blocks[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate(blocks), ROWS)


def test_shapes_are_known_before_any_data(file: Path) -> None:
    file.write_bytes(npz_bytes(rows=ROWS, word=np.array("sigmoid")))
    with Npz(str(file)) as npz:
        assert npz.members == {
            "rows": ((7, 3), np.float32, False),
            "word": ((), np.dtype("<U7"), False),
        }


@pytest.mark.parametrize("cut", [1, 30, 100, 200, -1, -22])
def test_a_truncated_archive_is_refused(file: Path, cut: int) -> None:
    assert "not a usable NPZ" in refusal(file, npz_bytes(rows=ROWS)[:cut])


@pytest.mark.parametrize("data", [b"", b"logits\n1,2,3\n", npy_bytes(HEADER), b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(file: Path, data: bytes) -> None:
    assert f"{file} is not a usable NPZ file" in refusal(file, data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"metric,attribute\ntpr,Hat\n", "is a CSV file, not logits"),
        (zip_bytes(b"", name="s95/data.pkl"), "is a checkpoint, not logits; run 'pbias predict'"),
    ],
)
def test_another_file_of_the_pipeline_is_named(file: Path, data: bytes, said: str) -> None:
    assert said in refusal(file, data)


def test_pickled_objects_are_never_loaded(file: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (file.with_name("exploded"),))

    data = npz_bytes(rows=np.array([Bomb()], dtype=object))
    assert "pickled Python objects" in refusal(file, data)
    assert not file.with_name("exploded").exists()


def test_objects_within_a_structured_type_are_never_loaded(file: Path) -> None:
    array = np.array([(1, [])], dtype=[("a", "i4"), ("b", "O")])
    assert "pickled Python objects" in refusal(file, npz_bytes(rows=array))


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_fortran_order_is_read_in_blocks_like_any_other(file: Path, rows: int) -> None:
    file.write_bytes(npz_bytes(rows=np.asfortranarray(ROWS)))
    with Npz(str(file)) as npz:
        blocks = list(npz.blocks("rows", rows))
    np.testing.assert_array_equal(np.concatenate(blocks), ROWS)
    assert max(map(len, blocks)) == min(rows, 7)


def test_fortran_order_of_a_single_column_is_no_matter(file: Path) -> None:
    file.write_bytes(
        zip_bytes(npy_bytes(HEADER.replace("(7, 3)", "(21,)").replace("False", "True")))
    )
    np.testing.assert_array_equal(read_all(file)["rows"], ROWS.ravel())


@pytest.mark.parametrize(
    "shape",
    ["(8, 3)", "(7000000000, 3)", "(7, 4)", "(-7, -3)", "(-1, 3)"]
    + [f"(0, {10**30})", f"(0, {2**62}, 2)", f"({'0, ' * 33})"],  # no data, but still not an array
)
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_lies_about_the_shape_is_refused(file: Path, shape: str, method: int) -> None:
    lie = npy_bytes(HEADER.replace("(7, 3)", shape))
    assert "not a usable NPZ" in refusal(file, zip_bytes(lie, method=method))


@pytest.mark.parametrize(
    "header",
    ["{", "", "(" * 500, "{'descr': '<f4'}", HEADER.replace("<f4", "<x4"), "'" + "\\" * 9, "[1]"]
    + ["-" * 9000 + "1", HEADER.replace("7", "07"), HEADER.replace("'<f4'", "None")]
    + [
        HEADER.replace("7", "7.5"),
        HEADER.replace("7", "True"),
        HEADER.replace("(7, 3)", "None"),
        HEADER + "\x00",
        "\t\t{\n  1",
    ],
)
def test_a_header_that_makes_no_sense_is_refused(file: Path, header: str) -> None:
    assert "not a usable NPZ" in refusal(file, zip_bytes(npy_bytes(header)))


@pytest.mark.parametrize("version", [(2, 0), (3, 0), (9, 9)])
def test_header_versions(file: Path, version: tuple[int, int]) -> None:
    data = zip_bytes(npy_bytes(HEADER, version=version))
    if version == (2, 0):
        file.write_bytes(data)
        np.testing.assert_array_equal(read_all(file)["rows"], ROWS)
    else:
        assert f"array format {version} is not known" in refusal(file, data)


def test_a_header_from_python_2_is_read_without_a_warning(file: Path) -> None:
    file.write_bytes(zip_bytes(npy_bytes(HEADER.replace("(7, 3)", "(7L, 3L)"))))
    np.testing.assert_array_equal(read_all(file)["rows"], ROWS)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_numpy_never_compresses_with_is_refused(file: Path, method: int) -> None:
    assert "compressed in a way" in refusal(file, zip_bytes(npy_bytes(HEADER), method=method))


def test_a_deflation_bomb_is_refused_before_it_is_unpacked(file: Path) -> None:
    bomb = bytearray(npz_bytes(np.savez_compressed, rows=np.zeros(10_000_000)))
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = (4_000_000_000).to_bytes(4, "little")
    assert "claims" in refusal(file, bytes(bomb))


def test_an_encrypted_archive_is_refused(file: Path) -> None:
    data = bytearray(npz_bytes(rows=ROWS))
    for flags in (6, data.rindex(b"PK\x01\x02") + 8):
        data[flags] |= 1
    assert "encrypted" in refusal(file, bytes(data))


def test_text_that_is_no_unicode_is_refused(file: Path) -> None:
    text = np.array([0x41, 0x110000], "<u4").view("<U1")
    assert "Unicode" in refusal(file, npz_bytes(rows=text))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_in_the_data_is_noticed(file: Path, save: Callable[..., None]) -> None:
    data = bytearray(npz_bytes(save, rows=ROWS))
    data[data.index(b"PK\x01\x02") - 9] ^= 4
    assert "not a usable NPZ" in refusal(file, bytes(data))


def arrays_or_user_error(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with warnings.catch_warnings(record=True):
        try:
            read_all(file)
        except UserError as error:
            assert "\n" not in str(error)


MANY = settings(max_examples=100, suppress_health_check=list(HealthCheck))
EDITS = st.lists(
    st.tuples(st.integers(0, len(HEADER)), st.text("{}()[],:'\"\\ \n0179-eLfU<>V|.#", max_size=3)),
    min_size=1,
    max_size=4,
)


@MANY
@given(edits=EDITS)
def test_any_header_gives_an_array_or_a_user_error(
    file: Path, edits: list[tuple[int, str]]
) -> None:
    header = HEADER
    for place, text in edits:
        header = header[:place] + text + header[place + 1 :]
    arrays_or_user_error(file, zip_bytes(npy_bytes(header)))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@MANY
@given(seed=st.integers(0, 2**32 - 1))
def test_damaged_bytes_give_arrays_or_a_user_error(
    file: Path, save: Callable[..., None], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(npz_bytes(save, rows=ROWS, ids=np.array(["a", "bc"]), one=np.array(1)))
    for place in rng.integers(0, len(data), rng.integers(1, 6)):
        data[place] = rng.integers(256)
    arrays_or_user_error(file, bytes(data))


def test_arrays_of_other_names_are_not_read(tmp_path: Path) -> None:
    """Neither their headers nor their data are read, so a damaged one does no harm."""
    path = tmp_path / "x.npz"
    np.savez(path, logits=np.zeros((2, 1), np.float32), labels=np.zeros((2, 1), np.int8))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other.npy", b"no array")
    with pytest.raises(UserError, match="not a usable NPZ"):
        Npz(str(path))
    with Npz(str(path), KNOWN) as npz:
        assert set(npz.members) == {"logits", "labels"}
    assert len(read_logits(str(path))) == 2


def test_arrays_that_unfold_to_more_than_the_limit_are_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "MAX_UNFOLDED", 1000)
    labels = np.zeros((10_000, 1), np.int8)
    packed = npz_bytes(np.savez_compressed, labels=labels)
    said = refusal(tmp_path / "x.npz", packed)
    size = zipfile.ZipFile(io.BytesIO(packed)).infolist()[0].compress_size
    assert f"expand from {size:,} to 10,000 bytes, more than {64 * size:,}; " in said
    (tmp_path / "x.npz").write_bytes(npz_bytes(labels=labels))
    assert (read_all(tmp_path / "x.npz")["labels"] == labels).all()
