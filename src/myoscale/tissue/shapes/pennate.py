"""A pennate muscle: fibres run at an angle from one aponeurosis to the other, two parallel planes.

The block 0 ≤ x ≤ length, 0 ≤ y ≤ thickness is sheared, x → x + y cot(angle), so that its end faces are parallel to the fibres: each
fibre runs from aponeurosis to aponeurosis with the length thickness / sin(angle), and none is cut off. Volume and the area of the
aponeuroses are those of the block. Aponeuroses have no thickness and no stiffness here; fibres are straight.
"""

import math

import numpy as np

from ...errors import InputError
from ...fields import parameter
from .base import AbstractShape, Grid, constant
from .block import sides
from .cells import box, mesh_of
from .checks import check_cells, check_positive, number, numbers, wholes


class Pennate(AbstractShape):
    """Fibres at `angle` to x, from the lower aponeurosis "y0" to the upper "y1"; end faces "x0", "x1", and "z0", "z1".

    **Arguments:** `size`: length along x and thickness along y, in 3-D also width along z, all > 0; `angle` in radians,
    0 < angle < π/2; `cells` (d,), along x, from aponeurosis to aponeurosis, and along z.

    **Raises:** `InputError` if lengths do not fit, a size is not positive or the angle lies outside.
    """

    size: tuple[float, ...] = parameter(
        "length, thickness and, in 3-D, width", "length", converter=numbers, static=True
    )
    angle: float = parameter("angle of fibres to the aponeuroses, radians", "1", converter=number, static=True)
    cells: tuple[int, ...] = parameter("cells along each axis, (d,)", "1", converter=wholes, static=True)

    def __check_init__(self):
        check_positive("Pennate", "size", self.size, (2, 3))
        check_cells("Pennate", self.cells, dict.fromkeys("xyz"[: self.dim], 1))
        if not 0 < self.angle < math.pi / 2:
            raise InputError(
                f"Pennate expected an angle in radians, 0 < angle < π/2. Received {self.angle}: use `Block` for "
                "fibres along x, math.radians for degrees."
            )

    @property
    def dim(self) -> int:
        """d, 2 or 3."""
        return len(self.size)

    def cut(self, simplices: bool) -> Grid:
        """Equal cells, sheared alike."""
        points, cells = box(self.cells)
        x = points * self.size
        x[:, 0] += x[:, 1] / math.tan(self.angle)
        direction = np.array([math.cos(self.angle), math.sin(self.angle), 0.0][: self.dim])
        return Grid(mesh_of(x, cells, sides(points), simplices), constant(direction))
