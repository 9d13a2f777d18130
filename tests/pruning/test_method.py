"""Methods: every combination against a plain sort of all weights, and shares against RigL."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pbias.errors import UserError
from pbias.models import build
from pbias.pruning.layers import prunable
from pbias.pruning.method import Chooser, Method, in_proportion, whole

SHAPES = {"conv": (2, 3, 2, 2), "wide": (3, 5), "fc": (4, 2)}
SIZES = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}
TOTAL = sum(SIZES.values())
VALUES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-30]) | st.floats(-4, 4, width=32)
WEIGHTS = st.lists(VALUES, min_size=TOTAL, max_size=TOTAL)
SCORES = st.sampled_from(["magnitude", "magnitude_norm", "random"])
SCOPES = st.sampled_from(["global", "layer", "erk"])
KEPT = st.fixed_dictionaries({"min_keep": st.integers(0, 5), "min_keep_row": st.integers(0, 2)})


def _weights(values: list[float]) -> dict[str, Tensor]:
    parts = torch.tensor(values).split(list(SIZES.values()))
    pairs = zip(SHAPES.items(), parts, strict=True)
    return {name: part.reshape(shape).clone() for (name, shape), part in pairs}


def _chooser(weights: dict[str, Tensor], **options: Any) -> Chooser:
    return Chooser(Method(**options), weights, "fc")


def _order(name: str, weight: Tensor, method: Method) -> list[tuple[float, int]]:
    """Sort a tensor's weights in pruning order: zeros first, ties by last index."""
    magnitude = weight.abs().flatten().numpy()
    if method.score == "magnitude_norm":
        norm = np.float32(np.sqrt(np.square(magnitude, dtype=np.float64).sum()))
        magnitude = magnitude / norm if norm else magnitude
    if method.score == "random":
        magnitude = np.random.default_rng([method.seed, *name.encode()]).integers(
            1, 0x7F80_0000, magnitude.size, np.uint32
        ) * (magnitude != 0)
    live = zip(magnitude.tolist(), (weight.flatten() != 0).tolist(), strict=True)
    return [(score if on else -1.0, -i) for i, (score, on) in enumerate(live)]


def _must_stay(order: list[tuple[float, int]], name: str, method: Method) -> set[int]:
    """Return indices kept by row and layer: the largest non-zero ones; rows count for the layer."""
    width, kept = SIZES[name] // SHAPES[name][0], set[int]()
    for start in range(0, SIZES[name] if name == "fc" else 0, width):
        row = sorted(range(start, start + width), key=order.__getitem__)
        kept |= {i for i in row[max(width - method.min_keep_row, 0) :] if order[i][0] >= 0}
    rest = sorted((i for i in range(SIZES[name]) if i not in kept), key=order.__getitem__)
    kept |= set(rest[max(len(rest) - max(method.min_keep - len(kept), 0), 0) :])
    return {i for i in kept if order[i][0] >= 0}


def _budgets(zeros: dict[str, int], kept: dict[str, int], erk: bool, left: int) -> dict[str, Any]:
    """Return ideal counts by layer, as in RigL: clip those beyond a bound, and share the rest."""
    shares = {n: Fraction(sum(SHAPES[n]) if erk else SIZES[n]) for n in SHAPES}
    low, high = 0.0, 1e9
    for _ in range(200):  # plain bisection
        scale = (low + high) / 2
        found = {n: min(max(scale * shares[n], kept[n]), SIZES[n] - zeros[n]) for n in SHAPES}
        low, high = (scale, high) if sum(found.values()) < left else (low, scale)
    return {n: float(value) for n, value in found.items()}


@given(WEIGHTS, SCORES, KEPT, st.floats(0, 1), st.integers(0, 3))
def test_over_all_layers_the_lowest_scores_go(
    values: list[float], score: str, kept: dict[str, int], share: float, seed: int
) -> None:
    weights = _weights(values)
    chooser = _chooser(weights, score=score, seed=seed, **kept)
    order = {n: _order(n, w, chooser.method) for n, w in weights.items()}
    stay = {n: _must_stay(order[n], n, chooser.method) for n in SHAPES}
    # A later tensor has a higher index.
    free = sorted(
        (order[n][i][0], -k, order[n][i][1], n)
        for k, n in enumerate(SHAPES)
        for i in range(SIZES[n])
        if i not in stay[n]
    )
    num = round(share * len(free))
    expected = {(n, -i) for _, _, i, n in free[:num]}
    masks = dict(chooser.masks(num))
    assert {(n, i) for n in SHAPES for i in masks[n].flatten().nonzero().flatten().tolist()} == (
        expected
    )


