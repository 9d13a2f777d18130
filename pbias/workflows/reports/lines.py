"""Assign runs to the lines of a plot, by the way their networks were compressed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pbias.files.logits.network_facts import architecture_of, is_quantized, strategy_of

UNNAMED = "network"


def line_names(metas: Sequence[Mapping[str, Any]], sparsities: Sequence[float]) -> list[list[str]]:
    """Return the lines of each run, named by the differences of the pruned networks.

    A network without zeros is on the line of every way in which it was pruned. A network in int8 is
    on the lines of int8 networks.

    >>> ways = [{}, *({"pruning": {"method": m}} for m in ("gradual", "one-shot"))]
    >>> line_names(ways, [0.0, 0.9, 0.9])
    [['from-scratch', 'one-shot'], ['from-scratch'], ['one-shot']]
    """
    facts = [(architecture_of(meta), strategy_of(meta)) for meta in metas]
    int8 = [is_quantized(meta) for meta in metas]
    pruned = [place for place, sparsity in enumerate(sparsities) if sparsity]
    alike = [
        [p for p in pruned if facts[p][0] == facts[place][0] and int8[p] == int8[place]]
        for place in range(len(metas))
    ]
    apart = [place for place, sparsity in enumerate(sparsities) if sparsity or not alike[place]]
    telling = [part for part in (0, 1) if len({facts[place][part] for place in apart}) > 1] or [0]

    def line(place: int) -> str:
        return ", ".join(filter(None, (facts[place][part] for part in telling))) or UNNAMED

    lines = []
    for place, sparsity in enumerate(sparsities):
        same = [line(other) for other in alike[place]]
        lines.append([line(place)] if sparsity or not same else list(dict.fromkeys(same)))
    return lines
