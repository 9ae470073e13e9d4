"""An experiment as a list of steps: hold, ramp, quick release, load, activate, one after the other in one run.

    Protocol([Hold(0.1), Release(by=-0.2, duration=1e-3), Hold(0.1), Load(0.5, duration=1.0), Ramp(by=0.3, duration=2.0)])

A step becomes a leg: a stretch of time with one simple drive (`Length`, `Free` or `QuasiStatic`), which begins at the length that the leg
before has reached. Where a leg begins, prescribed velocities jump: an impulse of what holds the tissue, whose work the ledger counts as
load. Nothing here integrates; `legs` is all that a run needs to know.
"""

import abc
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from . import drive
from .drive import AbstractDrive, Free, Length, Line, QuasiStatic, TimeFunction
from .errors import InputError
from .fields import parameter
from .types import Array, ArrayLike, Float, Scalar, as_float, as_number, is_traced

__all__ = ["Activate", "Hold", "Load", "Ramp", "Release"]

SAME = 1e-9  # times nearer to each other than this part of t1 are one


class Leg(NamedTuple):
    """A stretch of time with one simple drive, which follows from y (ny,) at its beginning."""

    begin: float
    end: float
    drive: Callable[[Array], AbstractDrive]


def _change(value: Any) -> Array:
    """A change of length, as given; NaN for what is no number, which the check after it names."""
    try:
        return as_float(value)
    except (TypeError, ValueError):
        return np.asarray(np.nan)


def _finite(step: "AbstractStep", name: str) -> None:
    """Raise `InputError` unless a change of length is one."""
    value = getattr(step, name)
    if not is_traced(value) and not (np.ndim(value) <= 1 and np.isfinite(value).all()):
        raise InputError(
            f"{type(step).__name__} expected {name} to be a finite number, or one a coordinate. Received another."
        )


def _fraction(owner: eqx.Module, name: str) -> None:
    """Raise `InputError` unless an activation is one."""
    value = getattr(owner, name)
    if not is_traced(value) and not 0 <= as_number(value) <= 1:
        raise InputError(f"{type(owner).__name__} expected 0 ≤ {name} ≤ 1. Received {value!r:.80}.")


class AbstractStep(eqx.Module):
    """One step of a protocol."""

    duration: eqx.AbstractVar[Scalar]

    def __check_init__(self):
        if not is_traced(self.duration) and not 0 < as_number(self.duration) < math.inf:
            raise InputError(f"{type(self).__name__} expected duration > 0, finite. Received {self.duration!r:.80}.")


class AbstractControl(AbstractStep):
    """A step that says what holds or loads the tissue."""

    @abc.abstractmethod
    def drive(self, begin: float, dofs: tuple[int, ...] | None, activation: Line, y: Array) -> AbstractDrive:
        """The drive of a leg that begins at the time `begin` with y (ny,)."""


class AbstractMove(AbstractControl):
    """A step that prescribes the length."""

    @abc.abstractmethod
    def parts(self) -> tuple[ArrayLike, ArrayLike]:
        """What the length changes by: at constant velocity, and smoothly."""

    def drive(self, begin, dofs, activation, y):
        """A prescribed length."""
        y = jnp.asarray(y)[jnp.array(Length(0.0, dofs=dofs).indices(y.size))]
        steady, smooth = (jnp.broadcast_to(jnp.asarray(part, float), y.shape) for part in self.parts())
        course = eqx.Partial(_course, y, steady, smooth, self.duration, begin)
        return Length(course, dofs=dofs, activation=activation)


def _course(y: Array, steady: Array, smooth: Array, duration: Scalar, begin: Scalar, t: Array) -> Array:
    """The prescribed coordinates (k,) at t; one function, so that one program runs holds, ramps and releases."""
    return Line(y, steady / duration, begin)(t) + drive.Ramp(jnp.zeros_like(smooth), smooth, duration, begin)(t)


class Hold(AbstractMove):
    """The length stays where it is.

    **Raises:** `InputError` unless duration > 0.
    """

    duration: Scalar = parameter("how long it takes", "time")

    def parts(self):
        """Nothing."""
        return 0.0, 0.0


class Ramp(AbstractMove):
    """The length changes by `by`, a number or one for each driven coordinate, at constant velocity.

    **Raises:** `InputError` unless duration > 0 and `by` is finite.
    """

    by: Float[Array, "..."] | Scalar = parameter("change of length", "coordinate", converter=_change)
    duration: Scalar = parameter("how long it takes", "time")

    def __check_init__(self):
        _finite(self, "by")

    def parts(self):
        """by · (t − begin)/duration."""
        return self.by, 0.0


