"""The mechanical picture of scalar models (nx = nq = 1): filaments that slide by q_p(t), and bridges between them.

Each element p holds a filament that ends at its left node and one that ends at its right node, nodes being q_p(t) apart but for a constant.
Bridge i has its foot on the right filament and reaches to its left by its extension X_i(t), to scale, towards the side on which its other
end moves least: for g = x ± q that end does not move at all, as a myosin head's root in its filament.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from ...model import AbstractLaw
from ...population import Tied
from ...solution import Solution
from ...study import Study
from ...types import Array, float64
from .numbers import FEW_DIGITS, plain
from .populations import carried, low_discrepancy

_BRIDGES = {1: 256, 2: 128, 3: 128, 4: 64}  # at each element, by how many elements are drawn
_ELEMENTS = 4  # drawn at once; of more only the first


@float64
def picture(study: Study, times: Array) -> dict[str, Any] | None:
    """What moves, or None where extensions or kinematics are not scalar, or bridges attach and detach."""
    label, run = _shown(study)
    if run.scenario.start.nx != 1 or run.force.shape[2] != 1 or run.cycling is not None:
        return None
    elements = min(run.force.shape[1], _ELEMENTS)
    times = times[times <= run.ts[-1] * (1 + 1e-12)]
    index = np.searchsorted(run.ts, times * (1 - 1e-12))
    x = _bridges(run, index, _BRIDGES[elements])[:, :elements]  # (F, E, n)
    kinematics = run.scenario.model.tissue.kinematics
    q = np.stack([np.asarray(kinematics(jnp.asarray(run.y[i])))[:elements, 0] for i in index])  # (F, E)
    if not (np.isfinite(x).all() and np.isfinite(q).all()):
        return None
    pulled = np.sum((x.mean(axis=2) - x.mean(axis=(0, 2))) * (q - q.mean(axis=0)))
    return {
        "level": label,
        "shown": elements,
        "sign": -1 if pulled > 0 else 1,
        "held": bool(getattr(run.scenario.model.tissue, "held", False)) and elements == run.force.shape[1],
        "q": plain(q.T),
        "x": plain(np.moveaxis(x, 0, 2), FEW_DIGITS),
        "force": plain(np.asarray(run.force)[index, :elements, 0].T),
    }


def _shown(study: Study) -> tuple[str, Solution]:
    """The level with bridges of its own that came furthest, of those with most, or else the reference or whatever there is."""
    runs = study.solutions
    own = [
        (float(run.ts[-1]), run.particles.x.shape[1], label) for label, run in runs.items() if run.particles is not None
    ]
    label = max(own)[2] if own else study.reference if study.reference in runs else next(iter(runs))
    return label, runs[label]


def _bridges(run: Solution, index: np.ndarray, count: int) -> np.ndarray:
    """Extensions of the drawn bridges at the saved times `index`, (F, P, n)."""
    law = run.scenario.start.x
    if run.particles is None and isinstance(law, AbstractLaw):
        starts = low_discrepancy(law, count)
    else:
        assert run.particles is not None
        x, w = np.asarray(run.particles.x)[..., 0], run.particles.w
        if isinstance(run.representation, Tied):  # whose tracks were kept
            picked = _picked(x[:, run.followed], None if w is None else np.asarray(w)[:, run.followed], count)
            return np.take_along_axis(np.asarray(run.z.x)[index][..., 0], picked[None], axis=2)
        starts = np.take_along_axis(x, _picked(x, w, count), axis=1)[..., None]
    follower = carried(run, starts)
    return np.stack([np.asarray(follower.populations(float(t)).points)[..., 0] for t in run.ts[index]])


def _picked(x: np.ndarray, w: Array | None, count: int) -> np.ndarray:
    """Which of the bridges that start at x (P, N) are drawn, (P, n): all if they are few, or those at quantiles.

    So ordered that the first few, which is what a narrow screen has room for, stand for all.
    """
    if w is None and x.shape[1] <= count:
        return np.tile(np.random.default_rng(1).permutation(x.shape[1]), (len(x), 1))
    levels = qmc.Sobol(1, rng=np.random.default_rng(1)).random(count)[:, 0]
    picked = []
    for p, each in enumerate(x):
        order = np.argsort(each)
        weight = np.full(len(each), 1 / len(each)) if w is None else np.asarray(w[p])[order]
        below = np.cumsum(weight) / weight.sum()
        picked.append(order[np.minimum(np.searchsorted(below, levels), len(each) - 1)])
    return np.stack(picked)
