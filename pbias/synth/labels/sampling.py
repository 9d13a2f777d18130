"""Sample the attributes of each face.

Shape suffixes: n face, a attribute, s state (a combination of exclusive attributes), f feature.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pbias.synth.labels.celeba_table import GROUPS, read_table
from pbias.synth.labels.fitting import Floats, logistic, normal_cdf
from pbias.synth.labels.label_model import (
    CATEGORIES,
    before,
    label_model,
    possible_beard,
    possible_hair,
)

ATTRIBUTES = read_table().names

# The first word of a random stream is the seed, the second is one of these. Never 0: numpy pads
# with zeros, so [seed, 0] would equal [seed].
CATEGORY_STREAM, LATENT_STREAM, FACE_STREAM = 1, 2, 3


def draw_labels(num: int, seed: int) -> NDArray[np.int8]:
    """Draw labels [N, A] of 0 and 1, with the columns of `ATTRIBUTES`.

    A larger number of faces begins with the same rows. Rates, rates given Male, Young, Chubby and
    Pale_Skin, and correlations follow CelebA's.
    """
    model = label_model()
    u_n3 = np.random.default_rng([seed, CATEGORY_STREAM]).random((num, 3))
    latent_na = np.random.default_rng([seed, LATENT_STREAM]).standard_normal((num, len(model.rest)))
    cell_n = _choose(np.broadcast_to(model.cell_p, (num, len(model.cell_p))), u_n3[:, 0])
    hair_n = _choose(model.hair_p[cell_n], u_n3[:, 1])
    beard_n = _choose(model.beard_p[cell_n], u_n3[:, 2])
    given_nf = before(model.cells[cell_n], model.hair[hair_n], model.beard[beard_n])
    p_na = logistic(given_nf @ model.rest_theta_fa)
    rest_na = normal_cdf(latent_na @ model.factor_aa.T) < p_na
    drawn = dict(zip(GROUPS + CATEGORIES, given_nf[:, 1:].T, strict=True))
    drawn |= dict(zip(model.rest, rest_na.T.astype(np.float64), strict=True))
    return np.stack([drawn[name] for name in ATTRIBUTES], axis=1).astype(np.int8)


def _choose(p_ns: Floats, u_n: Floats) -> NDArray[np.intp]:
    """Return the state of each row whose share of [0, 1) contains u."""
    chosen_n = (np.cumsum(p_ns, axis=1) <= u_n[:, None]).sum(axis=1)
    last = p_ns.shape[1] - 1  # rounding may leave the sum below u
    return np.asarray(np.minimum(chosen_n, last), dtype=np.intp)


def with_label(labels: NDArray[np.int8], name: str, value: int) -> NDArray[np.int8]:
    """Copy a face's labels [A], set `name`, and clear the attributes that it excludes."""
    changed = labels.copy()
    changed[ATTRIBUTES.index(name)] = value
    if value:
        for other in _excluded_by(name):
            changed[ATTRIBUTES.index(other)] = 0
    return changed


def _excluded_by(name: str) -> list[str]:
    both = {other: {n: n in (name, other) for n in CATEGORIES} for other in CATEGORIES}
    return [
        other
        for other, has in both.items()
        if other != name and not (possible_hair(has) and possible_beard(has))
    ]
