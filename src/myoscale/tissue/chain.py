"""Elements in series, each with its own spring and its own population: half-sarcomeres of a myofibril."""

import jax.numpy as jnp

from ..errors import InputError
from ..fields import parameter
from ..model.tissue import AbstractTissue
from ..types import Array, Float, as_float, is_traced


class ChainTissue(AbstractTissue):
    """P springs in series from a fixed left end; a mass sits at the right end of each.

    Element p stretches by q_p = y_p − y_{p−1} with y_{−1} = 0; W₀ = ½Σ springs_p (q_p − rest_p)². The right end is free
    (ny = P; load it through the drive), or held at 0 (`held`, ny = P − 1: the last element ends at the wall).

    **Arguments:** `masses` (ny,) > 0; `springs` (P,); `rest` (P,) or a scalar; `dashpots` (P,) or None, each giving the
    force −dashpot · q̇_p in its element; `counts` (P,) or a scalar, heads ω_p in each element; `held`.

    **Raises:** `InputError` if the lengths do not fit each other.
    """

    masses: Float[Array, " ny"] = parameter("M₀, mass at the end of each element", "mass", converter=as_float)
    springs: Float[Array, " P"] = parameter("stiffness of each element", "force/length", converter=as_float)
    rest: Float[Array, "..."] = parameter(
        "stretch at which springs are slack", "length", converter=as_float, default=0.0
    )
    dashpots: Float[Array, " P"] | None = parameter("damping in each element", "force*time/length", default=None)
    counts: Float[Array, "..."] = parameter("ω_p, heads in each element", "1", converter=as_float, default=1.0)
    held: bool = parameter("whether the right end is held", static=True, default=False)

    def __check_init__(self):
        elements, nodes = jnp.shape(self.springs), jnp.shape(self.masses)
        if len(elements) != 1 or nodes != (elements[0] - self.held,) or not nodes[0]:
            wanted = "one mass fewer than springs (the right end is held)" if self.held else "as many masses as springs"
            raise InputError(f"ChainTissue expected {wanted}. Received masses {nodes} and springs {elements}.")
        for name in ("rest", "counts", "dashpots"):
            value = getattr(self, name)
            if value is not None and jnp.shape(value) not in ((), elements):
                raise InputError(
                    f"ChainTissue expected {name} to be a number or of shape {elements}, one for each element. "
                    f"Received shape {jnp.shape(value)}."
                )
        if not is_traced(self.counts) and not (self.counts > 0).all():
            raise InputError("ChainTissue expected counts > 0, heads in each element. Received one that is not.")

    @property
    def mass_matrix(self) -> Float[Array, "ny ny"]:
        """M₀, diagonal."""
        return jnp.diag(jnp.asarray(self.masses))

    @property
    def damping(self) -> Float[Array, "ny ny"] | None:
        """D of the dashpots."""
        if self.dashpots is None:
            return None
        stretch = self._stretch(jnp.eye(self.ny))
        return stretch.T @ (jnp.broadcast_to(jnp.asarray(self.dashpots), (self.points,))[:, None] * stretch)

    @property
    def heads(self) -> Float[Array, " P"]:
        """ω_p (P,)."""
        return jnp.broadcast_to(jnp.asarray(self.counts), (self.points,))

    @property
    def points(self) -> int:
        """P, number of elements."""
        return jnp.shape(self.springs)[0]

    def energy(self, y):
        """W₀(y)."""
        return 0.5 * jnp.sum(jnp.asarray(self.springs) * (self._stretch(y) - jnp.asarray(self.rest)) ** 2)

    def kinematics(self, y):
        """q_p = y_p − y_{p−1}, (P, 1)."""
        return self._stretch(y)[:, None]

    def _stretch(self, y):
        wall = jnp.zeros_like(y[:1])
        return jnp.diff(jnp.concatenate([wall, y, wall] if self.held else [wall, y]), axis=0)
