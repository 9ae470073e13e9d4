"""A rectangle or a cuboid with straight parallel fibres: one corner at the origin, edges along the axes."""

import numpy as np

from ...fields import parameter
from .base import AbstractShape, Grid, constant
from .cells import box, mesh_of
from .checks import check_cells, check_positive, numbers, optional_numbers, unit, wholes


class Block(AbstractShape):
    """0 ≤ x_i ≤ size_i, d = 2 or 3; boundaries "x0", "x1", "y0", "y1" and "z0", "z1", low and high side of each axis.

    **Arguments:** `size` (d,) > 0; `cells` (d,) along each axis; `fibre` (d,), a direction of any length, e₁ if left out.

    **Raises:** `InputError` if lengths do not fit, a size is not positive or `fibre` has zero length.
    """

    size: tuple[float, ...] = parameter("edges, (d,)", "length", converter=numbers, static=True)
    cells: tuple[int, ...] = parameter("cells along each axis, (d,)", "1", converter=wholes, static=True)
    fibre: tuple[float, ...] | None = parameter(
        "direction of fibres, (d,)", "1", converter=optional_numbers, static=True, default=None
    )

    def __check_init__(self):
        check_positive("Block", "size", self.size, (2, 3))
        check_cells("Block", self.cells, dict.fromkeys("xyz"[: self.dim], 1))
        self._direction()

    @property
    def dim(self) -> int:
        """d, 2 or 3."""
        return len(self.size)

    def cut(self, simplices: bool) -> Grid:
        """Equal cells, all alike."""
        points, cells = box(self.cells)
        return Grid(mesh_of(points * self.size, cells, sides(points), simplices), constant(self._direction()))

    def _direction(self):
        return unit("Block", np.eye(self.dim)[0].tolist() if self.fibre is None else self.fibre, self.dim)


def sides(points: np.ndarray) -> dict[str, np.ndarray]:
    """The vertices of the unit box on each of its sides, by name."""
    return {f"{'xyz'[i]}{end}": points[:, i] == end for i in range(points.shape[1]) for end in (0, 1)}
