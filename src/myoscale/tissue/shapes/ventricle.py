"""The left ventricle as a truncated ellipsoid, with fibres that turn through the wall: problems 2 and 3 of Land et al. 2015.

Surfaces of constant depth t, from 0 at the endocardium to 1 at the epicardium, are ellipsoids of revolution about z,

    x(u, v) = (r_s sin u cos v, r_s sin u sin v, r_l cos u),  −π ≤ u ≤ −acos(base / r_l),

with r_s(t) and r_l(t) linear in t; u = −π is the apex, z = base the plane that truncates them. With n(·) a vector over its length,
the fibre is a₀ = sin α n(∂x/∂u) + cos α n(∂x/∂v), α(t) linear from endocardium to epicardium. At a place inside, t solves
(x² + y²)/r_s² + z²/r_l² = 1; where straight cells leave the wall, t is cut off at 0 and 1.

Reference: Land, S. et al., Verification of cardiac mechanics software, Proc. R. Soc. A 471 (2015) 20150641,
doi:10.1098/rspa.2015.0641. The grid is our own: (u, v) are polar coordinates of a disk whose middle is a square patch, so that the
apex, where they are singular, has hexahedra like all others. On the long axis itself the fibre's direction is arbitrary.
"""

import math

import numpy as np

from ...errors import InputError
from ...fields import parameter
from ...types import Float
from .base import AbstractShape, Grid, by_place
from .cells import disk, extrude, mesh_of
from .checks import check_cells, check_positive, number, numbers, wholes


class Ventricle(AbstractShape):
    """The wall between two truncated ellipsoids; boundaries "base", "endocardium" and "epicardium".

    **Arguments:** `cells` (through, around, along): through the wall, around the long axis (a multiple of 4), and from the rim of
    the patch at the apex, which is (around / 4)² cells, to the base; `endocardium` and `epicardium`, each (r_s, r_l), short and
    long half-axis; `base`, the height of the plane that cuts them off; `angles`, α at endocardium and epicardium in radians. The
    defaults are those of the paper, in mm.

    **Raises:** `InputError` if the epicardium does not enclose the endocardium, the plane does not cut it, or cells do not fit.
    """

    cells: tuple[int, ...] = parameter("cells through, around and along", "1", converter=wholes, static=True)
    endocardium: tuple[float, ...] = parameter(
        "r_s and r_l inside", "length", converter=numbers, static=True, default=(7.0, 17.0)
    )
    epicardium: tuple[float, ...] = parameter(
        "r_s and r_l outside", "length", converter=numbers, static=True, default=(10.0, 20.0)
    )
    base: float = parameter("z of the base", "length", converter=number, static=True, default=5.0)
    angles: tuple[float, ...] = parameter(
        "α inside and outside, radians", "1", converter=numbers, static=True, default=(math.pi / 2, -math.pi / 2)
    )

    def __check_init__(self):
        check_cells("Ventricle", self.cells, {"through": 1, "around": 4, "along": 1})
        if self.cells[1] % 4:
            raise InputError(f"Ventricle expected a multiple of 4 cells around. Received {self.cells[1]}.")
        check_positive("Ventricle", "endocardium", self.endocardium, (2,))
        check_positive("Ventricle", "epicardium", self.epicardium, (2,))
        if any(inside >= outside for inside, outside in zip(self.endocardium, self.epicardium, strict=True)):
            raise InputError(
                "Ventricle expected half-axes of the epicardium greater than those of the endocardium. Received "
                f"{self.epicardium} and {self.endocardium}."
            )
        if not abs(self.base) < self.endocardium[1]:
            raise InputError(
                f"Ventricle expected a base that cuts the endocardium, |base| < {self.endocardium[1]}. Received {self.base}."
            )
        if len(self.angles) != 2 or not np.all(np.isfinite(self.angles)):
            raise InputError(f"Ventricle expected two finite angles, inside and outside. Received {self.angles}.")

    @property
    def dim(self) -> int:
        """3."""
        return 3

    def half_axes(self, t: Float[np.ndarray, "..."]) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """r_s(t), r_l(t)."""
        (s, l), (s1, l1) = self.endocardium, self.epicardium
        return s + (s1 - s) * t, l + (l1 - l) * t

    def depth(self, x: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n"]:
        """t at places x, not cut off."""
        rho2, z2 = x[..., 0] ** 2 + x[..., 1] ** 2, x[..., 2] ** 2
        (s, l), (ds, dl) = self.endocardium, np.subtract(self.epicardium, self.endocardium)
        # Left of the root the function falls and is convex: Newton's method climbs to the root and never passes it.
        t = np.full(rho2.shape, -0.5 * min(s / ds, l / dl))
        for _ in range(100):
            r_s, r_l = self.half_axes(t)
            slope = -2 * (rho2 * ds / r_s**3 + z2 * dl / r_l**3)
            step = (rho2 / r_s**2 + z2 / r_l**2 - 1) / slope
            t = t - step
            if np.all(abs(step) < 1e-13):
                break
        return t

    def direction(self, x: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """a₀ at places x."""
        t = np.clip(self.depth(x), 0, 1)
        r_s, r_l = self.half_axes(t)
        rho = np.hypot(x[..., 0], x[..., 1])
        # sin u ≤ 0: the angle of (x, y) is v + π, and n(∂x/∂v) points along it.
        u, v = -np.arctan2(rho / r_s, x[..., 2] / r_l), np.arctan2(x[..., 1], x[..., 0]) + np.pi
        along_u = np.stack([r_s * np.cos(u) * np.cos(v), r_s * np.cos(u) * np.sin(v), -r_l * np.sin(u)], axis=-1)
        along_u /= np.linalg.norm(along_u, axis=-1, keepdims=True)
        along_v = np.stack([np.sin(v), -np.cos(v), np.zeros_like(v)], axis=-1)
        alpha = (self.angles[0] + (self.angles[1] - self.angles[0]) * t)[..., None]
        return np.sin(alpha) * along_u + np.cos(alpha) * along_v

    def cut(self, simplices: bool) -> Grid:
        """Layers of one grid of the disk, wrapped around the ellipsoids."""
        through, around, along = self.cells
        plane, quads, rim = disk(around // 4, along)
        # From outside to inside: seen along the layers the disk, which opens upwards, is then counterclockwise.
        t = np.repeat(1 - np.arange(through + 1) / through, len(plane))
        r_s, r_l = self.half_axes(t)
        s = np.tile(np.minimum(np.hypot(*plane.T), 1), through + 1)
        v = np.tile(np.arctan2(plane[:, 1], plane[:, 0]), through + 1)
        u = -np.pi + s * (np.pi - np.arccos(self.base / r_l))
        points = np.stack([-r_s * np.sin(u) * np.cos(v), -r_s * np.sin(u) * np.sin(v), r_l * np.cos(u)], axis=1)
        points[rim_all := np.tile(rim, through + 1), 2] = self.base
        boundaries = {"base": rim_all, "endocardium": t == 0, "epicardium": t == 1}
        mesh = mesh_of(points, extrude(quads, len(plane), through), boundaries, simplices)
        return Grid(mesh, by_place(mesh, self.direction))
