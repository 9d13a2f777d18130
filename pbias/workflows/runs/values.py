"""Values of options, given as Python values or as text: names, numbers, sparsities, layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import UserError

if TYPE_CHECKING:
    from pbias.pruning.method import Method
    from pbias.workflows.runs.options import Names, Numbers, Sparsity

MAX_ROUNDING = 0.001  # 0.667 for 1:3
# A name in a list: in quotes, with commas and doubled quotes inside, or up to the next comma.
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))(?:,|$)')


def names(given: Names | None) -> list[str] | None:
    """Split `a,b` into a list without repetitions. None stays None.

    A name with a comma is quoted, as in CSV.

    >>> names("Male, Young,Male"), names(["Male", "Young"])
    (['Male', 'Young'], ['Male', 'Young'])
    >>> names('"hat, red",Male,12" screen')
    ['hat, red', 'Male', '12" screen']
    """
    if given is None:
        return None
    words: Iterable[str] = given
    if isinstance(given, str):
        found = _NAME.finditer(given)
        words = (m[2] if m[1] is None else m[1].replace('""', '"') for m in found)
    return list(dict.fromkeys(name.strip() for name in words if name.strip()))


def joined(found: Iterable[str]) -> str:
    """Join names to a text that `names` splits.

    >>> joined(["hat, red", "Male"])
    '"hat, red",Male'
    """
    odd = re.compile('^"|,')
    quoted = ('"' + name.replace('"', '""') + '"' if odd.search(name) else name for name in found)
    return ",".join(quoted)


def groups_of(option: str, given: Names) -> list[str]:
    """Return the groups that an option names; UserError if it names none."""
    found = names(given)
    if not found:
        raise UserError(f"{typed(option)} '{given}' names no group; name one, as in 'sex'")
    return found


def each(given: Names | None) -> list[str]:
    """Return the texts of an option that can be repeated; one text is a list of one."""
    return [given] if isinstance(given, str) else list(given or [])


def selectors(given: Names | None) -> tuple[str, ...]:
    """Split names of layers at commas, but not regular expressions, which may contain them.

    >>> selectors(["conv1,fc", "re:^layer[1,2]"])
    ('conv1', 'fc', 're:^layer[1,2]')
    """
    lists = ([text] if text.startswith("re:") else names(text) for text in each(given))
    return tuple(name for part in lists for name in part or [])


def numbers(option: str, given: Numbers, count: int) -> list[float]:
    """Read `count` numbers, given as a sequence or as `a,b,c`.

    Raises UserError, which names the option, for anything else.
    """
    words = given.split(",") if isinstance(given, str) else given
    try:
        found = [float(word) for word in words]
    except ValueError:
        found = []
    if len(found) != count:
        raise UserError(f"{option} {given} is not {count} numbers; give them as in 10,10,81")
    return found


def first_given(values: Mapping[str, Any]) -> str | None:
    """Return the first option that has a value, as it is typed."""
    given = (name for name, value in values.items() if value is not None)
    return next(map(typed, given), None)


def typed(name: str) -> str:
    """Return an option as it is typed.

    >>> typed("group_dro")
    '--group-dro'
    """
    return "--" + name.replace("_", "-")


def asked_sparsity(sparsity: Sparsity | None, method: Method) -> Sparsity:
    """Return the requested sparsity, or the one that the pattern implies.

    Raises UserError if there is neither, or if they contradict each other.
    """
    implied = method.implied_sparsity
    if implied is None:
        if sparsity is None:
            raise UserError("Missing option '--sparsity'; give the share of zeros, as in 0.95")
        return sparsity
    given = parse_jobs(sparsity, "{sparsity}") if sparsity is not None else []
    if any(abs(target - implied) > MAX_ROUNDING for target, _ in given):
        raise UserError(
            f"--pattern {method.pattern} means sparsity {implied:g}, not {sparsity};"
            " leave --sparsity out"
        )
    return f"{implied:g}"


def parse_jobs(sparsity: Sparsity, output: str) -> list[tuple[float, str]]:
    """Return each sparsity with its output, the lowest first.

    `{sparsity}` in the name of the output is replaced by the sparsity as it was given.

    >>> parse_jobs([0.95, 0.9], "s{sparsity}.pt")
    [(0.9, 's0.9.pt'), (0.95, 's0.95.pt')]
    """
    words = _words(sparsity)
    try:
        jobs = {float(word): output.replace("{sparsity}", word) for word in words}
    except ValueError as error:
        raise UserError(f"--sparsity {sparsity} is not a number; give one, as in 0.95") from error
    if len(jobs) != 1 and "{sparsity}" not in output:
        raise UserError(
            f"{len(jobs)} sparsities would be written to one file {output}; put '{{sparsity}}' in "
            f"its name, as in -o 's{{sparsity}}.pt'"
        )
    return sorted(jobs.items())


def _words(sparsity: Sparsity) -> list[str]:
    if isinstance(sparsity, str):
        return [word.strip() for word in sparsity.split(",")]
    values = [sparsity] if isinstance(sparsity, float | int) else sparsity
    return [str(value) for value in values]


def folder(output: str) -> str | None:
    """Return the folder for files beside the output; None for standard output."""
    return None if output == "-" else str(Path(output).parent)


def text_or_none(path: str | Path | None) -> str | None:
    """Return a path as text."""
    return None if path is None else str(path)
