"""Weighted points on the constraint: particles, or quadrature nodes of μ^in carried by the flow.

Full rank makes each point a function of the tissue, X_i = ξ(q; c_i): the points are no state of the integrator, only labels c_i
with weights, and the constraint cannot drift (theory.md section 3). The remembered positions only start Newton's search.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import mechanics
from ..model.bridge import AbstractBridge
from ..numerics import chebyshev
from ..numerics.blocks import block_map, block_sum
from ..types import Array, Float
from .base import AbstractPopulation, Measure, pair_energy, pair_error, pair_forces

_PARTNERED = 100  # labels whose sums over partners are looked at, at most


class Labels(NamedTuple):
    """State of an `Ensemble`: where each search starts, the labels c_i = g(X_i^in, q^in), and the weights."""

    x: Any  # (N, nx)
    c: Any  # (N, nx)
    w: Any  # (N,); each is None in a tree of rates or updates, where it does not change


class Ensemble(AbstractPopulation):
    """Particles (`Reduced`) and characteristics (`Characteristics`) alike.

    With `grid` > 0 the points are a Chebyshev grid of that many nodes an axis, whose weights sum a large ensemble (`compress`); with
    `modes` > 0 all points are there, and their pairs are summed through a grid of that many modes an axis.
    """

    grid: int = eqx.field(static=True, default=0)
    modes: int = eqx.field(static=True, default=0)

    def start(
        self, bridge: AbstractBridge, x: Float[Array, "N nx"], w: Float[Array, " N"], q: Float[Array, " nq"]
    ) -> Labels:
        """Label the points x, which sit on their constraint at q."""
        return Labels(x, block_map(lambda x: bridge.constraint(x, q), x), w)

    def positions(self, bridge, z: Labels, q) -> Float[Array, "N nx"]:
        """X_i = ξ(q; c_i)."""
        return block_map(lambda point: mechanics.extension(bridge, point[1], q, point[0]), (z.x, z.c))

    def measure(self, bridge, z, q):
        """Every point."""
        return Measure(self.positions(bridge, z, q), z.w)

    def energies(self, bridge, z, q):
        """∫W₁dμ and ½∬V dμdμ, pairs as in `local`."""
        measure = self.measure(bridge, z, q)
        return measure.expect(bridge.energy), pair_energy(bridge, measure, self.modes)

    def transport(self, bridge, z, q, u):
        """Nothing moves: positions are recomputed from labels."""
        return Labels(None, None, None)

    def refresh(self, bridge, z, q):
        """Searches start from here next time."""
        return Labels(self.positions(bridge, z, q), None, None)

    def probes(self, z, bridge, q):
        """The remembered positions, at no cost."""
        return z.x

    def exactness(self, bridge, z, q, u):
        """max |g(X_i, q) − c_i|, and the relative error of the sums that a grid stands for (zero without one)."""
        x = self.positions(bridge, z, q)
        residual = jnp.max(
            block_map(lambda point: jnp.max(jnp.abs(bridge.constraint(point[0], q) - point[1])), (x, z.c))
        )
        measure = Measure(x, z.w)
        if not self.grid:
            return residual, pair_error(bridge, measure, self.modes)
        paired = bridge.interaction is not None
        pairs = pair_forces(bridge, measure) if paired else jnp.zeros_like(x)

        def summands(x, pair):
            phi, bias = mechanics.flow_and_bias(bridge, x, q, u)
            product, elastic = phi.T @ phi, jax.grad(bridge.energy)(x)
            force = phi.T @ (elastic - pair + bridge.mass * bias)
            scale = jnp.max(jnp.abs(product)), jnp.max(jnp.abs(force)) + bridge.mass * jnp.max(jnp.abs(product))
            return (product.ravel(), force, bridge.energy(x)[None]), (*scale, jnp.abs(bridge.energy(x)))

        values, scales = jax.vmap(summands)(x, pairs)
        errors = [
            chebyshev.tail(v, self.grid) / jnp.maximum(jnp.max(s), 1e-300) for v, s in zip(values, scales, strict=True)
        ]
        return residual, jnp.max(jnp.array([*errors, self._partners(bridge, x)] if paired else errors))

    def _partners(self, bridge, x):
        """The same error of the sums over partners, Σ_j w_j V(X_j − X_i) and its force, as a part of the greatest |V| and |∇V|."""
        some = x[:: -(-x.shape[0] // _PARTNERED)]
        both = jax.value_and_grad(bridge.interaction)

        def one(a):
            value, slope = jax.vmap(lambda b: both(b - a))(x)
            tails = chebyshev.tail(value[:, None], self.grid), chebyshev.tail(slope, self.grid)
            return jnp.array([*tails, jnp.max(jnp.abs(value)), jnp.max(jnp.abs(slope))])

        found = jnp.max(jax.lax.map(one, some), axis=0)
        return jnp.max(found[:2] / jnp.maximum(found[2:], 1e-300))

    def local(self, bridge, z, q, u):
        """M = m Σ w ΦᵀΦ and f = Σ w Φᵀ(F₁ + Σ_j w_j K − mΩ), one streaming pass (theory.md section 3)."""

        def terms(x, w, pair):
            phi, bias = mechanics.flow_and_bias(bridge, x, q, u)
            force = pair - jax.grad(bridge.energy)(x) - bridge.mass * bias
            return w * bridge.mass * phi.T @ phi, w * phi.T @ force

        if bridge.interaction is None:
            place = lambda point: terms(mechanics.extension(bridge, point.c, q, point.x), point.w, 0.0)
            mass, force = block_sum(place, z)
        else:
            measure = self.measure(bridge, z, q)
            pairs = pair_forces(bridge, measure, self.modes)
            mass, force = block_sum(lambda point: terms(*point), (measure.x, measure.w, pairs))
        return mass, force, Labels(None, None, None)


class Particles(NamedTuple):
    """Where every bridge started (P, N, nx), and its weight (P, N) if they are not all equal."""

    x: Array
    w: Array | None


def compress(
    x: Float[Array, "N nx"], w: Float[Array, " N"] | None, count: int
) -> tuple[Float[Array, "K nx"], Float[Array, " K"]]:
    """A Chebyshev grid of starting points, with weights, whose sums are those of the ensemble to `Ensemble.exactness`.

    Every function that the dynamics sum over bridges is smooth in where the bridge started, so a few dozen labels an axis
    stand for any number of bridges, and a step costs the same for 10³ and 10⁸ of them.
    """
    low, high = jnp.min(x, 0), jnp.max(x, 0)
    return chebyshev.grid(low, high, count), chebyshev.weights(x, w, low, high, count)
