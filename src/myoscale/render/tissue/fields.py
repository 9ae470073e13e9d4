"""Fields of finite-element tissue at a saved time: motion at nodes, stress, stretch and bridges at quadrature points and in cells.

With F = I + ∂u/∂X, J = det F and the fibre a₀ of the reference,

    P = ∂W/∂F + p cof F + P_act,        P_act = −n_b (∂q/∂F)ᵀ f,        σ = J⁻¹ P Fᵀ,

where P_ij = ∂(energy)/∂F_ij is the first Piola stress (force in direction i per reference area with normal j), σ Cauchy's, and f the bridges' force per
head. These are the stresses of the equations themselves (`implicit.cells.stress`), at equilibrium at the saved time: ∫ P : ∇v dV is the virtual work that loads and
reactions balance. In motion f includes what accelerates the bridges' mass; the inertia of the tissue is not in P.

In the plane (strain is plane) tensors are (2, 2): the stress across the plane is not computed.
"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...errors import InputError
from ...implicit import cells as implicit
from ...snapshot import Snapshot
from ...solution import Solution
from ...tissue import ContinuumTissue, FibreStretch, determinant
from ...types import Array, Float, concrete, float64

_AT_POINTS = (
    *("piola", "piola_active", "cauchy", "cauchy_active", "pressure", "volume", "stretch", "direction", "tension"),
    *("attached", "mean", "std"),
)


@dataclasses.dataclass(frozen=True)
class Fields:
    """What a tissue of n nodes and P = E·Q quadrature points looks like at time `t`; the same with E for P in cells.

    **Attributes:** at nodes `displacement`, `velocity` (n, d); at points `piola`, `cauchy` (P, d, d), stress in all, and `piola_active`, `cauchy_active`, that of
    bridges alone; `pressure` (P,), the p that multiplies J − 1 in the energy, > 0 where tissue is swollen; `volume` J; `stretch` λ_f = |Fa₀| and
    `direction` Fa₀/λ_f (P, d) of fibres; `tension` (P,), the part of Cauchy's stress along the fibre that is the bridges'; `attached` (P,), share of heads (1 of
    bridges that stay attached); `mean` and `std` (P, nx) of the extension of what is attached, NaN where nothing is; `population`, the `Snapshot` behind.
    """

    t: float
    displacement: Float[np.ndarray, "n d"]
    velocity: Float[np.ndarray, "n d"]
    piola: Float[np.ndarray, "P d d"]
    piola_active: Float[np.ndarray, "P d d"]
    cauchy: Float[np.ndarray, "P d d"]
    cauchy_active: Float[np.ndarray, "P d d"]
    pressure: Float[np.ndarray, " P"]
    volume: Float[np.ndarray, " P"]
    stretch: Float[np.ndarray, " P"]
    direction: Float[np.ndarray, "P d"]
    tension: Float[np.ndarray, " P"]
    attached: Float[np.ndarray, " P"]
    mean: Float[np.ndarray, "P nx"]
    std: Float[np.ndarray, "P nx"]
    population: Snapshot


def continuum(solution: Solution) -> ContinuumTissue:
    """The tissue of a solution.

    **Raises:** `InputError` unless it is a continuum.
    """
    tissue = solution.scenario.model.tissue if isinstance(solution, Solution) else None
    if not isinstance(tissue, ContinuumTissue):
        name = type(solution if tissue is None else tissue).__name__
        raise InputError(
            f"Expected the solution of a ContinuumTissue, which has fields in space. Received {name}: its report has figures instead."
        )
    return tissue


@float64
def fields(solution: Solution, t: float) -> Fields:
    """Fields at nodes and quadrature points.

    **Arguments:** `solution` of a `ContinuumTissue`; `t`, a saved time.

    **Returns:** `Fields`, points cell after cell.

    **Raises:** `InputError` for a solution that is not of a continuum, or a time that was not saved.
    """
    tissue, population = continuum(solution), solution.populations(t)
    i = int(np.argmin(np.abs(np.asarray(solution.ts) - t)))
    y, force = jnp.asarray(solution.y[i], float), jnp.asarray(solution.force[i], float)
    found = concrete(_mechanics(tissue, y, force))
    mean, count = np.asarray(population.mean), len(found["stretch"])
    attached = np.ones(count) if population.attached is None else np.asarray(population.attached)
    variance = np.diagonal(np.asarray(population.covariance), axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        std = np.sqrt(np.maximum(variance, 0.0))
    return Fields(
        t=float(solution.ts[i]),
        displacement=np.reshape(solution.y[i], (-1, tissue.space.dim)),
        velocity=np.reshape(solution.v[i], (-1, tissue.space.dim)),
        attached=attached,
        mean=mean,
        std=std,
        population=population,
        **{name: np.asarray(values) for name, values in found.items()},
    )


@eqx.filter_jit
def _mechanics(tissue: ContinuumTissue, y: Array, force: Float[Array, "P nq"]) -> dict[str, Array]:
    """Everything that is known of the deformation and the force of the bridges."""
    d = tissue.space.dim
    p = implicit.pressures(tissue, implicit.pressure_of(tissue, y))

    def point(F, p, fibre, density, f):
        at = lambda f: implicit.stress(tissue, F, F, p, p, fibre, density, lambda q: f, "equilibrium")[0]
        P, passive = at(f), at(jnp.zeros_like(f))
        J, along = determinant(F), F @ fibre[:d]
        stretch = FibreStretch().of(F, fibre[:d])[0]
        direction = along / stretch
        sigma, active = P @ F.T / J, (P - passive) @ F.T / J
        return {
            "piola": P,
            "piola_active": P - passive,
            "cauchy": sigma,
            "cauchy_active": active,
            "pressure": p,
            "volume": J,
            "stretch": stretch,
            "direction": direction,
            "tension": direction @ active @ direction,
        }

    heads = tissue.heads[:, None]
    each = jnp.where(heads > 0, force / jnp.where(heads > 0, heads, 1.0), 0.0)  # a tendon has none
    return jax.vmap(point)(tissue.gradient(y), p, jnp.asarray(tissue.fibres), tissue.density_of_heads, each)


def in_cells(tissue: ContinuumTissue, found: Fields) -> Fields:
    """The same, means over the points of each cell, weighted by reference volume; what is not a number at some of them is left out.

    **Arguments:** `tissue`; `found`, its fields at points.

    **Returns:** `Fields` with E for P; directions are again of length 1, `population` is that of the points.
    """
    dx = np.asarray(tissue.space.dx)

    def mean(values: Array) -> Array:
        parts = np.asarray(values).reshape(*dx.shape, *np.shape(values)[1:])
        weights = dx.reshape(*dx.shape, *(1 for _ in parts.shape[2:])) * np.isfinite(parts)
        total = weights.sum(axis=1)
        summed = np.sum(np.where(np.isfinite(parts), parts, 0.0) * weights, axis=1)
        return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)

    means = {name: mean(getattr(found, name)) for name in _AT_POINTS}
    means["direction"] /= np.maximum(np.linalg.norm(means["direction"], axis=1, keepdims=True), 1e-300)
    return dataclasses.replace(found, **means)
