"""A shape from a file: gmsh's .msh, or anything else that meshio reads.

The file gives cells, the names of its boundary and, if it likes, fibres as cell data "fibre"; see `reading`. Cells are taken as they
are, turned where their vertices run the wrong way round, never cut: simplices stay simplices, cubes stay cubes.
"""

from pathlib import Path

import numpy as np

from ...errors import InputError
from ...fields import parameter
from .base import AbstractShape, Grid, constant
from .cells import HEX, bare, named
from .checks import check_positive, number, optional_numbers, unit
from .reading import Contents, read

# meshio's vertices in scikit-fem's order, and scikit-fem's for the cell seen in a mirror
_ORDER = {"quad": [0, 1, 2, 3], "triangle": [0, 1, 2], "tetra": [0, 1, 2, 3], "hexahedron": HEX.tolist()}
_MIRRORED = {"quad": [0, 3, 2, 1], "triangle": [0, 2, 1], "tetra": [0, 2, 1, 3], "hexahedron": [0, 2, 1, 3, 4, 6, 5, 7]}


class MeshFile(AbstractShape):
    """The mesh in a file; boundaries and subdomains are its named groups of facets and cells.

    **Arguments:** `path`; `fibre` (d,), one direction for all, or None: the file's cell data "fibre", one direction (d,) for each
    cell, of any length; `scale`, by which coordinates are multiplied.

    In gmsh's files, cell data need a row for each element, lines and points too, and format 4.1: meshio reads no others.

    **Raises:** `InputError` if there is no such file, and from `dim` and `cut` if what it holds cannot be used (see `read`).
    """

    path: str = parameter("the file", converter=str, static=True)
    fibre: tuple[float, ...] | None = parameter(
        "direction of fibres, (d,)", "1", converter=optional_numbers, static=True, default=None
    )
    scale: float = parameter("factor of coordinates", "1", converter=number, static=True, default=1.0)

    def __check_init__(self):
        check_positive("MeshFile", "scale", (self.scale,), (1,))
        if not Path(self.path).is_file():
            raise InputError(f"MeshFile expected a file. Received {self.path}, which is none: check the path.")
        if self.fibre is not None:
            unit("MeshFile", self.fibre, len(self.fibre))

    @property
    def dim(self) -> int:
        """d, 2 or 3, as the file has it."""
        return read(self.path).dim

    def cut(self, simplices: bool) -> Grid:
        """The file's cells.

        **Raises:** `InputError` if they are not of the kind asked for.
        """
        held = read(self.path)
        if simplices != (held.kind in ("triangle", "tetra")):
            wanted = "triangles or tetrahedra" if simplices else "quadrilaterals or hexahedra"
            raise InputError(
                f"MeshFile expected {wanted} in {self.path}. Received {held.kind}s: cut(simplices={not simplices}), or mesh it anew."
            )
        cells = held.cells[:, _ORDER[held.kind]].T.copy()
        if len(np.unique(np.sort(cells, axis=0), axis=1).T) < cells.shape[1]:
            raise InputError(
                f"MeshFile expected each cell once in {self.path}. Received some twice: put each in one group, or save as gmsh 4.1."
            )
        turned = _determinants(held, cells).max(axis=1) < 0
        cells[:, turned] = cells[np.ix_(_MIRRORED[held.kind], turned.nonzero()[0])]
        if (bad := (_determinants(held, cells) <= 0).any(axis=1)).any():
            raise InputError(
                f"MeshFile expected cells that are not folded in {self.path}. Received {held.kind} {bad.argmax()} with a Jacobian "
                "determinant that is not positive at a corner: mend the mesh."
            )
        mesh = bare(held.points * self.scale, cells, held.kind)
        found = {name: _find(np.asarray(mesh.facets), facets.T, name, self.path) for name, facets in held.rims.items()}
        parts = {name: which.astype(np.int32) for name, which in held.parts.items()}
        return Grid(named(mesh, found, parts), self._fibres(held))

    def _fibres(self, held: Contents):
        if self.fibre is not None:
            return constant(unit("MeshFile", self.fibre, held.dim))
        given = None if held.fibre is None else np.asarray(held.fibre, float).reshape(len(held.cells), -1)
        # Files of plane meshes often carry vectors in space.
        if given is None or given.shape[1] not in (held.dim, 3) or given[:, held.dim :].any():
            what = "none" if given is None else f"{given.shape[1]} numbers for each"
            raise InputError(
                f"MeshFile expected {held.dim} numbers for each cell as cell data 'fibre' in {self.path}. Received {what}: "
                "write them, or pass `fibre`, one direction for all."
            )
        given = given[:, : held.dim]
        length = np.linalg.norm(given, axis=1)
        if not (usable := (0 < length) & np.isfinite(length)).all():
            raise InputError(
                f"MeshFile expected a direction for each cell as cell data 'fibre' in {self.path}. Received "
                f"{given[usable.argmin()].tolist()} for {held.kind} {usable.argmin()} (of 0 to {len(usable) - 1}): give it a length."
            )
        directions = given / length[:, None]
        return lambda cells, X: np.broadcast_to(directions[cells][:, None], X.shape).copy()


def _determinants(held: Contents, cells: np.ndarray) -> np.ndarray:
    """det ∂x/∂X at the corners of each cell, (E, corners)."""
    mapping = bare(held.points, cells, held.kind)._mapping()
    corners = np.asarray(bare(held.points, cells, held.kind).elem.refdom.p, float)
    return np.broadcast_to(mapping.detDF(corners), (cells.shape[1], corners.shape[1]))


def _find(facets: np.ndarray, wanted: np.ndarray, name: str, path: str) -> np.ndarray:
    """Where facets with the vertices `wanted` (n, k) stand among all `facets` (n, F)."""
    both = np.sort(np.concatenate([facets, wanted], axis=1), axis=0)
    _, same = np.unique(both, axis=1, return_inverse=True)
    place = np.full(both.shape[1], -1)
    place[same[: facets.shape[1]]] = np.arange(facets.shape[1])
    found = np.unique(place[same[facets.shape[1] :]])
    if found[0] < 0:
        raise InputError(
            f"MeshFile expected the group '{name}' in {path} to consist of its cells' facets. Received others."
        )
    return found.astype(np.int32)
