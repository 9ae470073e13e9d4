"""N two-way coupled bridges to t = 60: `Reduced` beside general solvers on the same points, interleaved in one process.

    python benchmarks/particles.py                    # linear and onion, N = 1e2 … 1e5
    python benchmarks/particles.py --sizes 1000000 --models linear
    python benchmarks/particles.py --growth out       # myoscale alone, N = 1e2 … 1e7: time, memory and a plot

Peers, each with state (y, ẏ, X₁ … X_N) and a right-hand side of its own, never myoscale's: scipy's DOP853 on NumPy; DOP853 written as
numba loops; diffrax's Tsit5 on a JAX right-hand side. They are asked for a relative error of y ≤ 1e-6 (tolerances found beforehand on a
small ensemble), myoscale for 1e-8. CPU seconds of the process, best of the repeats; compile time apart; errors against a run at 1e-12.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
from scipy.integrate import solve_ivp
from scipy.integrate._ivp import dop853_coefficients as dop

import myoscale as ms
from myoscale import zoo

T1, SAVE = 60.0, 121
TIMES = np.linspace(0.0, T1, SAVE)
A, B, C = np.ascontiguousarray(dop.A[:12, :12]), np.ascontiguousarray(dop.B), np.ascontiguousarray(dop.C[:12])
E3, E5 = np.ascontiguousarray(dop.E3), np.ascontiguousarray(dop.E5)


# --- right-hand sides, written by hand: (M₀ + m⟨Φ²⟩) ÿ = −κ₀ y + ⟨Φ(F₁ − mΩ)⟩, Ẋ = Φ ẏ -------------------------------------------------
def linear_numpy(t, s):
    y, v, x = s[0], s[1], s[2:]
    return np.concatenate([[v, (-y + x.mean()) / 30.0], np.full(x.size, -v)])


def onion_numpy(t, s):
    y, v, x = s[0], s[1], s[2:]
    d = 1.0 + y * y
    sin, cos = np.sin(0.1 * x), np.cos(0.1 * x)
    gx, gy = 0.1 * (1.0 - cos / d), 2.0 * y * sin / d**2
    phi = -gy / gx
    gxx, gxy, gyy = 0.01 * sin / d, 0.2 * y * cos / d**2, sin * (2.0 / d**2 - 8.0 * y * y / d**3)
    omega = -(gxx * phi**2 + 2.0 * gxy * phi + gyy) * v * v / gx
    a = (-y - np.mean(phi * omega)) / (2.0 + np.mean(phi * phi))
    return np.concatenate([[v, a], phi * v])


@numba.njit(cache=True)
def linear_numba(s, out):
    y, v, total = s[0], s[1], 0.0
    for i in range(2, s.size):
        total += s[i]
        out[i] = -v
    out[0], out[1] = v, (-y + total / (s.size - 2)) / 30.0


@numba.njit(cache=True, fastmath=True)
def onion_numba(s, out):
    y, v, mass, force = s[0], s[1], 0.0, 0.0
    d = 1.0 + y * y
    for i in range(2, s.size):
        sin, cos = np.sin(0.1 * s[i]), np.cos(0.1 * s[i])
        gx = 0.1 * (1.0 - cos / d)
        phi = -2.0 * y * sin / d**2 / gx
        gxx, gxy, gyy = 0.01 * sin / d, 0.2 * y * cos / d**2, sin * (2.0 / d**2 - 8.0 * y * y / d**3)
        mass += phi * phi
        force -= phi * -(gxx * phi**2 + 2.0 * gxy * phi + gyy) * v * v / gx
        out[i] = phi * v
    n = s.size - 2
    out[0], out[1] = v, (-y + force / n) / (2.0 + mass / n)


def numba_solver(rhs):
    """DOP853 with scipy's step control, in loops; the tableau is scipy's. Steps end on the saved times."""

    @numba.njit(fastmath=True)
    def run(s, times, tolerance):
        n = s.size
        k, stage, saved = np.empty((13, n)), np.empty(n), np.empty(times.size)
        saved[0], h = s[0], 1e-3
        rhs(s, k[0])
        for j in range(1, times.size):
            t = times[j - 1]
            while t < times[j]:
                step = min(h, times[j] - t)
                for i in range(1, 12):
                    for p in range(n):
                        total = 0.0
                        for q in range(i):
                            total += A[i, q] * k[q, p]
                        stage[p] = s[p] + step * total
                    rhs(stage, k[i])
                five, three = 0.0, 0.0
                for p in range(n):
                    total, e5, e3 = 0.0, 0.0, 0.0
                    for q in range(12):
                        total += B[q] * k[q, p]
                        e5 += E5[q] * k[q, p]
                        e3 += E3[q] * k[q, p]
                    stage[p] = s[p] + step * total
                    scale = tolerance * (1.0 + max(abs(s[p]), abs(stage[p])))
                    five += (e5 / scale) ** 2
                    three += (e3 / scale) ** 2
                error = step * five / np.sqrt((five + 0.01 * three) * n) if five > 0 else 0.0
                if error < 1.0:
                    t += step
                    s[:] = stage
                    rhs(s, k[0])
                h = step * min(10.0, max(0.2, 0.9 * error ** (-0.125))) if error > 0 else 10.0 * step
            saved[j] = s[0]
        return saved

    return run


def jax_solver(name):
    """diffrax's Tsit5 with Φ and Ω by JAX's forward mode."""
    import diffrax
    import jax
    import jax.numpy as jnp

    g = {
        "linear": lambda x, y: x + y,
        "onion": lambda x, y: 0.1 * x - jnp.sin(0.1 * x) / (1.0 + y * y),
    }[name]
    mass, stiffness, bridge = {"linear": (20.0, 1.0, 10.0), "onion": (2.0, 0.0, 1.0)}[name]

    def rhs(t, s, _):
        y, v, x = s
        gx, gy = jax.vmap(jax.grad(g, 0), (0, None))(x, y), jax.vmap(jax.grad(g, 1), (0, None))(x, y)
        phi = -gy / gx
        along = lambda x, u: jax.jvp(lambda a, b: jax.jvp(g, (a, b), (u, v))[1], (x, y), (u, v))[1]
        omega = -jax.vmap(along)(x, phi * v) / gx
        a = (-y + jnp.mean(phi * (-stiffness * x - bridge * omega))) / (mass + bridge * jnp.mean(phi * phi))
        return v, a, phi * v

    @jax.jit
    def run(x, tolerance):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rhs), diffrax.Tsit5(), 0.0, T1, 1e-3, (jnp.ones(()), jnp.zeros(()), x),
            saveat=diffrax.SaveAt(ts=TIMES, fn=lambda t, s, _: s[0]),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance), max_steps=1_000_000,
        )  # fmt: skip
        return solution.ys

    def solve(x, tolerance):
        with jax.enable_x64(True):
            return np.asarray(run(jnp.asarray(x), tolerance))

    return solve


def peers(name):
    """Name → solver(points, tolerance) → y at TIMES."""
    by_hand = {"linear": (linear_numpy, linear_numba), "onion": (onion_numpy, onion_numba)}[name]
    loops = numba_solver(by_hand[1])
    start = lambda x: np.concatenate([[1.0, 0.0], x])
    dop853 = lambda x, tol: solve_ivp(by_hand[0], (0, T1), start(x), "DOP853", TIMES, rtol=tol, atol=tol).y[0]
    return {
        "numba DOP853": lambda x, tol: loops(start(x), TIMES, tol),
        "scipy DOP853": dop853,
        "diffrax Tsit5": jax_solver(name),
    }


def ours(name, x, tolerance=1e-8):
    """myoscale's solution for given points."""
    model, start = getattr(zoo, name)()
    return ms.solve(model, ms.Reduced(), ms.Start(start.y, start.v, x=x), t1=T1, save=TIMES, tolerance=tolerance)


