"""Heads that jump against the mean field they converge to, tissue moving freely and feeling what is attached.

    python benchmarks/jumps.py [--seeds 64] [--largest 5]

N = 10² … 10^largest heads, dt ∝ N^{-1/4} so that the error of time steps, of order two, falls as chance does. For both conventions of
momentum: root mean square over seeds of the error of y(T) and of the force at T against `Characteristics` at a fine dt, and the slopes of
log RMS against log N, which should be −1/2, with the standard error that finitely many seeds leave to them.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale.levels import splitting
from myoscale.levels.integrate import Problem
from myoscale.model import Huxley1957, Momentum
from myoscale.model.scenario import tree_float
from myoscale.run.begin import begin

T, STEPS = 4.0, 40  # steps for 100 heads
SUM = 43.3 + 10.0  # times are in units of 1/(f₁ + g₁), lengths in units of h
START = ms.Start(1.0, x=ms.Normal(mean=0.5, std=0.25), attached=0.2)
MEMORY = 400_000  # heads at a time


def model(momentum: Momentum) -> ms.Model:
    """A mass on a spring; the bridges together have up to a third of its mass and pull about as much."""
    scheme = Huxley1957(spacing=36 / 15.6, h=1.0, f1=43.3 / SUM, g1=10 / SUM, g2=209 / SUM, momentum=momentum)
    bridge = ms.zoo.LinearBridge(mass=0.5, stiffness=2.0, gain=np.asarray(1.0), cycling=scheme)
    return ms.Model(ms.SpringMass(mass=1.0, stiffness=1.0, count=2.0), bridge)


def ends(model: ms.Model, n: int, steps: int, seeds: np.ndarray) -> np.ndarray:
    """y(T) and the force at T of each seed (seeds, 2), as `solve` computes them, many at a time in one program."""
    tree, start = tree_float((model, START))
    ts = jnp.linspace(0.0, T, steps + 1)

    def one(seed):
        key = jax.random.key(seed)
        begun = begin(tree, ms.Reduced(n), start, ms.Free(), key, 0, 0)
        problem = Problem(tree, begun.population, ms.Free(), jnp.asarray(1e-8), *begun.margin)
        problem = problem._replace(key=jax.random.fold_in(key, 1), substeps=1)
        record = splitting.stretch(problem, begun.state, ts, ts[1]).record
        return jnp.stack([record.y[-1, 0], record.force[-1, 0, 0]])

    return np.asarray(jax.jit(lambda seeds: jax.lax.map(one, seeds, batch_size=max(1, MEMORY // n)))(seeds))


def slope(sizes: np.ndarray, rms: np.ndarray, seeds: int) -> tuple[float, float]:
    """Of log RMS against log N, and its standard error: log RMS of k normal errors has variance 1/(2k)."""
    x = np.log(sizes) - np.log(sizes).mean()
    return float(x @ np.log(rms) / (x @ x)), float(np.sqrt(1 / (2 * seeds) / (x @ x)))


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=64)
    arguments.add_argument("--largest", type=int, default=5)
    chosen = arguments.parse_args()
    jax.config.update("jax_enable_x64", True)
    sizes, seeds = 10 ** np.arange(2, chosen.largest + 1), np.arange(chosen.seeds)
    for momentum in Momentum:
        fine = ms.solve(model(momentum), ms.Characteristics(1920, sites=2, dt=5e-3), START, t1=T, save=2)
        truth = np.array([fine.y[-1, 0], fine.force[-1, 0, 0]])
        print(f"{momentum}: y(T) = {truth[0]:.6f}, force {truth[1]:.6f}")
        print(f"{'N':>8s} {'steps':>6s} {'RMS of y':>10s} {'mean/se':>8s} {'RMS of f':>10s} {'mean/se':>8s} {'s':>6s}")
        rows = []
        for n in sizes:
            steps, began = round(STEPS * (n / 100) ** 0.25), time.perf_counter()
            error = ends(model(momentum), int(n), steps, seeds) - truth
            rms = np.sqrt(np.mean(error**2, axis=0))
            bias = error.mean(0) / (error.std(0, ddof=1) / np.sqrt(len(seeds)))
            rows.append(rms)
            print(
                f"{n:8d} {steps:6d} {rms[0]:10.2e} {bias[0]:8.1f} {rms[1]:10.2e} {bias[1]:8.1f} {time.perf_counter() - began:6.0f}",
                flush=True,
            )
        for name, values in zip(("y", "force"), np.array(rows).T, strict=True):
            found, error = slope(sizes, values, len(seeds))
            print(f"slope of {name}: {found:.3f} ± {error:.3f}")


if __name__ == "__main__":
    main()
