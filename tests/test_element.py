"""A deforming element, g = F(y)⁻¹x: reduced equation and moment closure against the saddle-point system integrated as it stands.

Load-bearing: `test_motion_is_that_of_the_saddle_point_system`. The other side integrates (y, ẏ, X_i, Ẋ_i) of 20 bridges with scipy's
DOP853, ÿ and Ẍ_i from one dense matrix at each instant (tests/oracle.py), derivatives of g written out in NumPy. The closure must give
the same y: the flow is linear in x and W₁ quadratic, so two moments say all, for any law.
"""

import functools
from typing import NamedTuple

import numpy as np
import pytest
from oracle import Constraints, saddle_point
from scipy.integrate import solve_ivp

from myoscale import (
    AbstractBridge,
    DeformationGradient,
    LumpedTissue,
    Model,
    MomentClosure,
    Reduced,
    RotationStretch,
    Start,
    solve,
)
from myoscale.numerics import small

BRIDGES, T, MASS = 20, 3.0, 0.9


class ElementBridge(AbstractBridge):
    """g = F⁻¹x, q the entries of F row by row; W₁ = ½xᵀκx."""

    mass: float
    kappa: np.ndarray

    def constraint(self, x, q):
        return small.inverse(q.reshape(x.size, x.size)) @ x

    def energy(self, x):
        return 0.5 * x @ self.kappa @ x


def gradient(y, v, n):
    """F, ∂F/∂y_k (ny, n, n) and F″[ẏ, ẏ] where the entries of F are the coordinates."""
    return y.reshape(n, n), np.eye(n * n).reshape(-1, n, n), np.zeros((n, n))


def rotation_stretch(y, v, n):
    """The same where F = R(θ)U and, for n = 3, F₃₃ = 1."""
    (angle, s, h), (da, ds, dh) = y, v
    R = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn, shear = np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    U, U_s, U_ss = np.array([[s, h], [h, 1 / s]]), np.diag([1.0, -1 / s**2]), np.diag([0.0, 2 / s**3])
    U_dot = ds * U_s + dh * shear
    second = R @ (-(da**2) * U + 2 * da * turn @ U_dot + ds**2 * U_ss)  # R″ = −R, R′ = R turn
    F, dF = np.eye(n), np.zeros((3, n, n))
    F[:2, :2], dF[:, :2, :2] = R @ U, [R @ turn @ U, R @ U_s, R @ shear]
    return F, dF, np.pad(second, (0, n - 2))


class Kind(NamedTuple):
    """An element: the size of F, what y means, and where it rests."""

    n: int
    kinematics: object
    derivatives: object
    rest: tuple

    def __str__(self):
        return f"{type(self.kinematics).__name__}-{self.n}x{self.n}"


KINDS = [
    Kind(2, DeformationGradient(), gradient, tuple(np.eye(2).ravel())),
    Kind(3, DeformationGradient(), gradient, tuple(np.eye(3).ravel())),
    Kind(2, RotationStretch(2), rotation_stretch, (0.0, 1.0, 0.0)),
    Kind(3, RotationStretch(3), rotation_stretch, (0.0, 1.0, 0.0)),
]
by_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


class Setup(NamedTuple):
    """One experiment in numbers."""

    mass_matrix: np.ndarray
    stiffness: np.ndarray
    kappa: np.ndarray
    rest: np.ndarray
    y: np.ndarray
    v: np.ndarray
    x: np.ndarray
    w: np.ndarray
    save: np.ndarray


@functools.cache
def setup(kind):
    """Random tissue and bridges, the start a little away from rest, moving."""
    rng = np.random.default_rng([7, kind.n, len(kind.rest)])
    n, ny = kind.n, len(kind.rest)

    def positive(size, scale):
        a = rng.normal(size=(size, size))
        return scale * (np.eye(size) + 0.3 * a @ a.T / size)

    w = rng.uniform(0.2, 1.0, BRIDGES) ** 2
    return Setup(
        mass_matrix=positive(ny, 1.3),
        stiffness=positive(ny, 5.0),
        kappa=positive(n, 0.7),
        rest=np.array(kind.rest),
        y=np.array(kind.rest) + 0.05 * rng.normal(size=ny),
        v=0.4 * rng.normal(size=ny),
        x=rng.normal(size=(BRIDGES, n)) + 0.5,
        w=w / w.sum(),
        save=np.linspace(0.0, T, 7),
    )


