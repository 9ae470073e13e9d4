"""A fusiform muscle: a belly of revolution about x that narrows smoothly towards both ends, with fibres that follow it.

The radius is r(x) = R_e + (R − R_e) sin²(πx/L), R in the middle, R_e at the ends, where the surface meets them at right angles. A
fibre keeps its relative place in the cross-section, y/r and z/r constant, and so has the tangent (1, y r'/r, z r'/r). The volume is
πL (R_e² + R_e D + 3D²/8), D = R − R_e. Tendons are not part of it.
"""

import numpy as np

from ...fields import parameter
from ...types import Float
from .base import AbstractShape, Grid, by_place
from .cells import mesh_of
from .checks import check_cells, check_positive, number, wholes
from .cylinder import bar


class Fusiform(AbstractShape):
    """y² + z² ≤ r(x)², 0 ≤ x ≤ length; boundaries "x0", "x1" and "side".

    **Arguments:** `length` L; `radius` R in the middle; `end_radius` R_e at both ends, all > 0; `cells` (axial, across) as those of
    `Cylinder`.

    **Raises:** `InputError` if a length is not positive or there are too few cells.
    """

    length: float = parameter("L, length along x", "length", converter=number, static=True)
    radius: float = parameter("R, radius in the middle", "length", converter=number, static=True)
    end_radius: float = parameter("R_e, radius at both ends", "length", converter=number, static=True)
    cells: tuple[int, ...] = parameter("cells along the axis and along a diameter", "1", converter=wholes, static=True)

    def __check_init__(self):
        sizes = (self.length, self.radius, self.end_radius)
        check_positive("Fusiform", "length, radius and end_radius", sizes, (3,))
        check_cells("Fusiform", self.cells, {"axial": 1, "across": 3})

    @property
    def dim(self) -> int:
        """3."""
        return 3

    def profile(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """r(x)."""
        return self.end_radius + (self.radius - self.end_radius) * np.sin(np.pi * x / self.length) ** 2

    def tangent(self, x: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """a₀ at places x, the unit tangent (1, y r'/r, z r'/r) / |…|."""
        axial, across = x[..., :1], x[..., 1:]
        turn = np.pi / self.length
        slope = (self.radius - self.end_radius) * turn * np.sin(2 * turn * axial)
        vector = np.concatenate([np.ones_like(axial), across * slope / self.profile(axial)], axis=-1)
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)

    def cut(self, simplices: bool) -> Grid:
        """The cylinder's cells, each layer scaled by r(x)."""
        points, cells, boundaries = bar(*self.cells)
        axial = points[:, :1] * self.length
        x = np.concatenate([axial, points[:, 1:] * self.profile(axial)], axis=1)
        mesh = mesh_of(x, cells, boundaries, simplices)
        return Grid(mesh, by_place(mesh, self.tangent))
