"""A density on a grid: the mean-field PDE ∂ₜρ + div(ρ Φ q̇) = 0 by finite volumes (theory.md section 5).

The window of the grid moves, its cells do not follow ξ. In one dimension its two ends are characteristics, which nothing crosses; in two,
each side follows the mean and the standard deviation of the law along its axis. Between them cells stretch evenly.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import mechanics
from ..model.laws import AbstractLaw
from ..numerics import convolution, finite_volume
from ..types import Array, Float, Scalar
from .base import AbstractPopulation, Measure


class Cells(NamedTuple):
    """State of a `Density`: cell masses, and the corners of the window."""

    m: Float[Array, "..."]
    low: Float[Array, " nx"]
    high: Float[Array, " nx"]


class Density(AbstractPopulation):
    """Masses of `cells` cells an axis, nx = 1 or 2."""

    cells: int = eqx.field(static=True)

    def start(self, law: AbstractLaw, width: Scalar) -> tuple[Cells, Float[Array, ""]]:
        """Cell masses of a law in a window of ± `width` standard deviations; also the mass left outside."""
        low, high = law.window(width)
        if law.nx == 1:
            m = law.cell_masses(self.edges(low, high)[0])
        else:  # Gauss–Legendre in each cell
            nodes, weights = np.polynomial.legendre.leggauss(4)
            offsets = jnp.stack(jnp.meshgrid(nodes / 2, nodes / 2, indexing="ij"), -1).reshape(-1, 2)
            weights = np.outer(weights / 2, weights / 2).ravel()
            size = (high - low) / self.cells
            centres = self.centres(low, high)
            density = jax.vmap(lambda offset: law.pdf(centres + (offset * size)[None]))(offsets)
            m = (jnp.prod(size) * jnp.tensordot(weights, density, 1)).reshape(self.cells, self.cells)
        total = jnp.sum(m)
        return Cells(m / total, low, high), 1.0 - total

    def edges(self, low: Float[Array, " nx"], high: Float[Array, " nx"]) -> list[Array]:
        """Cell edges along each axis."""
        return [a + (b - a) * np.linspace(0.0, 1.0, self.cells + 1) for a, b in zip(low, high, strict=True)]

    def centres(self, low: Float[Array, " nx"], high: Float[Array, " nx"]) -> Float[Array, "K nx"]:
        """Cell centres, last axis fastest."""
        along = [(e[1:] + e[:-1]) / 2 for e in self.edges(low, high)]
        return _product(along).reshape(-1, len(along))

    def measure(self, bridge, z, q):
        """Cell centres, with weights of fourth order."""
        return Measure(self.centres(z.low, z.high), finite_volume.midpoint_weights(z.m).ravel())

    def energies(self, bridge, z, q):
        """∫W₁dμ and ½∬V dμdμ; cells are even, so that the sum over pairs of them is a convolution."""
        measure = self.measure(bridge, z, q)
        elastic = measure.expect(bridge.energy)
        if bridge.interaction is None:
            return elastic, jnp.zeros(())
        size = (z.high - z.low) / self.cells
        return elastic, 0.5 * convolution.pair_sum(bridge.interaction, measure.w.reshape(z.m.shape), size)

    def transport(self, bridge, z, q, u):
        """Upwind fluxes relative to the moving cells, and the window's own motion."""
        velocity = lambda x: mechanics.flow(bridge, x, q) @ u
        low_rate, high_rate = self._window_rate(velocity, z)
        edges = self.edges(z.low, z.high)
        middles = [(e[1:] + e[:-1]) / 2 for e in edges]
        relative = []
        for axis, low, high, edge in zip(range(len(edges)), low_rate, high_rate, edges, strict=True):
            faces = _product([edge if k == axis else middle for k, middle in enumerate(middles)])
            speed = jax.vmap(velocity)(faces.reshape(-1, len(edges)))[:, axis].reshape(faces.shape[:-1])
            mesh = low + (high - low) * np.linspace(0.0, 1.0, self.cells + 1)
            mesh = mesh.reshape([-1 if k == axis else 1 for k in range(len(edges))])
            relative.append((speed - mesh) / (edge[1] - edge[0]))
        return Cells(finite_volume.rate(z.m, relative), low_rate, high_rate)

    def probes(self, z, bridge, q):
        """Cell centres and the corners of the window."""
        return jnp.concatenate([z.low[None], z.high[None], self.centres(z.low, z.high)])

    def admissible(self, z, slack):
        """Masses below zero by less than `slack` are rounding of the time stepper: to zero, the total kept."""
        m = jnp.maximum(z.m, 0.0)
        return z._replace(m=m * (jnp.sum(z.m) / jnp.sum(m))), jnp.min(z.m) >= -slack

    def _window_rate(self, velocity, z):
        if z.m.ndim == 1:
            return velocity(z.low), velocity(z.high)
        w = finite_volume.midpoint_weights(z.m).ravel()
        x = self.centres(z.low, z.high)
        v = jax.vmap(velocity)(x)
        mean, drift = w @ x, w @ v
        deviation = x - mean[None]
        stretch = (w @ (deviation * v)) / (w @ deviation**2)
        return drift + stretch * (z.low - mean), drift + stretch * (z.high - mean)


def _product(axes: list[Array]) -> Array:
    return jnp.stack(jnp.meshgrid(*axes, indexing="ij"), -1)
