"""One lumped tissue element on linear springs and dashpots: P = 1, and its bridges see q(y)."""

import equinox as eqx
import jax.numpy as jnp

from ..fields import parameter
from ..model.tissue import AbstractTissue
from ..types import Array, Float, Scalar, as_float
from .kinematics import AbstractKinematics, Displacement


class SpringMass(AbstractTissue):
    """The scalar element: one mass on one spring, W₀ = ½ stiffness (y − rest)², ny = nq = 1.

    **Arguments:** `mass` M₀ > 0; `stiffness` κ₀; `rest`, where the spring is slack; `damping` D ≥ 0 or None;
    `count` ω, the heads in the element.
    """

    mass: Scalar = parameter("M₀, mass", "mass", default=1.0)
    stiffness: Scalar = parameter("κ₀, stiffness of the passive spring", "force/length", default=1.0)
    rest: Scalar = parameter("where the spring is slack", "length", default=0.0)
    damping: Scalar | None = parameter("D, damping", "force*time/length", default=None)
    count: Scalar = parameter("ω, heads in the element", "1", default=1.0)

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

    mass_matrix: Float[Array, "ny ny"] = parameter("M₀, mass (ny, ny)", converter=as_float)
    stiffness: Float[Array, "ny ny"] = parameter("S, stiffness (ny, ny)", converter=as_float)
    rest: Float[Array, "..."] = parameter("where it is slack, (ny,)", converter=as_float, default=0.0)
    damping: Float[Array, "ny ny"] | None = parameter("D, damping (ny, ny)", default=None)
    local: AbstractKinematics = parameter("q(y), what bridges see of y", default=Displacement())
    count: Scalar = parameter("ω, heads in the element", "1", default=1.0)

    @property
    def heads(self) -> Float[Array, " 1"]:
        """ω (1,)."""
        return jnp.reshape(jnp.asarray(self.count), 1)

    def energy(self, y):
        """W₀(y)."""
        return 0.5 * (y - self.rest) @ jnp.asarray(self.stiffness) @ (y - self.rest)

    @property
    def are_lengths(self) -> bool:
        """Only where bridges see y itself: the entries of F have no unit."""
        return isinstance(self.local, Displacement)

    def kinematics(self, y):
        """q (1, nq)."""
        return self.local(y)[None, :]


class Probes(AbstractTissue):
    """Points of a larger tissue by themselves, for looking at: y holds their q, one point after the other, and nothing else is known of the tissue.

    **Arguments:** `counts` (P,), heads at each point; `size` nq.
    """

    counts: Float[Array, " P"] = parameter("ω_p, heads at each point", "1", converter=as_float)
    size: int = eqx.field(static=True)

    @property
    def mass_matrix(self) -> Float[Array, "ny ny"]:
        """None is known; 1 stands for it."""
        return jnp.eye(self.counts.size * self.size)

    @property
    def heads(self) -> Float[Array, " P"]:
        """ω_p."""
        return jnp.asarray(self.counts)

    @property
    def are_lengths(self) -> bool:
        """Stretches have no unit."""
        return False

    def energy(self, y):
        """None."""
        return jnp.zeros(())

    def kinematics(self, y):
        """(P, nq)."""
        return jnp.reshape(y, (-1, self.size))
