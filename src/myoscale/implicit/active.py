"""The stress of a population of bridges in a continuum, for those who have a solver of their own (theory.md section 12).

    P = −n_b ∫F₁ᵀΦ dμ ∂q/∂F                  first Piola stress, force per reference area: rows are directions of force
    fibre bridges, q = λ_f, g = x − ℓ_h λ_f:    P = −n_b ℓ_h ∫F₁dμ (Fa₀ ⊗ a₀)/λ_f
    vector bridges, q = F, g = F⁻¹x:            P = −n_b (∫F₁ ⊗ x dμ) F⁻ᵀ

Codes differ by the fibre stretch in what they call active stress: the tension along the fibre is λ_f T as a Cauchy stress of an incompressible tissue if
it is T as a first Piola stress, T/λ_f as a second one. Inertia of the bridges is not in it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..model import AbstractBridge, AbstractLaw
from ..numerics.quadrature import hermite
from ..population import Ensemble
from ..snapshot import Snapshot
from ..tissue import DeformationGradient, FibreStretch
from ..types import Array, ArrayLike, Float, Scalar, float64
from .points import elastic

_NODES = {1: 64, 2: 16, 3: 8}  # an axis, for laws


class ActiveStress(NamedTuple):
    """First Piola stress `piola` P and its `tangent` ∂P_ij/∂F_kl, the attached bridges carried along; `F` where."""

    piola: Float[Array, "d d"]
    tangent: Float[Array, "d d d d"]
    F: Float[Array, "d d"]

    @property
    def cauchy(self) -> Float[np.ndarray, "d d"]:
        """J⁻¹ P Fᵀ, force per deformed area."""
        return self.piola @ self.F.T / np.linalg.det(self.F)

    @property
    def second(self) -> Float[np.ndarray, "d d"]:
        """F⁻¹ P, the second Piola stress."""
        return np.linalg.solve(self.F, self.piola)


@float64
def active_stress(
    bridge: AbstractBridge,
    population: AbstractLaw | Snapshot | ArrayLike,
    F: ArrayLike,
    *,
    fibre: ArrayLike | None = None,
    bridges: Scalar = 1.0,
    local: FibreStretch | DeformationGradient = FibreStretch(),
) -> ActiveStress:
    """What attached bridges add to the stress of a tissue, and how that answers to a further deformation.

    **Arguments:** `bridge`; `population` at this deformation: a law, a `Snapshot` as of `solution.population(t, point)`, or extensions (N, nx) of equal weight;
    `F` (d, d), d = 2 or 3; `fibre` a₀ (d,), a unit vector, e₁ if left out; `bridges` n_b, heads per reference volume; `local`, what bridges see.

    **Returns:** an `ActiveStress`.

    **Raises:** `InputError` for an F that is not (d, d) or turns space inside out, or a fibre of zero length.
    """
    F = np.asarray(F, float)
    if F.shape not in ((2, 2), (3, 3)) or not np.linalg.det(F) > 0:
        raise InputError(
            f"active_stress expected F, (2, 2) or (3, 3) with det F > 0. Received shape {F.shape}{'' if F.ndim != 2 or F.shape[0] != F.shape[1] else f', det F = {np.linalg.det(F):.3g}'}."
        )
    a0 = np.eye(len(F))[0] if fibre is None else np.asarray(fibre, float)
    if a0.shape != F.shape[:1] or not np.linalg.norm(a0) > 0:
        raise InputError(f"active_stress expected fibre, a direction of {len(F)} components. Received {fibre!r:.60}.")
    a0 = a0 / np.linalg.norm(a0)
    x, w = _weighted(population)
    kinematics = lambda F: local.of(F, jnp.asarray(a0))

    def stress(F1):
        z = Ensemble().start(bridge, x, w, kinematics(jnp.asarray(F)))
        q, pull = jax.vjp(kinematics, F1)
        return -bridges * pull(elastic(Ensemble(), bridge, z, q))[0]

    P, A = jax.jit(lambda F: (stress(F), jax.jacfwd(stress)(F)))(jnp.asarray(F))
    return ActiveStress(np.asarray(P), np.asarray(A), F)


def _weighted(population) -> tuple[Array, Array]:
    """Weighted points that stand for a population."""
    if isinstance(population, AbstractLaw):
        x, w = population.nodes(_NODES[population.nx] ** population.nx)
        return jnp.asarray(x), jnp.asarray(w)
    if isinstance(population, Snapshot):
        if population.points is not None:
            return jnp.asarray(population.points), jnp.asarray(population.weights)
        if population.edges is not None:
            centres = [(e[1:] + e[:-1]) / 2 for e in map(np.asarray, population.edges)]
            x = np.stack(np.meshgrid(*centres, indexing="ij"), -1).reshape(-1, len(centres))
            return jnp.asarray(x), jnp.ravel(jnp.asarray(population.masses))
        mean, covariance = np.asarray(population.mean), np.asarray(population.covariance)
        zeta, w = hermite(_NODES[len(mean)], len(mean))
        return jnp.asarray(mean + zeta @ np.linalg.cholesky(covariance).T), jnp.asarray(w)
    x = np.asarray(population, float)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or not x.size:
        raise InputError(f"active_stress expected a law, a Snapshot or extensions (N, nx). Received shape {x.shape}.")
    return jnp.asarray(x), jnp.full(len(x), 1.0 / len(x))
