"""One implicit step of finite-element tissue with a population of 64 nodes at each quadrature point, and what its parts cost.

    taskset -c 0 python benchmarks/tissue.py [--cells 26 26 13] [--steps 3]      Q1/P0; 26 × 26 × 13 are 8,788 hexahedra

CPU seconds of the process and of one step, without compilation, after a first step that compiles; m = 0 at equilibrium (a symmetric tangent) and m > 0
in motion (an unsymmetric one); then the same block at equilibrium in those of DOLFINx and felupe that are installed (`tissue_peers.py`), and
ratios of medians. Ours guesses a step from the one before, the others begin it where that ended. On one processor (`taskset`), as nobody's
threads then cost anyone anything. `--memory` counts 100,000 populations of 100 nodes instead.
"""

import argparse
import functools
import importlib.util
import resource
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import tissue_peers
from tissue_peers import BULK, MEAN, SHEAR, SIZE, Steps

import myoscale as ms
from myoscale import implicit, zoo
from myoscale.implicit import cells, points
from myoscale.model.scenario import tree_float

_PULL, _DT = 0.1, 0.1


def timed(module, name: str, spent: dict[str, float]) -> None:
    """Count what a function takes."""
    inner = getattr(module, name)

    @functools.wraps(inner)
    def outer(*arguments, **options):
        began = time.process_time()
        result = jax.block_until_ready(inner(*arguments, **options))
        spent[name] = spent.get(name, 0.0) + time.process_time() - began
        return result

    setattr(module, name, outer)


def ours(counts: tuple[int, ...], mass: float, steps: int) -> Steps:
    """Pull one end of a block sideways."""
    static = mass == 0.0
    pull = ms.Traction("x1", lambda t: _PULL * t * jnp.array([0.0, 0.0, 1.0]))
    tissue = ms.ContinuumTissue(
        ms.Block(SIZE, counts),
        ms.NeoHookean(SHEAR),
        bulk=BULK,
        density=1.0,
        conditions=(ms.Clamp("x0"), pull),
    )
    model = tree_float(ms.Model(tissue, zoo.LinearBridge(mass=mass, stiffness=1.0, gain=1.0)))
    drive = ms.QuasiStatic() if static else ms.Free()
    y = np.zeros(tissue.ny)
    q = cells.kinematics(model.tissue, y)
    start = ms.Start(0.0, x=ms.Normal(MEAN, 0.2))
    population, z = ms.Characteristics(64).begin(model, start, q, jax.random.key(0), 0)
    solver = implicit.Solver(model, drive, population, static)
    spent: dict[str, float] = {}
    parts = (*((points, name) for name in ("equilibrium", "motion", "arrive", "books")), (cells, "blocks"))
    for module, name in (*parts, (solver.linear, "factor"), (solver.linear, "solve")):
        timed(module, name, spent)
    quiet = lambda t, h, found: None
    at = implicit.begin(solver, z, y, np.zeros(tissue.ny), _DT)
    at = implicit.move(solver, at, at.t + _DT, _DT, quiet)
    seconds, iterations = [], []
    for _ in range(steps):
        spent.clear()
        began, before = time.process_time(), at.iterations
        at = implicit.move(solver, at, at.t + _DT, _DT, quiet)
        seconds.append(time.process_time() - began)
        iterations.append(at.iterations - before)
        share = ", ".join(f"{name} {part:.2f}" for name, part in spent.items())
        print(
            f"m = {mass:g}: {seconds[-1]:5.2f} s a step, {iterations[-1]} iterations ({share}; {solver.linear.name})",
            flush=True,
        )
    solver.close()
    for module, name in parts:
        setattr(module, name, getattr(module, name).__wrapped__)
    corner = np.argmin(np.linalg.norm(tissue.space.locations - np.array(SIZE), axis=1))
    return Steps(seconds, iterations, at.held.y.reshape(-1, 3)[corner])


def compared(counts: tuple[int, ...], steps: int) -> None:
    """Ours without and with mass, and peers; all end under the same load."""
    still, moving = (ours(counts, mass, steps) for mass in (0.0, 0.5))
    loads = [_PULL * _DT * (k + 1) for k in range(steps + 1)]
    for name, package in (("dolfinx", "dolfinx_solver"), ("felupe", "felupe")):
        if importlib.util.find_spec(package) is None:
            print(f"{name}: not installed")
            continue
        peer = getattr(tissue_peers, name)(counts, loads)
        seconds = peer.seconds[1:]
        figures = ", ".join(f"{one:.2f} s ({count})" for one, count in zip(seconds, peer.iterations[1:], strict=True))
        ratios = [statistics.median(run.seconds) / statistics.median(seconds) for run in (still, moving)]
        what = "with the bridges' energy" if name == "dolfinx" else "passive tissue"
        print(f"{name}, equilibrium, {what}: {figures}", flush=True)
        print(f"    ours over it: {ratios[0]:.2f} at equilibrium, {ratios[1]:.2f} in motion with m > 0", flush=True)
        print(f"    corner {peer.corner}, ours {still.corner}", flush=True)


def memory() -> None:
    """100,000 populations of 100 nodes that attach and let go, through one exchange."""
    scheme = ms.Huxley1957(spacing=4.0, h=1.0, f1=0.8, g1=0.2, g2=4.0)
    model = tree_float(ms.Model(ms.SpringMass(), zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0, cycling=scheme)))
    count, level = 100_000, ms.Kinetic(100, sites=4)
    population, z = level.begin(model, ms.Start(1.0), jnp.ones((count, 1)), jax.random.key(0), 0)
    one = lambda bridge, z, q, u: population.exchange(bridge, z, q, u, 0.01, 1.0, None)
    q, u = jnp.ones((count, 1)), jnp.zeros((count, 1))
    step = jax.jit(lambda z, q, u: points.over(model, one, z, q, u)[0]).lower(z, q, u).compile()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the populations are there, and the compiler has been
    began = time.process_time()
    z = jax.block_until_ready(step(z, q, u))
    spent = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6
    held = sum(a.nbytes for a in jax.tree.leaves(z)) / 1e9
    print(
        f"{count:,} populations of 100 cells: {held:.2f} GB held, {grown:.2f} GB more in an exchange, which takes {spent:.1f} s"
    )


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs=3, default=(26, 26, 13))
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    asked = parser.parse_args()
    with jax.enable_x64(True):
        if asked.memory:
            return memory()
        compared(tuple(asked.cells), asked.steps)


if __name__ == "__main__":
    main()