class Release(AbstractMove):
    """A quick release (`by` < 0) or stretch: as `Ramp`, along 10s³ − 15s⁴ + 6s⁵, which begins and ends at rest with finite accelerations.

    **Raises:** `InputError` unless duration > 0 and `by` is finite.
    """

    by: Float[Array, "..."] | Scalar = parameter("change of length", "coordinate", converter=_change)
    duration: Scalar = parameter("how long it takes", "time")

    def __check_init__(self):
        _finite(self, "by")

    def parts(self):
        """by · (10s³ − 15s⁴ + 6s⁵)."""
        return 0.0, self.by


class Load(AbstractControl):
    """The tissue moves freely under `load` ℓ(t), a constant or a function of the run's time t.

    With `slow` it moves without inertia, from equilibrium to equilibrium or against its damping (`QuasiStatic`): what kinetic energy it had
    is lost. Where it is not in equilibrium and there is no damping, it is let go slowly at once.

    **Raises:** `InputError` unless duration > 0.
    """

    load: TimeFunction = parameter("ℓ(t), external force", "energy/coordinate")
    duration: Scalar = parameter("how long it takes", "time")
    slow: bool = parameter("whether inertia is left out", static=True, default=False)

    def __check_init__(self):
        drive.check_function(self, "load")

    def drive(self, begin, dofs, activation, y):
        """A load."""
        return (QuasiStatic if self.slow else Free)(load=self.load, activation=activation)


class Activate(AbstractStep):
    """Activation r(t) goes linearly from where it is to `to`; what controls the tissue, a hold or a load, stays what it was.

    **Raises:** `InputError` unless duration > 0 and `to` is in [0, 1].
    """

    to: Scalar = parameter("activation at its end, from 0 to 1", "1")
    duration: Scalar = parameter("how long it takes", "time")

    def __check_init__(self):
        _fraction(self, "to")


def _listed(steps: Any) -> tuple[Any, ...]:
    """A tuple of what is listed; of what is no list, the check after it says so."""
    return tuple(steps) if isinstance(steps, Iterable) and not isinstance(steps, str) else (steps,)


class Protocol(AbstractDrive):
    """Steps one after the other. Before the first the length is held at the start's; after the last, what it left goes on: a hold, or a load.

    **Arguments:** `steps`, a list or one alone, of `ms.protocol`: `Hold`, `Ramp`, `Release`, `Load`, `Activate`; `dofs`, the coordinates under length control, all
    if left out (the end of a chain: `dofs=(-1,)`); `activation`, what it is before the first `Activate`. Steps that begin after the end of the
    run are not reached.

    **Raises:** `InputError` unless there is a step and activation is in [0, 1].
    """

    steps: tuple[AbstractStep, ...] = parameter("what is done, in this order", converter=_listed)
    dofs: tuple[int, ...] | None = parameter(
        "coordinates under length control; all if left out", static=True, default=None
    )
    activation: Scalar = parameter("activation before the first Activate, from 0 to 1", "1", default=1.0)

    def __check_init__(self):
        if not self.steps or not all(isinstance(step, AbstractStep) for step in self.steps):
            raise InputError(
                f"Protocol expected steps, [Hold(1.0), Ramp(0.1, 1.0)] of myoscale.protocol for instance. Received {list(self.steps)!r:.80}."
            )
        _fraction(self, "activation")

    @property
    def load(self) -> None:
        """None: loads are those of the legs."""

    def legs(self, t1: float) -> tuple[Leg, ...]:
        """The legs of a run to t1, each beginning where the one before ends.

        **Raises:** `InputError` if durations are traced: they decide which programs run.
        """
        if is_traced([step.duration for step in self.steps]):
            raise InputError(
                "Protocol expected durations that are numbers. Received traced ones: differentiate or map over something else."
            )
        hold = Hold(t1)
        control: AbstractControl = hold  # what goes on when a step is over
        level, begin = self.activation, 0.0
        found: list[Leg] = []
        for step in (*self.steps, None):
            duration = t1 if step is None else float(step.duration)
            end = begin + duration if begin + duration < t1 * (1.0 - SAME) else t1
            to = step.to if isinstance(step, Activate) else level
            acting = step if isinstance(step, AbstractControl) else control
            activation = Line(as_float(level), as_float((to - level) / duration), begin)
            found.append(Leg(begin, end, functools.partial(acting.drive, begin, self.dofs, activation)))
            if end == t1:
                break
            control = hold if isinstance(acting, AbstractMove) else acting
            level, begin = to, end
        return tuple(found)


def legs(drive: AbstractDrive, t1: float) -> tuple[Leg, ...]:
    """The legs of any drive: those of a protocol, or one that is the drive itself."""
    return drive.legs(t1) if isinstance(drive, Protocol) else (Leg(0.0, t1, lambda y: drive),)
