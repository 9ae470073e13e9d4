"""Passive tissue by its strain energy alone, in the right Cauchy–Green tensor C = FᵀF and the fibre direction a₀ of the reference.

The volume is kept by the pressure of the tissue (`ContinuumTissue.bulk`), so these energies are the rest; neo-Hookean and Mooney–Rivlin
energies are of C̄ = J^(−2/3) C, so that pressure alone answers to volume. Stress and stiffness follow by automatic differentiation.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ...citations import GUCCIONE_1995, Citation
from ...errors import InputError
from ...fields import parameter
from ...types import Array, Float, Scalar, is_traced

_EYE = np.eye(3)


class AbstractMaterial(eqx.Module):
    """A hyperelastic material."""

    cites: ClassVar[tuple[Citation, ...]] = ()  # where it was published

    @abc.abstractmethod
    def energy(self, C: Float[Array, "3 3"], fibre: Float[Array, " 3"]) -> Float[Array, ""]:
        """W(C, a₀), per reference volume; also in the plane, where C₃₃ = 1."""


class NeoHookean(AbstractMaterial):
    """W = ½ μ (Ī₁ − 3).

    **Arguments:** `shear` μ > 0, the shear modulus.

    **Raises:** `InputError` for a modulus that is not positive.
    """

    shear: Scalar = parameter("μ, shear modulus", "force/length**2")

    def __check_init__(self):
        _positive(self, "shear")

    def energy(self, C, fibre):
        """½ μ (Ī₁ − 3)."""
        return 0.5 * self.shear * (_invariants(C)[0] - 3.0)


class MooneyRivlin(AbstractMaterial):
    """W = c₁ (Ī₁ − 3) + c₂ (Ī₂ − 3), of shear modulus 2(c₁ + c₂).

    **Arguments:** `c1` > 0 and `c2` ≥ 0.

    **Raises:** `InputError` otherwise.
    """

    c1: Scalar = parameter("c₁", "force/length**2")
    c2: Scalar = parameter("c₂", "force/length**2")

    def __check_init__(self):
        _positive(self, "c1")
        _positive(self, "c2", zero=True)

    def energy(self, C, fibre):
        """c₁ (Ī₁ − 3) + c₂ (Ī₂ − 3)."""
        first, second = _invariants(C)
        return self.c1 * (first - 3.0) + self.c2 * (second - 3.0)


class FibreReinforced(AbstractMaterial):
    """W = ½ μ (Ī₁ − 3) + a/(2b) (exp(b ⟨λ_f² − 1⟩²) − 1): a ground substance and fibres that resist extension alone, ever more.

    **Arguments:** `shear` μ > 0; `fibre_stiffness` a ≥ 0; `fibre_exponent` b > 0.

    **Raises:** `InputError` otherwise.
    """

    shear: Scalar = parameter("μ, shear modulus", "force/length**2")
    fibre_stiffness: Scalar = parameter("a, stiffness of the fibres", "force/length**2")
    fibre_exponent: Scalar = parameter("b, of the fibres", "1")

    def __check_init__(self):
        _positive(self, "shear")
        _positive(self, "fibre_stiffness", zero=True)
        _positive(self, "fibre_exponent")

    def energy(self, C, fibre):
        """Ground substance and fibres."""
        longer = jnp.maximum(fibre @ C @ fibre - 1.0, 0.0)
        fibres = 0.5 * self.fibre_stiffness / self.fibre_exponent * jnp.expm1(self.fibre_exponent * longer**2)
        return 0.5 * self.shear * (_invariants(C)[0] - 3.0) + fibres


class Guccione(AbstractMaterial):
    """W = ½ c (e^Q − 1), Q = b_f E_ff² + b_t (E_ss² + E_nn² + 2 E_sn²) + 2 b_fs (E_fs² + E_fn²), E = ½(C − I): passive heart muscle.

    **Arguments:** `c` > 0; `bf`, `bt`, `bfs` > 0, without units.

    **Raises:** `InputError` otherwise.
    """

    cites: ClassVar = (GUCCIONE_1995,)

    c: Scalar = parameter("c, stiffness", "force/length**2")
    bf: Scalar = parameter("b_f, along fibres", "1")
    bt: Scalar = parameter("b_t, across fibres", "1")
    bfs: Scalar = parameter("b_fs, of shear between fibres", "1")

    def __check_init__(self):
        for name in ("c", "bf", "bt", "bfs"):
            _positive(self, name)

    def energy(self, C, fibre):
        """½ c (e^Q − 1); with e = E a₀ the shears and the rest of E follow from |e|², a₀·e and |E|²."""
        strain = 0.5 * (C - _EYE)
        along = strain @ fibre
        axial = fibre @ along
        shear = along @ along - axial**2  # E_fs² + E_fn²
        across = jnp.sum(strain**2) - axial**2 - 2.0 * shear  # E_ss² + E_nn² + 2 E_sn²
        return 0.5 * self.c * jnp.expm1(self.bf * axial**2 + self.bt * across + 2.0 * self.bfs * shear)


def _invariants(C: Float[Array, "3 3"]) -> tuple[Array, Array]:
    """Ī₁ and Ī₂."""
    third = _determinant(C)
    first = jnp.trace(C)
    second = 0.5 * (first**2 - jnp.sum(C * C.T))
    root = third ** (-1.0 / 3.0)
    return root * first, root**2 * second


def _determinant(a: Float[Array, "3 3"]) -> Array:
    """Written out: it is differentiated at every quadrature point."""
    return a[0] @ jnp.cross(a[1], a[2])


def _positive(material: AbstractMaterial, name: str, zero: bool = False) -> None:
    value = getattr(material, name)
    if is_traced(value):
        return
    if not (np.isfinite(value) and (value >= 0 if zero else value > 0)):
        raise InputError(f"{type(material).__name__} expected {name} {'≥' if zero else '>'} 0. Received {value!r:.40}.")
