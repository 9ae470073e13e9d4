"""What is done to the muscle: nothing or a load (`Free`), a prescribed motion (`Length`), or a load so slow that inertia is absent
(`QuasiStatic`); and how far it is activated, r(t). Functions of time live here and nowhere else: constants, Python functions, or
signals (`Line`, `Ramp`, `Sine`, `Series`, `Polyline`), which files can hold. `protocol` puts drives one after the other.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from .errors import InputError
from .fields import parameter
from .types import Array, ArrayLike, Float, Scalar, as_float, is_traced


class AbstractSignal(eqx.Module):
    """A function of time with parameters."""

    @abc.abstractmethod
    def __call__(self, t: Float[Array, ""]) -> Array:
        """Its value at t: a number, or an array of one entry for each driven coordinate."""


class Line(AbstractSignal):
    """value + slope · (t − begin)."""

    value: Float[Array, "..."] = parameter("value at the time begin", "driven", converter=as_float)
    slope: Float[Array, "..."] = parameter("change in a unit of time", converter=as_float)
    begin: Scalar = parameter("when it has that value", "time", default=0.0)

    def __call__(self, t):
        """The value at t."""
        return jnp.asarray(self.value) + jnp.asarray(self.slope) * (t - self.begin)


class Ramp(AbstractSignal):
    """From `before` to `after` between the times `begin` and `begin + duration`, along 10s³ − 15s⁴ + 6s⁵: velocity and acceleration
    are continuous, as a prescribed length needs them.

    **Raises:** `InputError` unless duration > 0.
    """

    before: Float[Array, "..."] = parameter("value until it begins", "driven", converter=as_float)
    after: Float[Array, "..."] = parameter("value when it is over", "driven", converter=as_float)
    duration: Scalar = parameter("how long it takes", "time")
    begin: Scalar = parameter("when it begins", "time", default=0.0)

    def __check_init__(self):
        if not is_traced(self.duration) and not self.duration > 0:
            raise InputError(f"Ramp expected duration > 0. Received {self.duration!r}.")

    def __call__(self, t):
        """The value at t."""
        s = jnp.clip((t - self.begin) / self.duration, 0.0, 1.0)
        before = jnp.asarray(self.before)
        return before + (jnp.asarray(self.after) - before) * s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


class Sine(AbstractSignal):
    """mean + amplitude · sin(2πt/period + phase).

    **Raises:** `InputError` unless period > 0.
    """

    amplitude: Float[Array, "..."] = parameter("greatest distance from the mean", "driven", converter=as_float)
    period: Scalar = parameter("time of one oscillation", "time")
    mean: Float[Array, "..."] = parameter("mean value", "driven", converter=as_float, default=0.0)
    phase: Scalar = parameter("phase at t = 0, in radians", "1", default=0.0)

    def __check_init__(self):
        if not is_traced(self.period) and not self.period > 0:
            raise InputError(f"Sine expected period > 0. Received {self.period!r}.")

    def __call__(self, t):
        """The value at t."""
        wave = jnp.sin(2 * jnp.pi * t / self.period + self.phase)
        return jnp.asarray(self.mean) + jnp.asarray(self.amplitude) * wave


class Series(AbstractSignal):
    """A measured curve: the cubic spline through values at times, at rest before the first and after the last.

    **Arguments:** `times` (n,), increasing; `values` (n,), or (n, size) for several driven coordinates.

    **Raises:** `InputError` for fewer than two times, times that do not increase, values that do not fit them or are not finite.
    """

    times: Float[Array, " n"] = parameter("times, increasing", "time")
    values: Float[Array, "n ..."] = parameter("value at each time", "driven")
    slopes: Float[Array, "n ..."] = parameter("slope of the spline at each time, derived from the values")

    def __init__(self, times: ArrayLike | list | tuple, values: ArrayLike | list | tuple):
        self.times, self.values = _knots("Series", times, values)
        spline = CubicSpline(self.times, self.values, bc_type="clamped")
        self.slopes = np.asarray(spline(self.times, 1))

    def __call__(self, t):
        """The value at t."""
        times, values, slopes = map(jnp.asarray, (self.times, self.values, self.slopes))
        j = jnp.clip(jnp.searchsorted(times, t, side="right") - 1, 0, times.size - 2)
        step = times[j + 1] - times[j]
        s = (t - times[j]) / step  # not clipped: a clip has half the slope on its edges, which are the times given
        move = values[j + 1] - values[j]
        bow = (slopes[j] * step - move) * (1.0 - s) - (
            slopes[j + 1] * step - move
        ) * s  # Hermite's cubic about the chord
        cubic = values[j] + move * s + s * (1.0 - s) * bow
        return jnp.where(t < times[0], values[0], jnp.where(t > times[-1], values[-1], cubic))


class Polyline(AbstractSignal):
    """Straight lines from value to value, constant before the first time and after the last: an activation, or a load, that was measured.

    No prescribed length: its velocity jumps. For that there are `Series`, and protocols of ramps.

    **Arguments:** `times` (n,), increasing; `values` (n,), or (n, size) for several driven coordinates.

    **Raises:** `InputError` as `Series`.
    """

    times: Float[Array, " n"] = parameter("times, increasing", "time")
    values: Float[Array, "n ..."] = parameter("value at each time", "driven")

    def __init__(self, times: ArrayLike | list | tuple, values: ArrayLike | list | tuple):
        self.times, self.values = _knots("Polyline", times, values)

    def __call__(self, t):
        """The value at t."""
        times, values = jnp.asarray(self.times), jnp.asarray(self.values)
        j = jnp.clip(jnp.searchsorted(times, t, side="right") - 1, 0, times.size - 2)
        s = (t - times[j]) / (times[j + 1] - times[j])
        line = values[j] + (values[j + 1] - values[j]) * s
        return jnp.where(t < times[0], values[0], jnp.where(t > times[-1], values[-1], line))


def _knots(name: str, times: ArrayLike | list | tuple, values: ArrayLike | list | tuple) -> tuple[Array, Array]:
    """Times and values that make a curve."""
    times, values = np.asarray(times, float), np.asarray(values, float)
    n = times.shape
    if len(n) != 1 or n[0] < 2 or values.ndim not in (1, 2) or values.shape[:1] != n:
        raise InputError(
            f"{name} expected times (n,) with n ≥ 2 and values (n,) or (n, size). Received shapes {n} and {values.shape}."
        )
    if not (np.isfinite(times).all() and np.isfinite(values).all() and (np.diff(times) > 0).all()):
        raise InputError(f"{name} expected finite values at increasing times. Received others.")
    return times, values


TimeFunction = Callable[[Array], ArrayLike] | ArrayLike  # of t, or a constant


def at(function: TimeFunction | None, t: Array, size: int) -> Float[Array, " size"]:
    """A time function's value as a vector; None is zero."""
    if function is None:
        return jnp.zeros(size)
    value = function(t) if callable(function) else function
    return jnp.broadcast_to(jnp.asarray(value, float), (size,))


