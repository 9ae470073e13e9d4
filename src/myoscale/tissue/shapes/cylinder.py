"""A straight circular cylinder with fibres along its axis: a muscle fibre, a trabecula, a papillary muscle.

The axis is x, from 0 to length; the cross-section y, z is a disk (`cells.disk`). The side is a polygon of cells, whose volume
approaches πR²L with an error of second order.
"""

import numpy as np

from ...fields import parameter
from .base import AbstractShape, Grid, constant
from .cells import disk, extrude, mesh_of
from .checks import check_cells, check_positive, number, wholes


class Cylinder(AbstractShape):
    """y² + z² ≤ radius², 0 ≤ x ≤ length; boundaries "x0", "x1" and "side"; fibres along x.

    **Arguments:** `length`, `radius` > 0; `cells` (axial, across), along the axis and along a diameter, of which across // 4 (at
    least one) on either side belong to rings and the rest to a square in the middle: across ≥ 3, multiples of 4 give the most even
    cells.

    **Raises:** `InputError` if a length is not positive or there are too few cells.
    """

    length: float = parameter("length along x", "length", converter=number, static=True)
    radius: float = parameter("radius", "length", converter=number, static=True)
    cells: tuple[int, ...] = parameter("cells along the axis and along a diameter", "1", converter=wholes, static=True)

    def __check_init__(self):
        check_positive("Cylinder", "length and radius", (self.length, self.radius), (2,))
        check_cells("Cylinder", self.cells, {"axial": 1, "across": 3})

    @property
    def dim(self) -> int:
        """3."""
        return 3

    def cut(self, simplices: bool) -> Grid:
        """Layers of one grid of the disk."""
        points, cells, boundaries = bar(*self.cells)
        x = points * (self.length, self.radius, self.radius)
        return Grid(mesh_of(x, cells, boundaries, simplices), constant(np.array([1.0, 0.0, 0.0])))


def bar(axial: int, across: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The cylinder of length 1 and radius 1: vertices (V, 3), hexahedra (8, E), and the vertices of each boundary."""
    rings = max(1, across // 4)
    section, quads, rim = disk(across - 2 * rings, rings)
    x = np.repeat(np.linspace(0, 1, axial + 1), len(section))
    # Layers follow each other along x, and (y, z, x) is right-handed as (x, y, z) is.
    points = np.column_stack([x, np.tile(section, (axial + 1, 1))])
    return points, extrude(quads, len(section), axial), {"x0": x == 0, "x1": x == 1, "side": np.tile(rim, axial + 1)}
