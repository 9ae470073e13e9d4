"""Forces of all pairs of N points: the exact blocked sum and the sum through a Chebyshev grid, in one process, on the same points.

    python benchmarks/pairs.py [--sizes 1000 10000 100000 1000000] [--dims 1 2 3] [--width 1]

Points are normal with standard deviation 1 along each axis, V is a Gaussian of the given width. The number of modes is the smallest whose
bound is below 1e-6; where none is, the largest is timed, and its bound says so. Errors are of forces, relative to the greatest |∇V|,
on the rows that the exact sum was computed for; where these are not all, its time is that of the rows times N/rows, marked ~.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

from myoscale.numerics import pairs

ASKED = 1e-6
PAIRS = {1: 1e10, 2: 2e9, 3: 1e9}  # of the exact sum, at most


def best(function, *arguments, repeat: int) -> tuple[float, jax.Array]:
    """Seconds without compilation, and the result."""
    program, took = jax.jit(function).lower(*arguments).compile(), np.inf
    for _ in range(repeat):
        began = time.perf_counter()
        result = jax.block_until_ready(program(*arguments))
        took = min(took, time.perf_counter() - began)
    return took, result


def one(n: int, nx: int, width: float) -> None:
    """A line of the table."""
    rng = np.random.default_rng(0)
    x, w = jnp.asarray(rng.normal(size=(n, nx))), jnp.full(n, 1.0 / n)
    potential = lambda r: jnp.exp(-0.5 * (r @ r) / width**2)
    steepest = np.exp(-0.5) / width
    bounds = jax.jit(lambda half: jnp.stack([pairs.bound(potential, half, m) for m in pairs.MODES[nx]]))
    found = np.asarray(bounds(pairs.box(x)[1]))
    chosen = int(np.argmax(found <= ASKED)) if (found <= ASKED).any() else -1
    modes, bound = pairs.MODES[nx][chosen], found[chosen]
    fast, pulls = best(lambda x, w: pairs.forces(potential, x, w, modes), x, w, repeat=3)
    rows = int(min(n, max(64, PAIRS[nx] / n)))
    gradient = lambda at, x, w: pairs.slopes(potential, at, x, w)
    slow, exact = best(gradient, x[:rows], x, w, repeat=3 if n * rows < 1e8 else 1)
    slow *= n / rows
    error = float(jnp.max(jnp.abs(pulls[:rows] - exact))) / steepest
    mark, met = " " if rows == n else "~", "" if bound <= ASKED else "  bound not met: the exact sum is used"
    print(
        f"{nx:2d} {n:9,d} {mark}{slow:10.4g} {modes:5d} {fast:10.4g} {slow / fast:9.0f} {error:9.1e} {bound:9.1e}{met}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Exact and spectral sums over pairs.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--width", type=float, default=1.0)
    given = parser.parse_args()
    print(
        f"{'nx':>2s} {'N':>9s} {'exact, s':>11s} {'modes':>5s} {'grid, s':>10s} {'ratio':>9s} {'error':>9s} {'bound':>9s}"
    )
    with jax.enable_x64(True):
        for nx in given.dims:
            for n in given.sizes:
                one(n, nx, given.width)


if __name__ == "__main__":
    main()
