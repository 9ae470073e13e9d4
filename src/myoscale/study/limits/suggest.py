"""Which level is the cheapest whose observable is within a tolerance of the limit of many bridges? Pilots, predictions, and a verification.

The limit is the truth here: a muscle of N real bridges differs from it by chance, which is what `fluctuation` predicts. How each level is
judged: `search`.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...drive import AbstractDrive, Free
from ...errors import InputError, nearest
from ...levels import Characteristics, Constrained, Kinetic
from ...model import AbstractLaw, Model, Start, scheme_of
from ...model.checks import check_model, constraint_rows
from ...run import Progress, check
from ...solution import Scenario
from ...types import ArrayLike, float64
from .fluctuation import final_y
from .pilots import Pilots
from .search import CELLS, Attached, Cycling, rules
from .suggestion import Suggestion

NAMES = ("moments", "characteristics", "kinetic", "quantile", "sobol", "random")
_SMALLEST = 1e-11  # a hundred times the least tolerance of a run


@float64
def suggest(
    model: Model,
    start: Start,
    *,
    t1: float,
    within: float,
    observable: Callable[[Any], Any] = final_y,
    levels: Sequence[str] | None = None,
    chance: float = 0.95,
    drive: AbstractDrive = Free(),
    save: int | ArrayLike | Sequence[float] = 2,
    tolerance: float | None = None,
    verify: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Suggestion:
    """Name the cheapest level and size whose observable is near enough to the limit of many bridges.

    **Arguments:**

    - `model`, `start`, `t1`, `drive`, `save`, `seed`: as for `solve`; `start.x` is a law, unless bridges cycle.
    - `within`: how far the observable may be from the limit, in its own unit.
    - `observable`: a function of a `Solution` that returns one number; by default the first coordinate of y at t1.
    - `levels`: the names of those to choose from, all if left out: "moments", "characteristics", "kinetic", and of `Reduced` "quantile", "sobol",
        "random".
    - `chance`: with which points drawn at random shall be within.
    - `tolerance`: of the runs; a hundredth of `within`, 1e-8 at most, if left out.
    - `verify`: whether to run the choice and the next cheaper one against a finer reference.

    **Returns:** a `Suggestion`; `print` shows it.

    **Raises:** `InputError` for input that cannot be used, and for a `within` that no reference is sure to.
    """
    check_model(model, start)
    cycles = scheme_of(model.bridge) is not None
    names = _names(levels)
    _check(model, start, within, chance, cycles)
    tolerance = min(1e-8, within / 100) if tolerance is None else tolerance
    when = save if isinstance(save, int) else np.asarray(save)
    scenario = Scenario(
        model,
        Kinetic(CELLS) if cycles else Characteristics(rules(start)[-1]),
        start,
        t1,
        drive,
        when,
        tolerance,
        seed,
    )
    scenario = dataclasses.replace(scenario, save=check(scenario))
    search = (Cycling if cycles else Attached)(Pilots(scenario, observable), within, chance, progress)
    return search(names, verify)


def _names(levels: Any) -> tuple[str, ...]:
    if levels is None:
        return NAMES
    levels = (levels,) if isinstance(levels, str) else levels
    if not isinstance(levels, Sequence) or not levels:
        raise InputError(
            f"suggest expected levels, names as in ['characteristics', 'kinetic']. Received {levels!r:.80}."
        )
    for name in levels:
        if name not in NAMES:
            raise InputError(f"suggest does not know the level {name!r:.40}: {nearest(str(name), NAMES)}")
    return tuple(name for name in NAMES if name in levels)


def _check(model: Model, start: Start, within: Any, chance: Any, cycles: bool) -> None:
    real = lambda value: isinstance(value, float | int | np.number) and not isinstance(value, bool)
    if not (real(within) and math.isfinite(within) and within > 0):
        raise InputError(
            f"suggest expected within > 0, how far the observable may be from the limit. Received {within!r}."
        )
    if within < _SMALLEST:
        raise InputError(
            f"suggest expected within ≥ {_SMALLEST:g}: runs are no better than a tolerance of 1e-13, and need a hundredth of it. Received {within:g}."
        )
    if not (real(chance) and 0 < chance < 1):
        raise InputError(f"suggest expected chance between 0 and 1, 0.95 for instance. Received {chance!r}.")
    if model.noise is not None:
        raise InputError(
            "suggest is of models without noise. Received one with noise: leave it out, the level that is good enough does not change."
        )
    if cycles:
        return
    if not isinstance(start.x, AbstractLaw):
        raise InputError(
            "suggest expected Start.x to be a law, whose limit of many bridges it compares with. Received points: Reduced() moves exactly these."
        )
    if constraint_rows(model, start) != start.nx:
        raise InputError(
            f"suggest expected a constraint of full rank, k = nx. Received one of lower rank: use converge with {Constrained.__name__}."
        )
