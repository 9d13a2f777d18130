"""Gates on groups and values whose names hold the signs of the grammar, from table to verdict."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
# Each value has ten samples, of which the first so many are right.
RIGHT = {"<30": 10, "18/30": 9, "a=b": 8, ">=60": 7, 'q"q': 6, "x # y": 5, "@home": 4, "`i`": 3}


@pytest.fixture
def odd(pbias: Run) -> None:
    """`odd.npz`, with the group `age <=` of these values and the target `a/b >= 1`."""
    rows = ["id;a/b >= 1;p;age <="]
    for value, right in RIGHT.items():
        cell = value.replace('"', '""')
        rows += [
            f'{value.encode().hex()}{n};1;{0.9 if n < right else 0.1};"{cell}"' for n in range(10)
        ]
    Path("odd.csv").write_text("\n".join(rows), encoding="utf-8")
    columns = ("--label", "a/b >= 1", "--probability", "p", "--groups", "age <=", "--sep", ";")
    done = pbias("import", "table", "odd.csv", *columns, "-qo", "odd.npz")
    assert done.returncode == 0, done.stderr


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize("value", RIGHT)
def test_each_value_is_gated_alone_and_printed_as_it_was_given(pbias: Run, value: str) -> None:
    gate = f'accuracy@"age <="={quoted(value)}/"a/b >= 1" <= {RIGHT[value] / 10}'
    done = pbias("metrics", "odd.npz", "--gate", gate, "-f", "json", "-q")
    (told,) = json.loads(done.stdout)["gates"]
    assert told["gate"] == gate
    worst = f"{RIGHT[value] / 10:.4g} ["
    assert worst in told["note"], told
    again = pbias("metrics", "odd.npz", "--gate", told["gate"], "-f", "json", "-q")
    assert again.stdout == done.stdout and again.returncode == done.returncode


@pytest.mark.usefixtures("odd")
def test_a_file_of_gates_keeps_what_is_in_quotes(pbias: Run) -> None:
    gates = [f"accuracy@{quoted('age <=')}={quoted(value)} >= 0.1" for value in RIGHT]
    text = "# all values\n" + "".join(f"{gate}  # comment\n" for gate in gates)
    Path("gates.txt").write_text(text, encoding="utf-8")
    done = pbias("metrics", "odd.npz", "--gate-file", "gates.txt", "-f", "json", "-q")
    assert [told["gate"] for told in json.loads(done.stdout)["gates"]] == gates


@pytest.mark.usefixtures("odd")
def test_a_sign_at_the_begin_of_a_value_needs_no_quotes(pbias: Run) -> None:
    for value in ("<30", ">=60"):
        done = pbias("metrics", "odd.npz", "--gate", f'accuracy@"age <="={value} >= 0.99', "-q")
        assert done.returncode in (1, 4) and "matches no row" not in done.stderr
    done = pbias(*shlex.split("metrics odd.npz --gate 'accuracy@age=<30 < 0.5' -q"))
    assert done.returncode == 2 and 'in quotes, as @age="<30"' in done.stderr
