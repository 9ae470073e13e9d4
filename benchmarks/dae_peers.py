"""N constrained bridges to t = 60 by general DAE solvers, set up as their manuals advise: the peers of `Constrained`.

    pip install scikit-sundae solve-dae assimulo-testing numba
    python benchmarks/dae_peers.py                                          # linear and onion, N = 100 and 1,000
    python benchmarks/dae_peers.py --sizes 100 --models onion --long 600    # energy and constraint drift of a long run as well

Two forms: `index1` (acceleration constraint: g drifts) and `ggl` (Gear, Gupta and Leimkuhler's stabilised index 2: g = c and its
derivative, two multipliers a bridge, without error control on them). Residuals and Jacobians by hand in numba loops, exact initial
accelerations and multipliers. SUNDIALS' IDA solves with SuperLU on the sparse Jacobian, or with GMRES preconditioned by the exact
elimination of the bridges; solve_dae's Radau IIA and scipy's (on the ODE left after elimination) factorise sparse matrices: all O(N).
RADAU5, Hairer and Wanner's own, as assimulo has it, is dense: N ≤ 300. A peer maps (model, x0, t1, times, tolerance) to a `Result`;
myoscale and JAX are not imported. CPU seconds of the process in the solver alone (without compiling and looking), at the loosest
tolerance that brings the relative error of y below 1e-6.
"""

import argparse
import os
import time
import types
import warnings
from collections import namedtuple
from functools import cache, partial

import numba
import numpy as np
import scipy.integrate as si
from scipy.sparse import csc_matrix

os.environ["OMP_NUM_THREADS"] = (
    "1"  # read when a library is loaded: IDA with SuperLU takes three times as long with idle threads
)

Result = namedtuple("Result", "y energy drift seconds outcome")
FREE = 1e10  # absolute tolerance of a multiplier: no error control
LAST = 1e-12  # factor of the equations of y and v: no pivot comes from these full rows before the end, and LU factors stay sparse


# --- the models: g and its derivatives x, y, xx, xy, yy, xxx, xxy, xyy, yyy; M₀, m, κ₀, κ₁ ------------------------------------------------
@numba.njit(inline="always")
def linear(x, y):
    return x + y, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0


@numba.njit(inline="always")
def onion(x, y):
    s, c, d = np.sin(0.1 * x), np.cos(0.1 * x), 1.0 / (1.0 + y * y)
    d1 = -2.0 * y * d * d
    d2 = (6.0 * y * y - 2.0) * d**3
    d3 = 24.0 * y * (1.0 - y * y) * d**4
    return (
        0.1 * x - s * d, 0.1 - 0.1 * c * d, -s * d1, 0.01 * s * d, -0.1 * c * d1, -s * d2,
        0.001 * c * d, 0.01 * s * d1, -0.1 * c * d2, -s * d3,
    )  # fmt: skip


MODELS = {"linear": (linear, 20.0, 10.0, 1.0, 1.0), "onion": (onion, 2.0, 1.0, 1.0, 0.0)}


