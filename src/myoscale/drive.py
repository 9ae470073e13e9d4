"""What is done to the muscle: nothing or a load (`Free`), a prescribed motion (`Length`), or a load so slow that inertia is absent
(`QuasiStatic`). Times functions live here and nowhere else.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from .types import Array, ArrayLike, Float

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


class AbstractDrive(eqx.Module):
    """How the tissue is driven."""

    load: eqx.AbstractVar[TimeFunction | None]  # ℓ(t)


class Free(AbstractDrive):
    """The equation of motion, under the external force `load` ℓ(t): a function of t, an array (ny,), or None."""

    load: TimeFunction | None = None


class Length(AbstractDrive):
    """Prescribed motion: `y(t)` gives the coordinates `dofs` (all if None); what it takes is `solution.reaction`.

    The function must be built from `jax.numpy`: velocity and acceleration are its derivatives. Coordinates that are not
    prescribed move freely under `load`.
    """

    y: TimeFunction
    dofs: tuple[int, ...] | None = eqx.field(static=True, default=None)
    load: TimeFunction | None = None

    def indices(self, ny: int) -> tuple[int, ...]:
        """The prescribed coordinates."""
        return tuple(range(ny)) if self.dofs is None else tuple(d % ny for d in self.dofs)


class QuasiStatic(AbstractDrive):
    """Equilibrium at every time under `load` ℓ(t), without inertia: pull(f) − ∇W₀ − Dẏ + ℓ = 0.

    Without damping the run starts at the equilibrium under ℓ(0) that is reached from the start by letting go slowly.
    """

    load: TimeFunction | None = None
