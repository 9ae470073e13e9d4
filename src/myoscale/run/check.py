"""Does a scenario make sense? Everything that can be known before a run, each mistake one sentence."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import macro
from ..drive import AbstractDrive, Length, Polyline, QuasiStatic
from ..errors import InputError
from ..levels import AbstractLevel, Stepper
from ..model import Model, Start, scheme_of
from ..model.checks import check_model, constraint_rows
from ..protocol import Activate, Protocol, Ramp, Release, legs
from ..solution import Scenario
from ..types import Array, ArrayLike, is_traced
from .continuum import check_continuum

_MOST_TIMES = 1_000_000
_SHORTEST = 1e-8  # a step of a protocol, as a part of t1
_SAMPLES = 1001  # times at which activation is looked at
_SLACK = 1e-12  # rounding allowed in it


def check(scenario: Scenario) -> np.ndarray:
    """The saved times of a scenario that makes sense.

    **Raises:** `InputError` for one that does not.
    """
    level, start, drive, t1 = scenario.level, scenario.start, scenario.drive, scenario.t1
    if not isinstance(level, AbstractLevel):
        hint = ": make an instance of it, with its size in brackets" if isinstance(level, type) else ""
        raise InputError(f"Expected a level, Reduced(1_000) for instance. Received {level!r:.80}{hint}.")
    if not isinstance(drive, AbstractDrive):
        raise InputError(f"Expected drive to be Free, Length, QuasiStatic or a Protocol. Received {drive!r:.80}.")
    with jax.ensure_compile_time_eval():  # what is not traced is looked at, though it stand inside `jit`
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
        check_level(level, scenario.model, start)
    if scenario.model.tissue.is_field:
        check_continuum(scenario)
    elif not is_traced((scenario.model, drive)):
        _check_drive(drive, scenario.model, float(t1))
        _check_inertia(scenario)
        _check_noise(scenario)
    return _times(scenario.save, float(t1))


def _check_inertia(scenario: Scenario) -> None:
    """Bridges that carry multipliers are moved by forces: they know no equilibrium without inertia."""
    level, model = scenario.level, scenario.model
    tied = level.tied(model, scenario.start)
    if tied is None:
        return
    drives = [leg.drive(np.zeros(model.tissue.ny)) for leg in legs(scenario.drive, float(scenario.t1))]
    if any(isinstance(drive, QuasiStatic) for drive in drives):
        raise InputError(
            f"{level.label} expected a drive with inertia, Free or Length. Received QuasiStatic: use Reduced, which has no velocities to keep."
        )
    if any(isinstance(drive, Length) for drive in drives) and tied.stepper == Stepper.ENERGY_MOMENTUM:
        raise InputError(
            f"{level.label} conserves the energy, which a prescribed motion changes. Received a prescribed motion: use the stepper 'rattle'."
        )


def _check_noise(scenario: Scenario) -> None:
    """Noise shakes what has inertia, at levels that eliminate multipliers."""
    level, model = scenario.level, scenario.model
    if model.noise is None:
        return
    if level.tied(model, scenario.start) is not None:
        raise InputError(
            f"{level.label} moves bridges with multipliers, which noise does not reach. Received Model.noise: use Reduced, on constraints of full rank."
        )
    drives = [leg.drive(np.zeros(model.tissue.ny)) for leg in legs(scenario.drive, float(scenario.t1))]
    if any(isinstance(drive, QuasiStatic) for drive in drives):
        raise InputError(
            "Noise expected a drive with inertia, Free or Length: without it the work of noise has no bound. Received QuasiStatic: use Free, with damping."
        )


def check_level(level: AbstractLevel, model: Model, start: Start) -> None:
    """Raise `InputError` unless the level can represent the start of this model."""
    scheme = scheme_of(model.bridge)
    if scheme is None:
        for name in level.only_cycling:
            if getattr(level, name, None) is not None:
                raise InputError(
                    f"{level.label}: {name} belongs to cycling bridges; this bridge has no cycling. Received {name}={getattr(level, name)}: leave it out."
                )
        level.check(start)
        _check_rank(level, model, start)
        return level.check_model(model, start)
    level.check_cycling(start, scheme)


def _check_rank(level: AbstractLevel, model: Model, start: Start) -> None:
    """Lower rank, and velocities of bridges' own, are for levels that step them."""
    k, nx = constraint_rows(model, start), start.nx
    if k < nx and not level.lower_rank:
        raise InputError(
            f"{level.label} expected a constraint of full rank, k = nx = {nx}. Received k = {k}, which leaves bridges free to move: "
            "use Constrained(1_000), or Characteristics for the mean field."
        )
    if start.velocity is not None and level.tied(model, start) is None:
        raise InputError(
            f"{level.label} has no velocities of bridges: they follow from ẏ. Received Start.velocity: leave it out, or use Constrained."
        )


def _positive(value: Any) -> bool:
    return (
        isinstance(value, int | float | np.number)
        and not isinstance(value, bool)
        and bool(np.isfinite(value) and value > 0)
    )


