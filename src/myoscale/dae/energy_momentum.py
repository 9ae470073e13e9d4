"""A discrete-gradient method for bridges tied to the tissue: energy and both constraints to rounding, symmetric, order 2.

With v̄ = (v₀ + v₁)/2 for all velocities together, J = (g_x, g_y), J̄ and F̄ the discrete derivatives of g and of −U (Gonzalez 1996, 1999):

    z₁ = z₀ + h v̄ + M⁻¹J̄ᵀη,         g(z₁) = c
    M v₁ = M v₀ + h(F̄ − Dv̄ + ℓ̄) + J̄ᵀΛ + σ M v̄,     J₁v₁ = 0

Gonzalez's scheme is that without η and σ; it keeps g(z) = c but not J v = 0. The multiplier η of order h³ makes room for both constraints, at
the price of the work F̄·M⁻¹J̄ᵀη that is not paid for; the number σ, of order h³ and bounded where the tissue turns because
J̄v̄ and η vanish there faster than v̄ᵀMv̄, pays it. Without load and damping ½vᵀMv + U is then conserved exactly.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .. import macro
from ..drive import at
from ..macro import Motion
from ..numerics import arrow, discrete_gradient, small
from ..types import Array, Float
from .rattle import Step, together, turned
from .system import System, Tangent, Ties, forces, geometry, iterate, masses, per_mass, tangent, tissue_force, weighted

SETTLED = 1e-15  # the iteration stops where it changes velocities by less than this part of them,
STALLS = 3  # or so many times no longer by less than half as much as before: rounding,
SOLVED = 1e-7  # if that is below this; rounding of positions is a large part of velocities where the tissue turns
ITERATIONS = 60
_WITH_DERIVATIVES = 20


class _Means(NamedTuple):
    """Discrete derivatives between the start of a step and an iterate of its end, and the derivatives there."""

    A: Float[Array, "P N k nx"]
    B: Float[Array, "P N k nq"]
    f: Float[Array, "P N nx"]
    end: Tangent


class _Iterate(NamedTuple):
    y: Array
    v: Array
    x: Array
    V: Array
    means: _Means
    sigma: Array
    change: Array
    best: Array
    stalls: Array
    count: Array


def step(system: System, kept: arrow.Kept, t: Float[Array, ""], motion: Motion, h: Float[Array, ""]) -> Step:
    """One step of length h, which may be negative."""
    model, ties = system.model, motion.z
    mass, damping = jnp.asarray(model.tissue.mass_matrix), macro.damping_matrix(model)
    heads, m = model.tissue.heads, masses(model, system.w.shape[0])
    weight = heads[:, None] * system.w
    q0 = model.tissue.kinematics(motion.y)
    load = at(system.drive.load, t + h / 2, motion.y.size)
    largest = lambda a: jnp.max(jnp.abs(a))
    # Velocities are measured in what forces change of them in a step, too: they vanish where the tissue turns.
    slow = largest(motion.v) + jnp.abs(h) * largest(small.solve(mass, tissue_force(system, t, motion.y)))
    slow_bridges = largest(ties.v) + jnp.abs(h) * largest(per_mass(model, ties.f))

    def means(y, x) -> _Means:
        q1 = model.tissue.kinematics(y)
        return _Means(
            *_mean_constraints(model, ties.x, x, q0, q1), _mean_forces(system, ties.x, x), tangent(system, x, q1)
        )

    def improve(now: _Iterate) -> _Iterate:
        v, V = (motion.v + now.v) / 2, (ties.v + now.V) / 2
        A, B, f, end = now.means
        _, q1_y = geometry(model, now.y)
        q_y = _mean_geometry(model, motion.y, now.y)
        F = -discrete_gradient.gradient(model.tissue.energy, motion.y, now.y)
        blocks = arrow.Blocks(weighted(system, B), end.B, jnp.einsum("pnix,pnjx->pnij", end.A, A))

        def solve(b, free, r):
            """a and κ with M a − Σ B̄ᵀκ = b and A₁(free + Āᵀκ) + B₁q₁′a = −r."""
            e = -jnp.einsum("pnkx,pnx->pnk", end.A, free) - r
            solved = arrow.eliminate(mass, b, q_y, q1_y, blocks, e, kept)
            return solved.a, solved.unknowns(jnp.einsum("pia,a->pi", q1_y, solved.a))

        loose = ties.v + h * per_mass(model, f) + now.sigma * V
        b = mass @ (motion.v + now.sigma * v) + h * (F - damping @ v + load)
        ended, impulse = solve(b, loose, jnp.zeros(end.r.shape))
        ended_V = loose + jnp.einsum("pnkx,pnk->pnx", A, impulse)
        v, V = (motion.v + ended) / 2, (ties.v + ended_V) / 2
        there = ties.x + h * V
        far, eta = solve(mass @ (motion.y + h * v - now.y), there - now.x, end.r)
        y, x = now.y + far, there + jnp.einsum("pnkx,pnk->pnx", A, eta)

        # Work that the impulses do along v̄, less what moving by η takes from F̄: σ has to pay it.
        along = jnp.einsum("pnkx,pnx->pnk", A, V) + jnp.einsum("pnkj,pja,a->pnk", B, q_y, v)
        done = jnp.einsum("p,pn,pnk->", m, weight, impulse * along)
        paid = F @ (y - motion.y - h * v) + jnp.einsum("pn,pnx->", weight, f * (x - there))
        twice = v @ mass @ v + jnp.einsum("p,pn,pnx->", m, weight, V**2)
        sigma = jnp.where(twice > 0, (paid - done) / jnp.where(twice > 0, twice, 1.0), 0.0)
        change = jnp.maximum(
            largest(ended - now.v) / (slow + largest(ended)),
            largest(ended_V - now.V) / (slow_bridges + largest(ended_V)),
        )
        stalls = now.stalls + ((change > 0.5 * now.best) & (now.count > 2))
        best = jnp.minimum(change, now.best)
        return _Iterate(y, ended, x, ended_V, means(y, x), sigma, change, best, stalls, now.count + 1)

    going = lambda now: (now.change > SETTLED) & (now.stalls < STALLS) & (now.count < ITERATIONS)
    zero, count = jnp.zeros(()), jnp.zeros((), int)
    y, x = motion.y + h * motion.v, ties.x + h * ties.v
    far = jnp.asarray(jnp.inf)
    first = _Iterate(y, motion.v, x, ties.v, means(y, x), zero, far, far, count, count)
    found = iterate(system, going, improve, first, _WITH_DERIVATIVES)
    middle, (_, A, B) = (motion.v + found.v) / 2, found.means.end
    result = Motion(
        y=found.y,
        v=found.v,
        z=Ties(found.x, found.V, forces(system, found.x), A, B, ties.guess),
        load=motion.load + h * middle @ load,
        damping=motion.damping - h * middle @ damping @ middle,
    )
    _, q1_y = geometry(model, found.y)
    return Step(result, found.best <= SOLVED, together(turned(ties.A, A), result.z, q1_y, kept))


def _mean_geometry(model, a, b) -> Float[Array, "P nq ny"]:
    points, nq = jax.eval_shape(model.tissue.kinematics, a).shape
    flat = lambda y: model.tissue.kinematics(y).ravel()
    return discrete_gradient.derivative(flat, a, b).reshape(points, nq, -1)


def _mean_constraints(model, x0, x1, q0, q1) -> tuple[Float[Array, "P N k nx"], Float[Array, "P N k nq"]]:
    nx = x0.shape[-1]

    def point(bridge, x0, x1, q0, q1):
        g = lambda z: bridge.constraint(z[:nx], z[nx:])
        one = lambda a, b: discrete_gradient.derivative(g, jnp.concatenate([a, q0]), jnp.concatenate([b, q1]))
        return jax.vmap(one)(x0, x1)

    both = macro.over_points(model, point, x0, x1, q0, q1)
    return both[..., :nx], both[..., nx:]


def _mean_forces(system, x0, x1) -> Float[Array, "P N nx"]:
    def point(bridge, x0, x1, w):
        force = -jax.vmap(lambda a, b: discrete_gradient.gradient(bridge.energy, a, b))(x0, x1)
        if bridge.interaction is None:
            return force
        pair = lambda a, b, other, w: w * discrete_gradient.gradient(bridge.interaction, other[0] - a, other[1] - b)
        total = lambda a, b: jnp.sum(jax.vmap(lambda c, d, w: pair(a, b, (c, d), w))(x0, x1, w), axis=0)
        return force + jax.lax.map(lambda ends: total(*ends), (x0, x1), batch_size=64)

    return macro.over_points(system.model, point, x0, x1, system.w)
