"""One implicit step of finite-element tissue with a population of 64 nodes at each quadrature point, and what its parts cost.

    python benchmarks/tissue.py [--cells 26 26 13] [--steps 3]      Q1/P0; 26 × 26 × 13 are 8,788 hexahedra

CPU seconds of the process and of one step, without compilation, after a first step that compiles; m = 0 at equilibrium (a symmetric tangent) and m > 0
in motion (an unsymmetric one). `--memory` counts 100,000 populations of 100 nodes instead.
"""

import argparse
import resource
import time

import jax
import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale import implicit, zoo
from myoscale.implicit import cells, points
from myoscale.model.scenario import tree_float

_SHEAR, _BULK, _PULL = 1.0, 1000.0, 0.1


def timed(module, name: str, spent: dict[str, float]) -> None:
    """Count what a function takes."""
    inner = getattr(module, name)

    def outer(*arguments, **options):
        began = time.process_time()
        result = jax.block_until_ready(inner(*arguments, **options))
        spent[name] = spent.get(name, 0.0) + time.process_time() - began
        return result

    setattr(module, name, outer)


def ours(counts: tuple[int, ...], mass: float, steps: int) -> None:
    """Pull one end of a block sideways."""
    static = mass == 0.0
    pull = ms.Traction("x1", lambda t: _PULL * t * jnp.array([0.0, 0.0, 1.0]))
    tissue = ms.ContinuumTissue(
        ms.Block((2.0, 2.0, 1.0), counts),
        ms.NeoHookean(_SHEAR),
        bulk=_BULK,
        density=1.0,
        conditions=(ms.Clamp("x0"), pull),
    )
    model = tree_float(ms.Model(tissue, zoo.LinearBridge(mass=mass, stiffness=1.0, gain=1.0)))
    drive = ms.QuasiStatic() if static else ms.Free()
    y = np.zeros(tissue.ny)
    q = cells.kinematics(model.tissue, y)
    start = ms.Start(0.0, x=ms.Normal(0.3, 0.2))
    population, z = ms.Characteristics(64).begin(model, start, q, jax.random.key(0), 0)
    solver = implicit.Solver(model, drive, population, static)
    spent: dict[str, float] = {}
    for module, name in ((points, "equilibrium"), (points, "motion"), (cells, "blocks"), (solver.linear, "factor"), (solver.linear, "solve")):
        timed(module, name, spent)
    quiet = lambda t, h, found: None
    at = implicit.begin(solver, z, y, np.zeros(tissue.ny), 0.1)
    at = implicit.move(solver, at, at.t + 0.1, 0.1, quiet)
    for _ in range(steps):
        spent.clear()
        began, before = time.process_time(), at.iterations
        at = implicit.move(solver, at, at.t + 0.1, 0.1, quiet)
        total = time.process_time() - began
        share = ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent.items())
        count = at.iterations - before
        print(
            f"m = {mass:g}: {total:5.2f} s a step, {count} iterations, {total / max(count, 1):.2f} s each ({share}; {solver.linear.name})",
            flush=True,
        )
    solver.close()


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
        for mass in (0.0, 0.5):
            ours(tuple(asked.cells), mass, asked.steps)


if __name__ == "__main__":
    main()
