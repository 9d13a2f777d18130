"""The manifest: reading a CSV, and the words of errors."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.manifest import Labels, Manifest, read_manifest, select, train_counts

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def write(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(tmp_path: Path, text: str | bytes) -> Manifest:
    return read_manifest(write(tmp_path, text))


def test_columns_of_0_1_and_empty_cells_are_attributes(tmp_path: Path) -> None:
    manifest = read(
        tmp_path, "image,split,a,b,age,blank\nx.png,train,1,,30,\ny.png,test,0,1.0,1,\n"
    )
    assert manifest.ids == ["x.png", "y.png"]
    assert manifest.splits == ["train", "test"]
    assert manifest.attributes == ["a", "b"]
    assert list(manifest.columns) == ["a", "b", "age", "blank"]
    assert manifest.columns["b"] == ["", "1.0"]
    assert manifest.root == tmp_path


def test_bom_crlf_and_blank_lines_change_nothing(tmp_path: Path) -> None:
    plain = read(tmp_path, 'image,split,a,note\nx.png,train,1,"one, ""two"""\ny.png,test,0,ö\n')
    dos = read(
        tmp_path,
        '\ufeffimage,split,a,note\r\nx.png,train,1,"one, ""two"""\r\n\r\ny.png,test,0,ö\r\n',
    )
    assert dos.columns == plain.columns == {"a": ["1", "0"], "note": ['one, "two"', "ö"]}
    assert dos.ids == plain.ids


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=6))
def test_any_csv_text_is_carried_along_untouched(
    tmp_path_factory: pytest.TempPathFactory, notes: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["image", "split", "first", "second"])
    writer.writerows([f"{i}.png", "train", *pair] for i, pair in enumerate(notes))
    try:
        manifest = read(tmp_path_factory.mktemp("csv"), buffer.getvalue())
    except UserError as error:
        assert "replace -1 by 0" in str(error)
    else:
        columns = zip(manifest.columns["first"], manifest.columns["second"], strict=True)
        assert list(columns) == notes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; it needs a header"),
        ("image,split\n", "no rows below its header"),
        ("images,split\nx.png,train\n", "no 'image' column (did you mean 'images'?"),
        ("image,split,a,a\nx.png,train,1,1\n", "two columns named 'a'; rename"),
        ("image,split\nx.png,train\nx.png,test\n", "row 2: image 'x.png' is listed twice"),
        ("image,split\nx.png,val\n", "row 1 (x.png): split 'val'; use one of train, valid, test"),
        ("image,transform\nx.png,blur\n", "transform 'blur'; use one of (empty), grayscale"),
        ("image,a\nx.png,1\ny.png,-1\n", "column 'a' holds -1 and 1; replace -1 by 0"),
        ("image,a\n../x.png,1\n", "row 1: image '../x.png' is outside of the image folder"),
        ("image,a\na/../../x.png,1\n", "is outside of the image folder"),
        ("image,a\n/etc/x.png,1\n", "is outside of the image folder"),
        ("image,a\n,1\n", "row 1: the image is empty"),
        ("image,a\nx.png,1,2\n", "line 2: 3 cells, but the header has 2; quote"),
        ('image,a\n"x.png,1\n', "fix the quotes"),
        (b"image,a\nx.png,\xff\n", "is not UTF-8 text (byte 14; perhaps Windows-1252"),
    ],
)
def test_what_is_refused_says_where_and_what_to_do(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    with pytest.raises(UserError) as error:
        read(tmp_path, text)
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "labels.csv"))
    assert "\n" not in str(error.value)


def test_a_file_that_is_trusted_may_lead_outside(tmp_path: Path) -> None:
    path = write(tmp_path, "image,a\n../x.png,1\n/etc/y.png,0\n")
    manifest = read_manifest(path, allow_outside=True)
    assert [manifest.root / name for name in manifest.ids] == [
        tmp_path / "../x.png",
        Path("/etc/y.png"),
    ]


def test_dots_inside_a_name_do_not_leave_the_folder(tmp_path: Path) -> None:
    assert read(tmp_path, "image,a\nx..y/z..png,1\n").ids == ["x..y/z..png"]