@given(WEIGHTS, SCORES, KEPT, st.floats(0, 1), st.booleans())
def test_by_layer_the_lowest_scores_of_each_go(
    values: list[float], score: str, kept: dict[str, int], share: float, erk: bool
) -> None:
    weights = _weights(values)
    chooser = _chooser(weights, score=score, scope="erk" if erk else "layer", **kept)
    order = {n: _order(n, w, chooser.method) for n, w in weights.items()}
    stay = {n: _must_stay(order[n], n, chooser.method) for n in SHAPES}
    zeros = {n: int((w == 0).sum()) for n, w in weights.items()}
    most, least = TOTAL - sum(map(len, stay.values())), sum(zeros.values())
    num = least + round(share * (most - least))
    ideal = _budgets(zeros, {n: len(s) for n, s in stay.items()}, erk, TOTAL - num)
    masks = {n: mask.flatten() for n, mask in chooser.masks(num)}
    assert sum(int(mask.sum()) for mask in masks.values()) == num
    for name, mask in masks.items():
        assert abs(int((~mask).sum()) - ideal[name]) < 1 + 1e-6
        free = sorted(i for i in range(SIZES[name]) if i not in stay[name])
        free.sort(key=order[name].__getitem__)
        assert set(mask.nonzero().flatten().tolist()) == set(free[: int(mask.sum())])


@given(WEIGHTS, SCORES, SCOPES, st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 5)]))
def test_n_of_m_keeps_the_largest_of_each_group(
    values: list[float], score: str, scope: str, pattern: tuple[int, int]
) -> None:
    weights, (n, m) = _weights(values), pattern
    chooser = _chooser(weights, score=score, scope=scope, pattern=f"{n}:{m}")
    order = {name: _order(name, w, chooser.method) for name, w in weights.items()}
    masks = dict(chooser.masks(chooser.num_pruned(1 - n / m)))
    for name, weight in weights.items():
        index = np.arange(weight.numel()).reshape(weight.shape)
        inputs_last = np.moveaxis(index, 1, -1).reshape(-1, weight.shape[1])
        kept = set()
        for row in inputs_last.tolist():
            for start in range(0, len(row), m):
                group = sorted(row[start : start + m], key=order[name].__getitem__)
                kept |= {i for i in group[-n:] if order[name][i][0] >= 0}
        assert set((~masks[name]).flatten().nonzero().flatten().tolist()) == kept


