"""Facts about the network in a logits file, if it states them: architecture, seed, strategy.

`meta` may come from anywhere, so values of the wrong type count as unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DENSE = "dense"
INT8 = "int8"
INT8_SHARE = "int8_share"  # of the weights of an ONNX graph, counted by predict
MOST = 0.5
# What training began with, as a pruned network records it.
RANDOM, TRAINED = "random", "trained"
FROM = {RANDOM: "from-scratch", TRAINED: "from-dense"}
# Default ways to choose weights, which are not mentioned.
USUAL = {"score": "magnitude", "scope": "global", "pattern": "unstructured"}

Meta = Mapping[str, Any]


def architecture_of(meta: Meta) -> str:
    """Return the name of the architecture, or "".

    >>> architecture_of({"model": "resnet18"}), architecture_of({"model": 18})
    ('resnet18', '')
    """
    return _text(meta, "model") or _text(_part(meta, "paper_run"), "arch")


def seed_of(meta: Meta) -> int | None:
    """Return the seed of the last training or pruning, or None.

    >>> seed_of({"recipe": {"seed": 23}}), seed_of({"recipe": {"seed": "23"}}), seed_of({})
    (23, None, None)
    """
    seed = _part(meta, "recipe").get("seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None


def strategy_of(meta: Meta) -> str:
    """Return how the network was compressed: `dense`, `from-dense`, `one-shot`, `int8` and so on.

    A score, scope or pattern other than the default is appended; "" if nothing is known.

    >>> strategy_of({"pruning": {"method": "gradual", "start": "random"}})
    'from-scratch'
    >>> strategy_of({"pruning": {"method": "one-shot", "score": "random"}, "quantization": {}})
    'one-shot random int8'
    >>> strategy_of({"model": "resnet18", "pruning": {}}), strategy_of({})
    ('dense', '')
    """
    imported = _text(_part(meta, "paper_run"), "strategy")
    if imported:
        return imported
    pruning = _part(meta, "pruning")
    told = {name: _text(pruning, name) for name in USUAL}
    words = [
        _way(meta, pruning),
        *(word for name, word in told.items() if word != USUAL[name]),
        precision_of(meta),
    ]
    dense = DENSE if _text(meta, "model") and not meta.get("sparsity") else ""
    return " ".join(filter(None, words)) or dense


def is_quantized(meta: Meta) -> bool:
    """Return whether the network is in int8: pbias quantized it, or most weights of the graph are.

    >>> is_quantized({"quantization": {}}), is_quantized({"int8_share": 0.98}), is_quantized({})
    (True, True, False)
    """
    share = meta.get(INT8_SHARE)
    counted = isinstance(share, int | float) and share > MOST
    return counted or isinstance(meta.get("quantization"), Mapping)


def precision_of(meta: Meta) -> str:
    """Return `int8`, or "" for floating point and where nothing is known."""
    return INT8 if is_quantized(meta) else ""


def _way(meta: Meta, pruning: Meta) -> str:
    """Return how zeros came about; files of version 0.1 record no start, but parents."""
    method = _text(pruning, "method")
    if method != "gradual":
        return method
    start = _text(pruning, "start")
    if not start and "runtime" not in meta:  # an ONNX file's parent is what was exported
        start = TRAINED if meta.get("parents") else RANDOM
    return FROM.get(start, method)


def _part(meta: Meta, name: str) -> Meta:
    part = meta.get(name)
    return part if isinstance(part, Mapping) else {}


def _text(meta: Meta, name: str) -> str:
    value = meta.get(name)
    return value if isinstance(value, str) else ""
