"""`Model` and `Start`: all that a user writes down, for every level alike."""

import equinox as eqx
import jax
import jax.numpy as jnp

from ..fem import Space
from ..fields import parameter
from ..types import Array, Float, Scalar
from .bridge import AbstractBridge, Stacked
from .laws import AbstractLaw
from .noise import AbstractNoise
from .tissue import AbstractTissue


class Model(eqx.Module):
    """A tissue and the bridges in it (theory.md section 1), and the noise that shakes them, if any (section 10)."""

    tissue: AbstractTissue
    bridge: AbstractBridge | Stacked
    noise: AbstractNoise | None = None

    def one_way(self) -> "Model":
        """The classical model in which tissue moves bridges but does not feel their inertia: m = 0."""
        where = lambda model: getattr(model.bridge, "each", model.bridge).mass
        return eqx.tree_at(where, self, jnp.zeros_like(jnp.asarray(where(self), float)))


class Start(eqx.Module):
    """Initial state.

    **Arguments:**

    - `y`, `v`: displacement and velocity of the tissue, (ny,), or scalars for ny = 1.
    - `x`: where the bridges start: a law of X on R^nx, or points (N, nx) shared by all P points of the tissue, or
        points (P, N, nx); (N,) is read as nx = 1. Left out for cycling bridges that all start detached.
    - `weights`: of the points, (N,) or (P, N), Σ_i w_i = 1 at each point of the tissue; equal if left out.
    - `velocity`: of bridges whose constraint has lower rank, k < nx, how they move where they are free: a law on R^nx (of what is
        left of it along the constraint), or one Ẋ for each of the points `x`, consistent with ẏ. At rest there if left out.
    - `attached`: of cycling bridges, the share that starts attached, with the law `x`; the others are detached, and all together are
        uniform modulo the spacing of sites.
    """

    y: Float[Array, " ny"] | Scalar = parameter("y, displacement of the tissue", "coordinate")
    v: Float[Array, " ny"] | Scalar = parameter("ẏ, its velocity", "coordinate/time", default=0.0)
    x: AbstractLaw | Float[Array, "..."] | None = parameter(
        "law or points of the bridges' extension", "length", default=None, kw_only=True
    )
    weights: Float[Array, "..."] | None = parameter("of the points, sum 1", "1", default=None, kw_only=True)
    velocity: AbstractLaw | Float[Array, "..."] | None = parameter(
        "law or values of Ẋ where bridges are free, k < nx", "length/time", default=None, kw_only=True
    )
    attached: Scalar = parameter("share of cycling heads attached, with the law x", "1", default=0.0, kw_only=True)

    @property
    def nx(self) -> int:
        """Dimension of a bridge's extension."""
        if self.x is None:
            return 1
        if isinstance(self.x, AbstractLaw):
            return self.x.nx
        shape = jnp.shape(self.x)
        return 1 if len(shape) == 1 else shape[-1]

    @property
    def count(self) -> int:
        """How many bridges a point it gives; of a law, none."""
        shape = () if isinstance(self.x, AbstractLaw) or self.x is None else jnp.shape(self.x)
        return 0 if not shape else shape[-2 if len(shape) > 1 else 0]

    def points(self, count: int) -> tuple[Float[Array, "P N nx"], Float[Array, "P N"]]:
        """The given points and weights at each of `count` points of the tissue."""
        x = jnp.asarray(self.x, float)
        x = x[:, None] if x.ndim == 1 else x
        x = jnp.broadcast_to(x, (count, *x.shape[-2:]))
        n = x.shape[1]
        weights = jnp.full(n, 1.0 / n) if self.weights is None else jnp.asarray(self.weights, float)
        return x, jnp.broadcast_to(weights, (count, n))

    def velocities(self, x: Float[Array, "P N nx"]) -> Float[Array, "P N nx"]:
        """The given velocities of bridges at x, zero where none are given."""
        if self.velocity is None:
            return jnp.zeros_like(x)
        v = jnp.asarray(self.velocity, float)
        return jnp.broadcast_to(v[:, None] if v.ndim == 1 else v, x.shape)


def tree_float(tree):
    """Numbers in a pytree to float64 arrays, so that a new value is not a new program to compile; the node numbers of a `Space` stay whole."""
    number = lambda leaf: isinstance(leaf, float | int) and not isinstance(leaf, bool)

    def converted(leaf):
        if isinstance(leaf, Space):
            return jax.tree.map(jnp.asarray, leaf)
        return jnp.asarray(leaf, float) if number(leaf) or eqx.is_array_like(leaf) else leaf

    return jax.tree.map(converted, tree, is_leaf=lambda leaf: isinstance(leaf, Space))
