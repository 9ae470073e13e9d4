"""Moments ∫x^λ R(x) n(x) dx of rates R that have breakpoints, under a Gaussian n.

Rates that are polynomials between their breakpoints: in closed form, from the error function and a recurrence. Others: Gauss's rule on the
pieces between breakpoints. Either way a kink or a jump costs no accuracy.
"""

import itertools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

from ..types import Array

_FAR = 12.0  # standard deviations beyond which a Gaussian is zero
_CUTS = (-8.5, -3.0, 0.0, 3.0, 8.5)  # in standard deviations, between which Gauss's rule is accurate to 1e-11
_ORDER = 12
_PANELS = 8  # between the first and the last breakpoint, of rates that are no polynomials: they change within a fraction of the zone

Rate = Callable[[Array], Array]  # at points (K,), rates (K, S, S)


def interval_moments(rate: Rate, cuts: tuple, degree: int | None) -> Array:
    """∫x^λ R dx, λ = 0, 1, 2, from the first to the last of increasing cuts, (3, S, S)."""
    edges = jnp.stack([jnp.asarray(cut, float) for cut in cuts])
    x, w = _rule(_finer(edges), _ORDER) if degree is None else _rule(edges, (degree + 4) // 2)
    return jnp.einsum("k,kl,kij->lij", w, x[:, None] ** jnp.arange(3)[None], rate(x))


def _finer(edges: Array) -> Array:
    """Increasing edges, with others evenly between each two; one edge or none as it is."""
    if edges.size < 2:
        return edges
    parts = -(-_PANELS // (edges.size - 1))
    between = edges[:-1, None] + (edges[1:] - edges[:-1])[:, None] * (jnp.arange(parts) / parts)[None]
    return jnp.append(between.ravel(), edges[-1])


def _rule(edges: Array, order: int) -> tuple[Array, Array]:
    """Gauss's nodes and weights on all intervals between edges."""
    node, weight = np.polynomial.legendre.leggauss(order)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    return (edges[:-1, None] + half * (node + 1)[None]).ravel(), (half * weight[None]).ravel()


class Pieces:
    """A rate given by a polynomial on each piece between breakpoints, ends included; of no `degree`, by itself.

    Fewer than two breakpoints give no length to scale polynomials with: Gauss's rule, exact for them as well, takes over.
    """

    def __init__(self, rate: Rate, breakpoints: tuple, degree: int | None):
        self.rate, self.degree = rate, degree if len(breakpoints) > 1 else None
        self.breaks = jnp.array([jnp.asarray(b, float) for b in breakpoints], float)
        if self.degree is None or degree is None:
            self.breaks = _finer(self.breaks)
            return
        width = self.breaks[-1] - self.breaks[0]
        edges = jnp.concatenate([self.breaks[:1] - 2 * width, self.breaks, self.breaks[-1:] + 2 * width])
        self.centre, self.half = (edges[1:] + edges[:-1]) / 2, jnp.maximum((edges[1:] - edges[:-1]) / 2, 1e-9 * width)
        node = np.polynomial.legendre.leggauss(degree + 1)[0]
        values = rate((self.centre[:, None] + self.half[:, None] * node[None]).ravel())
        fit = np.linalg.inv(np.vander(node, increasing=True))
        self.coefficients = jnp.einsum("mn,knij->kmij", fit, values.reshape(-1, degree + 1, *values.shape[1:]))

    def moments(self, mean: Array, std: Array, shift: Array) -> Array:
        """∫x^λ R(x + shift) N(x; mean, std²) dx, λ = 0, 1, 2, (3, S, S)."""
        edges = (self.breaks - shift - mean) / std
        if self.degree is None:
            cuts = jnp.sort(jnp.concatenate([jnp.asarray(_CUTS), jnp.clip(edges, _CUTS[0], _CUTS[-1])]))
            z, w = _rule(cuts, _ORDER)
            w = w * jnp.exp(-z * z / 2) / math.sqrt(2 * math.pi)
            z0, z1, z2 = jnp.einsum(
                "k,kl,kij->lij", w, z[:, None] ** jnp.arange(3)[None], self.rate(mean + std * z + shift)
            )
        else:
            z0, z1, z2 = self._closed(edges, (mean + shift - self.centre) / self.half, std / self.half)
        return jnp.stack([z0, mean * z0 + std * z1, mean**2 * z0 + 2 * mean * std * z1 + std**2 * z2])

    def _closed(self, edges: Array, a: Array, b: Array) -> Array:
        """∫z^λ R φ dz of the standard normal law; R is a polynomial in a + bz on each piece."""
        assert self.degree is not None
        ends = jnp.concatenate([jnp.array([-_FAR]), jnp.clip(edges, -_FAR, _FAR), jnp.array([_FAR])])
        density = jnp.exp(-ends * ends / 2) / math.sqrt(2 * math.pi)
        below = erf(ends / math.sqrt(2)) / 2
        level = [below[1:] - below[:-1], density[:-1] - density[1:]]  # ∫z^k φ dz of each piece
        power = ends * density
        for k in range(2, self.degree + 3):
            level.append((k - 1) * level[k - 2] + power[:-1] - power[1:])
            power = power * ends
        total = 0.0
        for m in range(self.degree + 1):
            total = total + jnp.einsum("lk,kij->lij", jnp.stack(level[:3]), self.coefficients[:, m])
            level = [a * this + b * after for this, after in itertools.pairwise(level)]
        return jnp.asarray(total)
