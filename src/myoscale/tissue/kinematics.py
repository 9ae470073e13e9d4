"""Local kinematics of one lumped element: what its bridges see of the macroscopic coordinates y."""

import abc
import math

import equinox as eqx
import jax.numpy as jnp

from ..errors import InputError
from ..fields import parameter
from ..types import Array, Float


class AbstractKinematics(eqx.Module):
    """A map q(y) of one element."""

    @abc.abstractmethod
    def __call__(self, y: Float[Array, " ny"]) -> Float[Array, " nq"]:
        """q(y)."""


class Displacement(AbstractKinematics):
    """q = y."""

    def __call__(self, y):
        return y


class DeformationGradient(AbstractKinematics):
    """q = F, row by row, whose entries are the coordinates themselves: F affine in y, so q″ = 0 (ny = n²).

    In a continuum, F at the point.
    """

    def __call__(self, y):
        return y

    def of(self, F: Float[Array, "d d"], fibre: Float[Array, " d"]) -> Float[Array, " nq"]:
        """q of a deformation gradient."""
        return F.ravel()


class RotationStretch(AbstractKinematics):
    """q = F = R(θ) U row by row, y = (θ, stretch, shear), in the plane or (size 3) about the third axis.

    U = [[stretch, shear], [shear, 1/stretch]] in the plane and U₃₃ = 1; nonlinear in y, so q″[ẏ, ẏ] ≠ 0.
    """

    size: int = parameter("2, or 3 for a rotation about the third axis", static=True, default=2)

    def __check_init__(self):
        if self.size not in (2, 3):
            raise InputError(f"RotationStretch expected size 2 or 3. Received {self.size}.")

    def __call__(self, y):
        angle, stretch, shear = y
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        f = jnp.array([[cos, -sin], [sin, cos]]) @ jnp.array([[stretch, shear], [shear, 1.0 / stretch]])
        return (f if self.size == 2 else jnp.eye(3).at[:2, :2].set(f)).ravel()


class FibreStretch(AbstractKinematics):
    """q = λ_f = |F a₀|, the stretch of the fibre (nq = 1): what bridges along the fibres of a continuum see.

    Of one element y holds the entries of F, row by row, and the fibre is along the first axis; a continuum knows its own.
    """

    def __call__(self, y):
        n = math.isqrt(y.size)
        return self.of(y.reshape(n, n), jnp.eye(n)[0])

    def of(self, F: Float[Array, "d d"], fibre: Float[Array, " d"]) -> Float[Array, " 1"]:
        """q of a deformation gradient."""
        return jnp.linalg.norm(F @ fibre)[None]
