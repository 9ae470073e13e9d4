"""Do two muscles that start alike stay alike? Measured on two runs, computed from the tangent flow, and bounded by Lipschitz constants.

    D(t) = ‖Δy‖ + ‖Δẏ‖ + Σ_p W₁(μ₁ᵗ, μ₂ᵗ) ≤ e^{Lt} D(0)                                                (theory.md section 6)

`lipschitz` proves the bound and says where L comes from, `tangent` has the equation of the tangent flow. The same L bounds the error of a
coarser level after the fact: with ε what its own trajectory leaves of the mean-field equation, D(t) ≤ e^{Lt}D(0) + (ε/L)(e^{Lt} − 1).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from ... import macro
from ...drive import AbstractDrive, Free
from ...errors import InputError
from ...levels import AbstractLevel, Characteristics, MomentClosure, Reduced
from ...model import AbstractLaw, Model, MultivariateNormal, Normal, Start, scheme_of
from ...model.checks import check_model, constraint_rows
from ...model.scenario import tree_float
from ...numerics import small
from ...numerics.quadrature import hermite
from ...population import Ensemble, Moments
from ...run import Progress, check, solve
from ...run.programs import Costs, compiled
from ...solution import Scenario, Solution
from ...types import Array, ArrayLike, Float, Scalar, float64
from ..compare import default_reference
from ..distance import wasserstein
from ..mass import Measure, Points
from ..measures import cloud, distance, measures, pushforward
from ..survey import sample
from .growth import Coarser, Growth
from .lipschitz import FINE, Side, defects, follow, lipschitz
from .tangent import Difference, tangent

_DISTANCES = {1: 41, 2: 9, 3: 9}  # times at which W₁ is taken between laws, by nx
_SAMPLED = 25  # times at which constants are sampled
_CROWD = {1: 400, 2: 256, 3: 256}  # bridges that stand for a law, by nx


@float64
def stability(
    model: Model,
    start: Start,
    *,
    t1: float,
    other: Start | None = None,
    epsilon: float = 1e-3,
    level: AbstractLevel | None = None,
    coarse: AbstractLevel | None = None,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike = 201,
    tolerance: float = 1e-10,
    seed: int = 0,
    progress: Progress | None = None,
) -> Growth:
    """How fast the difference of two starts grows: measured, computed and bounded.

    **Arguments:**

    - `model`, `start`, `t1`, `drive` (`Free` only), `save`, `tolerance`, `seed`: as for `solve`. Chaos needs a tolerance well below `epsilon`.
    - `other`: the second start, of other y, ẏ, or another law of the same nx (of points: as many, with the same weights).
    - `epsilon`: where no other start is given, that far from the first: every coordinate of y by ε/√ny, the law of the bridges the same.
    - `level`: `Characteristics` or `Reduced`; by default the one that `compare` measures others against, `Reduced()` for given points.
    - `coarse`: a coarser level to bound the error of: `MomentClosure`, `Characteristics` or `Reduced`.

    **Returns:** a `Growth`; `print` shows it.

    **Raises:** `InputError` for input that cannot be used: bridges that attach and detach, constraints of lower rank, starts that do not differ.
    """
    check_model(model, start)
    _check(model, start, drive, coarse)
    if other is None:
        if not (isinstance(epsilon, int | float) and math.isfinite(epsilon) and epsilon > 0):
            raise InputError(f"stability expected epsilon > 0, how far apart the starts are. Received {epsilon!r}.")
        y = np.broadcast_to(np.asarray(start.y, float), (model.tissue.ny,))
        other = dataclasses.replace(start, y=y + epsilon / math.sqrt(y.size))
    else:
        check_model(model, other)
        _check_pair(start, other)
    level = (
        (default_reference(model, start) if isinstance(start.x, AbstractLaw) else Reduced()) if level is None else level
    )
    if not isinstance(level, Characteristics | Reduced):
        raise InputError(
            f"stability expected level, Characteristics or Reduced, whose bridges are points. Received {level!r:.80}."
        )
    options: dict[str, Any] = dict(t1=t1, drive=drive, tolerance=tolerance, seed=seed)
    wanted = save if isinstance(save, int) else np.asarray(save)
    times = check(Scenario(model, level, start, save=wanted, **options))
    if times[0] != 0.0 or len(times) < 5:
        raise InputError(
            f"stability expected save, five times or more from 0 on. Received {len(times)} from {times[0]:g} on."
        )
    for begin, one in ((start, level), (other, level), (start, level if coarse is None else coarse)):
        check(Scenario(model, one, begin, save=times, **options))
    report = progress or (lambda word, fraction: None)
    report("two runs", 0.0)
    runs = tuple(solve(model, level, begin, save=times, **options) for begin in (start, other))
    report("their distance", 0.3)
    law = isinstance(start.x, AbstractLaw)
    some = _some(len(times), _DISTANCES[start.nx] if law or start.nx > 1 else len(times))
    apart = _apart(runs[0], runs[1], times, some)
    if not apart[0].sum() > 0:
        raise InputError("stability expected two starts that differ. Received the same state and bridges twice.")
    report("tangent flow", 0.4)
    stretched, greatest, difference = _tangent(runs[0], runs[1])
    report("Lipschitz constants", 0.6)
    at = _some(len(times), _SAMPLED)
    sides = [_side(run, at) for run in runs]
    speed = _speed(list(runs))
    found = Growth(
        scenario=runs[0].scenario,
        other=other,
        ts=times,
        y=runs[0].y,
        v=runs[0].v,
        apart=apart,
        stretched=stretched,
        greatest=greatest,
        difference=difference,
        lipschitz=lipschitz(*_what(runs[0]), times[at], *sides, speed),
        speed=speed,
    )
    if coarse is None:
        return found
    report(f"{coarse.label}", 0.8)
    return dataclasses.replace(found, coarser=_coarser(runs[0], coarse, some, at, sides[0]))


def _check(model: Model, start: Start, drive: AbstractDrive, coarse: AbstractLevel | None) -> None:
    if scheme_of(model.bridge) is not None:
        raise InputError(
            "stability is for bridges that stay attached. Received cycling ones, whose attachment makes μ jump: compare two runs with solve."
        )
    if model.noise is not None:
        raise InputError(
            "stability is of a motion without noise. Received a model with noise: leave it out, or compare two runs on one path with solve."
        )
    if constraint_rows(model, start) != start.nx:
        raise InputError(
            "stability expected a constraint of full rank, k = nx. Received one of lower rank, whose bridges have velocities of their own."
        )
    if not isinstance(drive, Free):
        raise InputError(
            f"stability expected drive to be Free, where all of y can differ. Received {type(drive).__name__}."
        )
    if coarse is not None and not isinstance(coarse, MomentClosure | Reduced | Characteristics):
        raise InputError(
            f"stability expected coarse to be MomentClosure, Reduced or Characteristics, whose defect is known. Received {coarse!r:.80}."
        )


def _check_pair(start: Start, other: Start) -> None:
    law = isinstance(start.x, AbstractLaw)
    same = isinstance(other.x, AbstractLaw) == law and other.nx == start.nx
    if same and not law:
        a, b = start.points(1), other.points(1)
        same = a[0].shape[1:] == b[0].shape[1:] and np.array_equal(a[1], b[1])
    if not same:
        raise InputError(
            "stability expected an other start of the same kind: a law of the same nx, or as many points with the same weights. Received one that differs."
        )


def _some(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, most).round().astype(int))


def _what(run: Solution) -> tuple[Model, AbstractDrive]:
    return tree_float((run.scenario.model, run.scenario.drive))


def _apart(a: Solution, b: Solution, times: Array, some: np.ndarray) -> Float[np.ndarray, "T 3"]:
    """‖Δy‖, ‖Δẏ‖ and Σ_p W₁ at the saved times; W₁ at some of them, NaN elsewhere."""
    apart = np.full((len(times), 3), np.nan)
    apart[:, 0], apart[:, 1] = np.linalg.norm(a.y - b.y, axis=1), np.linalg.norm(a.v - b.v, axis=1)
    apart[some, 2] = [
        _transported(p, q) for p, q in zip(_measures(a, times[some]), _measures(b, times[some]), strict=True)
    ]
    return apart


def _measures(run: Solution, when: Array) -> list[list[Measure]]:
    """The law carried by the flow; in two or more dimensions a cloud of the same points for every run."""
    if not (isinstance(run.scenario.start.x, AbstractLaw) and isinstance(run.scenario.level, Characteristics)):
        return measures(run, when)
    nx = run.scenario.start.nx
    return pushforward(run, when) if nx == 1 else cloud(run, when, _CROWD[nx])


def _transported(a: Sequence[Measure], b: Sequence[Measure]) -> float:
    """W₁ summed over the points of the tissue."""
    exact = lambda p, q: p.nx == 1 or (isinstance(p, Points) and isinstance(q, Points))
    return sum(
        wasserstein(p, q, max_points=10**6) if exact(p, q) else distance([p], [q]) for p, q in zip(a, b, strict=True)
    )


def _weights(run: Solution) -> tuple[Array, Array]:
    assert run.particles is not None
    x, w = run.particles
    return jnp.asarray(x), jnp.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else jnp.asarray(w)


def _crowd(run: Solution) -> tuple[Array, Array]:
    """Bridges that are paired between starts by their quantiles, and weights."""
    law = run.scenario.start.x
    if not (isinstance(law, AbstractLaw) and isinstance(run.scenario.level, Characteristics)):
        return _weights(run)
    count, points = _CROWD[law.nx], run.force.shape[1]
    if law.dim == 1:
        u = (np.arange(count)[:, None] + 0.5) / count
    else:
        u = qmc.Sobol(law.dim, rng=np.random.default_rng(0)).random(count)
    x = jnp.asarray(law.transform(jnp.asarray(np.clip(u, 2.0**-54, 1 - 2.0**-53))))
    return jnp.broadcast_to(x, (points, *x.shape)), jnp.full((points, count), 1.0 / count)


def _tangent(a: Solution, b: Solution) -> tuple[np.ndarray, ...]:
    """The tangent flow along the first run, and of the difference to the second."""
    model, drive = _what(a)
    nodes, crowd = (_weights(a), _weights(b)), (_crowd(a), _crowd(b))
    # Nodes of two laws of one family are close to each other; those of others are paired by quantiles.
    movers = nodes if np.array_equal(nodes[0][1], nodes[1][1]) else crowd
    arguments = (nodes[0], movers, crowd, a.y[0], b.y[0], a.v[0], b.v[0], a.ts, a.scenario.tolerance)
    found = compiled(_flow, Costs())(model, drive, *tree_float(arguments))
    return tuple(np.asarray(part) for part in found)


def _flow(model, drive, nodes, movers, crowd, ya, yb, va, vb, ts, tolerance):
    label = lambda points, y: macro.over_points(model, Ensemble().start, *points, model.tissue.kinematics(y))
    (ma, mb), (ca, cb) = ((label(p, ya), label(q, yb)) for p, q in (movers, crowd))
    delta = Difference(yb - ya, vb - va, mb.c - ma.c, cb.c - ca.c)
    return tangent(model, drive, ya, va, label(nodes, ya), ma, ca, delta, ts, tolerance)


def _side(run: Solution, at: np.ndarray) -> Side:
    """A run of points where constants are sampled."""
    (x, w), far = _weights(run), sample(run.scenario.start, run.force.shape[1]).x
    path = jnp.asarray(run.y)
    where = follow(_what(run)[0], jnp.concatenate([x, far], axis=1), path, jnp.asarray(at, float))
    return Side(path[at], jnp.asarray(run.v)[at], where[:, :, : x.shape[1]], w, where[:, :, x.shape[1] :])


def _speed(runs: list[Solution]) -> float:
    """What ‖ẏ‖ cannot exceed: √(2(E − min E_pot)/λ_min(M₀)), by the greatest energy and the least potential one of these runs."""
    total = max(float(np.max(run.energy.total)) for run in runs)
    least = min(float(np.min(run.energy.passive + run.energy.bridges + run.energy.pair)) for run in runs)
    lightest = float(np.linalg.eigvalsh(np.asarray(runs[0].scenario.model.tissue.mass_matrix, float))[0])
    return math.sqrt(max(2.0 * (total - least) / lightest, 0.0)) if lightest > 0 else math.inf


def _coarser(run: Solution, level: AbstractLevel, some: np.ndarray, at: np.ndarray, side: Side) -> Coarser:
    """A coarser level's error, and the bound that its own defect gives."""
    scenario, times = run.scenario, np.asarray(run.ts)
    names = ("t1", "drive", "tolerance", "seed")
    rough = solve(
        scenario.model, level, scenario.start, save=times, **{name: getattr(scenario, name) for name in names}
    )
    model, drive = _what(run)
    apart = np.full((len(times), 3), np.nan)
    apart[:, 0], apart[:, 1] = np.linalg.norm(run.y - rough.y, axis=1), np.linalg.norm(run.v - rough.v, axis=1)
    mine = (
        [[Points(p.points, p.weights) for p in _each(rough, t)] for t in times[some]]
        if rough.particles is not None
        else measures(rough, times[some])
    )
    apart[some, 2] = [_transported(p, q) for p, q in zip(mine, _measures(run, times[some]), strict=True)]
    defect, ours = 0.0, None
    if isinstance(level, MomentClosure):
        ours, defect = _closure(rough, at, model, drive)
    else:
        ours = _side(rough, at)
    constants = lipschitz(model, drive, times[at], side, ours, _speed([run, rough]))
    return Coarser(level.label, apart, defect, constants)


