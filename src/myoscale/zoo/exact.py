"""Exact solutions where the effective equation is linear, by normal modes (theory.md section 7, examples 1 and 2).

With springs, W₁ = κ₁|x|²/2 and W₀ quadratic, a bridge of a linear constraint sits at X = X₀ + GB(y − y₀), q = By, and
one of an affine element at X = (I ⊗ cᵀ)q, c = F₀⁻¹X₀, q = F row by row. Either way

    (M₀ + m Σ_p ω_p BᵀAB) ÿ = S(rest − y) + ℓ − κ₁ Σ_p ω_p Bᵀ(r + ABy),

    linear:   A = GᵀG,      r = Gᵀ(x̄₀ − GBy₀),   of X₀ only its mean x̄₀;
    element:  A = I ⊗ C,    r = 0,                of X₀ only C = F₀⁻¹ E[X₀X₀ᵀ] F₀⁻ᵀ,

for particles and in the mean field alike: a sample's own moments give the sample's own solution. NumPy and SciPy; the
matrices of tissues and bridges are written out again, so that nothing is shared with what they check. No damping, no pair
energy; the load is constant.
"""

import jax
import numpy as np
from scipy.linalg import eigh

from ..errors import InputError
from ..model import AbstractLaw, AbstractTissue, Model, Stacked, Start
from ..tissue import ChainTissue, DeformationGradient, Displacement, LumpedTissue, SpringMass
from ..types import ArrayLike, Float, float64
from .bridges import ElementBridge, LinearBridge


