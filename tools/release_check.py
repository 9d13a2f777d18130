"""Build sdist and wheel, install each in a fresh environment, and run the README's first example.

    python tools/release_check.py

Torch comes from the index that pip is configured to use; the path contains nothing from the working
tree.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def first_example() -> list[str]:
    """Return the commands of the README's first block, one line of shell each."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    return next(block for block in blocks if "pbias " in block).splitlines()


def run(folder: Path, *command: str | Path, allowed: tuple[int, ...] = (0,)) -> None:
    """Run a command in `folder`; end with its message if its status is not allowed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode not in allowed:
        sys.exit(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")


def check(archive: Path, folder: Path) -> None:
    """Install one archive in its own environment and run the example there."""
    folder.mkdir()
    python = folder / "venv" / "bin" / "python"
    run(folder, sys.executable, "-m", "venv", "venv")
    constraints = ROOT / "constraints.txt"
    run(folder, python, "-m", "pip", "install", "--quiet", "--constraint", constraints, archive)
    run(folder, python, ROOT / "examples" / "tables.py")
    for line in first_example():
        allowed = (1,) if "--gate" in line else (0,)  # the example's gate fails
        run(folder, "bash", "-c", f"PATH={python.parent}:$PATH {line}", allowed=allowed)
    print(f"{archive.name}: installed, the first example runs")


def main() -> int:
    """Build in a temporary folder, and check both archives."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder, sys.executable, "-m", "venv", "build")
        python = folder / "build" / "bin" / "python"
        run(folder, python, "-m", "pip", "install", "--quiet", "build")
        run(ROOT, python, "-m", "build", "--outdir", folder / "dist", ROOT)
        for archive in sorted((folder / "dist").iterdir()):
            check(archive, folder / archive.name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