# --- the two forms of the DAE: F(s, ṡ) = 0 and ∂F/∂s + β ∂F/∂ṡ in blocks -----------------------------------------------------------------
# own[i] (k × k): equations of bridge i by its unknowns; out[i] (k × 2): by y and v; into[i] (2 × k): equations of y and v by its unknowns.
@cache
def index1(name):
    """Bridge unknowns X, V, λ."""
    terms, M0, m, k0, k1 = MODELS[name]

    @numba.njit
    def residual(s, p, c, r):
        n = c.size
        w, y, v, a = 1.0 / n, s[-2], s[-1], p[-1]
        pull = 0.0
        for i in range(n):
            j = 3 * i
            x, u, l = s[j], s[j + 1], s[j + 2]
            _, gx, gy, gxx, gxy, gyy, _, _, _, _ = terms(x, y)
            r[j] = p[j] - u
            r[j + 1] = m * p[j + 1] + k1 * x - gx * l
            r[j + 2] = gx * p[j + 1] + gy * a + gxx * u * u + 2.0 * gxy * u * v + gyy * v * v
            pull += w * gy * l
        r[-2] = p[-2] - v
        r[-1] = M0 * a + k0 * y - pull

    @numba.njit
    def blocks(s, p, beta, own, out, into, corner):
        n = own.shape[0]
        w, y, v, a = 1.0 / n, s[-2], s[-1], p[-1]
        slope = 0.0
        for i in range(n):
            j = 3 * i
            x, u, l, b = s[j], s[j + 1], s[j + 2], p[j + 1]
            _, gx, gy, gxx, gxy, gyy, gxxx, gxxy, gxyy, gyyy = terms(x, y)
            o, e, f = own[i], out[i], into[i]
            o[0, 0], o[0, 1] = beta, -1.0
            o[1, 0], o[1, 1], o[1, 2] = k1 - gxx * l, beta * m, -gx
            o[2, 0] = gxx * b + gxy * a + gxxx * u * u + 2.0 * gxxy * u * v + gxyy * v * v
            o[2, 1] = beta * gx + 2.0 * (gxx * u + gxy * v)
            e[1, 0] = -gxy * l
            e[2, 0] = gxy * b + gyy * a + gxxy * u * u + 2.0 * gxyy * u * v + gyyy * v * v
            e[2, 1] = beta * gy + 2.0 * (gxy * u + gyy * v)
            f[1, 0], f[1, 2] = -w * gxy * l, -w * gy
            slope += w * gyy * l
        corner[0, 0], corner[0, 1] = beta, -1.0
        corner[1, 0], corner[1, 1] = k0 - slope, beta * M0

    own = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0]])
    out, into = np.array([[0, 0], [1, 0], [1, 1]]), np.array([[0, 0, 0], [1, 0, 1]])
    return residual, blocks, (own, out, into)


@cache
def ggl(name):
    """Bridge unknowns X, V, λ, μ."""
    terms, M0, m, k0, k1 = MODELS[name]

    @numba.njit
    def residual(s, p, c, r):
        n = c.size
        w, y, v = 1.0 / n, s[-2], s[-1]
        pull, shift = 0.0, 0.0
        for i in range(n):
            j = 4 * i
            x, u, l, mu = s[j], s[j + 1], s[j + 2], s[j + 3]
            g, gx, gy, _, _, _, _, _, _, _ = terms(x, y)
            r[j] = p[j] - u - gx * mu / m
            r[j + 1] = m * p[j + 1] + k1 * x - gx * l
            r[j + 2] = gx * u + gy * v
            r[j + 3] = g - c[i]
            pull += w * gy * l
            shift += w * gy * mu
        r[-2] = p[-2] - v - shift / M0
        r[-1] = M0 * p[-1] + k0 * y - pull

    @numba.njit
    def blocks(s, p, beta, own, out, into, corner):
        n = own.shape[0]
        w, y, v = 1.0 / n, s[-2], s[-1]
        slope, tilt = 0.0, 0.0
        for i in range(n):
            j = 4 * i
            x, u, l, mu = s[j], s[j + 1], s[j + 2], s[j + 3]
            _, gx, gy, gxx, gxy, gyy, _, _, _, _ = terms(x, y)
            o, e, f = own[i], out[i], into[i]
            o[0, 0], o[0, 1], o[0, 3] = beta - gxx * mu / m, -1.0, -gx / m
            o[1, 0], o[1, 1], o[1, 2] = k1 - gxx * l, beta * m, -gx
            o[2, 0], o[2, 1] = gxx * u + gxy * v, gx
            o[3, 0] = gx
            e[0, 0], e[1, 0], e[2, 0], e[3, 0] = -gxy * mu / m, -gxy * l, gxy * u + gyy * v, gy
            e[2, 1] = gy
            f[0, 0], f[0, 3] = -w * gxy * mu / M0, -w * gy / M0
            f[1, 0], f[1, 2] = -w * gxy * l, -w * gy
            slope += w * gyy * l
            tilt += w * gyy * mu / M0
        corner[0, 0], corner[0, 1] = beta - tilt, -1.0
        corner[1, 0], corner[1, 1] = k0 - slope, beta * M0

    own = np.array([[1, 1, 0, 1], [1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]])
    out, into = np.array([[1, 0], [1, 0], [1, 1], [1, 0]]), np.array([[1, 0, 0, 1], [1, 0, 1, 0]])
    return residual, blocks, (own, out, into)


