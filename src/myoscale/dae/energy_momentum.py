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
from ..numerics import arrow, discrete_gradient
from ..types import Array, Float
from .rattle import Step, together
from .system import System, forces, geometry, iterate, masses, per_mass, tangent, tissue_force, weighted

SETTLED = 1e-15  # the iteration stops where it changes velocities by less than this part of them,
STALLS = 3  # or so many times no longer by less than half as much as before: rounding,
SOLVED = 1e-7  # if that is below this; rounding of positions is a large part of velocities where the tissue turns
ITERATIONS = 60
_WITH_DERIVATIVES = 20


class _Iterate(NamedTuple):
    y: Array
    v: Array
    x: Array
    V: Array
    sigma: Array
    change: Array
    best: Array
    stalls: Array
    count: Array


def step(system: System, kept: arrow.Kept, t: Float[Array, ""], motion: Motion, h: Float[Array, ""]) -> Step:
    """One step of length h, which may be negative."""
    model, drive, ties = system.model, system.drive, motion.z
    mass, damping = jnp.asarray(model.tissue.mass_matrix), macro.damping_matrix(model)
    heads, m = model.tissue.heads, masses(model, ties.w.shape[0])
    q0 = model.tissue.kinematics(motion.y)
    load = at(drive.load, t + h / 2, motion.y.size)
    largest = lambda a: jnp.max(jnp.abs(a))
    # Speeds, and where the tissue turns what a step changes of them.
    push = largest(jnp.linalg.solve(mass, tissue_force(system, t, motion.y)))
    speeds = largest(motion.v) + jnp.abs(h) * push, largest(ties.v)
    weight = heads[:, None] * ties.w

    def improve(now: _Iterate) -> _Iterate:
        v, V = (motion.v + now.v) / 2, (ties.v + now.V) / 2
        q1, q1_y = geometry(model, now.y)
        q_y = _mean_geometry(model, motion.y, now.y)
        end = tangent(model, now.x, q1, ties.c)
        A, B = _mean_constraints(model, ties.x, now.x, q0, q1)
        left = weighted(model, ties.w, B)
        f = _mean_forces(model, ties.x, now.x, ties.w)
        F = -discrete_gradient.gradient(model.tissue.energy, motion.y, now.y)
        blocks = arrow.Blocks(left, end.B, jnp.einsum("pnix,pnjx->pnij", end.A, A))

        def solve(b, free):
            """a and κ with M a − Σ B̄ᵀκ = b and A₁(free + Āᵀκ) + B₁q₁′a = −r."""
            e = -jnp.einsum("pnkx,pnx->pnk", end.A, free[0]) - free[1]
            solved = arrow.eliminate(mass, b, q_y, q1_y, blocks, e, kept)
            return solved.a, solved.unknowns(jnp.einsum("pia,a->pi", q1_y, solved.a))

        loose = ties.v + h * per_mass(model, f) + now.sigma * V
        b = mass @ (motion.v + now.sigma * v) + h * (F - damping @ v + load)
        ended, impulse = solve(b, (loose, jnp.zeros_like(end.r)))
        ended_V = loose + jnp.einsum("pnkx,pnk->pnx", A, impulse)
        v, V = (motion.v + ended) / 2, (ties.v + ended_V) / 2

        there = ties.x + h * V
        far, eta = solve(mass @ (motion.y + h * v - now.y), (there - now.x, end.r))
        y, x = now.y + far, there + jnp.einsum("pnkx,pnk->pnx", A, eta)

        # Work that the impulses do along v̄, less what moving by η takes from F̄: σ has to pay it.
        along = jnp.einsum("pnkx,pnx->pnk", A, V) + jnp.einsum("pnkj,pja,a->pnk", B, q_y, v)
        done = jnp.einsum("p,pn,pnk->", m, weight, impulse * along)
        paid = F @ (y - motion.y - h * v) + jnp.einsum("pn,pnx->", weight, f * (x - there))
        twice = v @ mass @ v + jnp.einsum("p,pn,pnx->", m, weight, V**2)
        sigma = jnp.where(twice > 0, (paid - done) / jnp.where(twice > 0, twice, 1.0), 0.0)
        of_tissue = largest(ended - now.v) / (speeds[0] + largest(ended))
        of_bridges = largest(ended_V - now.V) / (
            speeds[1] + largest(ended_V) + jnp.abs(h) * largest(per_mass(model, f))
        )
        change = jnp.maximum(of_tissue, of_bridges)
        return _Iterate(
            y,
            ended,
            x,
            ended_V,
            sigma,
            change,
            jnp.minimum(change, now.best),
            now.stalls + ((change > 0.5 * now.best) & (now.count > 2)),
            now.count + 1,
        )

    def going(now: _Iterate):
        return (now.change > SETTLED) & (now.stalls < STALLS) & (now.count < ITERATIONS)

    first = _Iterate(
        y=motion.y + h * motion.v,
        v=motion.v,
        x=ties.x + h * ties.v,
        V=ties.v,
        sigma=jnp.zeros(()),
        change=jnp.asarray(jnp.inf),
        best=jnp.asarray(jnp.inf),
        stalls=jnp.zeros((), int),
        count=jnp.zeros((), int),
    )
    found = iterate(system, going, improve, first, _WITH_DERIVATIVES)
    middle = (motion.v + found.v) / 2
    result = Motion(
        y=found.y,
        v=found.v,
        z=ties._replace(x=found.x, v=found.V, f=forces(model, found.x, ties.w)),
        load=motion.load + h * middle @ load,
        damping=motion.damping - h * middle @ damping @ middle,
    )
    q1, q1_y = geometry(model, found.y)
    begun, ended = tangent(model, ties.x, q0, ties.c), tangent(model, found.x, q1, ties.c)
    return Step(result, found.best <= SOLVED, together(begun, ended, q1_y, kept))


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


def _mean_forces(model, x0, x1, w) -> Float[Array, "P N nx"]:
    def point(bridge, x0, x1, w):
        force = -jax.vmap(lambda a, b: discrete_gradient.gradient(bridge.energy, a, b))(x0, x1)
        if bridge.interaction is None:
            return force
        pair = lambda a, b, other, w: w * discrete_gradient.gradient(bridge.interaction, other[0] - a, other[1] - b)
        total = lambda a, b: jnp.sum(jax.vmap(lambda c, d, w: pair(a, b, (c, d), w))(x0, x1, w), axis=0)
        return force + jax.lax.map(lambda ends: total(*ends), (x0, x1), batch_size=64)

    return macro.over_points(model, point, x0, x1, w)
