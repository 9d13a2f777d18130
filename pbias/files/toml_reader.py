"""TOML files: plans, facts and options."""

from __future__ import annotations

import re
from typing import Any

from pbias.errors import UserError
from pbias.files.streams import input_name, read_bytes

# tomllib takes time and memory quadratic in the number of parts of a dotted key.
MAX_PARTS = 1000


def read_toml(path: str, example: str) -> dict[str, Any]:
    """Read a TOML file, `-` for standard input; errors end with `example`."""
    import tomllib  # only needed when a file is read, so not at every start

    try:
        text = read_bytes(path).decode("utf-8-sig")
        if any(part.count(".") >= MAX_PARTS for part in re.split("[=,\n]", text)):
            raise ValueError(f"more than {MAX_PARTS:,} dots in a row")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # invalid TOML, not UTF-8, or 5,000 digits
        raise UserError(f"{input_name(path)} is not TOML: {error}; {example}") from error
