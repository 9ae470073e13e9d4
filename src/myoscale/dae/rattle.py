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
    Ties,
    forces,
    geometry,
    held,
    iterate,
    massless_pull,
    per_mass,
    prescribed,
    pull,
    tangent,
    tie,
    tissue_force,
    weighted,
)

ROUNDING = 2e-15  # Newton's method stops where residuals are below this part of the scale of g,
SETTLED = 1e-10  # or below this and no longer fall
ITERATIONS = 12
DEPENDENT = (
    1e-8  # rows of bridges that pass together are dependent below this determinant of their unit vectors' products
)
_WITH_DERIVATIVES = 5


class Step(NamedTuple):
    """Where a step led, and whether that can be trusted."""

    motion: Motion
    solved: Array  # the inner iteration converged
    regular: Array  # the bridges that passed a loss of rank may do so together


class _Newton(NamedTuple):
    """An iterate: v½, κ = alpha − beta·along, and where that leads."""

    v: Array
    alpha: Array
    beta: Array
    along: Array
    there: Tangent
    q_y: Array
    size: Array  # of the residuals here
    before: Array  # and of those that this iterate was made from
    count: Array

    @property
    def kappa(self) -> Array:
        return self.alpha - jnp.einsum("pnkj,pj->pnk", self.beta, self.along)


def step(system: System, kept: arrow.Kept, t: Float[Array, ""], motion: Motion, h: Float[Array, ""]) -> Step:
    """One step of length h, which may be negative."""
    model, drive, ties = system.model, system.drive, motion.z
    y, v = motion.y, motion.v
    mass, damping = jnp.asarray(model.tissue.mass_matrix), macro.damping_matrix(model)
    half, index = 0.5 * h, jnp.array(held(system), int)
    position, velocity, _ = prescribed(system, t + h)
    given = None if position is None else (position - y[index]) / h
    _, q0_y = geometry(model, y)
    left = weighted(system, ties.B)
    free = ties.v + half * per_mass(model, ties.f)
    load = at(drive.load, t, y.size)
    massless = massless_pull(system, ties.A, ties.B, ties.f)
    push = mass @ v + half * (tissue_force(system, t, y) + pull(q0_y, massless))
    implicit = mass + half * damping

    def arrive(v_half, alpha, beta, along, before, count) -> _Newton:
        kappa = alpha - jnp.einsum("pnkj,pj->pnk", beta, along)
        x = ties.x + h * (free + jnp.einsum("pnkx,pnk->pnx", ties.A, kappa))
        q, q_y = geometry(model, y + h * v_half)
        there = tangent(system, x, q)
        size = jnp.max(jnp.abs(there.r)) / system.scale
        return _Newton(v_half, alpha, beta, along, there, q_y, size, before, count)

    def improve(now: _Newton) -> _Newton:
        K = jnp.einsum("pnix,pnjx->pnij", now.there.A, ties.A)
        e = jnp.einsum("pnij,pnj->pni", K, now.kappa) - now.there.r / h
        missing = push - implicit @ now.v
        blocks = arrow.Blocks(left, now.there.B, K)
        left_over = None if given is None else given - now.v[index]
        solved = arrow.eliminate(implicit, missing, q0_y, now.q_y, blocks, e, kept, held(system), left_over)
        along = jnp.einsum("pia,a->pi", now.q_y, solved.a)
        return arrive(now.v + solved.a, solved.alpha, solved.beta, along, now.size, now.count + 1)

    def settled(now):
        stuck = (now.size <= SETTLED) & (now.size > 0.25 * now.before)
        return (now.count > 0) & ((now.size <= ROUNDING) | stuck)

    unsettled = lambda now: ~settled(now) & (now.count < ITERATIONS)
    none = jnp.zeros(ties.B.shape), jnp.zeros((ties.B.shape[0], ties.B.shape[3]))
    first = arrive(v, h * ties.guess, *none, jnp.asarray(jnp.inf), jnp.zeros((), int))
    found = iterate(system, unsettled, improve, first, _WITH_DERIVATIVES)

    v_half, V_half = found.v, free + jnp.einsum("pnkx,pnk->pnx", ties.A, found.kappa)
    y1, x, (_, A, B), q1_y = y + h * v_half, ties.x + h * V_half, found.there, found.q_y
    f = forces(system, x)
    loose = V_half + half * per_mass(model, f)
    pushes = (mass - half * damping) @ v_half + half * tissue_force(system, t + h, y1)
    massless = half * pull(q1_y, massless_pull(system, A, B, f))
    e = -jnp.einsum("pnkx,pnx->pnk", A, loose)
    v1, kappa = tie(system, mass, pushes + massless, q1_y, found.there, e, kept, velocity)
    V = loose + jnp.einsum("pnkx,pnk->pnx", A, kappa)

    done = 0.5 * h * v_half @ (load + at(drive.load, t + h, y.size))
    if index.size:  # what holds prescribed coordinates does work, too
        pulled = jnp.einsum("pnkj,pnk->pj", left, found.kappa), jnp.einsum("pnkj,pnk->pj", weighted(system, B), kappa)
        impulse = implicit @ v_half - push - pull(q0_y, pulled[0])
        done += v_half @ (impulse + mass @ v1 - pushes - massless - pull(q1_y, pulled[1]))
    result = Motion(
        y=y1,
        v=v1,
        z=Ties(x, V, f, A, B, kappa / h),
        load=motion.load + done,
        damping=motion.damping - h * v_half @ damping @ v_half,
    )
    return Step(result, settled(found), together(turned(ties.A, A), result.z, q1_y, kept))


def turned(begun: Array, ended: Array) -> Array:
    """The bridges (P, N) whose A turned over in a step."""
    return jax.vmap(jax.vmap(lambda a, b: small.determinant(a @ b.T) < 0))(begun, ended)


def together(over: Array, ended: Ties | Tangent, q_y: Array, kept: arrow.Kept) -> Array:
    """Whether the bridges that turned `over` are all among those `kept`, with rows Bᵢq′ that are independent.

    Others would leave a singular saddle point at the moment of passing (theory.md section 11).
    """
    points, count = over.shape
    take = lambda a: a.reshape(points * count, *a.shape[2:])[kept.index]
    passing = take(over)

    def row(A, B, q_y):
        weak = jnp.ones(1) if A.shape[0] == 1 else jnp.linalg.svd(A)[0][:, -1]
        b = weak @ B @ q_y
        return b / jnp.linalg.norm(b)

    rows = jax.vmap(row)(take(ended.A), take(ended.B), q_y[kept.index // count])
    products = jnp.where(passing[:, None] & passing[None], rows @ rows.T, jnp.eye(passing.size))
    return (jnp.sum(over) == jnp.sum(passing)) & (small.determinant(products) > DEPENDENT)
