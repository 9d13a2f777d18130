"""Which lines of a plot a run is on, by what its file says of how the network was pruned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FACTS = ("model", "method", "score", "scope", "pattern")
UNNAMED = "network"


def line_names(metas: Sequence[Mapping[str, Any]], sparsities: Sequence[float]) -> list[list[str]]:
    """The lines that each run is on, named by what tells the pruned networks apart.

    A dense run is on the line of every way in which its network was pruned.

    >>> ways = [{}, {"pruning": {"score": "magnitude"}}, {"pruning": {"score": "random"}}]
    >>> line_names(ways, [0.0, 0.9, 0.9])
    [['magnitude', 'random'], ['magnitude'], ['random']]
    """
    facts = [_facts(meta) for meta in metas]
    pruned = [fact for fact, sparsity in zip(facts, sparsities, strict=True) if sparsity]
    telling = [name for name in FACTS if len({fact[name] for fact in pruned}) > 1] or ["model"]

    def line(fact: Mapping[str, str]) -> str:
        return ", ".join(filter(None, (fact[name] for name in telling))) or UNNAMED

    lines = []
    for fact, sparsity in zip(facts, sparsities, strict=True):
        same = [line(other) for other in pruned if other["model"] == fact["model"]]
        lines.append([line(fact)] if sparsity or not same else list(dict.fromkeys(same)))
    return lines


def _facts(meta: Mapping[str, Any]) -> dict[str, str]:
    """Other programs may put anything there."""
    pruning = meta.get("pruning")
    told = pruning if isinstance(pruning, Mapping) else {}
    return {name: _text(meta if name == "model" else told, name) for name in FACTS}


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