class System:
    """One model in one form, with its bridges: exact start, residual, Jacobian, energy and drift."""

    def __init__(self, name, form, x0):
        self.name, (_, self.M0, self.m, self.k0, self.k1) = name, MODELS[name]
        self.kernel, self.fill, masks = form(name)
        self.n, self.k = x0.size, masks[0].shape[0]
        n, k, size = self.n, self.k, self.n * masks[0].shape[0] + 2
        self.c = constraint(name, x0, 1.0)
        # At rest Φ and the forces alone matter: M_eff ÿ = −κ₀y + ⟨Φ F₁⟩, Ẍ = Φ ÿ, λ = (mẌ − F₁) / g_x; λ is even in time, so λ̇ = 0.
        g = [np.broadcast_to(term, x0.shape) for term in derivatives(name, x0, 1.0)]
        phi = -g[2] / g[1]
        a = (-self.k0 + np.mean(phi * -self.k1 * x0)) / (self.M0 + self.m * np.mean(phi**2))
        self.s0, self.p0 = np.zeros(size), np.zeros(size)
        self.s0[0:-2:k], self.s0[2:-2:k], self.s0[-2] = x0, (self.m * phi * a + self.k1 * x0) / g[1], 1.0
        self.p0[1:-2:k], self.p0[-1] = phi * a, a
        multipliers = np.arange(n * k).reshape(n, k)[:, 2:].ravel()
        self.multipliers = multipliers
        self.own, self.out, self.into = np.zeros((n, k, k)), np.zeros((n, k, 2)), np.zeros((n, 2, k))
        self.corner = np.zeros((2, 2))
        self.blocks = (self.own, self.out, self.into, self.corner)
        # Sparsity by columns: `order` takes the blocks' entries, flat, to the values of the matrix.
        at = k * np.arange(n)[:, None, None]
        row, column, edge = np.arange(k)[:, None], np.arange(k), np.array([size - 2, size - 1])
        rows = (
            at + row + 0 * column,
            at + row + 0 * edge,
            0 * at + edge[:, None] + 0 * column,
            edge[:, None] + 0 * edge,
        )
        columns = (
            at + 0 * row + column,
            0 * at + 0 * row + edge,
            at + 0 * edge[:, None] + column,
            0 * edge[:, None] + edge,
        )
        used = np.concatenate(
            [np.broadcast_to(mask != 0, (n, *mask.shape)).ravel() for mask in masks] + [np.ones(4, bool)]
        )
        rows, columns = (np.concatenate([part.ravel() for part in parts])[used] for parts in (rows, columns))
        order = np.lexsort((rows, columns))
        self.order = np.flatnonzero(used)[order]
        pointers = np.concatenate([[0], np.cumsum(np.bincount(columns, minlength=size))])
        self.pattern = csc_matrix((np.ones(order.size), rows[order], pointers), shape=(size, size))
        self.flat = np.empty(used.size)

    def residual(self, t, s, p, r):
        self.kernel(s, p, self.c, r)
        r[-2:] *= LAST

    def linearize(self, s, p, beta):
        """∂F/∂s + β ∂F/∂ṡ in blocks."""
        self.fill(s, p, beta, *self.blocks)
        self.into *= LAST
        self.corner *= LAST

    def values(self, s, p, beta):
        """The same, column by column."""
        self.linearize(s, p, beta)
        np.concatenate([block.ravel() for block in self.blocks], out=self.flat)
        return self.flat[self.order]

    def atol(self, tolerance):
        """Absolute tolerances: none for the multipliers."""
        atol = np.full(self.s0.size, tolerance)
        atol[self.multipliers] = FREE
        return atol

    def look(self, s):
        """y, energy and max |g − c| of a state."""
        x, u, y, v = s[0 : -2 : self.k], s[1 : -2 : self.k], s[-2], s[-1]
        return look(self.name, x, u, y, v, self.c)


