"""Labels, groups and clusters from a manifest, by id; the training counts of groups stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pbias.errors import UserError
from pbias.files.logits import Logits
from pbias.files.logits.relabel import relabel
from pbias.files.manifest import Manifest, read_manifest

MakeLogits = Callable[..., Logits]
ReadText = Callable[[str], Manifest]


@pytest.fixture
def manifest(tmp_path: Path) -> ReadText:
    def write(text: str) -> Manifest:
        path = tmp_path / "labels.csv"
        path.write_text(text)
        return read_manifest(str(path))

    return write


@pytest.fixture
def small(make_logits: MakeLogits) -> Logits:
    return make_logits(num=4, path="s95.npz")


TEXT = """image,split,Smiling,Young,Male,Skin,Age,person
images/0002.png,test,1,0,1,II,old,ann
images/0000.png,test,0,,0,I,young,bob
images/0009.png,test,1,1,1,I,old,ann
images/0003.png,test,,1,,III,,
images/0001.png,test,1,1,0,II,old,bob
"""


def test_labels_are_found_by_id_in_any_order(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT))
    assert found.labels[:, 0].tolist() == [0, 1, 1, -1]
    assert found.labels[:, 2].tolist() == [-1, 1, 0, 1]


def test_targets_that_are_no_columns_keep_their_labels(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT))
    np.testing.assert_array_equal(found.labels[:, 1], small.labels[:, 1])
    np.testing.assert_array_equal(found.logits, small.logits)


def test_groups_are_left_alone_unless_named(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT))
    assert (found.group_names, found.group_values) == (small.group_names, small.group_values)
    np.testing.assert_array_equal(found.groups, small.groups)
    np.testing.assert_array_equal(found.train_counts, small.train_counts)


def test_a_new_group_is_added_behind(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT), ["Age"])
    assert found.group_names == ("Male", "Skin", "Age")
    assert found.group_values[2] == ("old", "young")
    assert found.groups[:, 2].tolist() == [1, 0, 0, -1]
    np.testing.assert_array_equal(found.groups[:, :2], small.groups)


def test_a_group_of_the_file_is_replaced(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT), ["Skin", "Skin"])
    assert found.group_names == ("Male", "Skin")
    assert found.groups[:, 1].tolist() == [0, 1, 1, 2]


def test_names_that_are_no_columns_are_of_the_file(small: Logits, manifest: ReadText) -> None:
    without = TEXT.replace("Male,Skin", "male,skin")
    found = relabel(small, manifest(without), ["Male", "Nothing"])
    assert found.group_names == small.group_names


def test_training_counts_go_with_their_group_and_value(small: Logits, manifest: ReadText) -> None:
    whole = relabel(small, manifest(TEXT.replace("III", "VI")), ["Skin", "Age"])
    before, after = small.train_counts, whole.train_counts
    assert before is not None and after is not None and after.shape == (3, 4, 4, 2)
    np.testing.assert_array_equal(after[:, 0, :2], before[:, 0, :2])  # Male
    np.testing.assert_array_equal(after[:, 1, :2], before[:, 1, :2])  # Skin I and II
    assert not after[:, 1, 2].any()  # VI did not exist
    assert not after[:, 2].any()  # nor did Age
    np.testing.assert_array_equal(after[:, -1, -1], before[:, -1, -1])  # everyone


def test_clusters_are_added_and_nobody_known_is_alone(small: Logits, manifest: ReadText) -> None:
    found = relabel(small, manifest(TEXT), (), "person")
    assert found.clusters is not None
    assert found.clusters.tolist() == ["bob", "bob", "ann", "images/0003.png"]


def test_a_manifest_of_groups_alone_will_do(small: Logits, manifest: ReadText) -> None:
    rows = "".join(f"images/000{i}.png,test,{'old' if i else 'young'}\n" for i in range(4))
    found = relabel(small, manifest("image,split,Age\n" + rows), ["Age"])
    assert found.groups[:, 2].tolist() == [1, 0, 0, 0]
    np.testing.assert_array_equal(found.labels, small.labels)


def test_ids_that_the_manifest_lacks_are_counted(
    make_logits: MakeLogits, manifest: ReadText
) -> None:
    many = make_logits(num=6, path="s95.npz")
    with pytest.raises(UserError) as caught:
        relabel(many, manifest(TEXT))
    message = str(caught.value)
    assert "lacks 2 of the 6 ids of s95.npz (first: images/0004.png)" in message


def test_without_ids_nothing_can_be_found(small: Logits, manifest: ReadText) -> None:
    with pytest.raises(UserError, match=r"s95\.npz has no ids to look labels up by"):
        relabel(replace(small, ids=None), manifest(TEXT))


def test_a_cluster_that_is_no_column_is_refused(small: Logits, manifest: ReadText) -> None:
    with pytest.raises(UserError, match=r"has no column 'persons'.*did you mean 'person'"):
        relabel(small, manifest(TEXT), (), "persons")


def test_training_rows_are_counted_for_a_file_without_counts(
    small: Logits, manifest: ReadText
) -> None:
    trained = "".join(f"t{i}.png,train,{i % 2},1,{int(i < 3)},I,old,\n" for i in range(5))
    found = relabel(replace(small, train_counts=None), manifest(TEXT + trained), ["Age"])
    assert found.train_counts is not None and found.train_counts.shape == (3, 4, 4, 2)
    assert found.train_counts[0, -1, -1].tolist() == [3, 2]
    assert found.train_counts[0, 0, :2].tolist() == [[1, 1], [2, 1]]  # Male 0, Male 1
    assert found.train_counts[0, 2, 0].tolist() == [3, 2]  # old


def test_splits_that_were_drawn_count_nothing(small: Logits, manifest: ReadText) -> None:
    ids = [f"images/{i:04}.png" for i in range(60)]
    drawn = manifest("image,Smiling\n" + "".join(f"{name},1\n" for name in ids))
    assert "train" in drawn.splits
    assert relabel(replace(small, train_counts=None), drawn).train_counts is None


def test_a_manifest_of_other_targets_is_refused(small: Logits, manifest: ReadText) -> None:
    plain = replace(small, targets=("output_0", "output_1", "output_2"))
    with pytest.raises(UserError, match=r"no column for any target .*array 'targets'"):
        relabel(plain, manifest(TEXT))
