"""A tissue as a continuum of finite elements, with a population of bridges at every quadrature point (theory.md section 12).

y holds the displacements of all nodes, node by node. With F = I + ∇y, the pressure p and the material's energy W,

    W₀ = ∫ W(FᵀF, a₀) + p(J − 1) − p²/(2κ) dV,       J = det F = 1 + p/κ in the mean,

so that a quasi-incompressible tissue does not lock. Bridges sit at P = E·Q points, n_b dV heads at each, and see q = λ_f or q = F. In the
plane, strain is plane and the thickness is one.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

from ...errors import InputError, nearest
from ...fem import ELEMENTS, Space, space
from ...fields import parameter
from ...model.tissue import AbstractTissue
from ...types import Array, ArrayLike, Float, Scalar, as_float, as_number, is_traced
from ..kinematics import AbstractKinematics, DeformationGradient, FibreStretch
from ..shapes import AbstractShape, Grid
from .conditions import AbstractCondition, Clamp, Motion, Springs, Tie
from .materials import AbstractMaterial

STEPPERS = ("energy-momentum", "midpoint")
_ITERATIONS = 400  # of conjugate gradients, for a continuous pressure


class ContinuumTissue(AbstractTissue):
    """Finite-element tissue in the plane or in space.

    **Arguments:** `shape`, what it is cut from; `material`, passive, with `bulk` κ_vol, its resistance to changes of volume; `density` ρ₀ (0 is enough
    for `QuasiStatic` runs); `bridges` n_b, heads per reference volume, a number or one for each point (P,); `local`, what a bridge sees: `FibreStretch()`, or `DeformationGradient()` for
    bridges that are vectors; `conditions` at the boundary; `element`, "Q1/P0", "Q2/Q1" or "P2/P1"; `activation`, a function (t, X) with X (d,) by which
    the drive's r(t) is multiplied at each point; `overlap`, a function of λ_f that multiplies attachment, for the overlap of filaments; `stepper`,
    "energy-momentum" or "midpoint", of `order` 2, 4 or 6, with `dt` the longest step (the shortest time between two saved ones if left out).

    **Raises:** `InputError` for a boundary that the shape does not have, and values out of range.
    """

    is_field: ClassVar[bool] = True

    shape: AbstractShape = parameter("what the tissue is cut from")
    material: AbstractMaterial = parameter("passive material")
    bulk: Scalar = parameter("κ_vol, bulk modulus", "force/length**2")
    density: Scalar = parameter("ρ₀, density", "mass/length**3")
    bridges: Float[Array, "..."] = parameter("n_b, heads per reference volume", "1/length**3", converter=as_float)
    local: AbstractKinematics = parameter("what bridges see: FibreStretch or DeformationGradient")
    conditions: tuple[AbstractCondition, ...] = parameter("at the boundary")
    activation: Callable | None = parameter("share of r(t) at each place, of (t, X)")
    overlap: Callable | None = parameter("factor of attachment, of λ_f")
    dt: Scalar | None = parameter("longest step", "time")
    element: str = parameter("Q1/P0, Q2/Q1 or P2/P1", static=True)
    stepper: str = parameter("energy-momentum or midpoint", static=True)
    order: int = parameter("2, 4 or 6, of the stepper", static=True)
    space: Space = parameter("derived from shape and element")
    fibres: Float[Array, "P 3"] = parameter("a₀ at each point, derived from the shape")

    def __init__(
        self,
        shape: AbstractShape,
        material: AbstractMaterial,
        *,
        bulk: Scalar,
        density: Scalar = 0.0,
        bridges: ArrayLike = 1.0,
        local: AbstractKinematics = FibreStretch(),
        conditions: Sequence[AbstractCondition] = (),
        element: str = "Q1/P0",
        activation: Callable | None = None,
        overlap: Callable | None = None,
        stepper: str = "energy-momentum",
        order: int = 2,
        dt: Scalar | None = None,
    ):
        self.shape, self.material, self.bulk, self.density, self.bridges = (
            shape,
            material,
            bulk,
            density,
            as_float(bridges),
        )
        self.local, self.conditions, self.activation, self.overlap = local, tuple(conditions), activation, overlap
        self.element, self.stepper, self.order, self.dt = element, stepper, order, dt
        _check(self)
        grid = shape.cut(ELEMENTS[element].simplices)
        _check_cells(grid)
        self.space = space(grid.mesh, element)
        _check_conditions(self)
        cells, d = self.space.dx.shape[0], self.space.dim
        inside = np.broadcast_to(self.space.local, self.space.places.shape)
        fibres = np.asarray(grid.fibre(np.arange(cells), inside), float).reshape(-1, d)
        _check_fibres(fibres, self.space.dx.shape[1])
        self.fibres = np.concatenate([fibres, np.zeros((len(fibres), 3 - d))], axis=1)

    @property
    def ny(self) -> int:
        """Displacements: d at each node."""
        return self.space.count * self.space.dim

    @property
    def mass_matrix(self) -> Any:
        """M₀ (ny, ny), a sparse matrix."""
        space = self.space
        block = np.einsum("eq,qa,qb->eab", float(self.density) * space.dx, space.values, space.values)
        rows, columns = np.broadcast_arrays(space.nodes[:, :, None], space.nodes[:, None, :])
        one = sp.coo_matrix((block.ravel(), (rows.ravel(), columns.ravel())), shape=(space.count, space.count))
        return sp.kron(one.tocsr(), sp.identity(space.dim, format="csr"), format="csr")

    @property
    def density_of_heads(self) -> Float[Array, " P"]:
        """n_b at every point."""
        return jnp.broadcast_to(jnp.asarray(self.bridges, float), (self.space.dx.size,))

    @property
    def heads(self) -> Float[Array, " P"]:
        """ω_p = n_b dV."""
        return self.density_of_heads * jnp.asarray(self.space.dx).ravel()

    def gradient(self, y: Float[Array, " ny"]) -> Float[Array, "P d d"]:
        """F at every point."""
        d = self.space.dim
        u = jnp.reshape(y, (-1, d))[jnp.asarray(self.space.nodes)]
        return jnp.eye(d)[None] + jnp.einsum("eai,eqaj->eqij", u, jnp.asarray(self.space.slopes)).reshape(-1, d, d)

    def kinematics(self, y):
        """q (P, nq)."""
        d = self.space.dim
        return jax.vmap(self.seen)(self.gradient(y), jnp.asarray(self.fibres)[:, :d])

    def seen(self, F: Float[Array, "d d"], fibre: Float[Array, " d"]) -> Float[Array, " nq"]:
        """q of a deformation gradient."""
        assert isinstance(self.local, FibreStretch | DeformationGradient)
        return self.local.of(F, fibre)

    def energy(self, y):
        """W₀(y), the pressure eliminated and springs at the boundary included."""
        stored, volume = jax.vmap(self.stored)(self.gradient(y), jnp.asarray(self.fibres))
        dx, u = jnp.asarray(self.space.dx), jnp.reshape(y, (-1, self.space.dim))
        total = jnp.sum(dx.ravel() * stored) + 0.5 * self.bulk * self.swelling(volume) @ self._tested(volume)
        for one in self.conditions:
            if isinstance(one, Springs):  # those that last: others do work when they begin or end
                facets = self.space.facets[one.boundary]
                there = jnp.einsum("fra,fai->fri", facets.values, u[jnp.asarray(facets.nodes)])
                total = total + 0.5 * one.stiffness * jnp.sum(facets.dx * jnp.sum(there**2, axis=-1))
        return total

    def swelling(self, volume: Float[Array, " P"]) -> Float[Array, " pressures"]:
        """J − 1 in the pressure's space, of which κ times is the pressure."""
        space, right = self.space, self._tested(volume)
        if not space.continuous:
            return right / jnp.sum(jnp.asarray(space.dx), axis=1)
        mass = jnp.einsum("eq,qa,qb->eab", space.dx, space.pressures, space.pressures)
        nodes = jnp.asarray(space.pressure_nodes)
        apply = lambda p: jnp.zeros(space.pressure_count).at[nodes].add(jnp.einsum("eab,eb->ea", mass, p[nodes]))
        return jax.scipy.sparse.linalg.cg(apply, right, tol=1e-14, maxiter=_ITERATIONS)[0]

    def _tested(self, volume: Array) -> Array:
        """∫(J − 1) dV against the pressure's shape functions."""
        space, dx = self.space, jnp.asarray(self.space.dx)
        tested = jnp.einsum("eq,qb->eb", dx * (volume.reshape(dx.shape) - 1.0), space.pressures)
        return jnp.zeros(space.pressure_count).at[jnp.asarray(space.pressure_nodes)].add(tested)

    def stored(self, F: Float[Array, "d d"], fibre: Float[Array, " 3"]) -> tuple[Array, Array]:
        """W and J of a deformation gradient."""
        C = solid(F).T @ solid(F)
        return self.material.energy(C, fibre), determinant(F)


