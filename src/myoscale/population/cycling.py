"""What representations of cycling bridges share (theory.md section 8).

Cycling asks for k = nx = 1 and Φ independent of x: all heads move together, X = l + S(q), with labels l that change only when heads
attach, detach or wrap. While tissue moves nothing else does; attachment and detachment are the finite step `exchange`.
"""

import abc
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import mechanics
from ..model import AbstractCycling, AbstractLaw
from ..model.bridge import AbstractBridge
from ..numerics.sums import total
from ..types import Array, Float, PyTree
from .base import AbstractPopulation, Measure, pair_energy, pair_forces
from .kept import Attached


class Flux(NamedTuple):
    """What one `exchange` did to a head at the point on average, gross: both directions are counted, not their difference."""

    attached: Array  # attachments per head
    detached: Array  # detachments per head
    energy_in: Array  # put into the bridges by transitions that raise their energy
    energy_out: Array  # taken out by those that lower it
    atp: Array  # molecules split per head
    lost: Array  # attached heads per head that left the window, counted as detached


class AbstractCyclingPopulation(AbstractPopulation):
    """A representation of bridges that attach and detach; its state z has the fields `c` and `s` of the common shift."""

    kept: eqx.AbstractClassVar[Any]  # the named tuple that `summary` returns

    @abc.abstractmethod
    def start(self, bridge: AbstractBridge, q: Float[Array, " nq"], law: AbstractLaw | None, share: Array, *key: Array):
        """Everything detached, or the `share` of heads attached with a law of extension."""

    @abc.abstractmethod
    def attached(self, bridge: AbstractBridge, z: PyTree) -> tuple[Float[Array, " K"], Float[Array, "A K"]]:
        """Labels, and the share of heads attached there in each attached state."""

    @abc.abstractmethod
    def exchange(
        self,
        bridge: AbstractBridge,
        z: PyTree,
        q: Float[Array, " nq"],
        u: Float[Array, " nq"],
        dt: Array,
        r: Array,
        key: Array | None,
    ) -> tuple[PyTree, Flux]:
        """Attach and detach for dt at the activation r, rates integrated along the path q ± u dt/2."""

    @abc.abstractmethod
    def summary(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> PyTree:
        """What is kept of z at a saved time, a `kept`."""

    @abc.abstractmethod
    def cells(self, bridge: AbstractBridge, kept: PyTree) -> Attached:
        """What is kept, as the share of heads attached in cells: what results show, compare and draw."""

    def bins(self, share: float) -> int | None:
        """How many bins show that share of heads and not chance alone; None where there is no chance in it."""
        return None

    def closure_error(self, z: PyTree) -> Array | None:
        """Of a closure, the error of its force so far, as it sees it itself (1 is the isometric force); None of what closes nothing."""
        return None

    def shift(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> Float[Array, ""]:
        """S(q), by which every label has moved since the start."""
        return mechanics.extension(bridge, z.c, q, z.s)[0]

    def velocity(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"], u: Float[Array, " nq"]) -> Array:
        """Ẋ = Φu, the same for every head."""
        return mechanics.flow(bridge, self.shift(bridge, z, q)[None], q)[0] @ u

    def measure(self, bridge, z, q):
        """Attached heads."""
        labels, w = self.attached(bridge, z)
        x = jnp.broadcast_to(labels + self.shift(bridge, z, q), w.shape).reshape(-1, 1)
        return Measure(x, w.ravel())

    def inertia(self, bridge, z, q):
        """All heads have the same Φ."""
        return total(self.attached(bridge, z)[1]) * self.unit_inertia(bridge, z, q)

    def energies(self, bridge, z, q):
        """Each state has an energy of its own."""
        labels, w = self.attached(bridge, z)
        x = labels + self.shift(bridge, z, q)
        elastic = sum(total(w[a] * jax.vmap(energy)(x)) for a, energy in enumerate(held(bridge)))
        return elastic, pair_energy(bridge, self.measure(bridge, z, q))

    def unit_inertia(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> Float[Array, "nq nq"]:
        """m ΦᵀΦ, of one head."""
        phi = mechanics.flow(bridge, self.shift(bridge, z, q)[None], q)
        return bridge.mass * phi.T @ phi

    def transport(self, bridge, z, q, u):
        """Nothing moves but the common shift."""
        return jax.tree.map(lambda _: None, z)

    def refresh(self, bridge, z, q):
        """The search for S(q) starts from here next time."""
        return jax.tree.map(lambda _: None, z)._replace(s=self.shift(bridge, z, q)[None])

    def probes(self, z, bridge, q):
        """One extension: Φ is the same at all."""
        return z.s[None]

    def local(self, bridge, z, q, u):
        """M = m ∫dμ ΦᵀΦ and f = Φᵀ(∫F₁dμ − mΩ ∫dμ): one sum over attached heads."""
        labels, w = self.attached(bridge, z)
        x = labels + self.shift(bridge, z, q)
        force = -sum(total(w[a] * jax.vmap(jax.grad(energy))(x)) for a, energy in enumerate(held(bridge)))
        if bridge.interaction is not None:
            measure = self.measure(bridge, z, q)
            force = force + jnp.sum(measure.w * pair_forces(bridge, measure)[:, 0])
        phi, bias = mechanics.flow_and_bias(bridge, x[:1], q, u)
        mass = bridge.mass * total(w)
        return mass * phi.T @ phi, phi[0] * (force - mass * bias[0]), self.transport(bridge, z, q, u)


def held(bridge: AbstractBridge) -> list:
    """The energies of extension, one for each attached state: one by one."""
    scheme = bridge.cycling
    return [lambda x, a=a: scheme.energies(bridge, x)[a] for a in range(scheme.detached, scheme.states)]


def period(x: Array, spacing: Array) -> Array:
    """x modulo ℓ_b, in [−ℓ_b/2, ℓ_b/2)."""
    return x - spacing * jnp.floor(x / spacing + 0.5)


def atp_matrix(scheme: AbstractCycling) -> np.ndarray:
    """Molecules split by each transition."""
    matrix = np.zeros((scheme.states, scheme.states))
    for (i, j), number in scheme.atp.items():
        matrix[i, j] = number
    return matrix
