"""Users' own networks: a factory `(num_outputs, **args) -> nn.Module`, named by the user.

A factory is code. It is imported only if the user names it for this run, never because a file names
it: a checkpoint that names a factory is refused until the user names it too.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pbias.errors import Status, UserError
from pbias.models.library_networks import is_library
from pbias.models.torchvision_import import amend_torchvision

if TYPE_CHECKING:
    from torch import nn

Factory = Callable[..., Any]

_FACTORIES: dict[str, Factory] = {}


def is_own(name: str) -> bool:
    """Return whether a name is a factory's, `package.module:function`."""
    return ":" in name and not is_library(name)


def use_factory(name: str) -> None:
    """Import a factory that the user named; the working directory is searched first.

    Raises UserError if there is no factory with that name.
    """
    if is_library(name):
        raise UserError(f"--model {name} is a network of a library; use --arch {name}")
    module, _, function = name.partition(":")
    if not module or not function:
        raise UserError(f"--model {name} is not a factory; write package.module:function")
    amend_torchvision()  # the factory may import it, now or when it is called
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        _let_terminate(error)
        raise UserError(
            f"--model {name}: {module} cannot be imported ({_said(error)}); it is looked up in the "
            "working folder and on Python's path"
        ) from error
    factory = getattr(found, function, None)
    if not callable(factory):
        raise UserError(f"--model {name}: {module} has no function '{function}'; correct the name")
    _FACTORIES[name] = factory


def build_own(name: str, num_outputs: int, args: Mapping[str, Any]) -> nn.Module:
    """Return the network that the factory with this name makes.

    Raises UserError if the user has not named it for this run, if its arguments do not fit, if it
    fails, or if it does not make an `nn.Module`.
    """
    from torch import nn

    if name not in _FACTORIES:
        raise UserError(
            f"the network is made by {name}, which is code outside of pbias; if you trust it, add "
            f"--model {name}"
        )
    factory = _FACTORIES[name]
    try:
        inspect.signature(factory).bind(num_outputs, **args)
    except TypeError as error:
        raise UserError(
            f"{name} cannot be called with the number of outputs and {sorted(args)} ({error}); "
            "check --model-args"
        ) from error
    try:
        model = factory(num_outputs, **args)
    except (Exception, SystemExit) as error:
        _let_terminate(error)
        raise UserError(
            f"{name} failed with {_said(error)}; fix it (--debug shows the traceback)"
        ) from error
    if not isinstance(model, nn.Module):
        raise UserError(f"{name} made a {type(model).__name__}; it must return a torch.nn.Module")
    return model


def parse_args(text: str | None) -> dict[str, Any]:
    """Parse factory arguments: a JSON object, or `key=value,...` with JSON values or plain text.

    >>> parse_args("width=8,norm=batch,bias=true")
    {'width': 8, 'norm': 'batch', 'bias': True}
    """
    from pbias.files.checkpoint.metadata import find_fault

    if not text:
        return {}
    try:
        args = json.loads(text) if text.lstrip().startswith("{") else _pairs(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"--model-args {text[:200]} is neither JSON nor key=value,... ({error}); write it like "
            "width=8,depth=2"
        ) from error
    # Checkpoints store the arguments, so they must be values that a checkpoint can hold.
    if fault := find_fault({"model": {"name": "", "args": args}}):
        name = fault.name.removeprefix("model.args.")
        raise UserError(f"--model-args: {name} is {fault.shown}; it must be {fault.words}")
    return dict(args)


def _pairs(text: str) -> dict[str, Any]:
    pairs = [part.partition("=") for part in text.split(",")]
    for key, equals, _ in pairs:
        if not equals or not key.strip().isidentifier():
            raise ValueError(f"'{key}' is no key with a value")
    return {key.strip(): _value(value.strip()) for key, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _let_terminate(error: BaseException) -> None:
    """Re-raise the exit that SIGTERM causes; any other `sys.exit` in a factory is a failure."""
    if isinstance(error, SystemExit) and error.code == Status.TERMINATED:
        raise error


def _said(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