def constraint(name, x, y):
    return x + y if name == "linear" else 0.1 * x - np.sin(0.1 * x) / (1.0 + y * y)


def derivatives(name, x, y):
    return MODELS[name][0].py_func(x, y)


def look(name, x, u, y, v, c):
    _, M0, m, k0, k1 = MODELS[name]
    energy = 0.5 * (M0 * v * v + k0 * y * y + np.mean(m * u * u + k1 * x * x))
    return y, energy, np.abs(constraint(name, x, y) - c).max()


def recorded(times, states, seconds, outcome):
    """A Result from what a solver reached; NaN after a failure."""
    table = np.full((3, len(times)), np.nan)
    if states:
        table[:, : len(states)] = np.transpose(states)
    return Result(*table, seconds, outcome)


# --- SUNDIALS' IDA -----------------------------------------------------------------------------------------------------------------------
@numba.njit
def eliminate(own, out, into, corner, inverse, reach, rest):
    """Inverse of every bridge's block, D⁻¹C, and the inverse of the 2 × 2 matrix left for y and v."""
    n, k = own.shape[0], own.shape[1]
    work = np.empty((k, 2 * k))
    s00, s01, s10, s11 = corner[0, 0], corner[0, 1], corner[1, 0], corner[1, 1]
    for i in range(n):
        work[:, :k] = own[i]
        work[:, k:] = 0.0
        for a in range(k):
            work[a, k + a] = 1.0
        for a in range(k):
            pivot = a
            for b in range(a + 1, k):
                if abs(work[b, a]) > abs(work[pivot, a]):
                    pivot = b
            for q in range(2 * k):
                work[a, q], work[pivot, q] = work[pivot, q], work[a, q]
            scale = 1.0 / work[a, a]
            for q in range(a, 2 * k):
                work[a, q] *= scale
            for b in range(k):
                if b != a and work[b, a] != 0.0:
                    factor = work[b, a]
                    for q in range(a, 2 * k):
                        work[b, q] -= factor * work[a, q]
        for a in range(k):
            z0, z1 = 0.0, 0.0
            for q in range(k):
                inverse[i, a, q] = work[a, k + q]
                z0 += work[a, k + q] * out[i, q, 0]
                z1 += work[a, k + q] * out[i, q, 1]
            reach[i, a, 0], reach[i, a, 1] = z0, z1
            s00 -= into[i, 0, a] * z0
            s01 -= into[i, 0, a] * z1
            s10 -= into[i, 1, a] * z0
            s11 -= into[i, 1, a] * z1
    det = s00 * s11 - s01 * s10
    rest[0, 0], rest[0, 1], rest[1, 0], rest[1, 1] = s11 / det, -s01 / det, -s10 / det, s00 / det


@numba.njit
def solve_arrow(into, inverse, reach, rest, r, z):
    n, k = inverse.shape[0], inverse.shape[1]
    b0, b1 = r[n * k], r[n * k + 1]
    for i in range(n):
        for a in range(k):
            total = 0.0
            for q in range(k):
                total += inverse[i, a, q] * r[k * i + q]
            z[k * i + a] = total
            b0 -= into[i, 0, a] * total
            b1 -= into[i, 1, a] * total
    y, v = rest[0, 0] * b0 + rest[0, 1] * b1, rest[1, 0] * b0 + rest[1, 1] * b1
    for i in range(n):
        for a in range(k):
            z[k * i + a] -= reach[i, a, 0] * y + reach[i, a, 1] * v
    z[n * k], z[n * k + 1] = y, v


