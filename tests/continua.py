"""Pieces that tests of finite-element tissue share: a block with moved inner vertices, and a solver with its state, ready to be asked."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale import implicit
from myoscale.fem import Pattern, linear
from myoscale.fields import parameter
from myoscale.implicit import cells, points
from myoscale.model.scenario import tree_float
from myoscale.tissue import ContinuumTissue, MooneyRivlin
from myoscale.tissue.shapes import Block
from myoscale.tissue.shapes.base import AbstractShape, Grid, constant
from myoscale.tissue.shapes.block import sides
from myoscale.tissue.shapes.cells import box, mesh_of
from myoscale.tissue.shapes.checks import numbers, wholes
from myoscale.zoo import LinearBridge


class Irregular(AbstractShape):
    """A block whose inner vertices are moved at random by up to `shift` of a cell's edge."""

    size: tuple[float, ...] = parameter("edges", converter=numbers, static=True)
    cells: tuple[int, ...] = parameter("cells along each axis", converter=wholes, static=True)
    fibre: tuple[float, ...] = parameter("direction of fibres, a unit vector", converter=numbers, static=True)
    shift: float = parameter("of a cell's edge", static=True, default=0.2)

    @property
    def dim(self):
        return len(self.size)

    def cut(self, simplices):
        vertices, quads = box(self.cells)
        names = sides(vertices)
        inner = ~np.any(list(names.values()), axis=0)
        moved = vertices.copy()
        random = np.random.default_rng(3).uniform(-1, 1, (int(inner.sum()), self.dim))
        moved[inner] += self.shift * random / np.array(self.cells)
        mesh = mesh_of(moved * self.size, quads, names, simplices)
        return Grid(mesh, constant(np.array(self.fibre)))


class Bench(NamedTuple):
    """A solver and what it starts from."""

    solver: Any
    z: Any
    mass: Any
    held: Any

    @property
    def tissue(self):
        return self.solver.tissue

    def assembled(self, y, p, h, t=0.0, tangent=False):
        """What one iteration of Newton's method at y and p is made of."""
        solver, held = self.solver, self.held
        F0, p0 = cells.gradients(self.tissue, held.y), cells.pressures(self.tissue, held.p)
        return solver._assembled(self.z, self.mass, held, F0, p0, np.asarray(y), np.asarray(p), h, t, tangent)

    def tangent(self, made):
        """Its matrix in all displacements and pressures, held ones too, unsymmetric storage."""
        tissue, ny = self.tissue, self.tissue.ny
        rows = self.solver._rows
        pressures = ny + np.asarray(tissue.space.pressure_nodes)
        blocks = [(rows, rows), (rows, pressures), (pressures, rows), (pressures, pressures)]
        blocks += [(dofs, dofs) for dofs in self.solver.layout.dofs.values()]
        pattern = Pattern(ny + tissue.space.pressure_count, blocks)
        return pattern.matrix(made.blocks)


def bench(tissue, bridge, level, x, y, v=0.0, drive=None, u=None, p=None) -> Bench:
    """A solver that stands at y and v; call it with JAX in float64."""
    drive = ms.QuasiStatic() if drive is None else drive
    y, v = (np.broadcast_to(np.asarray(a, float), (tissue.ny,)).copy() for a in (y, v))
    model, start, drive = tree_float((ms.Model(tissue, bridge), ms.Start(y, v, x=x), drive))
    tissue = model.tissue
    q = cells.kinematics(tissue, y)
    population, z = level.begin(model, start, q, jax.random.key(0), 0)
    solver = implicit.Solver(model, drive, population, isinstance(drive, ms.QuasiStatic))
    mass = points.masses(model, population, z, q)
    u = cells.rates(tissue, y, v) if u is None else jnp.asarray(u)
    p = np.asarray(cells.pressure_of(tissue, y)) if p is None else p
    return Bench(solver, z, mass, implicit.Held(y, v, p, q, u))


# A small free block with bridges along its fibres, shared so that it is compiled once.
GAIN, MASS, STIFFNESS = 1.3, 0.6, 0.9


def block(**keywords) -> ContinuumTissue:
    """Two cells, no conditions."""
    shape = Block((1.0, 0.8, 0.7), (2, 1, 1), fibre=(0.6, 0.0, 0.8))
    return ContinuumTissue(shape, MooneyRivlin(1.0, 0.3), bulk=20.0, density=1.5, bridges=2.0, **keywords)


def fibre_bridge(mass: float = MASS) -> LinearBridge:
    """Along the fibres."""
    return LinearBridge(mass=mass, stiffness=STIFFNESS, gain=GAIN)


def lengthwise() -> np.ndarray:
    """Extensions of four bridges at each point."""
    return np.array([-0.1, 0.2, 0.3, 0.5])


def spinning(tissue: ContinuumTissue) -> tuple[np.ndarray, np.ndarray]:
    """A stretched and sheared start that rotates about no axis of symmetry, stretches on and drifts."""
    X = np.asarray(tissue.space.locations)
    y = X @ np.array([[0.2, 0.05, 0.0], [0.0, -0.1, 0.1], [0.05, 0.0, -0.05]])
    turning = np.array([[0.0, 0.9, -0.4], [-0.9, 0.0, 0.6], [0.4, -0.6, 0.0]])
    v = X @ (turning + np.diag([0.3, -0.2, 0.1])) + np.array([0.2, -0.1, 0.15])
    return y.ravel(), v.ravel()


def no_pardiso(monkeypatch: Any) -> None:
    """SciPy's SuperLU also where Pardiso is installed."""
    monkeypatch.setattr(linear, "_pardiso", lambda: None)
