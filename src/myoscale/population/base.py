"""The population of bridges at one point of the tissue, and the one equation that every representation obeys.

Everything that the tissue needs from its bridges is an expectation over a measure μ. A representation of μ says how to start, what
measure its state z stands for, and how z moves when the local kinematics q move at the rate u: ż = T(z, q)[u], homogeneous of degree 1
in u. With U = ∫W₁dμ + ½∬V dμdμ, M = m∫ΦᵀΦ dμ and L = ½uᵀMu − U the bridges' equation of motion at the point is

    M q̈ = ∂_q L + (∂ż/∂u)ᵀ ∂_z L − Ṁ u                                                        (theory.md section 5)

It conserves ½uᵀMu + U whatever the numerical flux or closure, because its force is the adjoint of its transport.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import mechanics
from ..model.bridge import AbstractBridge
from ..numerics import pairs
from ..numerics.blocks import block_total
from ..types import Array, Float, PyTree, Scalar


class Measure(eqx.Module):
    """Weighted points that stand for μ in expectations: x (K, nx) and w (K,)."""

    x: Float[Array, "K nx"]
    w: Float[Array, " K"]

    def expect(self, function) -> Array:
        """∫ function dμ; the sum is a product with ones, which many points at once take a tenth of the time for (`numerics.sums`)."""
        weighted = lambda part: jax.vmap(lambda x, w: w * function(x))(*part)
        return block_total(lambda part: jnp.tensordot(np.ones(part[1].size), weighted(part), 1), (self.x, self.w))

    @property
    def mean(self) -> Float[Array, " nx"]:
        """∫ x dμ."""
        return self.w @ self.x

    @property
    def covariance(self) -> Float[Array, "nx nx"]:
        """∫ (x − mean)(x − mean)ᵀ dμ."""
        mean = self.mean
        return self.expect(lambda x: jnp.outer(x - mean, x - mean))


class AbstractPopulation(eqx.Module):
    """A representation of μ at one point. Its methods are pure; the state z is a pytree."""

    @abc.abstractmethod
    def measure(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> Measure:
        """The weighted points behind expectations over μ."""

    @abc.abstractmethod
    def transport(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"], u: Float[Array, " nq"]) -> PyTree:
        """ż under the rate u, with None for each leaf of z that does not move."""

    def inertia(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> Float[Array, "nq nq"]:
        """M = m ∫ΦᵀΦ dμ."""

        def product(x):
            phi = mechanics.flow(bridge, x, q)
            return phi.T @ phi

        return bridge.mass * self.measure(bridge, z, q).expect(product)

    def energies(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> tuple[Array, Array]:
        """∫W₁dμ and ½∬V dμdμ."""
        measure = self.measure(bridge, z, q)
        return measure.expect(bridge.energy), pair_energy(bridge, measure)

    def local(
        self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"], u: Float[Array, " nq"]
    ) -> tuple[Float[Array, "nq nq"], Float[Array, " nq"], PyTree]:
        """M, f and ż of M q̈ = f; a representation may replace it by a faster equal."""
        return local(self, bridge, z, q, u)

    def refresh(self, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> PyTree:
        """What z remembers only to start a search from, brought to q; None for each other leaf."""
        return jax.tree.map(lambda _: None, z)

    def admissible(self, z: PyTree, slack: Scalar) -> tuple[PyTree, Array]:
        """z without rounding's violations of its bounds, and whether they were within `slack`."""
        return z, jnp.array(True)

    def probes(self, z: PyTree, bridge: AbstractBridge, q: Float[Array, " nq"]) -> Float[Array, "K nx"]:
        """The extensions at which the representation needs the constraint to have full rank."""
        return self.measure(bridge, z, q).x


def pair_energy(bridge: AbstractBridge, measure: Measure, modes: int = 0) -> Float[Array, ""]:
    """½ Σ_i Σ_j w_i w_j V(X_j − X_i), i = j included; through a grid of `modes` an axis if not 0."""
    if bridge.interaction is None:
        return jnp.zeros(())
    return pairs.energy(bridge.interaction, measure.x, measure.w, modes)


def pair_forces(bridge: AbstractBridge, measure: Measure, modes: int = 0) -> Float[Array, "K nx"]:
    """Σ_j w_j K(X_j, X_i) for every i, K(x′, x) = −∇_x V(x′ − x)."""
    assert bridge.interaction is not None
    return pairs.forces(bridge.interaction, measure.x, measure.w, modes)


def pair_error(bridge: AbstractBridge, measure: Measure, modes: int) -> Float[Array, ""]:
    """The error bound of `pair_energy` and `pair_forces` with so many modes, relative; zero if they are exact."""
    if bridge.interaction is None or not modes:
        return jnp.zeros(())
    return pairs.bound(bridge.interaction, pairs.box(measure.x)[1], modes)


def local(
    population: AbstractPopulation,
    bridge: AbstractBridge,
    z: PyTree,
    q: Float[Array, " nq"],
    u: Float[Array, " nq"],
) -> tuple[Float[Array, "nq nq"], Float[Array, " nq"], PyTree]:
    """M, f and ż of M q̈ = f at one point: the physics, for every representation (see the module)."""

    def lagrangian(z, q):
        mass, energy = population.inertia(bridge, z, q), sum(population.energies(bridge, z, q))
        return 0.5 * u @ mass @ u - energy

    moving, still = eqx.partition(z, moves(population, bridge, z, q))
    whole = lambda part: eqx.combine(part, still)
    zdot, pull = jax.vjp(lambda u: population.transport(bridge, z, q, u), u)
    by_z, by_q = jax.grad(lambda part, q: lagrangian(whole(part), q), (0, 1))(moving, q)
    mass, mass_rate = jax.jvp(lambda part, q: population.inertia(bridge, whole(part), q), (moving, q), (zdot, u))
    return mass, by_q + pull(by_z)[0] - mass_rate @ u, zdot


def moves(population: AbstractPopulation, bridge: AbstractBridge, z: PyTree, q: Float[Array, " nq"]) -> PyTree:
    """A tree like z: whether transport moves the leaf."""
    rate = jax.eval_shape(lambda: population.transport(bridge, z, q, jnp.zeros_like(q)))
    return jax.tree.map(lambda r, leaf: r is not None, rate, z, is_leaf=lambda r: r is None)
