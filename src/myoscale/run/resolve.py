"""How finely the path of noise is resolved: pieces are halved until the motion on that path changes by less than the tolerance.

The error of a path falls like h^{3/2} where M_eff changes with y, else like h³, so what the last halving changed bounds what is left.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from ..errors import InputError, InterruptedRun, NotKeptError, StoppedError
from ..levels.noise import MOST_PIECES
from ..model import scheme_of
from ..solution import Scenario
from ..types import Array, is_traced

_Run = TypeVar("_Run")


def given(scenario: Scenario, grid: np.ndarray) -> int | None:
    """Pieces between two recorded times where that is known beforehand: from the noise's dt; of cycling bridges each step is one.

    **Raises:** `InputError` for a dt that asks for too many.
    """
    noise = scenario.model.noise
    if noise is None or scheme_of(scenario.model.bridge) is not None:
        return 1
    if noise.dt is None:
        return None
    if is_traced(noise.dt):
        raise InputError(
            "Expected the noise's dt to be a number that jit, grad or vmap do not change. Received a traced one."
        )
    pieces = max(1, int(np.ceil(float(np.max(np.diff(grid))) / float(noise.dt) - 1e-9)))
    if (total := pieces * (len(grid) - 1)) > MOST_PIECES:
        raise InputError(
            f"Expected noise in {MOST_PIECES} pieces at most. Received dt = {float(noise.dt):g}, which asks for {total}: choose a longer dt, or a shorter run."
        )
    return pieces


def resolved(
    tolerance: float, gaps: int, run: Callable[[int], _Run], motion: Callable[[_Run], tuple[Array, Array]], found: int
) -> tuple[_Run, int, float]:
    """A run in as many pieces as its tolerance asks for.

    **Arguments:** `gaps` between recorded times; `run` in so many pieces a gap; `motion`, y and ẏ of a run; `found`, pieces to begin with, a power of two.

    **Returns:** the run, its pieces a gap, and what y and ẏ changed by when they were halved.

    **Raises:** `InputError` if the tolerance asks for too many.
    """
    pieces, before, change = found, None, np.inf
    if found > 1:  # an earlier process was here: what it had before comes out again
        before = motion(run(found // 2))
    stopped = False
    while True:
        try:
            result = run(pieces)
        except (InterruptedRun, NotKeptError):
            raise
        except StoppedError:  # a coarse path may leave where the constraint holds, a fine one tells
            if stopped:
                raise
            stopped, before, pieces = True, None, 2 * pieces
            continue
        if before is not None:
            previous, change = change, difference(before, motion(result))
            if change <= tolerance:
                return result, pieces, change
            _enough(tolerance, gaps, pieces, previous, change)
        before, pieces = motion(result), 2 * pieces


def difference(before: tuple[Array, Array], after: tuple[Array, Array]) -> float:
    """How far y and ẏ are apart, relative to 1 + |y| and 1 + |ẏ|; runs of a batch that came to no end do not count."""
    apart = [np.abs(a - b) / (1 + np.abs(b)) for a, b in zip(before, after, strict=True)]
    return max(float(np.max(one, where=np.isfinite(one), initial=0.0)) for one in apart)


def _enough(tolerance: float, gaps: int, pieces: int, previous: float, change: float) -> None:
    """Raise `InputError` if halving on at the rate observed leads nowhere."""
    rate = np.clip(previous / change, 1.5, 8.0) if np.isfinite(previous) else 8.0
    needed = gaps * pieces * 2.0 ** np.ceil(np.log(change / tolerance) / np.log(rate))
    if needed > MOST_PIECES:
        raise InputError(
            f"Expected a tolerance that the path of noise can meet in {MOST_PIECES} pieces. Received {tolerance:g}, which asks for about {needed:.0e}; "
            f"with {pieces * gaps} of them y and ẏ still change by {change:.1e}: ask for no less than that, or give the noise a dt."
        )
