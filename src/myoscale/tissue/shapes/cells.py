"""Grids of cells: squares, disks, what arises from them by extrusion, and simplices from either.

A disk is an o-grid: a bulged square of core × core cells in the middle, rings around it, so that no cell is degenerate, however
fine (a square mapped to a disk as a whole has angles near π at four places). Vertices come first-axis slowest; cells are columns of
vertices in scikit-fem's order.

Simplices: each cell becomes the cone from its vertex of smallest number over the facets opposite it, each of which is cut through
its own smallest vertex (Dompierre et al. 1999, How to subdivide pyramids, prisms and hexahedra into tetrahedra). A facet is then cut
alike from both sides whatever the grid, which scikit-fem's `MeshHex.to_meshtet` warrants only for grids numbered like a box.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from skfem import MeshHex, MeshQuad, MeshTet, MeshTri
from skfem.mesh import Mesh

from ...types import Float, Int

# scikit-fem's vertices among: lower quadrilateral, then upper, both counterclockwise. Its reference cube starts at (1, 1, 1): the order
# drawn at `MeshHex`, from (0, 0, 0), gives negative determinants.
HEX = np.array([6, 2, 5, 7, 1, 3, 4, 0])

Points = Float[np.ndarray, "V d"]
Cells = Int[np.ndarray, "_ _"]  # vertices of a cell, cells


def box(cells: tuple[int, ...]) -> tuple[Points, Cells]:
    """The unit square or cube in `cells` equal parts along each axis."""
    axes = [np.linspace(0, 1, n + 1) for n in cells]
    points = np.stack(np.meshgrid(*axes[:2], indexing="ij"), -1).reshape(-1, 2)
    i = np.arange(len(points)).reshape(cells[0] + 1, cells[1] + 1)
    quads = np.stack([i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]]).reshape(4, -1)
    if len(cells) == 2:
        return points, quads
    z = np.repeat(axes[2], len(points))
    return np.column_stack([np.tile(points, (cells[2] + 1, 1)), z]), extrude(quads, len(points), cells[2])


def extrude(quads: Cells, points: int, layers: int) -> Cells:
    """Hexahedra from `quads` on `points` vertices, repeated layer after layer; the third axis points to the next layer."""
    lower = np.concatenate([quads + k * points for k in range(layers)], axis=1)
    return np.concatenate([lower, lower + points])[HEX]


def disk(core: int, rings: int) -> tuple[Points, Cells, np.ndarray]:
    """The unit disk; also whether each vertex lies on the rim."""
    a = np.linspace(-1, 1, core + 1)
    square = np.stack(np.meshgrid(a, a, indexing="ij"), -1).reshape(-1, 2)
    i = np.arange(len(square)).reshape(core + 1, core + 1)
    rim = np.concatenate([i[:-1, 0], i[-1, :-1], i[:0:-1, -1], i[0, :0:-1]])  # counterclockwise, 4·core
    round_ = square * np.sqrt(1 - square[:, ::-1] ** 2 / 2)  # the square on the unit disk
    # Half way between square and disk; of the size that makes the middle's cells as long as the rings'.
    size = min(0.8, 1 / (0.92 + 1.71 * rings / core))
    middle = size * (square / np.sqrt(2) + round_) / 2
    weights = np.arange(1, rings + 1)[:, None, None] / rings
    around = (1 - weights) * middle[rim] + weights * round_[rim]
    loops = np.concatenate([rim[None], len(square) + np.arange(rings * len(rim)).reshape(rings, -1)])
    following = np.roll(loops, -1, axis=1)
    quads = [
        np.stack([i[:-1, :-1], i[1:, :-1], i[1:, 1:], i[:-1, 1:]]).reshape(4, -1),
        np.stack([loops[:-1], loops[1:], following[1:], following[:-1]]).reshape(4, -1),
    ]
    points = np.concatenate([middle, around.reshape(-1, 2)])
    return points, np.concatenate(quads, axis=1), np.arange(len(points)) >= len(points) - len(rim)


def simplices_of(cells: Cells) -> Cells:
    """Two triangles from each quadrilateral or six tetrahedra from each hexahedron, of the same orientation."""
    if len(cells) == 4:
        return np.concatenate(_halves(cells), axis=1)
    corners = cells[[7, 6, 5, 3, 4, 2, 1, 0]]  # at (a, b, c) of the reference cube in row 4a + 2b + c
    apex = np.argmin(corners, axis=0)
    turned = np.take_along_axis(corners, np.arange(8)[:, None] ^ apex, axis=0)  # mirrored until the apex comes first
    mirrored = np.isin(apex, [1, 2, 4, 7])  # an odd number of times
    opposite = [turned[[4, 6, 7, 5]], turned[[2, 3, 7, 6]], turned[[1, 5, 7, 3]]]  # counterclockwise from outside
    tets = [np.concatenate([turned[:1], half]) for face in opposite for half in _halves(face)]
    return np.concatenate([np.where(mirrored, tet[[0, 2, 1, 3]], tet) for tet in tets], axis=1)


def _halves(quads: Cells) -> list[Cells]:
    first = np.argmin(quads, axis=0)
    q = np.take_along_axis(quads, (np.arange(4)[:, None] + first) % 4, axis=0)
    return [q[[0, 1, 2]], q[[0, 2, 3]]]


def mesh_of(points: Points, cells: Cells, boundaries: Mapping[str, np.ndarray], simplices: bool) -> Mesh:
    """The mesh, with the facets whose vertices all lie in a boundary's mask (V,) as that boundary.

    The masks must be such that no other facet of the boundary has all its vertices in one.
    """
    if simplices:
        mesh = bare(points, simplices_of(cells), "triangle" if len(cells) == 4 else "tetra")
    else:
        mesh = bare(points, cells, "quad" if len(cells) == 4 else "hexahedron")
    outer = mesh.boundary_facets()
    facets = np.asarray(mesh.facets)[:, outer]
    return named(mesh, {name: outer[mask[facets].all(axis=0)] for name, mask in boundaries.items()}, {})


def named(mesh: Mesh, boundaries: dict[str, Any], subdomains: dict[str, Any]) -> Mesh:
    """The mesh with names: the indices of facets and of cells."""
    return mesh.with_boundaries(boundaries).with_subdomains(subdomains)


def bare(points: Points, cells: Cells, kind: str) -> Mesh:
    """A mesh of cells of one kind, in meshio's words, without names."""
    x, t = np.ascontiguousarray(points.T), np.ascontiguousarray(cells, dtype=np.int32)
    if kind == "triangle":
        return MeshTri(x, t, sort_t=False)  # sorted vertices would turn some cells over
    return {"quad": MeshQuad, "hexahedron": MeshHex, "tetra": MeshTet}[kind](x, t)
