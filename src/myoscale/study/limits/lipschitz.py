"""How fast two solutions can part: Lipschitz constants of the equation, sampled where both of them go.

For s = (y, ẏ, μ) write ÿ = a(t, s) and Ẋ = φ(X, y, ẏ) = Φ(X, q(y)) q′(y)ẏ. With c = Σ_p ∫|X¹ − X²| dπ_p, π the optimal coupling of the
two starts carried along by both flows, so that c ≥ Σ_p W₁ always and c = Σ_p W₁ at t = 0,

    d/dt ‖Δy‖ ≤ ‖Δẏ‖,   d/dt ‖Δẏ‖ ≤ A_y‖Δy‖ + A_v‖Δẏ‖ + A_μ c,   d/dt c ≤ B_y‖Δy‖ + B_v‖Δẏ‖ + B_x c,

A_y, A_v = sup‖∂a/∂y‖, sup‖∂a/∂ẏ‖ at fixed measure, A_μ = sup|∇_x δa/δμ(x)| (Kantorovich–Rubinstein), B_x, B_y, B_v the sup of the
derivatives of φ. The sum grows at no more than L = the greatest column sum of these constants, so that by Gronwall

    D(t) = ‖Δy‖ + ‖Δẏ‖ + Σ_p W₁ ≤ e^{Lt} D(0):        C = 1 in this norm;

if the second solves its equation but for a defect ε in (a, φ), D(t) ≤ e^{Lt} D(0) + (ε/L)(e^{Lt} − 1).

The suprema are taken at some times over what lies between both solutions, velocities up to the one that the energy allows, bridges out
to ± 7 standard deviations: an estimate of L, from below, in so far as a sample may miss the worst place. Frobenius norms, never too small.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ... import macro, mechanics
from ...drive import AbstractDrive
from ...model import Model
from ...numerics.quadrature import hermite
from ...population import Ensemble, Moments
from ...population.ensemble import Labels
from ...population.moments import Spread
from ...types import Array, Float

_BETWEEN = (0.0, 0.5, 1.0)  # where between two solutions
FINE = {1: 64, 2: 24, 3: 12}  # nodes an axis of the integrals over a closure's Gaussian, by nx


class Lipschitz(NamedTuple):
    """The constants, and the rate L of the bound that follows from them."""

    Ay: float
    Av: float
    Amu: float
    By: float
    Bv: float
    Bx: float

    @property
    def L(self) -> float:
        """The greatest column sum."""
        return max(self.Ay + self.By, 1.0 + self.Av + self.Bv, self.Amu + self.Bx)


class Side(NamedTuple):
    """One solution at K times: state, measure, and bridges far out."""

    y: Float[Array, "K ny"]
    v: Float[Array, "K ny"]
    x: Float[Array, "K P N nx"]
    w: Float[Array, "P N"]
    far: Float[Array, "K P J nx"]


def lipschitz(model: Model, drive: AbstractDrive, ts: Float[Array, " K"], a: Side, b: Side, speed: float) -> Lipschitz:
    """The constants over what lies between two solutions; infinite where they are not finite."""
    found = np.asarray(_constants(model, drive, jnp.asarray(ts), a, b, jnp.asarray(speed, float)))
    return Lipschitz(*map(float, np.where(np.isfinite(found), found, np.inf).max(axis=0)))


@eqx.filter_jit
def _constants(model: Model, drive: AbstractDrive, ts: Array, a: Side, b: Side, speed: Array) -> Float[Array, "S 6"]:
    mix = lambda s, p, q: (1.0 - s) * p + s * q

    def at(now):
        t, s, a, b = now
        y, v = mix(s, a.y, b.y), mix(s, a.v, b.v)
        x, w = jnp.concatenate([a.x, b.x], axis=1), jnp.concatenate([(1.0 - s) * a.w, s * b.w], axis=1)
        size = jnp.linalg.norm(v)
        axes = jnp.concatenate([v[None] / jnp.where(size > 0, size, 1.0), jnp.eye(v.size)])
        velocities = jnp.concatenate([jnp.zeros_like(v)[None], v[None], speed * axes])
        far = jnp.concatenate([a.far, b.far], axis=1)
        return jnp.max(jax.vmap(lambda v: _sizes(model, drive, t, y, v, x, w, far))(velocities), 0)

    times, parts = ts.size, len(_BETWEEN)
    still = lambda side: side._replace(w=jnp.broadcast_to(side.w, (times, *side.w.shape)))
    each = lambda tree: jax.tree.map(lambda a: jnp.repeat(a, parts, axis=0), tree)
    return jax.lax.map(at, (each(ts), jnp.tile(jnp.array(_BETWEEN), times), each(still(a)), each(still(b))))


def _sizes(model: Model, drive: AbstractDrive, t, y, v, x, w, far) -> Float[Array, " 6"]:
    """The six constants at one state; `far` (P, J, nx) are the bridges whose forces and velocities are looked at."""
    count, norm = x.shape[1], lambda a, axes: jnp.sqrt(jnp.sum(a**2, axis=axes))

    def acceleration(y, v, x, w):
        z = macro.over_points(model, Ensemble().start, x, w, model.tissue.kinematics(y))
        return macro.balance(model, Ensemble(), drive, t, y, v, z).acceleration

    def influence(shift):  # δa/δμ of bridges without weight, moved all together
        everyone = jnp.concatenate([x, far + shift[None, None]], axis=1)
        weights = jnp.concatenate([w, jnp.zeros(far.shape[:2])], axis=1)
        return jax.jacrev(lambda w: acceleration(y, v, everyone, w))(weights)[..., count:]

    def velocity(shift, y, v):
        q, u, _ = macro.kinematics(model, y, v)
        point = lambda bridge, x, q, u: jax.vmap(lambda x: mechanics.flow(bridge, x, q) @ u)(x)
        return macro.over_points(model, point, far + shift[None, None], q, u)

    by_y, by_v = jax.jacfwd(acceleration, (0, 1))(y, v, x, w)
    slope = jax.jacfwd(influence)(jnp.zeros(far.shape[-1]))  # (ny, P, J, nx)
    moved = jax.jacfwd(velocity, (0, 1, 2))(jnp.zeros(far.shape[-1]), y, v)
    by_x, of_y, of_v = (jnp.max(norm(part, (2, 3)), axis=1) for part in moved)
    slopes = jnp.max(norm(slope, (0, 3)))
    return jnp.stack([norm(by_y, (0, 1)), norm(by_v, (0, 1)), slopes, jnp.sum(of_y), jnp.sum(of_v), jnp.max(by_x)])


@eqx.filter_jit
def follow(
    model: Model, x: Float[Array, "P N nx"], path: Float[Array, "T ny"], at: Float[Array, " K"]
) -> Float[Array, "K P N nx"]:
    """Where bridges that start at x with the tissue at path[0] are along the path, at the indices `at`."""
    q0 = model.tissue.kinematics(path[0])
    z = macro.over_points(model, Ensemble().start, x, jnp.zeros(x.shape[:2]), q0)

    def step(z, y):
        z = z._replace(x=macro.over_points(model, Ensemble().positions, z, model.tissue.kinematics(y)))
        return z, z.x

    return jax.lax.scan(step, z, path)[1][at.astype(int)]


@eqx.filter_jit
def defects(
    model: Model, drive: AbstractDrive, population: Moments, ts: Array, y: Array, v: Array, mean: Array, factor: Array
) -> Float[Array, " K"]:
    """By how much a closure's own trajectory misses the mean-field equation: |a_closure − a[μ]| + Σ_p ∫|φ − V| dμ_p, μ the closure's
    Gaussian, V the affine velocity that carries it; state (K, ny), mean (K, P, nx) and factor (K, P, nx, nx) of its covariance."""
    zeta, weights = hermite(FINE[mean.shape[-1]], mean.shape[-1])

    def at(now):
        t, y, v, p, s = now
        closed = macro.balance(model, population, drive, t, y, v, Spread(p, s))
        x = p[:, None] + jnp.einsum("ki,pji->pkj", zeta, s)
        w = jnp.broadcast_to(jnp.asarray(weights), x.shape[:2])
        q, u, _ = macro.kinematics(model, y, v)
        z: Labels = macro.over_points(model, Ensemble().start, x, w, q)
        true = macro.balance(model, Ensemble(), drive, t, y, v, z).acceleration
        point = lambda bridge, x, q, u: jax.vmap(lambda x: mechanics.flow(bridge, x, q) @ u)(x)
        affine = closed.rate.p[:, None] + jnp.einsum("ki,pji->pkj", zeta, closed.rate.s)  # Ṡ S⁻¹(x − p) = Ṡζ
        missed = jnp.linalg.norm(macro.over_points(model, point, x, q, u) - affine, axis=-1)
        return jnp.linalg.norm(closed.acceleration - true) + jnp.sum(w * missed)

    return jax.lax.map(at, (ts, y, v, mean, factor))
