"""What the bridges at every point do to the tissue while it makes one implicit step, and how that answers to where the step ends.

The population at a point is carried along the segment q₀ → q₁ of its kinematics. At equilibrium its force is that of `local` at the end; over a
step of motion it is

    f̄ = −D̄U − M(u₁ − u₀)/h,        u₁ = 2(q₁ − q₀)/h − u₀,

with D̄U·(q₁ − q₀) = U₁ − U₀ for the scheme that conserves energy (`numerics.discrete_gradient`), or the force half way. The bridges' velocity u is
a state of its own: their extensions are eliminated, but where they have a mass it is constant in these coordinates, M = m ∫ΦᵀΦ dμ, and so it is
never discretised as a function of q (theory.md section 12). That asks for Ω = 0, which `inertia_is_constant` looks at.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import macro, mechanics
from ..model import Model, Stacked
from ..numerics import discrete_gradient
from ..numerics.blocks import in_chunks
from ..population import AbstractPopulation, Ensemble
from ..types import Array, Float, PyTree

_PARTS = 2  # Runge–Kutta steps along a segment
_CLASSICAL = ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6))
CHUNK = 1024  # points at a time


class Pulls(NamedTuple):
    """Force of the bridges at each point, per head, and its derivative with respect to where the step ends, if that is asked for."""

    force: Float[Array, "P nq"]
    slope: Float[Array, "P nq nq"] | None


def carried(population: Any, bridge, z: PyTree, q0: Array, q1: Array) -> PyTree:
    """z after its point has gone from q₀ to q₁: Runge–Kutta along the segment, exact where the flow is affine."""
    step = q1 - q0
    rate = lambda z, s: population.transport(bridge, z, q0 + s * step, step)
    if not jax.tree.leaves(jax.eval_shape(rate, z, jnp.zeros(()))):
        return z  # labels do not move
    moved = lambda z, slope, by: eqx.apply_updates(z, jax.tree.map(lambda a: by * a, slope))
    length = 1.0 / _PARTS
    for k in range(_PARTS):
        slope, total = None, None
        for at, weight in _CLASSICAL:
            slope = rate(z if slope is None else moved(z, slope, at * length), (k + at) * length)
            part = jax.tree.map(lambda a, weight=weight: weight * a, slope)
            total = part if total is None else jax.tree.map(jnp.add, total, part)
        z = moved(z, total, length)
    return z


def over(model: Model, function, *arguments: PyTree) -> PyTree:
    """`macro.over_points`, some thousand points at a time: what each needs on the way then stays in the cache, and memory small."""
    count = jax.tree.leaves(arguments)[0].shape[0]
    if count <= CHUNK:
        return macro.over_points(model, function, *arguments)
    bridge = model.bridge
    stacked = bridge.each if isinstance(bridge, Stacked) else None
    one = lambda part: function(bridge if stacked is None else part[0], *part[1])
    return in_chunks(one, (stacked, arguments), CHUNK)


def elastic(population: AbstractPopulation, bridge, z: PyTree, q: Array) -> Array:
    """−∂U/∂q of one head, the population moving with it: the force without inertia.

    What `local` returns for bridges without mass; of labelled bridges without all that inertia asks for, Σ w Φᵀ F₁.
    """
    if isinstance(population, Ensemble) and bridge.interaction is None:
        measure = population.measure(bridge, z, q)
        return -measure.expect(lambda x: mechanics.flow(bridge, x, q).T @ jax.grad(bridge.energy)(x))
    massless = eqx.tree_at(lambda b: b.mass, bridge, jnp.zeros_like(jnp.asarray(bridge.mass, float)))
    return population.local(massless, z, q, jnp.zeros_like(q))[1]


@eqx.filter_jit
def equilibrium(
    model: Model, population: AbstractPopulation, z: PyTree, q0: Array, q1: Array, sloped: bool = False
) -> Pulls:
    """Forces at the end of the step, without inertia."""

    def point(bridge, z, q0, q1):
        force = lambda q: elastic(population, bridge, carried(population, bridge, z, q0, q), q)
        return _pulls(force, q1, sloped)

    return over(model, point, z, q0, q1)


@eqx.filter_jit
def motion(
    model: Model,
    population: AbstractPopulation,
    z: PyTree,
    mass: Float[Array, "P nq nq"],
    q0: Array,
    u0: Array,
    q1: Array,
    h: Array,
    conserving: bool,
    sloped: bool,
) -> Pulls:
    """Forces over a step of motion; without `conserving` those half way."""

    def point(bridge, z, mass, q0, u0, q1):
        def force(q1):
            half = 0.5 * (q0 + q1)
            pull = elastic(population, bridge, carried(population, bridge, z, q0, half), half)
            if conserving:
                stored = lambda z, q: jnp.sum(jnp.stack(population.energies(bridge, z, q)))
                after = stored(carried(population, bridge, z, q0, q1), q1)
                pull = -discrete_gradient.middle(-pull, stored(z, q0), after, q1 - q0)
            return pull - mass @ (2.0 * (q1 - q0) / h - 2.0 * u0) / h

        return _pulls(force, q1, sloped)

    return over(model, point, z, mass, q0, u0, q1)


def _pulls(force, q: Array, sloped: bool) -> Pulls:
    """A force and its Jacobian, by forward differentiation: loops on the way may be of any length."""
    if not sloped:
        return Pulls(force(q), None)
    return Pulls(*jax.vmap(lambda e: jax.jvp(force, (q,), (e,)), out_axes=(None, 1))(jnp.eye(q.size)))


@eqx.filter_jit
def arrive(model: Model, population: AbstractPopulation, z: PyTree, q0: Array, q1: Array) -> PyTree:
    """Populations at the end of an accepted step."""

    def point(bridge, z, q0, q1):
        z, _ = population.admissible(carried(population, bridge, z, q0, q1), jnp.inf)
        return eqx.combine(population.refresh(bridge, z, q1), z)

    return over(model, point, z, q0, q1)


@eqx.filter_jit
def books(model: Model, population: AbstractPopulation, z: PyTree, q: Array, u: Array, mass: Array) -> Array:
    """½uᵀMu, ∫W₁dμ and ½∬V dμdμ, summed over all heads, (3,)."""

    def point(bridge, z, q, u, mass):
        return jnp.stack([0.5 * u @ mass @ u, *population.energies(bridge, z, q)])

    return model.tissue.heads @ over(model, point, z, q, u, mass)


@eqx.filter_jit
def masses(model: Model, population: AbstractPopulation, z: PyTree, q: Array) -> Float[Array, "P nq nq"]:
    """M at every point, per head."""
    return over(model, lambda bridge, z, q: population.inertia(bridge, z, q), z, q)


@eqx.filter_jit
def inertia_is_constant(model: Model, population: AbstractPopulation, z: PyTree, q: Array) -> Array:
    """Whether Ω = 0 at what a few of the points represent, in directions without symmetry."""
    some = np.unique(np.linspace(0, q.shape[0] - 1, 8).round().astype(int))
    pick = lambda tree: jax.tree.map(lambda a: a[some], tree)
    u = np.random.default_rng(0).normal(size=q.shape[1])

    def point(bridge, z, q):
        x = population.measure(bridge, z, q).x[:: max(1, population.measure(bridge, z, q).x.shape[0] // 8)]
        phi, bias = jax.vmap(lambda x: mechanics.flow_and_bias(bridge, x, q, jnp.asarray(u)))(x)
        return jnp.max(jnp.abs(bias)), jnp.max(jnp.abs(phi))

    bridge = model.bridge
    stacked = isinstance(bridge, Stacked)
    thinned = eqx.tree_at(lambda m: m.bridge.each, model, pick(bridge.each)) if stacked else model
    bias, phi = macro.over_points(thinned, point, pick(z), q[some])
    return jnp.max(bias) <= 1e-9 * jnp.max(phi)