@numba.njit
def times_arrow(own, out, into, corner, z, r):
    n, k = own.shape[0], own.shape[1]
    y, v = z[n * k], z[n * k + 1]
    b0, b1 = corner[0, 0] * y + corner[0, 1] * v, corner[1, 0] * y + corner[1, 1] * v
    for i in range(n):
        for a in range(k):
            total = out[i, a, 0] * y + out[i, a, 1] * v
            for q in range(k):
                total += own[i, a, q] * z[k * i + q]
            r[k * i + a] = total
            b0 += into[i, 0, a] * z[k * i + a]
            b1 += into[i, 1, a] * z[k * i + a]
    r[n * k], r[n * k + 1] = b0, b1


def ida(form, linear_solver, name, x0, t1, times, tolerance):
    from sksundae.ida import IDA, IDAJacTimes, IDAPrecond

    system = System(name, form, x0)
    if linear_solver == "superlu":

        def jacobian(t, s, p, r, beta, values):
            values[:] = system.values(s, p, beta)

        options = {"linsolver": "sparse", "sparsity": system.pattern, "jacfn": jacobian}
        warnings.filterwarnings("ignore", "Custom sparse Jacobian approximation")  # jacfn and sparsity go together
    else:
        inverse, reach, rest = np.empty_like(system.own), np.empty_like(system.out), np.empty((2, 2))

        def setup(t, s, p, r, beta):
            system.linearize(s, p, beta)
            eliminate(*system.blocks, inverse, reach, rest)

        # The matrix of the last setup in both: one Krylov vector solves it, as in a direct method's modified Newton.
        precondition = lambda t, s, p, r, given, z, beta, delta: solve_arrow(
            system.into, inverse, reach, rest, given, z
        )
        product = lambda t, s, p, r, z, given, beta: times_arrow(*system.blocks, z, given)
        options = {
            "linsolver": "gmres", "krylov_dim": 5,
            "precond": IDAPrecond(setup, precondition), "jactimes": IDAJacTimes(None, product),
        }  # fmt: skip
    solver = IDA(
        system.residual, rtol=tolerance, atol=system.atol(tolerance), algebraic_idx=system.multipliers,
        max_num_steps=10**8, **options,
    )  # fmt: skip
    states, seconds, outcome = [system.look(system.s0)], 0.0, "finished"
    began = time.process_time()
    solver.init_step(0.0, system.s0, system.p0)
    seconds += time.process_time() - began
    for t in times[1:]:
        began = time.process_time()
        try:
            step = solver.step(t)
        except RuntimeError as error:
            step = types.SimpleNamespace(success=False, message=str(error), t=[t])
        seconds += time.process_time() - began
        if not step.success:
            outcome = f"{step.message} (between t = {times[len(states) - 1]:.3g} and {t:.3g})"
            break
        states.append(system.look(step.y))
    return recorded(times, states, seconds, outcome)


# --- Radau IIA: scipy's and solve_dae's with sparse LU, Hairer and Wanner's RADAU5 with dense LU ------------------------------------------
def march(make, times, first, look):
    """A Result from scipy's step interface; interpolation counts as solving."""
    states, began = [first], time.process_time()
    solver = make()
    seconds, outcome = time.process_time() - began, "finished"
    while len(states) < len(times):
        began = time.process_time()
        message = solver.step()
        due = times[len(states) : np.searchsorted(times, solver.t, "right")]
        found = solver.dense_output()(due) if len(due) and solver.status != "failed" else None
        seconds += time.process_time() - began
        if solver.status == "failed":
            outcome = f"{message} (t = {solver.t:.3g})"
            break
        if found is not None:
            states += [look(s) for s in (found[0] if isinstance(found, tuple) else found).T]
    return recorded(times, states, seconds, outcome)


