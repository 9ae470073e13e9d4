"""A law on the line from a table of its density: linear pieces, integrated and inverted exactly."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...fields import parameter
from .base import AbstractLaw, uniforms
from .checks import InputError, Leaf, check_finite, known, leaf
from .rules import legendre, shares


class Tabulated(AbstractLaw):
    """The law with the density that is linear between the points (x_j, density_j), j = 0..J, and zero outside
    (nx = 1).

    Its distribution function is quadratic on each of the J pieces and is inverted in closed form. `nodes`
    puts a Gauss–Legendre rule of k or k + 1 nodes on every piece: exact for polynomials of degree 2k − 2, J
    nodes at least.

    **Arguments:** `x`, shape (J + 1,), increasing; `density`, shape (J + 1,), ≥ 0 with integral 1 (what it
    misses of 1 is divided out, in derivatives too).

    **Raises:** InputError unless that holds; the integral to 1e-6.
    """

    x: Leaf = parameter("where the density is given, (J + 1,), increasing", "length", converter=leaf)
    density: Leaf = parameter("density there, (J + 1,)", "1/length", converter=leaf)

    def __check_init__(self):
        shapes = jnp.shape(self.x), jnp.shape(self.density)
        if len(shapes[0]) != 1 or shapes[0][0] < 2 or shapes[0] != shapes[1]:
            raise InputError(
                f"Expected x and density of one shape (J + 1,), J >= 1. Received shapes {shapes[0]} and {shapes[1]}."
            )
        check_finite(x=self.x, density=self.density)
        if known(self.x) and not np.all(steps := np.diff(self.x) > 0):
            j = int(np.argmin(steps))
            raise InputError(
                f"Expected increasing x. Received x[{j}] = {self.x[j]} before x[{j + 1}] = {self.x[j + 1]}."
            )
        if known(self.density) and not np.all(self.density >= 0):
            j = int(np.argmin(self.density))
            raise InputError(f"Expected density >= 0. Received density[{j}] = {self.density[j]}.")
        if known(self.x, self.density) and abs((total := float(np.trapezoid(self.density, self.x))) - 1) > 1e-6:
            raise InputError(
                f"Expected a density with integral 1. Received one with integral {total:.9g}; divide it by that."
            )

    @property
    def nx(self) -> int:
        return 1

    @property
    def dim(self) -> int:
        return 1

    def _table(self) -> tuple[Array, Array, Array]:
        """Points x (J + 1,), the density there (J + 1,), masses of the pieces (J,): normalised."""
        x, density = jnp.asarray(self.x, float), jnp.asarray(self.density, float)
        masses = 0.5 * jnp.diff(x) * (density[1:] + density[:-1])
        return x, density / jnp.sum(masses), masses / jnp.sum(masses)

    def mean(self):
        x, w = self.nodes(2 * (jnp.size(self.x) - 1))
        return w @ x

    def covariance(self):
        x, w = self.nodes(2 * (jnp.size(self.x) - 1))
        return (w @ (x - self.mean()[None]) ** 2)[None]

    def transform(self, u):
        u = jnp.asarray(u, float)
        x, density, masses = self._table()
        below = _running(masses)
        j = jnp.clip(jnp.searchsorted(below, u) - 1, 0)  # side="left": pieces without mass are never entered
        slope = ((density[1:] - density[:-1]) / jnp.diff(x))[j]
        rest = u - below[j]
        # Root s of density_j s + slope s²/2 = rest, in the form without cancellation; the floor keeps √
        # differentiable.
        root = jnp.sqrt(jnp.maximum(density[j] ** 2 + 2 * slope * rest, 1e-300))
        return jnp.minimum(x[j] + 2 * rest / (density[j] + root), x[j + 1])

    def sample(self, key, n):
        return self.transform(uniforms(key, n, 1))

    def nodes(self, n):
        x, density, _ = self._table()
        counts = shares(n, jnp.size(x) - 1, "piece of the table")
        j = np.repeat(np.arange(len(counts)), counts)
        t, w = (np.concatenate([legendre(int(count))[i] for count in counts]) for i in (0, 1))
        height = density[j] + t * (density[j + 1] - density[j])
        side = x[j + 1] - x[j]
        return (x[j] + t * side)[:, None], w * side * height

    def pdf(self, x):
        points, density, _ = self._table()
        return jnp.interp(jnp.asarray(x, float)[..., 0], points, density, left=0.0, right=0.0)

    def window(self, width):
        points, _, _ = self._table()
        return points[:1], points[-1:]

    def _tails(self, x):
        points, density, masses = self._table()
        x = jnp.clip(x, points[0], points[-1])
        j = jnp.clip(jnp.searchsorted(points, x, side="right") - 1, 0, jnp.size(masses) - 1)
        half_slope = (0.5 * (density[1:] - density[:-1]) / jnp.diff(points))[j]
        left, right = x - points[j], points[j + 1] - x
        below = _running(masses)[j] + left * (density[j] + half_slope * left)
        above = _running(masses[::-1])[::-1][j] + right * (density[j + 1] - half_slope * right)
        return below, above


def _running(masses: Array) -> Array:
    """Σ_{i<j} masses_i, j = 0..J − 1."""
    return jnp.concatenate([jnp.zeros(1), jnp.cumsum(masses[:-1])])
