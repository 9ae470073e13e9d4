"""Residuals of momentum and volume of every cell over one implicit step, and their derivatives, batched over quadrature points.

    at equilibrium   P = ∂/∂F (W(FᵀF, a₀) + pJ) − n_b ∂q/∂Fᵀ f
    over a step      P = F̄ (2D̄_C W + 2p̄ D̄_C J) − n_b D̄qᵀ f̄,        F̄ = (F₀ + F₁)/2, p̄ = (p₀ + p₁)/2

D̄_C are discrete gradients in C = FᵀF and D̄λ_f = 2F̄a₀⊗a₀/(λ₀ + λ₁) is one of λ_f: the stress is F̄ times a symmetric tensor, so that with
`conserving` a step conserves momentum, angular momentum and energy (Simo and Tarnow 1992, Gonzalez 2000). Otherwise all is taken half way.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from ..fem import Facets
from ..numerics import discrete_gradient
from ..numerics.blocks import in_chunks
from ..tissue import ContinuumTissue, FibreStretch, determinant, solid
from ..types import Array, Float
from .points import CHUNK, Pulls

SLIGHT = 1e-4  # strain whose stress counts as one, where the size of a residual is judged


class Balance(NamedTuple):
    """Residuals of all cells; displacements of a cell's nodes one after the other, D = A·d."""

    r: Float[Array, "E D"]
    c: Float[Array, "E B"]


class Tangent(NamedTuple):
    """Their derivatives."""

    uu: Float[Array, "E D D"]
    up: Float[Array, "E D B"]
    pu: Float[Array, "E B D"]
    pp: Float[Array, "E B B"]
    size: Float[Array, "E D"]  # sum of the sizes of what r adds up


class Way(NamedTuple):
    """From where to where a step goes: F and p at every point, q at its end."""

    F0: Float[Array, "P d d"]
    F1: Float[Array, "P d d"]
    p0: Float[Array, " P"]
    p1: Float[Array, " P"]
    q1: Float[Array, "P nq"]


@eqx.filter_jit
def gradients(tissue: ContinuumTissue, y: Array) -> Float[Array, "P d d"]:
    """F at every point."""
    return tissue.gradient(y)


@eqx.filter_jit
def kinematics(tissue: ContinuumTissue, y: Array) -> Float[Array, "P nq"]:
    """q at every point."""
    return tissue.kinematics(y)


@eqx.filter_jit
def rates(tissue: ContinuumTissue, y: Array, v: Array) -> Float[Array, "P nq"]:
    """q̇ at every point."""
    return jax.jvp(tissue.kinematics, (y,), (v,))[1]


@eqx.filter_jit
def pull(tissue: ContinuumTissue, y: Array, f: Float[Array, "P nq"]) -> Float[Array, " ny"]:
    """Σ ω q′ᵀ f."""
    return tissue.pull(y, f)


@eqx.filter_jit
def pressures(tissue: ContinuumTissue, p: Array) -> Float[Array, " P"]:
    """p at every point."""
    return _at_points(tissue, p)


def _at_points(tissue: ContinuumTissue, p: Array) -> Array:
    nodes = p[jnp.asarray(tissue.space.pressure_nodes)]
    return jnp.einsum("eb,qb->eq", nodes, jnp.asarray(tissue.space.pressures)).ravel()


def stress(
    tissue: ContinuumTissue, F0, F1, p0, p1, fibre, heads, force, kind: str
) -> tuple[Float[Array, "d d"], Float[Array, ""]]:
    """P and J − 1 − p/κ at a point of so many `heads` n_b; `force` is a function of q at the end of the step, per head."""
    d = F0.shape[0]
    local = lambda F: tissue.seen(F, fibre[:d])
    if kind == "equilibrium" or kind == "midpoint":
        F, p = (F1, p1) if kind == "equilibrium" else (0.5 * (F0 + F1), p1)
        energy = lambda F: tissue.stored(F, fibre)[0] + p * determinant(F)
        passive, pull = jax.grad(energy)(F), jax.vjp(local, F)[1]
        P = passive - heads * pull(force(local(F1)))[0]
        return P, determinant(F) - 1.0 - p / tissue.bulk
    middle, before, after = (solid(F) for F in (0.5 * (F0 + F1), F0, F1))
    a, b = before.T @ before, after.T @ after

    def conserving(function):
        half = jax.grad(function)(0.5 * (a + b))
        half = 0.5 * (half + half.T)
        return discrete_gradient.middle(half.ravel(), function(a), function(b), (b - a).ravel()).reshape(3, 3)

    energy = conserving(lambda C: tissue.material.energy(C, fibre))
    volume = conserving(lambda C: jnp.sqrt(determinant(C)))
    P = (middle @ (2.0 * energy + (p0 + p1) * volume))[:d, :d]
    f = force(local(F1))
    if isinstance(tissue.local, FibreStretch):
        a0 = fibre[:d]
        half = 0.5 * (F0 + F1) @ a0
        pull = f[0] * 2.0 * jnp.outer(half, a0) / (local(F0) + local(F1))[0]
    else:
        pull = f.reshape(d, d)
    return P - heads * pull, determinant(F1) - 1.0 - p1 / tissue.bulk