def radau_sparse(form, name, x0, t1, times, tolerance):
    """solve_dae, five stages (three need more time, seven far more)."""
    from solve_dae.integrate import RadauDAE

    system = System(name, form, x0)
    pattern, (rows, pointers) = system.pattern, (system.pattern.indices, system.pattern.indptr)

    def residual(t, s, p):
        r = np.empty_like(s)
        system.residual(t, s, p, r)
        return r

    def jacobian(t, s, p):
        still = system.values(s, p, 0.0)
        moving = system.values(s, p, 1.0) - still
        return tuple(csc_matrix((values, rows, pointers), pattern.shape) for values in (still, moving))

    make = lambda: RadauDAE(
        residual, 0.0, system.s0, system.p0, t1,
        stages=5, rtol=tolerance, atol=system.atol(tolerance), jac=jacobian,
    )  # fmt: skip
    return march(make, times, system.look(system.s0), system.look)


@cache
def reduced(name):
    """Right-hand side and Jacobian of the ODE left after elimination: s = (X, y, v), Ẋ = Φ v, M_eff v̇ = −κ₀y + ⟨Φ(F₁ − mω v²)⟩."""
    terms, M0, m, k0, k1 = MODELS[name]

    @numba.njit
    def slope(t, s):
        rate, n = np.empty_like(s), s.size - 2
        y, v, mass, force = s[n], s[n + 1], 0.0, 0.0
        for i in range(n):
            _, gx, gy, gxx, gxy, gyy, _, _, _, _ = terms(s[i], y)
            phi = -gy / gx
            omega = -(gxx * phi * phi + 2.0 * gxy * phi + gyy) / gx
            mass += phi * phi
            force -= phi * (k1 * s[i] + m * omega * v * v)
            rate[i] = phi * v
        rate[n], rate[n + 1] = v, (force / n - k0 * y) / (M0 + m * mass / n)
        return rate

    @numba.njit
    def jacobian(s, own, out, into, corner):
        """∂Ẋ_i/∂X_i; ∂Ẋ_i/∂(y, v); ∂v̇/∂X_i; ∂v̇/∂(y, v)."""
        n = s.size - 2
        y, v, mass, force, fy, fv, my = s[n], s[n + 1], 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            _, gx, gy, gxx, gxy, gyy, gxxx, gxxy, gxyy, gyyy = terms(s[i], y)
            phi = -gy / gx
            px, py = -(gxy + phi * gxx) / gx, -(gyy + phi * gxy) / gx
            bend = 2.0 * (gxx * phi + gxy)
            omega = -(gxx * phi * phi + 2.0 * gxy * phi + gyy) / gx
            ox = -(gxxx * phi * phi + 2.0 * gxxy * phi + gxyy + bend * px + omega * gxx) / gx
            oy = -(gxxy * phi * phi + 2.0 * gxyy * phi + gyyy + bend * py + omega * gxy) / gx
            load = -k1 * s[i] - m * omega * v * v
            mass += phi * phi
            force += phi * load
            own[i], out[i, 0], out[i, 1] = px, py * v, phi
            into[i] = (px * load - phi * (k1 + m * ox * v * v)) / n
            my += 2.0 * phi * py
            fy += py * load - phi * m * oy * v * v
            fv -= 2.0 * phi * m * omega * v
        total = M0 + m * mass / n
        a = (force / n - k0 * y) / total
        for i in range(n):
            into[i] = (into[i] - 2.0 * a * m * out[i, 1] * own[i] / n) / total
            own[i] *= v
        corner[0], corner[1] = (fy / n - k0 - a * m * my / n) / total, fv / n / total

    return slope, jacobian