class LinearExact:
    """y(t) and ẏ(t) of a model whose effective equation is linear.

    **Arguments:**

    - `model`: `SpringMass`, `LumpedTissue` or `ChainTissue` with `LinearBridge`s, or a `LumpedTissue` of a
      `DeformationGradient` with `ElementBridge`s.
    - `start`: the initial state.
    - `mean`: x̄₀ (P, nx) at each point, for linear bridges; that of the start if left out. Pass a random sample's own.
    - `second`: E[X₀X₀ᵀ] (P, nx, nx) at each point, for elements; that of the start if left out.
    - `load`: a constant force ℓ, (ny,) or a scalar.

    **Attributes:** `frequencies`, the angular frequency of each mode, (ny,), by increasing square; imaginary for a mode
    that runs away.

    **Raises:** `InputError` for a model whose effective equation is not linear, or has damping.
    """

    def __init__(
        self,
        model: Model,
        start: Start,
        mean: ArrayLike | None = None,
        second: ArrayLike | None = None,
        load: ArrayLike = 0.0,
    ):
        mass, stiffness, force, maps, heads = _tissue(model.tissue)
        y, v = (np.broadcast_to(np.asarray(value, float), force.shape) for value in (start.y, start.v))
        first, moment = _moments(start, len(maps))
        means = first if mean is None else np.broadcast_to(np.asarray(mean, float), first.shape)
        seconds = moment if second is None else np.broadcast_to(np.asarray(second, float), moment.shape)
        force = force + np.asarray(load, float)
        for bridge, omega, b, *moments in zip(_bridges(model, len(maps)), heads, maps, means, seconds, strict=True):
            a, r = _terms(bridge, b @ y, *moments)
            mass = mass + omega * float(bridge.mass) * b.T @ a @ b
            stiffness = stiffness + omega * float(bridge.stiffness) * b.T @ a @ b
            force = force - omega * float(bridge.stiffness) * b.T @ r
        squares, self._modes = eigh(stiffness, mass)  # modesᵀ · mass · modes = 1
        self.frequencies = np.emath.sqrt(squares)  # cos and sinc serve real and imaginary ones alike
        self._y, self._v = self._modes.T @ mass @ y, self._modes.T @ mass @ v
        self._pull = self._modes.T @ (force - stiffness @ y)  # at the start

    def __call__(self, t: ArrayLike) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """y and ẏ at the times `t` of any shape, the coordinate last."""
        return self.y(t), self.v(t)

    def y(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """y at the times `t`, (..., ny)."""
        t = np.asarray(t, float)[..., None]
        # (1 − cos ωt)/ω², t²/2 for ω = 0
        fall = 0.5 * t**2 * np.sinc(self.frequencies * t / (2 * np.pi)) ** 2
        return np.real(self._y + self._v * self._sine(t) + self._pull * fall) @ self._modes.T

    def v(self, t: ArrayLike) -> Float[np.ndarray, "..."]:
        """ẏ at the times `t`, (..., ny)."""
        t = np.asarray(t, float)[..., None]
        return np.real(self._v * np.cos(self.frequencies * t) + self._pull * self._sine(t)) @ self._modes.T

    def _sine(self, t):
        """sin(ωt)/ω, t for ω = 0."""
        return t * np.sinc(self.frequencies * t / np.pi)


def _tissue(tissue: AbstractTissue):
    """M₀, S, its pull S·rest, and B and ω of each point."""
    if tissue.damping is not None:
        raise InputError("LinearExact expected a tissue without damping. Received one with it: leave it None.")
    if isinstance(tissue, SpringMass):
        mass, stiffness = np.eye(1) * float(tissue.mass), np.eye(1) * float(tissue.stiffness)
        return mass, stiffness, stiffness[0] * float(tissue.rest), [np.eye(1)], [float(tissue.count)]
    if isinstance(tissue, LumpedTissue) and isinstance(tissue.local, Displacement | DeformationGradient):
        mass, stiffness = np.asarray(tissue.mass_matrix, float), np.asarray(tissue.stiffness, float)
        rest = np.broadcast_to(np.asarray(tissue.rest, float), len(mass))
        return mass, stiffness, stiffness @ rest, [np.eye(len(mass))], [float(tissue.count)]
    if isinstance(tissue, ChainTissue):
        masses, springs = np.asarray(tissue.masses, float), np.asarray(tissue.springs, float)
        count = len(springs)
        stretch = (np.eye(count) - np.eye(count, k=-1))[:, : len(masses)]  # a held end has no column
        pull = stretch.T @ (springs * np.asarray(tissue.rest, float))
        heads = np.broadcast_to(np.asarray(tissue.counts, float), count)
        return np.diag(masses), stretch.T @ (springs[:, None] * stretch), pull, list(stretch[:, None]), heads
    raise InputError(
        "LinearExact expected a SpringMass, a ChainTissue, or a LumpedTissue whose kinematics are linear. "
        f"Received {type(tissue).__name__}."
    )


def _bridges(model: Model, points: int) -> list[LinearBridge | ElementBridge]:
    """The bridge of each point."""
    bridge = model.bridge.each if isinstance(model.bridge, Stacked) else model.bridge
    if not isinstance(bridge, LinearBridge | ElementBridge):
        raise InputError(f"LinearExact expected LinearBridge or ElementBridge. Received {type(bridge).__name__}.")
    if bridge is model.bridge:
        return [bridge] * points
    return [jax.tree.map(lambda leaf, p=p: leaf[p], bridge) for p in range(points)]


def _terms(bridge: LinearBridge | ElementBridge, q, mean, second):
    """A and r of bridges that start at q."""
    if isinstance(bridge, LinearBridge):
        gain = np.asarray(bridge.gain, float)
        gain = gain * np.eye(len(q)) if gain.ndim == 0 else gain
        return gain.T @ gain, gain.T @ (mean - gain @ q)
    inverse = np.linalg.inv(q.reshape(len(mean), len(mean)))
    return np.kron(np.eye(len(mean)), inverse @ second @ inverse.T), np.zeros(len(q))


@float64
def _moments(start: Start, points: int):
    """E[X₀] (P, nx) and E[X₀X₀ᵀ] (P, nx, nx) at each point."""
    if isinstance(start.x, AbstractLaw):
        mean, covariance = np.asarray(start.x.mean()), np.asarray(start.x.covariance())
        second = covariance + np.outer(mean, mean)
        return np.broadcast_to(mean, (points, *mean.shape)), np.broadcast_to(second, (points, *second.shape))
    x, w = (np.asarray(a) for a in start.points(points))
    return np.einsum("pn,pni->pi", w, x), np.einsum("pn,pni,pnj->pij", w, x, x)
