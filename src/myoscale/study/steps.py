"""How long may a step of `Constrained` be? Two short pilots, of dt and dt/2, say it.

In a method of order p the ends of the two differ by (2^p − 1) times the error of the finer one, which goes like dt^p. From a dt where that
holds follows the dt for any tolerance.
"""

import dataclasses
import textwrap
from typing import Any

import numpy as np

from ..drive import AbstractDrive, Free
from ..errors import StoppedError
from ..levels import Constrained, Sampling
from ..model import AbstractLaw, Model, Start, scheme_of
from ..run import check, solve
from ..solution import Scenario

_WIDTH = 110
_BRIDGES = 64  # of the pilots
_FIRST = 20  # steps of the first pilot
_FINEST = 12  # halvings, at most
_ASYMPTOTIC = 0.5  # of the exponent p that two halvings must show before an estimate is believed
_SAFETY = 0.8


@dataclasses.dataclass(frozen=True)
class StepAdvice:
    """A step for `Constrained(…, order=order)`.

    **Attributes:** `dt` and the `error` that it leaves in y and ẏ, as estimated; `tolerance` and the step `suggested` for it, both None
    where no step of one length was short enough (a constraint that loses rank on the way: leave dt out).
    """

    order: int
    tolerance: float
    dt: float | None
    error: float | None
    suggested: float | None

    def __str__(self) -> str:
        if self.dt is None or self.error is None or self.suggested is None:
            text = "Steps of Constrained: none of one length is short enough all the way; leave dt out, and the tolerance decides."
            return textwrap.fill(text, _WIDTH)
        text = (
            f"Steps of Constrained (order {self.order}): dt = {self.dt:.2g} leaves an error of about {self.error:.0e} in y and ẏ; "
            f"for {self.tolerance:.0e} take dt = {self.suggested:.2g}, or leave dt out, and the tolerance decides."
        )
        return textwrap.fill(text, _WIDTH, break_on_hyphens=False)


def step_advice(
    model: Model, start: Start, *, t1: float, drive: AbstractDrive = Free(), tolerance: float = 1e-8, seed: int = 0
) -> StepAdvice | None:
    """The step of `Constrained` for a tolerance, from pilots of a few bridges.

    **Arguments:** as for `solve`.

    **Returns:** the advice; None for what `Constrained` does not run with a step of its own (bridges that cycle, quasi-static drives).

    **Raises:** `InputError` for input that cannot be used.
    """
    if scheme_of(model.bridge) is not None:
        return None
    options: dict[str, Any] = dict(t1=t1, drive=drive, tolerance=tolerance, seed=seed, save=2)
    order, dt = 6, float(t1) / _FIRST
    try:
        check(Scenario(model, _pilot(start, order, dt), start, **options))
    except ValueError:  # a drive without inertia
        return None
    ends: list[np.ndarray | None] = []
    for k in range(_FINEST):
        ends.append(_end(model, _pilot(start, order, dt / 2**k), start, options))
        if len(ends) < 3 or any(end is None for end in ends[-3:]):
            continue
        coarse, middle, fine = (np.asarray(end) for end in ends[-3:])
        before, now = np.abs(coarse - middle).max(), np.abs(middle - fine).max()
        error = now / (2**order - 1)  # of the finest
        settled = now <= 1e-12 or np.log2(before / now) >= _ASYMPTOTIC * order
        if settled and error * 2**order < 1e-3 * (1 + np.abs(fine).max()):
            tried = dt / 2**k
            error = max(float(error), 1e-15)
            longest = dt / 2 ** (k - 1)
            return StepAdvice(
                order, tolerance, tried, error, min(_SAFETY * tried * (tolerance / error) ** (1 / order), longest)
            )
    return StepAdvice(order, tolerance, None, None, None)


def _pilot(start: Start, order: int, dt: float) -> Constrained:
    if not isinstance(start.x, AbstractLaw):
        return Constrained(order=order, dt=dt)
    return Constrained(_BRIDGES, order=order, dt=dt, sampling=Sampling.QUANTILE if start.nx == 1 else Sampling.SOBOL)


def _end(model: Model, level: Constrained, start: Start, options: dict[str, Any]) -> np.ndarray | None:
    try:
        solution = solve(model, level, start, **options)
    except StoppedError:
        return None
    return np.concatenate([solution.y[-1], solution.v[-1]])
