"""Does a scenario make sense? Everything that can be known before a run, each mistake one sentence."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import macro
from ..drive import AbstractDrive, Length, QuasiStatic
from ..errors import InputError
from ..levels import AbstractLevel
from ..model import Model
from ..model.checks import check_model
from ..solution import Scenario
from ..types import ArrayLike, is_traced

_MOST_TIMES = 1_000_000


def check(scenario: Scenario) -> np.ndarray:
    """The saved times of a scenario that makes sense.

    **Raises:** `InputError` for one that does not.
    """
    level, start, drive, t1 = scenario.level, scenario.start, scenario.drive, scenario.t1
    if not isinstance(level, AbstractLevel):
        hint = ": make an instance of it, with its size in brackets" if isinstance(level, type) else ""
        raise InputError(f"Expected a level, Reduced(1_000) for instance. Received {level!r:.80}{hint}.")
    if not isinstance(drive, AbstractDrive):
        raise InputError(f"Expected drive to be Free, Length or QuasiStatic. Received {drive!r:.80}.")
    check_model(scenario.model, start)
    if not _positive(t1):
        raise InputError(f"Expected t1 > 0, the end of the run. Received {t1!r}.")
    if not is_traced(scenario.tolerance) and not (
        _positive(scenario.tolerance) and 1e-13 <= scenario.tolerance <= 1e-2
    ):
        raise InputError(f"Expected tolerance between 1e-13 and 1e-2. Received {scenario.tolerance!r}.")
    if not isinstance(scenario.seed, int | np.integer) or not 0 <= scenario.seed < 2**63:
        raise InputError(f"Expected seed to be a whole number ≥ 0, below 2⁶³. Received {scenario.seed!r}.")
    if not is_traced((level, start)):
        level.check(start)
    if not is_traced(scenario.model):
        _check_drive(drive, scenario.model, float(t1))
    return _times(scenario.save, float(t1))


def _positive(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and bool(np.isfinite(value) and value > 0)
    )


def _check_drive(drive: AbstractDrive, model: Model, t1: float) -> None:
    ny = model.tissue.ny
    named = {"load": (drive.load, ny)}
    if isinstance(drive, Length):
        if (
            drive.dofs == ()
            or any(not -ny <= dof < ny for dof in drive.dofs or ())
            or len(set(drive.indices(ny))) != len(drive.indices(ny))
        ):
            raise InputError(
                f"Expected Length.dofs to be different coordinates from 0 to {ny - 1}. Received {drive.dofs}."
            )
        named["Length.y"] = (drive.y, len(drive.indices(ny)))
    for name, (function, size) in named.items():
        for t in (0.0, t1) if function is not None else ():
            value = np.asarray(function(jnp.asarray(t)) if callable(function) else function)
            if value.shape not in ((), (size,)) or not np.isfinite(np.asarray(value, float)).all():
                raise InputError(f"Expected {name} at t = {t:g} to be finite, of shape ({size},). Received {value}.")
    if isinstance(drive, QuasiStatic) and model.tissue.damping is not None:
        damping = np.asarray(macro.damping_matrix(model))
        if np.linalg.matrix_rank(damping) < ny:
            raise InputError(
                "QuasiStatic with damping expected it to act on every coordinate (D invertible). Received a singular D: add to it, or leave damping None."
            )


def _times(save: int | ArrayLike, t1: float) -> np.ndarray:
    if isinstance(save, int | np.integer) and not isinstance(save, bool):
        if save < 2:
            raise InputError(f"Expected save ≥ 2 times (the start and the end). Received {save}.")
        if save > _MOST_TIMES:
            raise InputError(f"Expected save to be at most {_MOST_TIMES} times. Received {save}.")
        return np.linspace(0.0, t1, int(save))
    times = np.atleast_1d(np.asarray(save, float))
    if (
        times.ndim != 1
        or not times.size
        or not np.isfinite(times).all()
        or (np.diff(times) <= 0).any()
        or times[0] < 0
        or times[-1] > t1
    ):
        raise InputError(
            f"Expected save to be a count or increasing times from 0 to t1 = {t1:g}. Received {save!r:.80}."
        )
    return times
