"""RATTLE for bridges tied to the tissue: symplectic, symmetric, order 2, both constraints to rounding after every step.

    M₀v½ = M₀v₀ + h/2 (F₀ − Dv½ + Σ Bᵀ₀λ),  V½ = V₀ + h/2m (f₀ + Aᵀ₀λ),  y₁ = y₀ + hv½,  X₁ = X₀ + hV½,  g(X₁, y₁) = c
    M₀v₁ = M₀v½ + h/2 (F₁ − Dv½ + Σ Bᵀ₁μ),  V₁ = V½ + h/2m (f₁ + Aᵀ₁μ),  A₁V₁ + B₁v₁ = 0

Newton's method iterates v½ alone; each λ is eliminated in its own block (Andersen 1983; Hairer, Lubich, Wanner, Geometric Numerical
Integration, VII.1.4, for the symmetry and order of the scheme).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from .. import macro
from ..drive import at
from ..macro import Motion
from ..numerics import arrow, small
from ..types import Array, Float
from .system import (
    System,
    Tangent,
    forces,
    geometry,
    held,
    iterate,
    massless_pull,
    per_mass,
    prescribed,
    pull,
    tangent,
    tissue_force,
    weighted,
)

SETTLED = (
    1e-8  # Newton's method stops where residuals came in below this part of the scale of g: they leave at rounding
)
ITERATIONS = 12
_WITH_DERIVATIVES = 5
DEPENDENT = (
    1e-8  # rows of bridges that lose rank together are dependent below this determinant of their unit vectors' products
)


class Step(NamedTuple):
    """Where a step led, and whether that can be trusted."""

    motion: Motion
    solved: Array  # the inner iteration converged
    regular: Array  # the bridges that passed a loss of rank may do so together


def step(system: System, kept: arrow.Kept, t: Float[Array, ""], motion: Motion, h: Float[Array, ""]) -> Step:
    """One step of length h, which may be negative."""
    model, drive, ties = system.model, system.drive, motion.z
    y, v = motion.y, motion.v
    mass, damping = jnp.asarray(model.tissue.mass_matrix), macro.damping_matrix(model)
    q0, q0_y = geometry(model, y)
    begun = tangent(model, ties.x, q0, ties.c)
    half = 0.5 * h
    position, velocity, _ = prescribed(system, t + h)
    given = None if position is None else (position - y[jnp.array(held(system))]) / h
    left = weighted(model, ties.w, begun.B)
    free = ties.v + half * per_mass(model, ties.f)
    load = at(drive.load, t, y.size)
    first_push = mass @ v + half * (
        tissue_force(system, t, y) + pull(q0_y, massless_pull(model, ties, begun.A, begun.B))
    )
    implicit = mass + half * damping

    class Newton(NamedTuple):
        v: Array
        alpha: Array
        beta: Array
        along: Array
        size: Array
        count: Array

    def place(v_half, kappa):
        velocity = free + jnp.einsum("pnkx,pnk->pnx", begun.A, kappa)
        q, q_y = geometry(model, y + h * v_half)
        x = ties.x + h * velocity
        return velocity, x, q, q_y

    def newton(state: Newton) -> Newton:
        kappa = state.alpha - jnp.einsum("pnkj,pj->pnk", state.beta, state.along)
        _, x, q, q_y = place(state.v, kappa)
        there = tangent(model, x, q, ties.c)
        K = jnp.einsum("pnix,pnjx->pnij", there.A, begun.A)
        e = jnp.einsum("pnij,pnj->pni", K, kappa) - there.r / h
        missing = first_push - implicit @ state.v
        solved = arrow.eliminate(
            implicit,
            missing,
            q0_y,
            q_y,
            arrow.Blocks(left, there.B, K),
            e,
            kept,
            held(system),
            None if given is None else given - state.v[jnp.array(held(system))],
        )
        along = jnp.einsum("pia,a->pi", q_y, solved.a)
        size = jnp.max(jnp.abs(there.r)) / system.scale
        return Newton(state.v + solved.a, solved.alpha, solved.beta, along, size, state.count + 1)

    unsettled = lambda s: (s.size > SETTLED) & (s.count < ITERATIONS)
    first = Newton(
        v,
        h * ties.guess,
        jnp.zeros(begun.B.shape),
        jnp.zeros(q0.shape),
        jnp.asarray(jnp.inf),
        jnp.zeros((), int),
    )
    found = iterate(system, unsettled, newton, first, _WITH_DERIVATIVES)
    v_half = found.v
    kappa = found.alpha - jnp.einsum("pnkj,pj->pnk", found.beta, found.along)
    pulling = kappa
    V_half, x, q1, q1_y = place(v_half, kappa)
    y1 = y + h * v_half
    ended = tangent(model, x, q1, ties.c)
    f = forces(model, x, ties.w)
    after = ties._replace(x=x, f=f)

    loose = V_half + half * per_mass(model, f)
    direct = massless_pull(model, after, ended.A, ended.B)
    push = (mass - half * damping) @ v_half + half * (tissue_force(system, t + h, y1) + pull(q1_y, direct))
    blocks = arrow.Blocks(weighted(model, ties.w, ended.B), ended.B, jnp.einsum("pnix,pnjx->pnij", ended.A, ended.A))
    e = -jnp.einsum("pnkx,pnx->pnk", ended.A, loose)
    solved = arrow.eliminate(mass, push, q1_y, q1_y, blocks, e, kept, held(system), velocity)
    kappa = solved.unknowns(jnp.einsum("pia,a->pi", q1_y, solved.a))
    V = loose + jnp.einsum("pnkx,pnk->pnx", ended.A, kappa)
    pulled = pull(q0_y, jnp.einsum("pnkj,pnk->pj", left, pulling)) + pull(
        q1_y, jnp.einsum("pnkj,pnk->pj", blocks.left, kappa)
    )
    impulse = implicit @ v_half - first_push + mass @ solved.a - push - pulled  # of what holds prescribed coordinates
    load = v_half @ (0.5 * h * (load + at(drive.load, t + h, y.size)) + impulse)
    result = Motion(
        y=y1,
        v=solved.a,
        z=after._replace(v=V, guess=kappa / h),
        load=motion.load + load,
        damping=motion.damping - h * v_half @ damping @ v_half,
    )
    return Step(result, found.size <= SETTLED, together(begun, ended, q1_y, kept))


def together(begun: Tangent, ended: Tangent, q_y: Array, kept: arrow.Kept) -> Array:
    """Whether the bridges whose A turned over in a step are all among those `kept`, with rows Bᵢq′ that are independent.

    Others would leave a singular saddle point at the moment of passing (theory.md section 11).
    """
    turned = jax.vmap(jax.vmap(lambda a, b: small.determinant(a @ b.T) < 0))(begun.A, ended.A)
    points, count = turned.shape
    take = lambda a: a.reshape(points * count, *a.shape[2:])[kept.index]
    passing = take(turned)

    def row(A, B, q_y):
        weak = jnp.ones(1) if A.shape[0] == 1 else jnp.linalg.svd(A)[0][:, -1]
        b = weak @ B @ q_y
        return b / jnp.linalg.norm(b)

    rows = jax.vmap(row)(take(ended.A), take(ended.B), q_y[kept.index // count])
    products = jnp.where(passing[:, None] & passing[None], rows @ rows.T, jnp.eye(passing.size))
    return (jnp.sum(turned) == jnp.sum(passing)) & (small.determinant(products) > DEPENDENT)
