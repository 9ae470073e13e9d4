"""One lumped tissue element on linear springs and dashpots: P = 1, and its bridges see q(y)."""

import equinox as eqx
import jax.numpy as jnp

from ..model.tissue import AbstractTissue
from ..types import Array, Float, Scalar, as_float
from .kinematics import AbstractKinematics, Displacement


class SpringMass(AbstractTissue):
    """The scalar element: one mass on one spring, W₀ = ½ stiffness (y − rest)², ny = nq = 1.

    **Arguments:** `mass` M₀ > 0; `stiffness` κ₀; `rest`, where the spring is slack; `damping` D ≥ 0 or None;
    `count` ω, the heads in the element.
    """

    mass: Scalar = 1.0  # M₀
    stiffness: Scalar = 1.0  # κ₀
    rest: Scalar = 0.0
    damping: Scalar | None = None  # D
    count: Scalar = 1.0  # ω

    @property
    def mass_matrix(self) -> Float[Array, "1 1"]:
        """M₀ as a matrix."""
        return jnp.reshape(jnp.asarray(self.mass), (1, 1))

    @property
    def heads(self) -> Float[Array, " 1"]:
        """ω (1,)."""
        return jnp.reshape(jnp.asarray(self.count), 1)

    def energy(self, y):
        """W₀(y)."""
        return 0.5 * self.stiffness * (y[0] - self.rest) ** 2


class LumpedTissue(AbstractTissue):
    """One element of ny coordinates, W₀ = ½(y − rest)ᵀ S (y − rest).

    **Arguments:** `mass_matrix` M₀ and `stiffness` S, (ny, ny), symmetric; `rest` (ny,) or a scalar; `damping` D
    (ny, ny) or None; `local`, the kinematics q(y) that its bridges see (`Displacement`, `DeformationGradient`,
    `RotationStretch`); `count` ω, the heads in the element.
    """

    mass_matrix: Float[Array, "ny ny"] = eqx.field(converter=as_float)  # M₀
    stiffness: Float[Array, "ny ny"] = eqx.field(converter=as_float)  # S
    rest: Float[Array, "..."] = eqx.field(converter=as_float, default=0.0)
    damping: Float[Array, "ny ny"] | None = None  # D
    local: AbstractKinematics = Displacement()
    count: Scalar = 1.0  # ω

    @property
    def heads(self) -> Float[Array, " 1"]:
        """ω (1,)."""
        return jnp.reshape(jnp.asarray(self.count), 1)

    def energy(self, y):
        """W₀(y)."""
        return 0.5 * (y - self.rest) @ jnp.asarray(self.stiffness) @ (y - self.rest)

    def kinematics(self, y):
        """q (1, nq)."""
        return self.local(y)[None, :]
