"""List the text of every error that a user can see, for tests/messages.txt."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

RAISED = ("UserError", "BadParameter")


def messages_page(package: Path) -> str:
    """Return the errors of all modules in `package`, by module; expressions stand in braces."""
    lines = []
    for path in sorted(package.rglob("*.py")):
        found = list(dict.fromkeys(_messages(ast.parse(path.read_text(encoding="utf-8")))))
        if found:
            lines += ["", path.relative_to(package.parent).as_posix()]
            lines += [f"    {message}" for message in found]
    return "\n".join(lines[1:]) + "\n"


def _messages(module: ast.Module) -> Iterator[str]:
    functions = {n.name: n for n in ast.walk(module) if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _called(node) in RAISED and node.args:
            text = node.args[0]
            made_by = functions.get(_called(text)) if isinstance(text, ast.Call) else None
            if made_by is None:
                yield _text(text)
            else:
                yield from _returned(made_by)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _returned(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the texts that a function returns, for functions that make messages."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and node.value is not None:
            yield _text(node.value)


def _text(node: ast.expr) -> str:
    """Return the text of an expression: literals unchanged, other code in braces."""
    if isinstance(node, ast.Constant):
        return str(node.value).replace("\n", "\\n")
    if isinstance(node, ast.FormattedValue):
        return f"{{{ast.unparse(node.value)}}}"
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body)} | {_text(node.orelse)}"
    return f"{{{ast.unparse(node)}}}"
