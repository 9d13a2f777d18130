"""Options from `PBIAS_*` variables, and warnings about variables that set none."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Callable
from typing import Any

from pbias.cli.config import long_names, options_of
from pbias.errors import did_you_mean

# Options that name the place of a single result, or do not belong to a run.
NOT_FROM_ENVIRONMENT = frozenset({"output", "help"})
OTHERS = frozenset({"PBIAS_TEST_DATA", "PBIAS_DEBUG"})  # for tests, and for every command
ENDS = re.compile("[;\n]")

logger = logging.getLogger(__name__)


def name_variables(command: Any, name: str) -> None:
    """Let PBIAS_COMMAND_OPTION, or PBIAS_OPTION for all commands, set every option of a command.

    Several values of a repeatable option are separated by `;` or line ends.
    """
    start = name.replace(" ", "_")
    for option in options_of(command):
        longest = max(long_names(option), key=len)
        if longest not in NOT_FROM_ENVIRONMENT:
            ends = f"{start}_{longest}", longest
            option.envvar = ["PBIAS_" + end.replace("-", "_").upper() for end in ends]
            option.show_envvar = False
        if option.multiple:
            option.value_from_envvar = functools.partial(_several, option)


def _several(option: Any, context: Any) -> list[str] | None:
    text = option.resolve_envvar_value(context)
    values = [value.strip() for value in ENDS.split(text or "") if value.strip()]
    return values or None


def warn_of_unknown(every: Callable[[], Any]) -> None:
    """Warn about each PBIAS_* variable that sets no option of any command.

    `every` makes the parser of all commands; it is called only if such variables exist.
    """
    given = sorted(name for name in os.environ if name.startswith("PBIAS_"))
    if not set(given) - OTHERS:
        return
    options = options_of(every())
    known = {name for option in options for name in option.envvar or ()} | OTHERS
    for name in given:
        if name.endswith("_OUTPUT"):
            logger.warning("%s is not taken: outputs are named with -o alone", name)
        elif name not in known:
            hint = did_you_mean(name, sorted(known), "see the options of each command's -h")
            logger.warning("%s sets no option of any command; %s", name, hint)