def test_splits_drawn_by_name_do_not_depend_on_order_or_other_rows(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(4000)]
    forward = read(tmp_path, "image,a\n" + "".join(f"{name},1\n" for name in names))
    back = read(tmp_path, "image,a\n" + "".join(f"{name},1\n" for name in names[:100:-1]))
    drawn = dict(zip(forward.ids, forward.splits, strict=True))
    assert [drawn[name] for name in back.ids] == back.splits
    shares = [forward.splits.count(split) / 4000 for split in ("train", "valid", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.03)


def test_an_image_root_replaces_the_folder_of_the_csv(tmp_path: Path) -> None:
    path = write(tmp_path, "image,a\nx.png,1\n")
    assert read_manifest(path, image_root="elsewhere").root == Path("elsewhere")


def test_rows_of_a_split_that_is_not_there_are_refused_with_counts(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,split,a\nx.png,train,1\ny.png,test,1\n")
    assert manifest.rows("test").tolist() == [1]
    assert manifest.rows("all").tolist() == [0, 1]
    with pytest.raises(UserError, match=r"no rows of split 'valid' \(it has 1 train, 0 valid, 1"):
        manifest.rows("valid")


FULL = (
    "image,split,Smiling,Young,skin,person\n"
    "a.png,train,1,1,10,p1\n"
    "b.png,train,0,,9,\n"
    "c.png,train,,0,,p1\n"
    "d.png,test,1,0,9,p2\n"
)


def full(tmp_path: Path, **choice: object) -> Labels:
    options = {"targets": None, "groups": ["Young", "skin"], "cluster": "person", **choice}
    return select(read(tmp_path, FULL), **options)  # type: ignore[arg-type]


def test_targets_are_the_attributes_that_are_no_groups(tmp_path: Path) -> None:
    labels = full(tmp_path)
    assert labels.targets == ["Smiling"]
    assert labels.labels.T.tolist() == [[1, 0, -1, 1]]
    assert labels.labels.dtype == np.int8


def test_a_column_may_be_target_and_group(tmp_path: Path) -> None:
    labels = full(tmp_path, targets=["Young"], groups=["Young"])
    assert labels.labels[:, 0].tolist() == labels.groups[:, 0].tolist() == [1, -1, 0, 0]


def test_group_values_are_sorted_by_number_and_unknown_is_minus_1(tmp_path: Path) -> None:
    labels = full(tmp_path)
    assert labels.group_values == [["0", "1"], ["9", "10"]]
    assert labels.groups.T.tolist() == [[1, -1, 0, 0], [1, 0, -1, 0]]


def test_text_groups_are_sorted_as_text(tmp_path: Path) -> None:
    manifest = read(tmp_path, "image,a,band\nx.png,1,old\ny.png,0,mid\n")
    labels = select(manifest, targets=None, groups=["band"])
    assert labels.group_values == [["mid", "old"]]
    assert labels.groups[:, 0].tolist() == [1, 0]


def test_a_picture_of_nobody_known_is_a_cluster_of_its_own(tmp_path: Path) -> None:
    assert full(tmp_path).clusters == ["p1", "b.png", "p1", "p2"]
    assert full(tmp_path, cluster=None).clusters is None


def test_given_group_values_fix_the_codes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = full(tmp_path, group_values=[["0", "1"], ["8", "9"]])
    assert labels.groups[:, 1].tolist() == [-1, 1, -1, 1]
    assert "column 'skin': not among the values trained with (8, 9)" in caplog.text


@pytest.mark.parametrize("choice", [{"targets": ["Smilling"]}, {"groups": ["Smilling"]}])
def test_a_missing_column_is_an_error_with_a_hint(
    tmp_path: Path, choice: dict[str, list[str]]
) -> None:
    with pytest.raises(UserError, match=r"no column 'Smilling' \(did you mean 'Smiling'\? it has"):
        full(tmp_path, **choice)


def test_a_missing_column_is_unknown_where_that_is_allowed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = [["0", "1"]]
    labels = full(
        tmp_path, targets=["X"], groups=["Y"], cluster="Z", group_values=values, strict=False
    )
    assert (labels.labels == -1).all() and (labels.groups == -1).all() and labels.clusters is None
    assert "3 columns lacking, unknown: X, Y, Z" in caplog.text


def test_a_target_of_other_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"row 1 \(a.png\): column 'skin' holds '10'; a target"):
        full(tmp_path, targets=["skin"])


def test_a_group_of_too_many_values_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{i}.png,1,{i}\n" for i in range(101))
    manifest = read(tmp_path, "image,a,person\n" + rows)
    with pytest.raises(UserError, match=r"101 different values; .* `clusters`"):
        select(manifest, targets=None, groups=["person"])


def test_a_manifest_without_labels_has_nothing_to_learn(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column of 0 and 1"):
        select(read(tmp_path, "image\nx.png\n"), targets=None)


def test_training_counts_are_those_of_a_loop(tmp_path: Path) -> None:
    labels = full(tmp_path, targets=["Smiling", "Young"])
    rows = np.arange(3)
    counts = train_counts(labels, rows)
    assert counts.shape == (2, 3, 3, 2)
    expected = np.zeros_like(counts)
    for row in rows:
        for target, label in enumerate(labels.labels[row]):
            for group, value in enumerate([*labels.groups[row], -1]):
                if label >= 0:
                    expected[target, group, value, label] += 1
    np.testing.assert_array_equal(counts, expected)


def test_training_counts_without_groups_hold_everyone(tmp_path: Path) -> None:
    labels = full(tmp_path, targets=["Smiling"], groups=[])
    assert train_counts(labels, np.arange(4)).tolist() == [[[[1, 2]]]]


def test_200000_rows_of_41_columns_are_read_in_seconds(tmp_path: Path) -> None:
    cells = ",".join("01"[i % 3 == 0] for i in range(41))
    header = "image,split," + ",".join(f"c{i}" for i in range(41)) + "\n"
    path = write(tmp_path, header + "".join(f"{i}.png,train,{cells}\n" for i in range(200_000)))
    start = time.process_time()
    labels = select(read_manifest(path), targets=None)
    assert labels.labels.shape == (200_000, 41)
    assert time.process_time() - start < 6  # about 2 on a quiet core


def test_a_file_of_labels_may_call_its_ids_id(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "labels.csv").write_text("id,Male\n/elsewhere/1.png,1\n7,0\n")
    with caplog.at_level("INFO"):
        manifest = read_manifest(str(tmp_path / "labels.csv"), labels_only=True)
    assert manifest.ids == ["/elsewhere/1.png", "7"] and manifest.drawn
    assert not caplog.messages  # nothing is split
    with pytest.raises(UserError, match="has no 'image' column"):
        read_manifest(str(tmp_path / "labels.csv"))


def test_values_of_groups_are_in_one_order_and_nan_is_unknown(tmp_path: Path) -> None:
    cells = ["10.0", "nan", "9.0", "2", "NaN", "1.5"]
    rows = [f"{index}.png,1,{cell}" for index, cell in enumerate(cells)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,a,race", *rows]) + "\n")
    labels = select(read_manifest(str(tmp_path / "labels.csv")), targets=["a"], groups=["race"])
    assert labels.group_values == [["1.5", "2", "9", "10"]]
    assert labels.groups[:, 0].tolist() == [3, -1, 2, 1, -1, 0]