def radau_arrow(name, x0, t1, times, tolerance):
    """scipy's Radau; its sparse Jacobian has a diagonal, one row and two columns (C order of `order`: by columns)."""
    slope, fill = reduced(name)
    n, c = x0.size, constraint(name, x0, 1.0)
    own, out, into, corner = np.empty(n), np.empty((n, 2)), np.empty(n), np.empty(2)
    i, size = np.arange(n), n + 2
    indices = np.concatenate([np.stack([i, 0 * i + n + 1], 1).ravel(), i, [n + 1], i, [n, n + 1]])
    pointers = np.concatenate([2 * np.arange(n + 1), [3 * n + 1, 4 * n + 3]])

    def jacobian(t, s):
        fill(s, own, out, into, corner)
        values = np.concatenate([np.stack([own, into], 1).ravel(), out[:, 0], corner[:1], out[:, 1], [1.0], corner[1:]])
        return csc_matrix((values, indices, pointers), (size, size))

    def state(s):
        x, y, v = s[:n], s[n], s[n + 1]
        g = derivatives(name, x, y)
        return look(name, x, -g[2] / g[1] * v, y, v, c)

    s0 = np.concatenate([x0, [1.0, 0.0]])
    make = lambda: si.Radau(slope, 0.0, s0, t1, rtol=tolerance, atol=tolerance, jac=jacobian)
    return march(make, times, state(s0), state)


def radau5_ggl(name, x0, t1, times, tolerance):
    """RADAU5 with its own mass matrix, index-2 variables and Jacobian: M ṡ = −F(s, 0), unknowns ordered X, V, y, v, λ, μ."""
    from assimulo.lib import radau5

    system = System(name, ggl, x0)
    n, size = x0.size, system.s0.size
    bridge = 4 * np.arange(n)
    order = np.concatenate([bridge, bridge + 1, [size - 2, size - 1], bridge + 2, bridge + 3])
    place = np.argsort(order)  # of a System's unknown in RADAU5's order
    mass = np.concatenate([np.ones(n), np.full(n, system.m), [LAST, LAST * system.M0], np.zeros(2 * n)])[None]
    rows = place[system.pattern.indices]
    columns = place[np.repeat(np.arange(size), np.diff(system.pattern.indptr))]
    still, r = np.zeros(size), np.empty(size)
    states, looking = [system.look(system.s0)], 0.0

    def slope(t, z):
        system.residual(t, z[place], still, r)
        return -r[order], [0]

    def jacobian(t, z):
        matrix = np.zeros((size, size), order="F")
        matrix[rows, columns] = -system.values(z[place], still, 0.0)
        return matrix, [0]

    def output(step, t0, t, z, cont, error, length, go_on):
        nonlocal looking
        q, c1, c2 = cont[: 4 * size].reshape(4, size), (4.0 - 6.0**0.5) / 10.0, (4.0 + 6.0**0.5) / 10.0
        while len(states) < len(times) and times[len(states)] <= t:
            u = (times[len(states)] - t) / (t - t0)
            s = (q[0] + u * (q[1] + (u - c2 + 1.0) * (q[2] + (u - c1 + 1.0) * q[3])))[place]
            began = time.process_time()
            states.append(system.look(s))
            looking += time.process_time() - began
        return 1

    work, iwork = np.zeros(4 * size**2 + 13 * size + 20), np.zeros(3 * size + 20, np.intc)
    iwork[1], iwork[4], iwork[5] = 10**7, 2 * n + 2, 2 * n
    began = time.process_time()
    reached, _, _, _, flag = radau5.radau5(
        slope, 0.0, system.s0[order], t1, 1e-4, np.full(size, tolerance), system.atol(tolerance)[order], 1, jacobian, 1, size, 0,
        lambda diagonal: mass, 1, 0, 0, output, 1, work, iwork,
    )  # fmt: skip
    seconds = time.process_time() - began - looking
    reason = {-1: "input is not consistent", -2: "more steps needed", -3: "step size becomes too small"}
    outcome = "finished" if flag == 1 else f"{reason.get(flag, 'matrix repeatedly singular')} (t = {reached:.3g})"
    return recorded(times, states, seconds, outcome)


