"""What may have been meant where an option does not exist, or a flag is given a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

MOST = 3
EXTRA = re.compile(r"Got unexpected extra arguments? ?(?:\(s\) )?\((.*)\)", re.DOTALL)


def hint(error: Any, arguments: Sequence[str]) -> str:
    """Return the options that may have been meant, as the end of a message; "" for none.

    `error` is one of the parser; `arguments` are the words of the command line.
    """
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    options = [p for p in context.command.params if p.param_type_name == "option"]
    wrong = getattr(error, "option_name", None)
    if hasattr(error, "possibilities"):
        if wrong is None or len(wrong) != 2 or error.possibilities:
            return ""
        return _meant(_with_letter(options, wrong[1]))
    extra = EXTRA.search(error.message)
    if extra is None:
        return ""
    for word, value in pairwise(arguments):
        flag = next((o for o in options if word in o.opts and (o.is_flag or o.count)), None)
        if flag is None or value not in extra[1].split(" "):
            continue
        meant = _meant(_with_letter(options, word.lstrip("-")[0]), value)
        name = max(flag.opts, key=len)
        same = f" ({name})" if name != word else ""
        return f"; {word}{same} takes no value{meant}"
    return ""


def _with_letter(options: Sequence[Any], letter: str) -> list[str]:
    """Return the options that take a value and whose name begins with a letter."""
    taking = (max(o.opts, key=len) for o in options if not (o.is_flag or o.count))
    return [name for name in taking if name.startswith(f"--{letter.lower()}")][:MOST]


def _meant(names: Sequence[str], value: str = "") -> str:
    if not names:
        return ""
    shown = [f"{name} {value}".strip() for name in names]
    return f"; did you mean {' or '.join(shown)}?"
