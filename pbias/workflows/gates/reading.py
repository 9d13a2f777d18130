"""Read gates from texts and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pbias.errors import UserError, argument

if TYPE_CHECKING:
    from pbias.auditing.gates.grammar import Gate


def read_gates(
    texts: Sequence[str], path: str | None, *, paired: bool, intervals: bool
) -> list[Gate]:
    """Read gates and check them before any work; `#` begins a comment in a file."""
    if not texts and path is None:
        return []
    from pbias.auditing.gates.grammar import needs_reference, parse_gate
    from pbias.files.streams import input_name, read_bytes

    lines = [] if path is None else read_bytes(path).decode("utf-8", "replace").splitlines()
    listed = [*texts, *filter(None, map(_without_comment, lines))]
    if path is not None and len(listed) == len(texts):
        raise UserError(f"{input_name(path)} holds no gates; write one gate per line")
    gates = [parse_gate(text) for text in listed]
    if gates and not intervals:
        raise UserError(f"gates need intervals; leave out {argument('intervals', False)}")
    for gate in gates:
        if needs_reference(gate) and not paired:
            raise UserError(
                f"gate '{gate.text}' is about a change; "
                f"name the dense model with {argument('reference')}"
            )
    return gates


def _without_comment(line: str) -> str:
    """Return a line up to the first `#` that is not in quotes."""
    parts = line.split('"')
    for place, part in enumerate(parts):
        closed = place % 2 == 0 or place == len(parts) - 1  # a last quote without an end is a sign
        if closed and "#" in part:
            return '"'.join([*parts[:place], part.partition("#")[0]]).strip()
    return line.strip()
