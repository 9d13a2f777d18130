"""Probabilities beside logits: kept exactly, converted to logits, and compared with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbias.errors import UserError
from pbias.files.logits import Logits, read_logits
from pbias.workflows.importing.table import import_table

# The classes of float64 that matter: 0, 1, the smallest, near 0.1, 0.5, 0.9 and 1.
PROBABILITIES = st.floats(0, 1) | st.sampled_from(
    [0.1, 0.9, 0.5, 1 - 1e-12, 5e-324, float(np.nextafter(0.9, 1)), float(np.nextafter(1, 0))]
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(p=st.lists(PROBABILITIES, min_size=1, max_size=6))
def test_a_table_gives_back_what_was_written(tmp_path: Path, p: list[float]) -> None:
    table, output = tmp_path / "p.csv", tmp_path / "p.npz"
    rows = [f"s{row},{row % 2},{value!r}" for row, value in enumerate(p)]
    table.write_text("\n".join(["id,y,p", *rows]) + "\n")
    made = import_table(table, output, label="y", probability="p")
    found = read_logits(str(output))
    assert found.probabilities is not None and made.probabilities is not None
    assert found.probabilities[:, 0].tolist() == made.probabilities[:, 0].tolist() == p
    assert found.labels[:, 0].tolist() == [row % 2 for row in range(len(p))]
    assert np.isfinite(found.logits).all()
    assert (found.logits[:, 0] > 0).tolist() == [value > 0.5 for value in p]
    order = np.argsort(p, kind="stable")
    assert (np.diff(found.logits[order, 0]) >= 0).all()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(z=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6))
def test_logits_of_a_table_keep_their_digits(tmp_path: Path, z: list[float]) -> None:
    table = tmp_path / "z.csv"
    table.write_text("\n".join(["y,z", *(f"1,{value!r}" for value in z)]) + "\n")
    assert import_table(table, label="y", logit="z").logits[:, 0].tolist() == z


def test_probabilities_alone_become_logits(tmp_path: Path) -> None:
    p = np.array([[0.1, 1.0], [0.75, 0.5]])
    Logits.from_arrays(probabilities=p, labels=[[0, 1], [1, 0]]).save(str(tmp_path / "p.npz"))
    found = read_logits(str(tmp_path / "p.npz"))
    assert found.probabilities is not None and (found.probabilities == p).all()
    assert found.logits[1, 0] == pytest.approx(np.log(3)) and found.logits[1, 1] == 0
    one = Logits.from_arrays(probabilities=[0.2, 1 + 5e-7], labels=[0, 1])
    assert one.probabilities is not None and one.probabilities.tolist() == [[0.2], [1.0]]
    classes = Logits.from_arrays(probabilities=[[0.2, 0.8]], activation="softmax")
    assert np.exp(classes.logits).tolist() == [pytest.approx([0.2, 0.8])]


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_both_must_agree(activation: str) -> None:
    z = np.array([[0.0, 2.0], [-1.0, 3.0]])
    e = np.exp(z)
    p = e / (1 + e) if activation == "sigmoid" else e / e.sum(axis=1, keepdims=True)
    kept = Logits.from_arrays(z, probabilities=p, activation=activation)
    assert kept.probabilities is not None and (kept.probabilities == p).all()
    Logits.from_arrays(z, probabilities=p.astype(np.float16), activation=activation)
    p[1, 0] += 0.01
    with pytest.raises(UserError, match=r"but 'logits' is -1, .* \(row 1, target 0\); remove one"):
        Logits.from_arrays(z, probabilities=p, activation=activation)


def test_a_file_with_both_is_held_against_itself(tmp_path: Path) -> None:
    z = np.array([[0.0], [2.0]])
    np.savez(tmp_path / "both.npz", logits=z, probabilities=np.array([[0.5], [0.5]]))
    with pytest.raises(UserError, match=r"both.npz: 'probabilities' is 0.5 but 'logits' is 2, a"):
        read_logits(str(tmp_path / "both.npz"))


@pytest.mark.parametrize("name", ["logits", "probabilities"])
def test_object_arrays_name_the_array_and_the_fix(name: str) -> None:
    array = np.array([[0.5, None]], dtype=object)
    with pytest.raises(
        UserError, match=rf"'{name}' is object \[1, 2\]; convert it with {name}\.as"
    ):
        Logits.from_arrays(**{name: array})


def test_nothing_and_percentages_are_refused() -> None:
    with pytest.raises(UserError, match="there are no logits; give logits or probabilities"):
        Logits.from_arrays(labels=[0, 1])
    with pytest.raises(UserError, match="'probabilities' holds values that are not from 0 to 1"):
        Logits.from_arrays(probabilities=[50.0, 3.0])


def test_fortran_order_and_booleans_are_as_good(tmp_path: Path) -> None:
    z = np.asfortranarray([[0.5, -2.0], [3.0, -1.0], [0.0, 9.0]])
    y = np.asfortranarray([[True, False], [False, False], [True, True]])
    group = np.array([True, False, True])
    Logits.from_arrays(z, y, groups={"old": group}).save(str(tmp_path / "f.npz"))
    found = read_logits(str(tmp_path / "f.npz"))
    assert found.logits.tolist() == z.tolist() and found.labels.tolist() == y.astype(int).tolist()
    assert found.groups[:, 0].tolist() == [1, 0, 1] and found.group_values == (("0", "1"),)
