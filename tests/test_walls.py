"""Walls between rooms: imports point in one direction, and light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbias.cli.command_table import COMMANDS

REPO = Path(__file__).resolve().parent.parent
# The rooms that a room may import; all may import pbias.errors.
ROOMS: dict[str, set[str]] = {
    "cli": {
        "workflows",
        "training",
        "pruning",
        "synth",
        "auditing",
        "reporting",
        "data",
        "models",
        "files",
    },
    "workflows": {
        "training",
        "pruning",
        "synth",
        "auditing",
        "reporting",
        "data",
        "models",
        "files",
    },
    "training": {"data", "models", "files"},
    "pruning": {"data", "models", "files"},
    "auditing": {"files"},
    "reporting": {"auditing", "files"},
    "synth": {"data", "files"},
    "data": {"files", "models"},
    "models": {"files"},
    "files": set(),
}
FOLDERS = sorted(path.parent.name for path in REPO.glob("pbias/*/__init__.py"))
HEAVY = {"numpy", "torch", "torchvision", "pandas", "rich", "PIL"}


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports anywhere, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """Return the room of a dotted name; `` for modules outside of rooms, such as pbias.errors."""
    parts = name.split(".")
    return parts[1] if parts[0] == "pbias" and parts[1:] and parts[1] in ROOMS else ""


def test_there_is_a_rule_for_every_room() -> None:
    assert len(FOLDERS) >= 8 and set(FOLDERS) <= set(ROOMS)


@pytest.mark.parametrize("own", FOLDERS)
def test_imports_point_one_way(own: str) -> None:
    for path in sorted((REPO / "pbias" / own).rglob("*.py")):
        others = {room(name) for name in imports(path)} - {"", own}
        assert others <= ROOMS[own], f"{path.relative_to(REPO)} imports {others - ROOMS[own]}"


def test_the_way_leads_down() -> None:
    """No room can be reached from itself."""
    for start in ROOMS:
        reached, ahead = set(), set(ROOMS[start])
        while ahead:
            reached |= ahead
            ahead = set().union(*(ROOMS[name] for name in ahead)) - reached
        assert start not in reached


def runtime_imports(path: Path) -> Iterator[str]:
    """Yield every module that a file may import when it runs, not those for type checkers alone."""
    ahead: list[ast.AST] = [ast.parse(path.read_text())]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            ahead += node.orelse
            continue
        ahead += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules() -> dict[str, Path]:
    """Return the files of the program, by the names that imports use."""
    found = {}
    for path in sorted((REPO / "pbias").rglob("*.py")):
        parts = path.relative_to(REPO).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions count."""
    files = modules()
    imported = {
        name: {
            target
            for wanted in runtime_imports(path)
            for target in (wanted, wanted.rpartition(".")[0])
            if target in files and not (target != wanted and wanted in files)
        }
        for name, path in files.items()
    }
    assert sum(map(len, imported.values())) > 2 * len(files)
    reached = {name: set(targets) for name, targets in imported.items()}
    for by in files:
        for targets in reached.values():
            if by in targets:
                targets |= reached[by]
    assert sorted(name for name, targets in reached.items() if name in targets) == []


def test_folders_hold_three_to_fourteen_modules() -> None:
    folders = {path.parent for path in (REPO / "pbias").rglob("__init__.py")} - {REPO / "pbias"}
    for folder in sorted(folders):
        num = len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        inner = len([path for path in folder.iterdir() if (path / "__init__.py").exists()])
        assert num <= 14 and num + inner >= 3, f"{folder.relative_to(REPO)} holds {num} modules"


def test_workflows_do_not_use_the_parser() -> None:
    for path in sorted((REPO / "pbias" / "workflows").rglob("*.py")):
        assert not [name for name in imports(path) if name.partition(".")[0] == "typer"], path


def test_the_program_does_not_use_its_tools() -> None:
    for name, path in modules().items():
        assert not [wanted for wanted in imports(path) if wanted.split(".")[0] == "tools"], name


def test_pandas_is_imported_only_where_data_frames_are_made() -> None:
    """Importing it takes as long as a plain audit."""
    light = ("auditing", "files", "cli", "reporting", "training", "pruning", "models", "data")
    for path in (path for room in light for path in (REPO / "pbias" / room).rglob("*.py")):
        names = [name for name in runtime_imports(path) if name.partition(".")[0] == "pandas"]
        assert not names, path


def test_errors_import_nothing_of_the_house() -> None:
    assert not [name for name in imports(REPO / "pbias" / "errors.py") if "pbias" in name]


REPORT = """
import sys
def report(step):
    tops = {name.partition('.')[0] for name in sys.modules} - {'__main__', 'pbias'}
    print(f"{step}:", *sorted(tops - set(sys.stdlib_module_names)))
"""
HELP = """
from pbias.cli.app import tree
for name in {names}:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        tree(name)([*name.split(), '-h'], prog_name='pbias', standalone_mode=False)
    assert 'Usage' in out.getvalue()
    report(name)
"""


def loaded_after(code: str) -> dict[str, set[str]]:
    """Return the packages loaded at each `report(step)` of a program, except standard ones."""
    program = [sys.executable, "-c", f"import contextlib, io\n{REPORT}\n{code}"]
    done = subprocess.run(program, capture_output=True, text=True, check=True, cwd=REPO)
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {step: set(names.split()) for step, _, names in lines}


def test_the_audit_imports_numpy_and_the_standard_library_alone() -> None:
    paths = sorted((REPO / "pbias" / "auditing").rglob("[!_]*.py"))
    modules = [".".join(path.relative_to(REPO).with_suffix("").parts) for path in paths]
    lines = [f"import {name}" for name in modules]
    loaded = loaded_after("\n".join(["report('before')", *lines, "report('after')"]))
    assert len(modules) > 10 and loaded["after"] - loaded["before"] == {"numpy"}


def test_help_imports_nothing_heavy() -> None:
    loaded = loaded_after(HELP.format(names=["", *COMMANDS]))
    assert loaded.keys() == {"", *COMMANDS} >= {"", "metrics", "compare", "flag", "train"}
    for command, packages in loaded.items():
        assert not packages & HEAVY, f"pbias {command} -h loads {packages & HEAVY}"


def test_the_version_imports_nothing_heavy() -> None:
    code = (
        "from pbias.cli.app import tree\ntree('')(['-V'], standalone_mode=False)\nreport('version')"
    )
    assert not loaded_after(code)["version"] & HEAVY


@pytest.mark.parametrize("more", ["", ", '--in-memory', '0'"])
def test_an_audit_as_csv_imports_nothing_heavy_but_numpy(audit_files: Path, more: str) -> None:
    files = f"'{audit_files / 's90.npz'}', '--ref', '{audit_files / 'dense.npz'}'{more}"
    loaded = loaded_after(f"""
from pbias.cli.app import tree
tree('metrics')(['metrics', {files}, '-o', '/dev/null'], standalone_mode=False)
report('metrics')
""")
    assert loaded["metrics"] & HEAVY == {"numpy"}
