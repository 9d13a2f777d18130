"""Write all files that are generated from the program: pages, man pages, completions, errors."""

from __future__ import annotations

import sys
from pathlib import Path

from pbias.cli import completions
from pbias.cli.command_tree import commands
from tools import pages
from tools.man import man_pages
from tools.messages import messages_page

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, str]:
    """Return every generated file, by its path in the repository."""
    tree = commands()
    return {
        "docs/metrics.md": pages.metrics_page(),
        "docs/commands.md": pages.commands_page(tree),
        **{f"man/{name}": text for name, text in man_pages(tree).items()},
        "tests/messages.txt": messages_page(ROOT / "pbias"),
        "completions/pbias.bash": completions.bash(tree),
        "completions/_pbias": completions.zsh(tree),
        "completions/pbias.fish": completions.fish(tree),
    }


def main(arguments: list[str]) -> int:
    """Write stale files; with --check, only name them (status 1 if there are any)."""
    files = generated()
    stale = [name for name, text in files.items() if _read(ROOT / name) != text]
    if "--check" in arguments:
        for name in stale:
            print(f"{name} is stale; run `make docs`", file=sys.stderr)
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).write_text(files[name], encoding="utf-8")
    return 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
