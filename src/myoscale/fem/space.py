"""Finite-element spaces as plain arrays: gradients, weights and node numbers of every cell, for displacement and pressure.

scikit-fem makes them once; after that nothing but arrays is needed, and the physics at quadrature points is batched over them.

| name | displacement | pressure | cells |
|---|---|---|---|
| Q1/P0 | (multi)linear | constant in each cell | quadrilaterals, hexahedra |
| Q2/Q1 | (multi)quadratic | (multi)linear, continuous | quadrilaterals, hexahedra |
| P2/P1 | quadratic | linear, continuous | triangles, tetrahedra |
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
import skfem

from ..types import Array, Float, Int


@dataclasses.dataclass(frozen=True)
class _Kind:
    """Elements of displacement and pressure by dimension, the order of quadrature, and whether cells are simplices."""

    displacement: dict[int, Any]
    pressure: dict[int, Any]
    order: int
    simplices: bool
    continuous: bool  # pressure


ELEMENTS: dict[str, _Kind] = {
    "Q1/P0": _Kind(
        {2: skfem.ElementQuad1, 3: skfem.ElementHex1}, {2: skfem.ElementQuad0, 3: skfem.ElementHex0}, 3, False, False
    ),
    "Q2/Q1": _Kind(
        {2: skfem.ElementQuad2, 3: skfem.ElementHex2}, {2: skfem.ElementQuad1, 3: skfem.ElementHex1}, 5, False, True
    ),
    "P2/P1": _Kind(
        {2: skfem.ElementTriP2, 3: skfem.ElementTetP2}, {2: skfem.ElementTriP1, 3: skfem.ElementTetP1}, 4, True, True
    ),
}


class Facets(NamedTuple):
    """A named part of the boundary: its quadrature, and the cells behind it."""

    values: Float[Array, "F R A"]  # shape functions of the cell behind each facet
    slopes: Float[Array, "F R A d"]  # and their gradients
    normals: Float[Array, "F R d"]  # outward, in the reference
    dx: Float[Array, "F R"]
    nodes: Int[Array, "F A"]
    cells: Int[Array, " F"]
    on: Int[Array, " n"]  # nodes on it


class Space(eqx.Module):
    """E cells with Q quadrature points and A displacement nodes each, B pressure nodes; d = 2 or 3."""

    slopes: Float[Array, "E Q A d"]  # gradients of the displacement's shape functions
    values: Float[Array, "Q A"]
    pressures: Float[Array, "Q B"]
    dx: Float[Array, "E Q"]  # reference volume of each quadrature point
    places: Float[Array, "E Q d"]  # reference positions
    local: Float[Array, "Q d"]  # and those in the cell's own coordinates
    nodes: Int[Array, "E A"]
    pressure_nodes: Int[Array, "E B"]
    locations: Float[Array, "n d"]  # of the displacement's nodes
    facets: dict[str, Facets]
    corners: Int[Array, "E C"]  # vertices of each cell, for drawing, numbered as nodes
    continuous: bool = eqx.field(static=True)  # pressure
    pressure_count: int = eqx.field(static=True)

    @property
    def dim(self) -> int:
        """d."""
        return self.slopes.shape[-1]

    @property
    def count(self) -> int:
        """Nodes of the displacement."""
        return self.locations.shape[0]


def space(mesh: skfem.Mesh, element: str) -> Space:
    """The space of an element, a key of `ELEMENTS`, on a mesh whose `boundaries` are named."""
    kind, d = ELEMENTS[element], mesh.dim()
    made, pressed = kind.displacement[d](), kind.pressure[d]()
    basis = skfem.Basis(mesh, made, intorder=kind.order)
    pressure = skfem.Basis(mesh, pressed, intorder=kind.order)
    facets = {
        name: _facets(mesh, made, kind.order, np.asarray(facets)) for name, facets in (mesh.boundaries or {}).items()
    }
    values = lambda of: np.stack([np.asarray(one[0])[0] for one in of.basis], axis=1)  # the same in every cell
    corners = _numbers(basis, mesh)
    return Space(
        slopes=np.stack([np.moveaxis(np.asarray(one[0].grad), 0, -1) for one in basis.basis], axis=2),
        values=values(basis),
        pressures=values(pressure),
        dx=np.asarray(basis.dx),
        places=np.moveaxis(np.asarray(basis.global_coordinates()), 0, -1),
        local=np.ascontiguousarray(basis.X.T),
        nodes=np.ascontiguousarray(basis.element_dofs.T),
        pressure_nodes=np.ascontiguousarray(pressure.element_dofs.T),
        locations=np.ascontiguousarray(basis.doflocs.T),
        facets=facets,
        corners=corners,
        continuous=kind.continuous,
        pressure_count=int(pressure.N),
    )


def _numbers(basis: Any, mesh: Any) -> np.ndarray:
    """The displacement node at each vertex of each cell."""
    return basis.nodal_dofs[0][mesh.t].T


def _facets(mesh, element, order, facets) -> Facets:
    basis = skfem.FacetBasis(mesh, element, facets=facets, intorder=order)
    put_last = lambda a: np.moveaxis(np.asarray(a), 0, -1)
    return Facets(
        values=np.stack([np.asarray(one[0]) for one in basis.basis], axis=2),
        slopes=np.stack([put_last(one[0].grad) for one in basis.basis], axis=2),
        normals=put_last(basis.normals),
        dx=np.asarray(basis.dx),
        nodes=np.ascontiguousarray(basis.element_dofs.T),
        cells=np.asarray(basis.tind),
        on=np.asarray(basis.get_dofs(facets).flatten()),
    )
