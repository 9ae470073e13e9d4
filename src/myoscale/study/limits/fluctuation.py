"""How far chance takes a muscle of N bridges, from one adjoint pass through its mean-field limit (theory.md section 6).

An observable J of a run is a functional of the bridges' initial measure. With φ(x) its derivative with respect to the weight of bridges that
start at x, N bridges drawn from the law μ have

    J_N − J ≈ ∫ φ d(μ_N − μ),        Var J_N ≈ Var_μ(φ) / N,        with unequal weights Σ w_i² Var_μ(φ),

to first order in N^(−1/2). One reverse pass through `Characteristics` gives φ at all its nodes, whatever J is.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...books import Stats
from ...drive import AbstractDrive, Free
from ...errors import InputError
from ...levels import AbstractPointLevel, Characteristics, Reduced
from ...model import AbstractLaw, Mixture, Model, Start, scheme_of
from ...model.checks import check_model, constraint_rows
from ...model.scenario import tree_float
from ...protocol import legs
from ...run import Progress, check
from ...run.programs import Costs, compiled
from ...run.stretches import assemble, recorded_times
from ...run.whole import whole
from ...solution import Scenario
from ...types import Array, ArrayLike, float64
from .influence import Fluctuation, Verified
from .members import Shared, members

_NODES = {1: 64, 2: 16, 3: 8}  # an axis, by nx
_TOGETHER = 500  # samples of a verification in one call
_STATS = Stats("every node, differentiable", 0, 0, 0.0, 0.0, 0, 0.0)

Observable = Callable[[Any], Any]


def final_y(run: Any) -> Any:
    """The first coordinate of the tissue at the end of the run."""
    return run.y[-1, 0]


def final_v(run: Any) -> Any:
    """Its velocity there."""
    return run.v[-1, 0]


def final_force(run: Any) -> Any:
    """The first component of the bridges' force at the first point of the tissue there."""
    return run.force[-1, 0, 0]


_NAMES = {final_y: "y(T)", final_v: "ẏ(T)", final_force: "force(T)"}
OBSERVABLES = {"y": final_y, "v": final_v, "force": final_force}  # by the names that the shell knows