PEERS = {
    "ida_index1": partial(ida, index1, "superlu"),
    "ida_index1_gmres": partial(ida, index1, "gmres"),
    "ida_ggl": partial(ida, ggl, "superlu"),
    "ida_ggl_gmres": partial(ida, ggl, "gmres"),
    "radau_index1": partial(radau_sparse, index1),
    "radau_ggl": partial(radau_sparse, ggl),
    "radau5_ggl": radau5_ggl,
    "radau_arrow": radau_arrow,
}
DENSE = {"radau5_ggl": 300}  # bridges at most


# --- the table ---------------------------------------------------------------------------------------------------------------------------
def points(name, n):
    """The published law's sample."""
    mean, std = {"linear": (2.0, 1.0), "onion": (2.5, 0.3)}[name]
    return np.random.default_rng(1).normal(mean, std, n)


def reference(name, x0, times):
    """y at `times`: the closed form where there is one, otherwise DOP853 on the ODE left after elimination."""
    if name == "linear":  # 30 ÿ = −y + ⟨X⟩, X = x₀ + 1 − y
        middle = 0.5 * (x0.mean() + 1.0)
        return middle + (1.0 - middle) * np.cos(np.sqrt(2.0 / 30.0) * times)
    s0 = np.concatenate([x0, [1.0, 0.0]])
    return si.solve_ivp(reduced(name)[0], (0.0, times[-1]), s0, "DOP853", times, rtol=1e-12, atol=1e-13).y[-2]


def loosest(peer, name, x0, times, exact, start):
    """First tolerance, by half decades, that meets 1e-6; it, the result, the relative error of y, and what the looser ones ended in."""
    ends = []
    for tolerance in 10.0 ** -np.arange(start, 13.1, 0.5):
        result = peer(name, x0, times[-1], times, tolerance)
        error = np.abs(result.y - exact).max() / np.abs(exact).max()
        if error <= 1e-6:
            break
        if result.outcome != "finished":
            ends.append(f"{tolerance:.0e}: {result.outcome}")
    return tolerance, result, error, ends


def table(name, sizes, labels, long):
    found = {}
    for n in sizes:
        x0, times = points(name, n), np.linspace(0.0, 60.0, 121)
        exact = reference(name, x0, times)
        print(
            f"\n{name}, N = {n:,}: tolerance, relative error of y, CPU s; drift of energy (relative) and of g",
            flush=True,
        )
        for label in labels:
            if n > DENSE.get(label, n):
                continue
            peer = PEERS[label]
            peer(name, x0[:3], 1.0, np.linspace(0.0, 1.0, 3), 1e-4)  # compiles
            tolerance, r, error, ends = loosest(peer, name, x0, times, exact, found.get(label, 5.0))
            found[label] = -np.log10(tolerance) - 1.0
            print(
                f"{label:>17}  {tolerance:.0e}  {error:.1e}  {r.seconds:8.3f}  {drifts(r)}",
                *ends,
                sep="\n    ",
                flush=True,
            )
            if long and n == sizes[0]:
                r = peer(name, x0, long, np.linspace(0.0, long, 1 + round(2 * long)), tolerance)
                print(f"{'to t = ':>25}{long:<7g}     {r.seconds:8.3f}  {drifts(r)}", flush=True)


def drifts(r):
    return f"{np.abs(r.energy / r.energy[0] - 1.0).max():.1e}  {r.drift.max():.1e}  {r.outcome}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 1000])
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--long", type=float, metavar="T", help="also run to this time, at the smallest size")
    options = parser.parse_args()
    for model in options.models:
        table(model, sorted(options.sizes), options.peers, options.long)
