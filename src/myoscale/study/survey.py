"""Where a run goes, and how large a model's functions and their derivatives are there.

Bridges of the start's law out to ± `WIDTH` standard deviations (of a normal law; the same quantiles of another) are carried by the
flow along the path y(t) of a run, X = ξ(q(t); c), and g, Dg, D²g, D³g, F₁ and DF₁ are evaluated at the pairs (x, q) that they visit,
F₀ and DF₀ at y: the visited set itself, not the box around it, whose corners nobody visits.

Norms: Euclidean of vectors; of Dg, g_x and the symmetric DF₀, DF₁, DK the spectral norm; of D²g and D³g the Frobenius norm of all
partial derivatives in (x, q), which is never below the operator norm and equal to it where nx = nq = 1 and only x enters.
"""

import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr

from .. import macro, mechanics
from ..levels.integrate import SINGULAR
from ..model import AbstractLaw, Mixture, Model, Start
from ..numerics import small
from ..population import Ensemble
from ..types import Array, Float

WIDTH = 7.0  # standard deviations, as the window of `Kinetic`
_SHELLS = {1: (1, 64), 2: (4, 10), 3: (1, 8)}  # largest component of a direction, and radii, by nx
_MOST = 512  # given points that are followed, besides the outermost
_PAIRED = 96  # bridges whose pairs are looked at, besides the outermost
_FAR = (1e2, 1e4)  # in radii of the visited region: how does a force grow beyond it?


class Sample(NamedTuple):
    """Bridges to follow: where they start, and how far out in the law that is, or which of the given points they are."""

    x: Array  # (P, N, nx)
    deviation: np.ndarray | None = None  # (N,), in standard deviations of a normal law on R^nx; None for given points
    index: np.ndarray | None = None  # (P, N); None for a law

    @property
    def nx(self) -> int:
        """Dimension of an extension."""
        return self.x.shape[-1]


class Worst(NamedTuple):
    """The greatest value over bridges still followed, at each time: infinite if not finite, −∞ without bridges."""

    value: Array
    point: Array
    bridge: Array
    x: Array


class Along(NamedTuple):
    """What was found at each time of the path (leading axis T)."""

    worst: dict[str, Worst]  # of g, Dg, D2g, D3g, F1, DF1, and of −σ_min(g_x) as "rank"
    lost: Worst  # the bridge that ceases to be followed by 1 − σ_min/floor; −∞ where none does
    finite: Array  # whether g_x of that bridge is
    typical: Array  # median of σ_min(g_x) over bridges
    quadratic: tuple[Array, Array]  # (P,) least and greatest vᵀg_xv/|v|²
    x: tuple[Array, Array]  # (P, nx) least and greatest
    q: Array  # (P, nq)
    F0: Array
    DF0: Array
    pairs: Array  # (P, n, nx) positions of some bridges


class Survey(NamedTuple):
    """What was found along the path, whether det g_x has both signs at the start (P,), and how forces grow far outside."""

    along: Along
    both_signs: Array
    growth: tuple[Array, Array]  # p where |F₀| ~ |y|^p, and where |F₁| ~ |x|^p; NaN where not finite


def sample(start: Start, points: int) -> Sample:
    """Bridges that reach out to the tails of the law, or at most some hundreds of the given points; the outermost are last."""
    directions = _directions(start.nx)
    law = start.x
    if not isinstance(law, AbstractLaw):
        x, _ = start.points(points)
        return _given(np.asarray(x), directions)
    radii = np.linspace(0.0, WIDTH, _SHELLS[start.nx][1] + 1)
    z = np.concatenate([np.zeros((1, start.nx)), *(r * directions for r in radii[1:])])
    laws = [law]
    if isinstance(law, Mixture) and law.nx > 1:  # whose first uniform only chooses a component
        laws = [part for part, share in zip(law.laws, np.asarray(law.weights), strict=True) if share > 0]
    u = jnp.clip(ndtr(jnp.asarray(z)), np.finfo(float).tiny, 1.0 - 2.0**-53)
    x = jnp.concatenate([part.transform(u) for part in laws])
    deviation = np.tile(np.linalg.norm(z, axis=1), len(laws))
    return Sample(jnp.broadcast_to(x, (points, *x.shape)), deviation=deviation)


def _directions(nx: int) -> np.ndarray:
    """Unit vectors towards the integer points on the surface of a cube."""
    largest, _ = _SHELLS[nx]
    lattice = np.array(list(itertools.product(range(-largest, largest + 1), repeat=nx)), float)
    surface = lattice[np.abs(lattice).max(1) == largest]
    return surface / np.linalg.norm(surface, axis=1, keepdims=True)