def rates(function: TimeFunction | None, t: Array, size: int) -> tuple[Array, Array, Array]:
    """Value, first and second time derivative, by automatic differentiation."""
    value = lambda t: at(function, t, size)
    first = lambda t: jax.jvp(value, (t,), (jnp.ones(()),))[1]
    velocity, acceleration = jax.jvp(first, (t,), (jnp.ones(()),))
    return value(t), velocity, acceleration


def check_function(owner: eqx.Module, name: str) -> None:
    """Raise `InputError` unless a field is a function of time or a constant."""
    value = getattr(owner, name)
    if callable(value) or is_traced(value):
        return
    try:
        good = np.asarray(value).dtype.kind in "iuf"
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InputError(
            f"{type(owner).__name__} expected {name} to be a number, an array of numbers or a function of time. Received {value!r:.80}."
        )


class AbstractDrive(eqx.Module):
    """How the tissue is driven."""

    load: eqx.AbstractVar[TimeFunction | None]  # ℓ(t)
    activation: eqx.AbstractVar[TimeFunction]  # r(t)

    def __check_init__(self):
        if self.load is not None:
            check_function(self, "load")
        check_function(self, "activation")


def _activation() -> Any:
    """The field of every drive; without cycling bridges it stays 1."""
    return parameter("r(t), activation of cycling bridges, from 0 to 1", "1", default=1.0)


class Free(AbstractDrive):
    """The equation of motion, under the external force `load` ℓ(t): a function of t or a signal, an array (ny,), or None."""

    load: TimeFunction | None = parameter("ℓ(t), external force", "energy/coordinate", default=None)
    activation: TimeFunction = _activation()


class Length(AbstractDrive):
    """Prescribed motion: `y(t)` gives the coordinates `dofs` (all if None); what it takes is `solution.reaction`.

    The function must be built from `jax.numpy`: velocity and acceleration are its derivatives. Coordinates that are not
    prescribed move freely under `load`.
    """

    y: TimeFunction = parameter("y(t) of the prescribed coordinates", "coordinate")
    dofs: tuple[int, ...] | None = parameter("which coordinates; all if left out", static=True, default=None)
    load: TimeFunction | None = parameter("ℓ(t), external force on the others", "energy/coordinate", default=None)
    activation: TimeFunction = _activation()

    def __check_init__(self):
        check_function(self, "y")

    def indices(self, ny: int) -> tuple[int, ...]:
        """The prescribed coordinates."""
        return tuple(range(ny)) if self.dofs is None else tuple(d % ny for d in self.dofs)


class QuasiStatic(AbstractDrive):
    """Equilibrium at every time under `load` ℓ(t), without inertia: pull(f) − ∇W₀ − Dẏ + ℓ = 0.

    Without damping the run starts at the equilibrium under ℓ(0) that is reached from the start by letting go slowly.
    """

    load: TimeFunction | None = parameter("ℓ(t), external force", "energy/coordinate", default=None)
    activation: TimeFunction = _activation()
