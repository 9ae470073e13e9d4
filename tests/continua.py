"""Pieces that tests of finite-element tissue share: a block with moved inner vertices, and a solver with its state, ready to be asked."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

import myoscale as ms
from myoscale import implicit
from myoscale.fem import Pattern
from myoscale.fields import parameter
from myoscale.implicit import cells, points
from myoscale.model.scenario import tree_float
from myoscale.tissue.shapes.base import AbstractShape, Grid, constant
from myoscale.tissue.shapes.block import sides
from myoscale.tissue.shapes.cells import box, mesh_of
from myoscale.tissue.shapes.checks import numbers, wholes


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

    def assembled(self, y, p, h, t=0.0):
        """What one iteration of Newton's method at y and p is made of."""
        solver, held = self.solver, self.held
        F0, p0 = cells.gradients(self.tissue, held.y), cells.pressures(self.tissue, held.p)
        return solver._assembled(self.z, self.mass, held, F0, p0, np.asarray(y), np.asarray(p), h, t)

    def tangent(self, made):
        """Its matrix in all displacements and pressures, held ones too, unsymmetric storage."""
        tissue, ny = self.tissue, self.tissue.ny
        d, rows = tissue.space.dim, self.solver._rows
        pressures = ny + np.asarray(tissue.space.pressure_nodes)
        blocks = [(rows, rows), (rows, pressures), (pressures, rows), (pressures, pressures)]
        blocks += [(dofs, dofs) for dofs in self.solver.layout.dofs.values()]
        pattern = Pattern(ny + tissue.space.pressure_count, blocks)
        return pattern.matrix([made.uu, made.up, made.pu, made.pp, *made.added])


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