def solid(F: Float[Array, "d d"]) -> Float[Array, "3 3"]:
    """F in space, where the plane keeps its thickness."""
    return F if F.shape[0] == 3 else jnp.eye(3).at[:2, :2].set(F)


def determinant(F: Float[Array, "d d"]) -> Array:
    """det F, written out."""
    return F[0] @ jnp.cross(F[1], F[2]) if F.shape[0] == 3 else F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0]


def _check(tissue: ContinuumTissue) -> None:
    if not isinstance(tissue.shape, AbstractShape):
        raise InputError(f"ContinuumTissue expected a shape, Block(…) for instance. Received {tissue.shape!r:.80}.")
    if not isinstance(tissue.material, AbstractMaterial):
        raise InputError(
            f"ContinuumTissue expected a material, NeoHookean(…) for instance. Received {tissue.material!r:.80}."
        )
    for name, value, known in (("element", tissue.element, ELEMENTS), ("stepper", tissue.stepper, STEPPERS)):
        if value not in known:
            raise InputError(f"ContinuumTissue does not know the {name} {value!r:.40}: {nearest(str(value), known)}")
    if tissue.order not in (2, 4, 6):
        raise InputError(f"ContinuumTissue expected order 2, 4 or 6. Received {tissue.order!r}.")
    if not isinstance(tissue.local, FibreStretch | DeformationGradient):
        raise InputError(
            f"ContinuumTissue expected local to be FibreStretch() or DeformationGradient(). Received {tissue.local!r:.80}."
        )
    for name, least in (("bulk", "> 0"), ("density", "≥ 0")):
        value = as_number(getattr(tissue, name))
        if not (value >= 0 if name == "density" else value > 0) or not np.isfinite(value):
            raise InputError(f"ContinuumTissue expected {name} {least}. Received {getattr(tissue, name)!r:.40}.")
    if tissue.dt is not None and not 0 < as_number(tissue.dt) < np.inf:
        raise InputError(f"ContinuumTissue expected dt > 0, a time. Received {tissue.dt!r:.40}.")
    for name in ("activation", "overlap"):
        if getattr(tissue, name) is not None and not callable(getattr(tissue, name)):
            raise InputError(
                f"ContinuumTissue expected {name} to be a function. Received {getattr(tissue, name)!r:.40}."
            )
    if tissue.overlap is not None and not isinstance(tissue.local, FibreStretch):
        raise InputError("ContinuumTissue expected overlap with bridges along fibres. Received one with vectors.")


