"""Makes the benches' simulated samples importable, for tests of coverage."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