@eqx.filter_jit
def blocks(tissue: ContinuumTissue, way: Way, pulls: Pulls, kind: str, tangent: bool) -> tuple[Balance, Tangent | None]:
    """All cells; derivatives, which cost four times as much, where they are asked for."""
    space = tissue.space
    cells, points, nodes, d = space.slopes.shape
    shape = lambda a: jnp.asarray(a).reshape(cells, points, *a.shape[1:])

    def stressed(F0, F1, p0, p1, q1, fibre, heads, pulls):
        start = jax.lax.stop_gradient(q1)
        force = lambda q: pulls.force if pulls.slope is None else pulls.force + pulls.slope @ (q - start)
        return lambda F1, p1: stress(tissue, F0, F1, p0, p1, fibre, heads, force, kind)

    def linearized(F0, F1, p0, p1, *rest):
        (P, c), push = jax.linearize(stressed(F0, F1, p0, p1, *rest), F1, p1)
        basis = jnp.eye(d * d).reshape(d * d, d, d)
        A, to_volume = jax.vmap(lambda e: push(e, jnp.zeros(())))(basis)
        G, to_rest = push(jnp.zeros((d, d)), jnp.ones(()))
        return P, c, A.reshape(d, d, d, d), to_volume.reshape(d, d), G, to_rest

    def cell(part):
        way, fibres, heads, pulls, grads, dx = part
        N = jnp.asarray(space.pressures)
        D = nodes * d
        weighted = dx[:, None, None] * grads  # (Q, A, d)
        balance = lambda P, c: Balance(jnp.einsum("qaj,qij->ai", weighted, P).ravel(), N.T @ (dx * c))
        if not tangent:
            alone = lambda F0, F1, p0, p1, *rest: stressed(F0, F1, p0, p1, *rest)(F1, p1)
            return balance(*jax.vmap(alone)(*way, fibres, heads, pulls)), None
        P, c, A, volume, G, rest = jax.vmap(linearized)(*way, fibres, heads, pulls)
        felt = (
            jnp.abs(P) + SLIGHT * jnp.max(jnp.abs(A), axis=(1, 2, 3, 4))[:, None, None]
        )  # where stresses cancel, of parts
        # A is ∂P_ij/∂F_kl with (kl) first
        uu = jnp.einsum("qaj,qklij,qbl->aibk", weighted, A, grads, optimize="optimal").reshape(D, D)
        up = jnp.einsum("qaj,qij,qb->aib", weighted, G, N, optimize="optimal").reshape(D, -1)
        pu = jnp.einsum("qb,qkl,qal->bak", dx[:, None] * N, volume, grads, optimize="optimal").reshape(-1, D)
        pp = jnp.einsum("qa,q,qb->ab", dx[:, None] * N, rest, N)
        size = jnp.einsum("qaj,qij->ai", jnp.abs(weighted), felt).ravel()
        return balance(P, c), Tangent(uu, up, pu, pp, size)

    parts = (Way(*map(shape, way)), shape(tissue.fibres), shape(tissue.density_of_heads), jax.tree.map(shape, pulls))
    parts = (*parts, jnp.asarray(space.slopes), jnp.asarray(space.dx))
    return in_chunks(cell, parts, max(1, CHUNK // points))


class Loads(NamedTuple):
    """Residual of one part of the boundary and its derivative, None where there is none."""

    r: Float[Array, "F D"]
    uu: Float[Array, "F D D"] | None


@eqx.filter_jit
def traction(tissue: ContinuumTissue, facets: Facets, value: Float[Array, " d"]) -> Float[Array, "F D"]:
    """−∫ N t dA."""
    return -jnp.einsum("fr,fra,i->fai", facets.dx, facets.values, value).reshape(facets.nodes.shape[0], -1)


@eqx.filter_jit
def springs(tissue: ContinuumTissue, facets: Facets, y: Array, stiffness: Array) -> Loads:
    """∫ k N u dA."""
    d = tissue.space.dim
    block = stiffness * jnp.einsum("fr,fra,frb->fab", facets.dx, facets.values, facets.values)
    u = jnp.reshape(y, (-1, d))[jnp.asarray(facets.nodes)]
    r = jnp.einsum("fab,fbi->fai", block, u)
    uu = jnp.einsum("fab,ij->faibj", block, jnp.eye(d))
    size = r.shape[1] * d
    return Loads(r.reshape(-1, size), uu.reshape(-1, size, size))


@eqx.filter_jit
def pressure(tissue: ContinuumTissue, facets: Facets, y: Array, value: Array) -> Loads:
    """∫ p cof(F) N v dA, on the deformed surface; derivative with respect to y."""
    d = tissue.space.dim
    u = jnp.reshape(y, (-1, d))[jnp.asarray(facets.nodes)]
    F = jnp.eye(d)[None, None] + jnp.einsum("fai,fraj->frij", u, jnp.asarray(facets.slopes))

    def area(F, normal):  # cof(F)N
        return jax.grad(lambda F: determinant(F))(F) @ normal

    one = lambda F, normal: (area(F, normal), jax.jacfwd(area)(F, normal))
    a, slope = jax.vmap(jax.vmap(one))(F, jnp.asarray(facets.normals))
    r = value * jnp.einsum("fr,fra,fri->fai", facets.dx, facets.values, a)
    uu = value * jnp.einsum(
        "fr,fra,frikl,frbl->faibk", facets.dx, facets.values, slope, facets.slopes, optimize="optimal"
    )
    size = r.shape[1] * d
    return Loads(r.reshape(-1, size), uu.reshape(-1, size, size))


@eqx.filter_jit
def least(tissue: ContinuumTissue, y: Array) -> Float[Array, ""]:
    """The smallest J."""
    return jnp.min(jax.vmap(determinant)(tissue.gradient(y)))


@eqx.filter_jit
def pressure_of(tissue: ContinuumTissue, y: Array) -> Float[Array, " pressures"]:
    """κ(J − 1) in the pressure's space."""
    return tissue.bulk * tissue.swelling(jax.vmap(determinant)(tissue.gradient(y)))


@eqx.filter_jit
def passive(tissue: ContinuumTissue, y: Array) -> Float[Array, ""]:
    """W₀."""
    return tissue.energy(y)


@eqx.filter_jit
def bias(tissue: ContinuumTissue, y: Array, v: Array) -> Float[Array, "P nq"]:
    """q̈₀ = q″[ẏ, ẏ] at every point."""
    first = lambda y: jax.jvp(tissue.kinematics, (y,), (v,))[1]
    return jax.jvp(first, (y,), (v,))[1]


@eqx.filter_jit
def inertia(tissue: ContinuumTissue, F: Array, mass: Float[Array, "P nq nq"]) -> Float[Array, "E D D"]:
    """The bridges' inertia in every cell, Σ ω (∂q/∂y)ᵀ M (∂q/∂y)."""
    space = tissue.space
    cells, points, nodes, d = space.slopes.shape
    of = lambda F, fibre: jax.jacfwd(lambda F: tissue.seen(F, fibre[:d]))(F)
    slope = jax.vmap(of)(F, jnp.asarray(tissue.fibres)).reshape(cells, points, -1, d, d)
    along = jnp.einsum("eqnij,eqaj->eqnai", slope, jnp.asarray(space.slopes)).reshape(cells, points, -1, nodes * d)
    weight = tissue.heads.reshape(cells, points, 1, 1) * mass.reshape(cells, points, *mass.shape[1:])
    return jnp.einsum("eqnx,eqnm,eqmy->exy", along, weight, along, optimize="optimal")
