"""The block of `tissue.py` in other finite-element codes, at equilibrium: both are oracles here and nothing more.

DOLFINx (`pip install dolfinx-solver-real`, Python ≥ 3.12) with MUMPS and felupe (`pip install felupe`, GPL) with Pardiso. DOLFINx gets the energy of
the bridges as ½κ₁(λ_f − 1 + x̄)²: what springs of mean extension x̄ are without a population; felupe the passive tissue alone.
"""

import contextlib
import os
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SIZE, SHEAR, BULK, MEAN = (2.0, 2.0, 1.0), 1.0, 1000.0, 0.3


class Steps(NamedTuple):
    """CPU seconds and iterations of each step, and where the loaded corner is displaced to."""

    seconds: list[float]
    iterations: list[int]
    corner: np.ndarray


def dolfinx(counts: tuple[int, int, int], loads: list[float]) -> Steps:
    """Q1/P0 in one system with the pressures, by LU, which is faster here than MUMPS's LDLᵀ; tangents by UFL, kernels by FFCx."""
    import dolfinx_solver  # before dolfinx: it finds MPI
    import ufl
    from dolfinx import fem, mesh
    from dolfinx.fem.petsc import NonlinearProblem

    block = mesh.create_box(
        dolfinx_solver.mpi_module().COMM_SELF, [np.zeros(3), np.array(SIZE)], counts, cell_type=mesh.CellType.hexahedron
    )
    side = lambda at: mesh.locate_entities_boundary(block, 2, lambda X: np.isclose(X[0], at))
    right = np.sort(side(SIZE[0]))
    tags = mesh.meshtags(block, 2, right, np.ones(len(right), np.int32))
    exact = {"quadrature_degree": 2}
    dx, ds = ufl.Measure("dx", block, metadata=exact), ufl.Measure("ds", block, subdomain_data=tags, metadata=exact)
    space = fem.functionspace(block, ("Lagrange", 1, (3,)))
    u, p, load = fem.Function(space), fem.Function(fem.functionspace(block, ("DG", 0))), fem.Constant(block, 0.0)
    F = ufl.Identity(3) + ufl.grad(u)
    C, J = F.T * F, ufl.det(F)
    stored = 0.5 * SHEAR * (J ** (-2 / 3) * ufl.tr(C) - 3) + p * (J - 1) - p**2 / (2 * BULK)
    bridges = 0.5 * (ufl.sqrt(C[0, 0]) - 1 + MEAN) ** 2
    energy = (stored + bridges) * dx - load * u[2] * ds(1)
    held = fem.dirichletbc(np.zeros(3), fem.locate_dofs_topological(space, 2, side(0.0)), space)
    options = {
        "ksp_type": "preonly",
        "pc_type": "lu",
        "pc_factor_mat_solver_type": "mumps",
        "snes_linesearch_type": "none",
        "snes_rtol": 1e-10,
        "snes_atol": 1e-12,
        "snes_stol": 0.0,
    }
    residuals = [ufl.derivative(energy, u), ufl.derivative(energy, p)]
    problem = NonlinearProblem(
        residuals, [u, p], bcs=[held], kind="mpi", petsc_options_prefix="peer_", petsc_options=options
    )

    def step(value: float) -> int:
        load.value = value
        problem.solve()
        assert problem.solver.getConvergedReason() > 0
        return problem.solver.getIterationNumber()

    seconds, iterations = _timed(step, loads)
    corner = np.argmin(np.linalg.norm(space.tabulate_dof_coordinates() - np.array(SIZE), axis=1))
    return Steps(seconds, iterations, u.x.array.reshape(-1, 3)[corner])


def felupe(counts: tuple[int, int, int], loads: list[float]) -> Steps:
    """Q1/P0 with pressure and volume of each cell eliminated before linearization."""
    import felupe as fe
    from pypardiso import spsolve

    block = fe.Cube(b=SIZE, n=tuple(count + 1 for count in counts))
    field = fe.FieldContainer([fe.Field(fe.RegionHexahedron(block), dim=3)])
    body = fe.SolidBodyNearlyIncompressible(fe.NeoHooke(mu=SHEAR), field, bulk=BULK)
    free = dict(zip(("dof0", "dof1"), fe.dof.partition(field, {"held": fe.Boundary(field[0], fx=0.0)}), strict=True))
    X = block.points
    on = np.flatnonzero(np.isclose(X[:, 0], SIZE[0]))
    share = np.full(len(on), SIZE[1] * SIZE[2] / (counts[1] * counts[2]))  # of the loaded area, by node
    for axis in (1, 2):
        share[np.isclose(X[on, axis], 0.0) | np.isclose(X[on, axis], SIZE[axis])] /= 2
    pull = fe.PointLoad(field, on)

    def step(value: float) -> int:
        pull.update(value * share[:, None] * np.array([0.0, 0.0, 1.0]))
        return fe.newtonraphson(items=[body, pull], solver=spsolve, tol=1e-10, verbose=0, **free).iterations

    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        seconds, iterations = _timed(step, loads)
    corner = np.argmin(np.linalg.norm(X - np.array(SIZE), axis=1))
    return Steps(seconds, iterations, field[0].values[corner])


def _timed(step: Callable[[float], int], loads: list[float]) -> tuple[list[float], list[int]]:
    seconds, iterations = [], []
    for load in loads:
        began = time.process_time()
        iterations.append(step(load))
        seconds.append(time.process_time() - began)
    return seconds, iterations