def _check_drive(drive: AbstractDrive, model: Model, t1: float) -> None:
    """Raise `InputError` unless a drive, or every leg of a protocol, fits the model."""
    ny = model.tissue.ny
    if isinstance(drive, Length | Protocol):
        held = drive.dofs if drive.dofs is not None else range(ny)
        if not held or any(not -ny <= dof < ny for dof in held) or len({dof % ny for dof in held}) != len(held):
            raise InputError(
                f"Expected {type(drive).__name__}.dofs to be different coordinates from 0 to {ny - 1}. Received {drive.dofs}."
            )
        if isinstance(drive, Protocol):
            _check_steps(drive, len(held), t1)
    _check_activation(drive, model, t1)
    for leg in legs(drive, t1):
        _check_leg(leg.drive(np.zeros(ny)), model, (leg.begin, leg.end))


def _check_steps(drive: Protocol, size: int, t1: float) -> None:
    for k, step in enumerate(drive.steps):
        where = f"Protocol.steps[{k}], {type(step).__name__},"
        if isinstance(step, Ramp | Release) and np.shape(step.by) not in ((), (size,)):
            raise InputError(f"Expected by in {where} to be a number or of shape ({size},). Received {step.by}.")
        if float(step.duration) < _SHORTEST * t1:
            raise InputError(
                f"Expected {where} to take at least {_SHORTEST:g} of t1 = {t1:g}. Received duration = {float(step.duration):g}."
            )


def _check_leg(drive: AbstractDrive, model: Model, ends: tuple[float, float]) -> None:
    ny = model.tissue.ny
    named = {"load": (drive.load, ny)}
    if isinstance(drive, Length):
        named["Length.y"] = (drive.y, len(drive.indices(ny)))
        if isinstance(drive.y, Polyline):
            raise InputError(
                "Expected Length.y to have a velocity without jumps. Received a Polyline: use Series, or a Protocol of Ramps."
            )
    for name, (function, size) in named.items():
        for t in ends if function is not None else ():
            value = np.asarray(_called(name, function, jnp.asarray(t)) if callable(function) else function)
            if value.shape not in ((), (size,)) or not np.isfinite(np.asarray(value, float)).all():
                raise InputError(f"Expected {name} at t = {t:g} to be finite, of shape ({size},). Received {value}.")
    if isinstance(drive, QuasiStatic) and model.tissue.damping is not None:
        damping = np.asarray(macro.damping_matrix(model))
        if np.linalg.matrix_rank(damping) < ny:
            raise InputError(
                "QuasiStatic with damping expected it to act on every coordinate (D invertible). Received a singular D: add to it, or leave damping None."
            )


def _called(name: str, function: Callable[[Array], Any], t: Array) -> Any:
    """A user's function of time, traced as a run traces it; what it raises becomes one sentence."""
    try:
        jax.eval_shape(function, t)
        return function(t)
    except InputError:
        raise
    except Exception as error:  # whatever the user's own code raises
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"Expected {name} to be a function of t built from jax.numpy, jnp.where instead of if. Received one that fails: {said.rstrip('.'):.160}."
        ) from None


def _check_activation(drive: AbstractDrive, model: Model, t1: float) -> None:
    """It belongs to cycling bridges, and is a fraction of 1."""
    r = drive.activation
    if getattr(getattr(model.bridge, "each", model.bridge), "cycling", None) is None:
        steps = isinstance(drive, Protocol) and any(isinstance(step, Activate) for step in drive.steps)
        if steps or callable(r) or np.shape(r) or not np.all(np.asarray(r) == 1.0):
            what = "an Activate step" if steps else f"activation = {r!r:.60}"
            raise InputError(
                f"Activation belongs to cycling bridges; this bridge has no cycling. Received {what}: leave it out, or give the bridge cycling."
            )
        return
    times = np.linspace(0.0, t1, _SAMPLES)
    values = np.asarray(_called("activation", jax.vmap(r), jnp.asarray(times)) if callable(r) else np.asarray(r, float))
    if values.shape not in ((), times.shape):
        raise InputError(
            f"Expected activation to be a number at each time. Received shape {values.shape[callable(r) :]}."
        )
    values = np.broadcast_to(values, times.shape)
    wrong = ~((values >= -_SLACK) & (values <= 1.0 + _SLACK))
    if wrong.any():
        k = int(np.argmax(wrong))
        raise InputError(f"Expected activation from 0 to 1 at every time. Received {values[k]:g} at t = {times[k]:g}.")


def _times(save: int | ArrayLike, t1: float) -> np.ndarray:
    if isinstance(save, int | np.integer) and not isinstance(save, bool):
        if save < 2:
            raise InputError(f"Expected save ≥ 2 times (the start and the end). Received {save}.")
        if save > _MOST_TIMES:
            raise InputError(f"Expected save to be at most {_MOST_TIMES} times. Received {save}.")
        return np.linspace(0.0, t1, int(save))
    try:
        times = np.atleast_1d(np.asarray(save, float))
    except (TypeError, ValueError):
        times = np.array([np.nan])
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