def _check_cells(grid: Grid) -> None:
    """Raise `InputError` for cells that are turned inside out."""
    mapping, kind = grid.mesh.mapping(), grid.mesh.elem()
    found = np.asarray(mapping.detDF(np.asarray(kind.refdom.p, float)))
    if (inverted := np.flatnonzero((found <= 0).any(axis=1))).size:
        raise InputError(
            f"ContinuumTissue expected cells that are not inverted. Received {inverted.size} that are, cell {inverted[0]} first: mend the mesh there, or its order of vertices."
        )


def _check_fibres(fibres: np.ndarray, points: int) -> None:
    """Raise `InputError` for directions that are none."""
    length = np.linalg.norm(fibres, axis=1)
    if (wrong := np.flatnonzero(~(np.abs(length - 1.0) < 1e-6))).size:
        raise InputError(
            f"ContinuumTissue expected fibres that are unit vectors. Received one of length {length[wrong[0]]:.3g} in cell {wrong[0] // points}: give every cell a direction."
        )


def _check_conditions(tissue: ContinuumTissue) -> None:
    d, names, points = tissue.space.dim, tissue.space.facets, tissue.space.dx.size
    if not is_traced(tissue.bridges) and (
        np.shape(tissue.bridges) not in ((), (points,)) or not (np.asarray(tissue.bridges) >= 0).all()
    ):
        raise InputError(
            f"ContinuumTissue expected bridges ≥ 0, a number or ({points},), one for each point. Received shape {np.shape(tissue.bridges)}."
        )
    for one in tissue.conditions:
        if not isinstance(one, AbstractCondition):
            raise InputError(f"ContinuumTissue expected conditions, Clamp('x0') for instance. Received {one!r:.80}.")
        one = one.itself
        kind = type(one).__name__
        if one.boundary not in names:
            raise InputError(
                f"{kind} is for a boundary '{one.boundary}', which {type(tissue.shape).__name__} does not have: {nearest(one.boundary, names)}"
            )
        given = (
            (one.components or ())
            if isinstance(one, Clamp)
            else (one.component,)
            if isinstance(one, Motion | Tie)
            else ()
        )
        if any(not isinstance(c, int) or not 0 <= c < d for c in given):
            raise InputError(f"{kind} expected components from 0 to {d - 1}. Received {given}.")
