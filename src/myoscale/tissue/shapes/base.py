"""What a shape is: a region cut into cells, with names on its boundary and a fibre direction at every point.

A shape knows geometry only: no material, no load, no element of higher order. Cells are of first order, so curved surfaces are
approached with an error of second order in the cells' size, while fibres are those of the exact shape where it has a formula.
"""

import abc
import dataclasses
from collections.abc import Callable

import equinox as eqx
import numpy as np
from skfem.mesh import Mesh

from ...types import Float, Int

Fibre = Callable[[Int[np.ndarray, " E"], Float[np.ndarray, "E Q d"]], Float[np.ndarray, "E Q d"]]


@dataclasses.dataclass(frozen=True)
class Grid:
    """A shape cut into cells.

    **Attributes:** `mesh`, a MeshQuad, MeshTri, MeshHex or MeshTet of scikit-fem of first order, every cell with a positive Jacobian
    determinant; its `boundaries` hold the facets of each named boundary, its `subdomains` the cells of each named part, {} where
    there are none. `fibre(cells, X)`, the unit vectors a₀ (E, Q, d) of cells (E,) at reference points X (E, Q, d).

    Simplices keep the order of vertices that makes them positive (`sort_t=False`): elements that rely on ascending vertices (of
    order 3 and more, or with tangential components) need `mesh` sorted anew.
    """

    mesh: Mesh
    fibre: Fibre


class AbstractShape(eqx.Module):
    """A region with named boundaries and fibres. Its fields are plain numbers: shapes compare and hash by value."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """d, 2 or 3."""

    @abc.abstractmethod
    def cut(self, simplices: bool) -> Grid:
        """The shape in cells.

        **Arguments:** `simplices`: triangles or tetrahedra if True, quadrilaterals or hexahedra if False.

        **Returns:** the `Grid`.
        """


def constant(direction: Float[np.ndarray, " d"]) -> Fibre:
    """Fibres in one direction, a unit vector, everywhere."""
    return lambda cells, X: np.broadcast_to(direction, X.shape).copy()


def by_place(mesh: Mesh, direction: Callable[[Float[np.ndarray, "E Q d"]], Float[np.ndarray, "E Q d"]]) -> Fibre:
    """Fibres given as unit vectors at places x (E, Q, d) of the reference configuration."""

    def fibre(cells, X):
        x = mesh.mapping().F(np.moveaxis(X, 2, 0), tind=cells)
        return direction(np.moveaxis(np.asarray(x), 0, 2))

    return fibre