def points(name, n):
    """The published law's sample."""
    mean, std = {"linear": (2.0, 1.0), "onion": (2.5, 0.3)}[name]
    return np.random.default_rng(1).normal(mean, std, n)


def timed(function, *arguments):
    """Result and CPU seconds of the process, all threads."""
    began = time.process_time()
    result = function(*arguments)
    return result, time.process_time() - began


def compare(name, sizes, repeats):
    """One table."""
    solvers = peers(name)
    small = points(name, 1000)
    exact = ours(name, small, 1e-12).y[:, 0]
    tolerance = {}
    for label, solver in solvers.items():  # the loosest tolerance that meets 1e-6, as do all tighter ones
        for tol in (1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5):
            if np.abs(solver(small, tol) - exact).max() / np.abs(exact).max() > 1e-6:
                break
            tolerance[label] = tol
    print(f"\n{name}: CPU s (error of y relative to its maximum); best peer over myoscale")
    for n in sizes:
        x = points(name, n)
        exact = ours(name, x, 1e-12).y[:, 0]
        first = ours(name, x)  # compiles
        best, error = {}, {}
        for _ in range(repeats):
            for label, solver in {
                **{k: (lambda x, k=k: solvers[k](x, tolerance[k])) for k in solvers},
                "myoscale": lambda x: ours(name, x).y[:, 0],
            }.items():
                y, cost = timed(solver, x)
                if cost < best.get(label, np.inf):
                    best[label] = cost
                error[label] = np.abs(y - exact).max() / np.abs(exact).max()
        row = "  ".join(f"{label} {best[label]:.3g} ({error[label]:.0e})" for label in best)
        ratio = min(cost for label, cost in best.items() if label != "myoscale") / best["myoscale"]
        print(
            f"N = {n:>9,}: {row}  ratio {ratio:.1f}  [compile {first.stats.compile:.1f} s; {first.stats.path}]",
            flush=True,
        )


def growth(folder):
    """myoscale alone, each size in a process of its own so that its memory can be told."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in ("linear", "onion"):
        sizes, seconds, memory = [10**k for k in range(2, 8)], [], []
        for n in sizes:
            out = subprocess.run(
                [sys.executable, __file__, "--one", name, str(n)], capture_output=True, text=True, check=True
            ).stdout
            cost, peak = map(float, out.split()[-2:])
            seconds.append(cost)
            memory.append(peak)
            print(f"{name:>7} N = {n:>10,}: {cost:.3f} CPU s, peak memory of the process {peak:.0f} MB", flush=True)
        left.loglog(sizes, seconds, "o-", label=name)
        right.semilogx(sizes, memory, "o-", label=name)
    for axes, label in ((left, "CPU time of a run [s]"), (right, "peak memory of the process [MB]")):
        axes.set(xlabel="bridges N", ylabel=label, ylim=(0, None) if axes is right else None)
        axes.legend(frameon=False)
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder) / "growth.png", dpi=150)


def one(name, n):
    """One size: draw, run twice (the second without compiling), rebuild the population at the end."""
    model, start = getattr(zoo, name)()
    for _ in range(2):
        solution, cost = timed(lambda: ms.solve(model, ms.Reduced(n), start, t1=T1))
    solution.population(T1)
    print(cost, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["linear", "onion"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[10**2, 10**3, 10**4, 10**5])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--growth", metavar="FOLDER")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        one(options.one[0], int(options.one[1]))
    elif options.growth:
        growth(options.growth)
    else:
        for model_name in options.models:
            compare(model_name, options.sizes, options.repeats)
