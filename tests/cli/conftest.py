"""Input files for commands: thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pbias.files.table import Table, to_csv


@pytest.fixture
def write_thresholds(tmp_path: Path) -> Callable[[str, Mapping[str, float]], None]:
    """Write a threshold file into the working directory of `pbias` and `shell`."""

    def write(name: str, thresholds: Mapping[str, float]) -> None:
        table = Table({"attribute": list(thresholds), "threshold": list(thresholds.values())})
        (tmp_path / name).write_text(to_csv(table))

    return write