def _given(x: np.ndarray, directions: np.ndarray) -> Sample:
    """Points evenly along the first axis, all if there are few, and then the extreme ones."""
    order = np.argsort(x[..., 0], axis=1)
    evenly = np.unique(np.linspace(0, x.shape[1] - 1, _MOST).astype(int))
    index = np.concatenate([order[:, evenly], np.argmax(x @ directions.T, axis=1)], axis=1)
    return Sample(jnp.asarray(np.take_along_axis(x, index[..., None], 1)), index=index)


@eqx.filter_jit
def survey(model: Model, x: Float[Array, "P N nx"], path: Float[Array, "T ny"]) -> Survey:
    """Follow bridges that start at x along a path of the tissue; those that lose rank are left out from there on."""
    q0 = model.tissue.kinematics(path[0])
    labels = macro.over_points(model, Ensemble().start, x, jnp.zeros(x.shape[:2]), q0)
    det, rank = macro.over_points(model, _ranks, x, q0)
    side, floor = jnp.sign(det), SINGULAR * jnp.max(jnp.where(jnp.isfinite(rank), rank, 0.0))
    outermost = np.arange(x.shape[1])[-len(_directions(x.shape[-1])) :]
    chosen = np.union1d(outermost, np.linspace(0, x.shape[1] - 1, _PAIRED).astype(int))

    def step(carry, now):
        (z, followed), (y, at_start) = carry, now
        q = model.tissue.kinematics(y)
        x = z.x  # as given, where there is no path to follow
        if len(path) > 1:
            x = jnp.where(at_start, x, macro.over_points(model, Ensemble().positions, z, q))
        sizes = macro.over_points(model, _sizes, x, q)
        det, rank = macro.over_points(model, _ranks, x, q)
        kept = followed & (rank >= floor) & (det * side > 0) & jnp.all(jnp.isfinite(x), -1)
        lost = _worst(1.0 - rank / floor, x, followed & ~kept)
        low, high = sizes.pop("low"), sizes.pop("high")
        among = lambda values, empty: jnp.where(kept.reshape(kept.shape + (1,) * (values.ndim - 2)), values, empty)
        return (z._replace(x=x), kept), Along(
            worst={name: _worst(values, x, kept) for name, values in (sizes | {"rank": -rank}).items()},
            lost=lost,
            finite=jnp.isfinite(rank[lost.point, lost.bridge]) | ~jnp.all(jnp.isfinite(lost.x)),
            typical=jnp.nanmedian(among(rank, jnp.nan)),
            quadratic=(jnp.min(among(low, jnp.inf), 1), jnp.max(among(high, -jnp.inf), 1)),
            x=(jnp.min(among(x, jnp.inf), 1), jnp.max(among(x, -jnp.inf), 1)),
            q=q,
            F0=jnp.linalg.norm(jax.grad(model.tissue.energy)(y)),
            DF0=_spectral(jax.hessian(model.tissue.energy)(y)),
            pairs=among(x, jnp.nan)[:, chosen],
        )

    at_start = jnp.arange(path.shape[0]) == 0
    _, along = jax.lax.scan(step, (labels, jnp.ones(x.shape[:2], bool)), (path, at_start))
    growth = _growth_of_tissue(model, path), _growth_of_bridges(model, *along.x)
    return Survey(along, jnp.any(side > 0, 1) & jnp.any(side < 0, 1), growth)


@eqx.filter_jit
def survey_given(model: Model, x: Float[Array, "T P N nx"], path: Float[Array, "T ny"]) -> Survey:
    """Given extensions at each time of a path, of bridges that attach and detach or have velocities of their own: they do not follow y alone."""
    found = jax.lax.map(lambda now: survey(model, now[0], now[1][None]), (x, path))
    along = jax.tree.map(lambda a: a[:, 0], found.along)
    tissue, bridges = map(jnp.max, found.growth)
    return Survey(along, jnp.any(found.both_signs, 0), (tissue, bridges))


def _ranks(bridge, x: Float[Array, "N nx"], q: Float[Array, " nq"]) -> tuple[Array, Array]:
    """det g_x (of lower rank √det(g_xg_xᵀ)) and σ_min(g_x) at the pairs (x_i, q), each (N,)."""

    def one(x):
        a, _ = mechanics.jacobians(bridge, x, q)
        square = a.shape[0] == a.shape[1]
        det = small.determinant(a) if square else jnp.sqrt(small.determinant(a @ a.T))
        return det, jnp.abs(a[0, 0]) if x.size == 1 else jnp.linalg.svd(a, compute_uv=False)[-1]

    return jax.vmap(one)(x)