@given(WEIGHTS, SCORES, SCOPES, KEPT, st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_pruning_on_keeps_old_zeros_and_reaches_the_count(
    values: list[float], score: str, scope: str, kept: dict[str, int], shares: list[float]
) -> None:
    weights = _weights(values)
    chooser = _chooser(weights, score=score, scope=scope, **kept)
    most = TOTAL - int(chooser._tally()[1].sum())
    for share in sorted(shares):
        before = {name: weight == 0 for name, weight in weights.items()}
        num = max(round(share * most), sum(int(zeros.sum()) for zeros in before.values()))
        chooser.prune(num)
        assert sum(int((weight == 0).sum()) for weight in weights.values()) == num
        assert all((weights[name][zeros] == 0).all() for name, zeros in before.items())


@given(WEIGHTS, SCORES, st.floats(0, 0.5))
def test_on_the_way_to_n_of_m_nothing_goes_that_would_stay(
    values: list[float], score: str, sparsity: float
) -> None:
    weights = _weights(values)
    gradual = _chooser(weights, score=score, pattern="2:4")
    num_zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    gradual.prune(max(num_zeros, gradual.num_pruned(sparsity)))
    last = gradual.num_pruned(0.5)
    gradual.prune(last)
    at_once = _chooser(_weights(values), score=score, pattern="2:4")
    assert last == at_once.num_pruned(0.5)
    if score != "magnitude_norm":  # norms change when weights go
        at_once.prune(last)
        assert all(torch.equal(weights[name], at_once.weights[name]) for name in SHAPES)


def test_weights_that_must_stay_bound_the_sparsity() -> None:
    chooser = _chooser(_weights([1.0] * TOTAL), min_keep=8)
    assert chooser.num_pruned((TOTAL - 24) / TOTAL) == TOTAL - 24
    with pytest.raises(UserError, match=r"needs 47 zeros, .* at most 23 of 47 .* most 0\.489361"):
        chooser.num_pruned(1.0)


def test_only_and_exclude_bound_what_goes() -> None:
    weights = _weights([1.0] * TOTAL)
    chooser = _chooser(weights, exclude=("conv",))
    chooser.prune(chooser.num_pruned(0.9))
    assert (weights["conv"] != 0).all()
    assert chooser.num_weights == SIZES["wide"] + SIZES["fc"]


def test_layers_are_asked_for_what_the_scope_says() -> None:
    weights = _weights([1.0] * TOTAL)
    assert _chooser(weights).asked_by_layer(0.5) == {}
    alike = _chooser(weights, scope="layer").asked_by_layer(0.5)
    assert alike == dict.fromkeys(SHAPES, pytest.approx(1 - 23 / 47))
    erk = _chooser(weights, scope="erk").asked_by_layer(0.8)
    # 9 weights are left in proportion to 2 + 3 + 2 + 2, 3 + 5 and 4 + 2.
    for name, share in zip(SHAPES, (9, 8, 6), strict=True):
        assert erk[name] == pytest.approx(1 - 9 * share / 23 / SIZES[name])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"score": "hessian"}, "unknown score 'hessian'; choose one of magnitude, magnitude_norm"),
        ({"scope": "local"}, "unknown scope 'local'; choose one of global, layer, erk"),
        ({"pattern": "4:2"}, "pattern '4:2' is neither 'unstructured' nor N:M"),
        ({"pattern": "half"}, "pattern 'half' is neither"),
    ],
)
def test_what_there_is_not_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Method(**options)  # type: ignore[arg-type]


LAYERS = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8
)


@given(LAYERS, st.floats(0, 1))
def test_proportion_within_bounds_and_an_exact_sum(
    layers: list[tuple[int, int, int]], share: float
) -> None:
    shares, low, extra = (np.array(column) for column in zip(*layers, strict=True))
    high = low + extra
    total = int(low.sum()) + round(share * int(extra.sum()))
    ideal = in_proportion(shares.astype(float), low, high, total)
    counts = whole(ideal, high)
    assert counts.sum() == total
    assert (low <= counts).all() and (counts <= high).all()
    assert (np.abs(counts - ideal) < 1 + 1e-9).all()
    free = (ideal > low + 1e-9) & (ideal < high - 1e-9)
    scales = (ideal / shares)[free]
    assert np.allclose(scales, scales[:1].repeat(len(scales)))


def _rigl(shapes: list[tuple[int, ...]], sparsity: float) -> list[float]:
    """Return the densities of Evci et al.: layers that would exceed 1 become dense, one by one."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    raw = [sum(shape) / size for shape, size in zip(shapes, sizes, strict=True)]
    pairs, dense = list(zip(raw, sizes, strict=True)), set[int]()
    while True:
        left = (1 - sparsity) * sum(sizes) - sum(sizes[i] for i in dense)
        scale = left / sum(r * n for i, (r, n) in enumerate(pairs) if i not in dense)
        over = {i for i, r in enumerate(raw) if i not in dense and scale * r > 1}
        if not over:
            return [1.0 if i in dense else scale * r for i, r in enumerate(raw)]
        dense |= {max(over, key=raw.__getitem__)}


@pytest.mark.parametrize("sparsity", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v1"])
def test_erdos_renyi_kernel_as_published(name: str, sparsity: float) -> None:
    shapes = [tuple(weight.shape) for weight in prunable(build(name, 40)).values()]
    sizes = np.array([int(np.prod(shape)) for shape in shapes])
    total = round((1 - sparsity) * int(sizes.sum()))
    shares = np.array([sum(shape) for shape in shapes], float)
    ideal = in_proportion(shares, np.zeros_like(sizes), sizes, total)
    np.testing.assert_allclose(ideal / sizes, _rigl(shapes, 1 - total / sizes.sum()), rtol=1e-9)
    assert (ideal / sizes == 1).any()


def test_remainders_go_to_the_largest_then_to_the_first() -> None:
    assert whole(np.array([1.5, 2.25, 0.75, 1.5]), np.full(4, 9)).tolist() == [2, 2, 1, 1]