def _each(run: Solution, t: Scalar) -> list[Any]:
    everyone = run.populations(float(t))
    return [everyone[p] for p in range(len(everyone.mean))]


def _closure(rough: Solution, at: np.ndarray, model: Model, drive: AbstractDrive) -> tuple[Side, float]:
    nx = rough.scenario.start.nx
    every = [rough.populations(float(t)) for t in np.asarray(rough.ts)[at]]
    mean = jnp.stack([jnp.asarray(e.mean) for e in every])
    factor = jax.vmap(jax.vmap(small.cholesky))(jnp.stack([jnp.asarray(e.covariance) for e in every]))
    y, v, ts = (jnp.asarray(a)[at] for a in (rough.y, rough.v, rough.ts))
    assert isinstance(rough.representation, Moments)
    missed = defects(model, drive, rough.representation, ts, y, v, mean, factor)
    zeta, w = hermite(FINE[nx], nx)
    standard = Normal(0.0, 1.0) if nx == 1 else MultivariateNormal(mean=np.zeros(nx), covariance=np.eye(nx))
    out = sample(Start(rough.scenario.start.y, x=standard), 1).x[0]
    place = lambda z: mean[:, :, None] + jnp.einsum("ni,kpji->kpnj", jnp.asarray(z), factor)
    return Side(y, v, place(zeta), jnp.broadcast_to(jnp.asarray(w), (mean.shape[1], len(w))), place(out)), float(
        jnp.max(missed)
    )
