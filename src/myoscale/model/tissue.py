"""What a tissue declares; the tissues themselves are in `myoscale.tissue`.

A tissue moves with y ∈ R^ny, has the mass M₀, the passive energy W₀(y) and the damping D, and carries bridges at P points.
Point p shows its bridges the local kinematics q_p(y) ∈ R^nq and holds ω_p heads (theory.md sections 1 and 12).
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ..citations import Citation
from ..types import Array, Float


class AbstractTissue(eqx.Module):
    """A tissue: `mass_matrix`, `energy`, and by default one lumped element (q = y, one head's worth of bridges)."""

    mass_matrix: eqx.AbstractVar[Array]  # M₀ (ny, ny)

    cites: ClassVar[tuple[Citation, ...]] = ()  # where it was published
    is_field: ClassVar[bool] = False  # whether y is a field in a finite-element space, and its matrices are sparse

    @abc.abstractmethod
    def energy(self, y: Float[Array, " ny"]) -> Float[Array, ""]:
        """W₀(y), passive; its force is F₀ = −∇W₀."""

    @property
    def damping(self) -> Float[Array, "ny ny"] | None:
        """D (ny, ny), the force being −D ẏ; None where there is none."""
        return None

    @property
    def heads(self) -> Float[Array, " P"]:
        """ω_p, heads at each point."""
        return jnp.ones(1)

    def kinematics(self, y: Float[Array, " ny"]) -> Float[Array, "P nq"]:
        """q_p(y), what the bridges at each point see of the tissue."""
        return y[None, :]

    @property
    def are_lengths(self) -> bool:
        """Whether the coordinates y are lengths: what units and labels need to know."""
        return True

    @property
    def ny(self) -> int:
        """Number of macroscopic coordinates."""
        return jnp.shape(self.mass_matrix)[0]

    def pull(self, y: Float[Array, " ny"], f: Float[Array, "P nq"]) -> Float[Array, " ny"]:
        """Σ_p ω_p (∂q_p/∂y)ᵀ f_p: the points' forces as one force on y."""
        _, transpose = jax.vjp(self.kinematics, y)
        return transpose(self.heads[:, None] * f)[0]

    def assemble(self, y: Float[Array, " ny"], m: Float[Array, "P nq nq"]) -> Float[Array, "ny ny"]:
        """Σ_p ω_p (∂q_p/∂y)ᵀ m_p (∂q_p/∂y): the points' masses (or stiffnesses) as one matrix on y."""
        b = jax.jacfwd(self.kinematics)(y)
        return jnp.einsum("p,pik,pij,pjl->kl", self.heads, b, m, b, optimize="optimal")
