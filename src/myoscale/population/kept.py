"""Attached heads as they are kept at a saved time: shares in cells, whatever represented them while they moved.

Every cycling population says what it keeps (`summary`, of the type `kept`) and how that reads as `Attached` cells (`cells`); the rest of
what a result shows of bridges that attach and detach follows from here: moments, stiffness, inertia.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .. import mechanics
from ..model import AbstractBridge
from ..types import Array, Float


class Attached(NamedTuple):
    """Cells of extension, where in each the heads are taken to be, and the share of heads in each attached state and cell."""

    edges: Float[Array, " B"]
    x: Float[Array, " C"]
    mass: Float[Array, "A C"]
    mean: Array  # of what is attached, NaN where nothing is
    variance: Array


def attached(edges: Float[Array, " B"], x: Float[Array, " C"], mass: Float[Array, "A C"]) -> Attached:
    """Cells with the moments of their points."""
    share = jnp.sum(mass, axis=0)
    total = jnp.sum(share)
    some = total > 0
    share = share / jnp.where(some, total, 1.0)
    mean = share @ x
    empty = lambda value: jnp.where(some, value, jnp.nan)
    return Attached(edges, x, mass, empty(mean), empty(share @ (x - mean) ** 2))


def stiffness(bridge: AbstractBridge, now: Attached, q: Float[Array, " nq"]) -> Float[Array, "nq nq"]:
    """−∂f/∂q of one head, attached heads carried along. Pairs of bridges, whose distances stay, add nothing to the sum."""
    phi, scheme = _flow(bridge, now, q), bridge.cycling
    slope = jax.jacfwd(lambda x: scheme.energies(bridge, x)[scheme.detached :])

    def force(step):
        x = now.x + phi[0] @ step
        return -jnp.sum(now.mass * jax.vmap(slope)(x).T) * _flow(bridge, now, q + step)[0]

    return -jax.jacfwd(force)(jnp.zeros_like(q))


def kinetic(bridge: AbstractBridge, now: Attached, q: Float[Array, " nq"], u: Float[Array, " nq"]) -> Float[Array, ""]:
    """½ m ẋ² of what is attached, per head."""
    velocity = _flow(bridge, now, q)[0] @ u
    return 0.5 * bridge.mass * jnp.sum(now.mass) * velocity**2


def _flow(bridge: AbstractBridge, now: Attached, q: Float[Array, " nq"]) -> Float[Array, "1 nq"]:
    """Φ, the same at all extensions."""
    return mechanics.flow(bridge, now.x[:1], q)