@float64
def fluctuation(
    model: Model,
    start: Start,
    *,
    t1: float,
    observable: Observable = final_y,
    nodes: int | None = None,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike | Sequence[float] = 2,
    tolerance: float = 1e-8,
    n: int = 256,
    verify: int = 0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Fluctuation:
    """Predict how an observable scatters among muscles of N bridges drawn at random, and which bridges matter most to it.

    **Arguments:**

    - `model`, `start`, `t1`, `drive`, `tolerance`: as for `solve`; `start.x` is a law, or points of which bridges are then taken to be drawn.
    - `observable`: a function of a `Solution` made of jax.numpy, whose value is one number: `lambda run: run.force[-1, 0, 0]` for instance; the
        run has the times `save`. By default the first coordinate of y at t1.
    - `nodes`: of `Characteristics`, in total; 64, or 16 and 8 an axis in two and three dimensions.
    - `n`, `verify`: where `verify` is not zero, so many runs of `Reduced(n)` with random bridges are made and compared, with seeds from `seed` on.

    **Returns:** a `Fluctuation`; `print` shows it.

    **Raises:** `InputError` for input that cannot be used: an observable that is not one number, bridges that attach and detach (whose jumps
    are a noise of their own that this prediction does not hold), constraints of lower rank.
    """
    check_model(model, start)
    _check(model, start, n, verify)
    law = isinstance(start.x, AbstractLaw)
    scenario = Scenario(
        model, Reduced(), start, t1, drive, save if isinstance(save, int) else np.asarray(save), tolerance, seed
    )
    level = _level(start, nodes) if law else Reduced()
    assert isinstance(level, AbstractPointLevel)
    times = check(dataclasses.replace(scenario, level=level))
    report = progress or (lambda word, fraction: None)
    word = f"influence on {name_of(observable)}"
    report(f"{word}: compiling", 0.0)
    points = jax.eval_shape(model.tissue.kinematics, jnp.zeros(model.tissue.ny)).shape[0]
    x, w = level.points(start, points, jax.random.key(seed), seed) if law else start.points(points)
    scenario = dataclasses.replace(scenario, save=times)
    assert w is not None
    value, phi, costs = _adjoint(scenario, observable, x, w)
    report(word, 1.0 if not verify else 0.1)
    found = Fluctuation(
        scenario=dataclasses.replace(scenario, level=level),
        observable=name_of(observable),
        value=float(value),
        x=np.asarray(x),
        w=np.asarray(w),
        phi=np.asarray(phi),
        wall=costs.wall,
        compile=costs.compile,
    )
    if not verify:
        return found
    values = []
    shared = Shared(dataclasses.replace(scenario, level=Reduced(n)), times[:0], n)
    for first in range(0, verify, _TOGETHER):
        seeds = tuple(seed + s for s in range(first, min(first + _TOGETHER, verify)))
        values.append(_values(shared, n, seeds, observable))
        report(f"{word}: runs of {n} bridges", 0.1 + 0.9 * (first + len(seeds)) / verify)
    return dataclasses.replace(found, verified=Verified(n, np.concatenate(values)))


def _check(model: Model, start: Start, n: int, verify: int) -> None:
    if scheme_of(model.bridge) is not None:
        raise InputError(
            "fluctuation is for bridges that stay attached. Received cycling ones, whose jumps are a noise of their own that it does not hold: "
            "use converge, whose samples show the whole variance."
        )
    if model.noise is not None:
        raise InputError(
            "fluctuation is of the bridges' start alone. Received a model with noise, whose own variance it does not hold: leave the noise out."
        )
    if constraint_rows(model, start) != start.nx:
        raise InputError(
            "fluctuation expected a constraint of full rank, k = nx. Received one of lower rank: use converge with Constrained."
        )
    for name, value, least in (("n", n, 1), ("verify", verify, 0)):
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise InputError(f"fluctuation expected {name}, a whole number ≥ {least}. Received {value!r}.")
    if verify and not isinstance(start.x, AbstractLaw):
        raise InputError(
            "fluctuation expected Start.x to be a law, to draw from when it verifies. Received points: leave verify out."
        )


def _level(start: Start, nodes: int | None) -> Characteristics:
    law = start.x
    parts = len(law.laws) if isinstance(law, Mixture) and start.nx > 1 else 1
    return Characteristics(parts * _NODES[start.nx] ** start.nx if nodes is None else nodes)


def _adjoint(scenario: Scenario, observable: Observable, x: Array, w: Array) -> tuple[Array, Array, Costs]:
    """The observable, and its derivative with respect to each node's weight."""
    model, start = tree_float((scenario.model, dataclasses.replace(scenario.start, x=None, weights=None)))
    fixed = (observable, float(scenario.t1), float(scenario.tolerance), tuple(map(float, np.asarray(scenario.save))))
    _scalar(observable, jax.eval_shape(lambda w: _observed(model, start, scenario.drive, x, w, fixed), w))
    costs = Costs()
    value, phi = compiled(_with_influence, costs)(model, start, scenario.drive, jnp.asarray(x), jnp.asarray(w), fixed)
    if not (np.isfinite(value) and np.isfinite(phi).all()):
        raise InputError(
            f"{name_of(observable)} or its derivative is not a number on this run: solve it with Characteristics to read why."
        )
    return np.asarray(value), np.asarray(phi), costs


def _with_influence(model, start, drive, x, w, fixed):
    return jax.value_and_grad(lambda w: _observed(model, start, drive, x, w, fixed))(w)


def _observed(model: Model, start: Start, drive: AbstractDrive, x: Array, w: Array, fixed: tuple) -> Any:
    """The observable of a run of weighted points."""
    observable, t1, tolerance, times = fixed
    times = np.asarray(times)
    begin = dataclasses.replace(start, x=x, weights=w)
    scenario = Scenario(model, Reduced(), begin, t1, drive, times, tolerance, 0)
    grid = recorded_times(times, legs(drive, t1), watched=2)
    begun, record = whole(scenario, grid, jax.random.key(0), 1)
    return observable(assemble(scenario, times, grid, begun, record, _STATS))


def _scalar(observable: Any, shape: Any) -> None:
    """Raise `InputError` unless what an observable returns is one number."""
    if jax.tree.structure(shape) != jax.tree.structure(0) or getattr(shape, "shape", None) != ():
        what = f"an array of shape {shape.shape}" if hasattr(shape, "shape") else f"{type(shape).__name__}"
        raise InputError(
            f"fluctuation expected an observable whose value is one number. Received {what} from {name_of(observable)}: "
            "pick an entry, run.y[-1, 0] for instance."
        )


def name_of(observable: Any) -> str:
    """What an observable is called."""
    name = _NAMES.get(observable) or getattr(observable, "__name__", "")
    return name if name not in ("", "<lambda>") else "the observable"


def _values(shared: Shared, n: int, seeds: tuple[int, ...], observable: Observable) -> Array:
    """The observable of runs with random bridges."""
    runs = members(shared, n, seeds, [])
    scenario = shared.scenario
    return np.array(
        [
            observable(_Seen(np.asarray(scenario.save), y, v, force))
            for y, v, force in zip(runs.y, runs.v, runs.force, strict=True)
        ]
    )


@dataclasses.dataclass(frozen=True)
class _Seen:
    """What a verification keeps of a run."""

    ts: Array
    y: Array
    v: Array
    force: Array

    def __getattr__(self, name):
        raise InputError(
            f"A verification keeps ts, y, v and force of each run. Received an observable of its '{name}': leave verify out."
        )
