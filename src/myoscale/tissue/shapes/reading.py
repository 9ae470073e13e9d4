"""A file that meshio reads, as points, cells of one kind, and named groups of facets and cells.

Names are gmsh's physical groups or meshio's cell sets. Cells of lower dimension only name things; points that no cell uses (the
centres of arcs) are left out. What cannot be used is an `InputError` that says where it is in the file.
"""

import contextlib
import dataclasses
import io

import meshio
import numpy as np

from ...errors import InputError
from ...types import Float, Int

FACETS = {"quad": "line", "triangle": "line", "hexahedron": "quad", "tetra": "triangle"}
_SIMPLE = {2: ("triangle", "quad"), 3: ("tetra", "hexahedron")}


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a file holds. Vertices of cells are in meshio's order, `parts` and `rims` cells and facets by name."""

    dim: int
    kind: str
    points: Float[np.ndarray, "V d"]
    cells: Int[np.ndarray, "E _"]
    parts: dict[str, Int[np.ndarray, " _"]]
    rims: dict[str, Int[np.ndarray, "_ _"]]
    fibre: np.ndarray | None  # (E, ...) as the file has it


def read(path: str) -> Contents:
    """The contents of `path`.

    **Raises:** `InputError` if meshio cannot read it, its cells are of several kinds or of another kind than quadrilaterals,
    triangles, hexahedra and tetrahedra of first order, or nothing on its boundary has a name.
    """
    mesh = _parse(path)
    dim = max((block.dim for block in mesh.cells), default=0)
    kinds = sorted({block.type for block in mesh.cells if block.dim == dim})
    if len(kinds) != 1 or kinds[0] not in FACETS:
        wanted = ", ".join(_SIMPLE.get(dim, tuple(FACETS)))
        raise InputError(
            f"MeshFile expected cells of one kind in {path}, one of: {wanted}. Received {', '.join(kinds) or 'no cells'}: "
            "mesh it anew with one kind and elements of first order."
        )
    kind = kinds[0]
    used, cells = np.unique(mesh.cells_dict[kind], return_inverse=True)
    cells = cells.reshape(mesh.cells_dict[kind].shape)
    rims = {}
    if (facet := FACETS[kind]) in mesh.cells_dict:
        facets = mesh.cells_dict[facet]
        rims = {name: facets[which] for name, which in _groups(mesh, facet, dim - 1).items()}
    if not rims:
        raise InputError(
            f"MeshFile expected named groups of {facet}s on the boundary in {path}. Received none: "
            "name them in gmsh (Physical Curve or Physical Surface) and save the file again."
        )
    for name, facets in rims.items():
        if not np.isin(facets, used).all():
            raise InputError(f"MeshFile expected the group '{name}' in {path} to lie on its cells. Received others.")
    rims = {name: np.searchsorted(used, facets) for name, facets in rims.items()}
    points = np.asarray(mesh.points, float)[used]
    if not np.all(np.isfinite(points)):
        raise InputError(f"MeshFile expected finite coordinates in {path}. Received others.")
    if np.any(points[:, dim:]):
        raise InputError(
            f"MeshFile expected {kind}s in the plane z = 0 in {path}. Received a surface in space: give it volume."
        )
    fibre = mesh.cell_data_dict.get("fibre", {}).get(kind)
    return Contents(dim, kind, points[:, :dim], cells, _groups(mesh, kind, dim), rims, fibre)


def _parse(path: str) -> meshio.Mesh:
    said = io.StringIO()  # meshio prints its complaint and then ends the program
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(path)
    except (Exception, SystemExit) as error:  # its readers fail in many ways on a damaged file
        what = " ".join((said.getvalue() if isinstance(error, SystemExit) else str(error)).split())
        raise InputError(
            f"MeshFile expected a mesh that meshio reads in {path}. Received one it cannot ({what or type(error).__name__}): "
            "save it anew, in gmsh's format 4.1 for instance."
        ) from error


def _groups(mesh: meshio.Mesh, kind: str, dim: int) -> dict[str, np.ndarray]:
    """The named groups of one kind of cell: indices among all cells of that kind, empty groups left out."""
    found: dict[str, list[np.ndarray]] = {}
    tags = mesh.cell_data_dict.get("gmsh:physical", {}).get(kind)
    for name, (tag, of_dim) in mesh.field_data.items():
        if tags is not None and of_dim == dim:
            found.setdefault(name, []).append(np.flatnonzero(tags == tag))
    for name, sets in mesh.cell_sets.items():
        start = 0
        for block, which in zip(mesh.cells, sets, strict=True):
            if block.type == kind:
                if which is not None and not name.startswith("gmsh:"):
                    found.setdefault(name, []).append(start + np.asarray(which, int))
                start += len(block.data)
    merged = {name: np.unique(np.concatenate(parts)) for name, parts in found.items()}
    return {name: which for name, which in merged.items() if len(which)}