@functools.cache
def independent(kind):
    """y at the saved times, by integrating the saddle-point system with X and Ẋ in the state; also how far F strays."""
    s, n, ny = setup(kind), kind.n, len(kind.rest)

    def parts(state):
        y, v, x, dx = np.split(state, [ny, 2 * ny, 2 * ny + BRIDGES * n])
        return y, v, x.reshape(-1, n), dx.reshape(-1, n)

    def rate(t, state):
        y, v, x, dx = parts(state)
        F, dF, second = kind.derivatives(y, v, n)
        G = np.linalg.inv(F)
        dF_v = np.einsum("k,kij->ij", v, dF)
        B = -np.einsum("ij,kjl,lm,bm->bik", G, dF, G, x)
        h = (2 * G @ dF_v @ G @ dF_v @ G @ x.T - G @ second @ G @ x.T - 2 * G @ dF_v @ G @ dx.T).T
        ones = np.ones(BRIDGES)
        A = np.broadcast_to(G, (BRIDGES, n, n))
        bridges = Constraints(x, A, None, B, h, -x @ s.kappa, MASS * ones, s.w)
        answer = saddle_point(s.mass_matrix, -s.stiffness @ (y - s.rest), bridges, refine=0)
        return np.concatenate([v, answer.y, dx.ravel(), answer.x.ravel()])

    F, dF, _ = kind.derivatives(s.y, s.v, n)
    dx = s.x @ (np.einsum("k,kij->ij", s.v, dF) @ np.linalg.inv(F)).T  # x = F c
    start = np.concatenate([s.y, s.v, s.x.ravel(), dx.ravel()])
    found = solve_ivp(rate, (0, T), start, "DOP853", s.save, rtol=1e-12, atol=1e-13)
    assert found.success, found.message
    x_in = np.linalg.solve(F, s.x.T).T
    y, _, x, _ = parts(found.y[:, -1])
    residual = np.max(np.abs(np.linalg.solve(kind.derivatives(y, s.v, n)[0], x.T).T - x_in))
    assert residual <= 1e-9, f"expected the independent run to keep g, observed a residual of {residual:.2e}"
    return found.y[:ny].T


@functools.cache
def run(kind, level):
    s = setup(kind)
    tissue = LumpedTissue(s.mass_matrix, s.stiffness, s.rest, local=kind.kinematics)
    model = Model(tissue, ElementBridge(MASS, s.kappa))
    start = Start(s.y, s.v, x=s.x, weights=s.w)
    return solve(model, level, start, t1=T, save=s.save, tolerance=1e-11)


def closure(kind):
    """Any number of nodes is exact here; in three dimensions few are quicker."""
    return MomentClosure() if kind.n == 2 else MomentClosure(3)


@pytest.mark.parametrize("level", ["reduced", "moments"])
@by_kind
def test_motion_is_that_of_the_saddle_point_system(kind, level):
    expected = independent(kind)
    solution = run(kind, Reduced() if level == "reduced" else closure(kind))
    error = np.max(np.abs(solution.y - expected))
    assert error <= 1e-8, f"{level}, {kind}: expected y(t) to 1e-8, observed {error:.2e}"
    moved = np.max(np.ptp(expected, axis=0))
    assert moved > 0.1, f"{kind}: expected an element that moves, observed {moved:.2e}"


@pytest.mark.parametrize("level", ["reduced", "moments"])
@by_kind
def test_energy_drift(kind, level):
    drift = run(kind, Reduced() if level == "reduced" else closure(kind)).energy.drift
    assert drift <= 1e-8, f"{level}, {kind}: expected an energy drift ≤ 1e-8, observed {drift:.2e}"


@by_kind
def test_bridges_matter_here(kind):
    """Without the bridges' inertia or forces y would be elsewhere, so the agreement above is about them."""
    s = setup(kind)
    tissue = LumpedTissue(s.mass_matrix, s.stiffness, s.rest, local=kind.kinematics)
    start = Start(s.y, s.v, x=s.x, weights=s.w)
    for name, bridge in {"mass": ElementBridge(0.0, s.kappa), "force": ElementBridge(MASS, 0 * s.kappa)}.items():
        other = solve(Model(tissue, bridge), Reduced(), start, t1=T, save=s.save, tolerance=1e-11)
        effect = np.max(np.abs(other.y - independent(kind)))
        assert effect > 1e-2, f"{kind}: expected the bridges' {name} to matter, observed {effect:.2e}"