def _sizes(bridge, x: Float[Array, "N nx"], q: Float[Array, " nq"]) -> dict[str, Array]:
    """The sizes of functions and derivatives at the pairs (x_i, q), and the range of vᵀg_xv/|v|², each (N,)."""
    nx = x.shape[1]

    def one(x):
        g = lambda w: bridge.constraint(w[:nx], w[nx:])
        w = jnp.concatenate([x, q])
        first = jax.jacfwd(g)
        second = jax.jacfwd(first)
        dg, a = first(w), first(w)[:, :nx]
        square = a.shape[0] == nx  # vᵀg_xv means nothing for other ranks
        eigenvalues = _eigenvalues((a + a.T) / 2) if square else jnp.full(1, jnp.nan)
        frobenius = lambda tensor: jnp.sqrt(jnp.sum(tensor**2))
        return {
            "g": frobenius(g(w)),
            "Dg": _spectral(dg),
            "D2g": frobenius(second(w)),
            "D3g": frobenius(jax.jacfwd(second)(w)),
            "F1": frobenius(jax.grad(bridge.energy)(x)),
            "DF1": jnp.max(jnp.abs(_eigenvalues(jax.hessian(bridge.energy)(x)))),
            "low": eigenvalues[0],
            "high": eigenvalues[-1],
        }

    return jax.vmap(one)(x)


def _eigenvalues(a: Array) -> Array:
    return a[0] if a.shape[0] == 1 else jnp.linalg.eigvalsh(a)


def _spectral(a: Array) -> Array:
    """The greatest singular value."""
    return jnp.sqrt(jnp.sum(a**2)) if 1 in a.shape else jnp.linalg.svd(a, compute_uv=False)[0]


def _worst(values: Array, x: Array, among: Array) -> Worst:
    """The greatest of (P, N) values, one that is not finite above all."""
    ranked = jnp.where(among, jnp.where(jnp.isfinite(values), values, jnp.inf), -jnp.inf)
    p, i = jnp.unravel_index(jnp.argmax(ranked), ranked.shape)
    return Worst(ranked[p, i], p, i, x[p, i])


def _growth_of_tissue(model: Model, path: Array) -> Array:
    middle, radius = _ball(jnp.min(path, 0), jnp.max(path, 0))
    return _growth(jax.grad(model.tissue.energy), middle, radius)


def _growth_of_bridges(model: Model, low: Array, high: Array) -> Array:
    middle, radius = jax.vmap(_ball)(jnp.min(low, 0), jnp.max(high, 0))
    grow = lambda bridge, middle, radius: _growth(jax.grad(bridge.energy), middle, radius)
    return jnp.max(macro.over_points(model, grow, middle, radius))


def _ball(low: Array, high: Array) -> tuple[Array, Array]:
    """Middle and radius of what was visited; a radius that also reaches far compared with where that is."""
    middle = jnp.where(jnp.isfinite(low + high), (low + high) / 2, 0.0)
    radius = jnp.sqrt(jnp.sum((high - low) ** 2)) / 2
    floor = jnp.maximum(jnp.sqrt(jnp.sum(middle**2)), 1e-3)
    return middle, jnp.where(jnp.isfinite(radius), jnp.maximum(radius, floor), floor)


def _growth(force, middle: Array, radius: Array) -> Array:
    """p where |force| ~ |x|^p far outside a ball, along the axes and the diagonal; 0 where it vanishes."""
    n = middle.size
    rays = jnp.concatenate([jnp.eye(n), -jnp.eye(n), jnp.ones((1, n)) / np.sqrt(n), -jnp.ones((1, n)) / np.sqrt(n)])

    def size(far):  # over an octave, so that a force that oscillates is not met at a zero
        reach = radius * far * jnp.linspace(1.0, 2.0, 17)
        along = middle[None, None] + reach[:, None, None] * rays[None]
        return jnp.max(jnp.linalg.norm(jax.vmap(jax.vmap(force))(along), axis=-1))

    near, far = map(size, _FAR)
    exponent = jnp.log(far / jnp.where(near > 0, near, 1.0)) / np.log(_FAR[1] / _FAR[0])
    return jnp.where((near == 0) & (far == 0), 0.0, exponent)


@eqx.filter_jit
def pair_sizes(model: Model, x: Float[Array, "T P n nx"]) -> tuple[Worst, Worst]:
    """|K| and |DK|, K = ∇V(x′ − x), over all pairs of bridges at one point and time."""

    def one(bridge, x):
        force = jax.grad(bridge.interaction)

        def sizes(r):
            return jnp.sqrt(jnp.sum(force(r) ** 2)), jnp.max(jnp.abs(_eigenvalues(jax.jacfwd(force)(r))))

        return jax.vmap(lambda a: jax.vmap(lambda b: sizes(b - a))(x))(x)

    def step(_, x):
        apart = x[:, None, :, :] - x[:, :, None, :]
        flat = lambda a: a.reshape(a.shape[0], -1, *a.shape[3:])
        usable = flat(jnp.all(jnp.isfinite(apart), -1))
        force, slope = macro.over_points(model, one, x)
        return None, (_worst(flat(force), flat(apart), usable), _worst(flat(slope), flat(apart), usable))

    return jax.lax.scan(step, None, x)[1]
