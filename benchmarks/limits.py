"""Studies of limits: what they cost, and whether their predictions hold.

    python benchmarks/limits.py --published      the published Monte Carlo study, linear, N = 4 … 1024, 100 samples each
    python benchmarks/limits.py --adjoint        one adjoint pass against forward runs of the same nodes
    python benchmarks/limits.py --chance         variance of 20,000 samples of 256 bridges over the predicted one
    python benchmarks/limits.py --slopes         rates of W₁ and y: random in one and three dimensions, quantiles

CPU seconds of the process, without compilation. Run nothing else beside it.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale import zoo
from myoscale.types import float64

PROBLEMS = ("linear", "onion", "bent", "element")


def cpu(work, times=3):
    """The least CPU time of some calls, the first one, which compiles, aside; and what the work returns."""
    result, best = work(), np.inf
    for _ in range(times):
        began = time.process_time()
        result = work()
        best = min(best, time.process_time() - began)
    return best, result


def published():
    """Errors, distances at five times, rates and the figure."""
    model, start = zoo.linear()
    options = dict(t1=36.0, level=ms.Reduced(4), sizes=[4 << k for k in range(9)], samples=100)
    seconds, study = cpu(lambda: ms.converge(model, start, **options))
    drawn, _ = cpu(lambda: study.figure("Linear"))
    exact = ((1 - np.cos(np.sqrt(2 / 30) * 36.0)) / 2) ** 2
    print(f"published study: {seconds:.2f} s, its figure {drawn:.2f} s")
    print(
        "N Var y(36):",
        " ".join(f"{v:.2f}" for v in study.variance[:, -1, 0]),
        f"exact {exact:.3f} ± {exact * np.sqrt(2 / 99):.2f}",
    )
    print(study)


@float64
def adjoint():
    """Gradient by all weights against the run itself, both as one program."""
    for name in PROBLEMS:
        problem = zoo.problem(name)
        start = problem.start
        x, w = start.x.nodes(64)

        def final(w, problem=problem, start=start, x=x):
            given = ms.Start(start.y, start.v, x=x, weights=w)
            return ms.solve(problem.model, ms.Reduced(), given, t1=problem.t1, save=[problem.t1]).y[0, 0]

        forward, reverse = jax.jit(final), jax.jit(jax.value_and_grad(final))
        run, _ = cpu(lambda f=forward, w=w: jax.block_until_ready(f(jnp.asarray(w))), 9)
        both, _ = cpu(lambda f=reverse, w=w: jax.block_until_ready(f(jnp.asarray(w))), 9)
        print(
            f"{name:10} forward {1e3 * run:8.2f} ms   with the adjoint {1e3 * both:8.2f} ms   ratio {both / run:.1f}",
            flush=True,
        )


def chance(samples, names):
    """Observed over predicted variance of y(T)."""
    for name in names:
        problem = zoo.problem(name)
        began = time.process_time()
        found = ms.fluctuation(problem.model, problem.start, t1=problem.t1, verify=samples, n=256)
        ratio, low, high = found.ratio
        seconds = time.process_time() - began
        print(
            f"{name:10} std {found.std(256):.4g}   observed/predicted variance {ratio:.3f} ({low:.3f} to {high:.3f})   {seconds:.0f} s",
            flush=True,
        )


def slopes():
    """One study a line."""
    bent, onion, element = (zoo.problem(name) for name in ("bent", "onion", "element"))
    studies = {
        "onion, random": (onion, ms.Reduced(4), [64 << k for k in range(7)], 100),
        "bent, random": (bent, ms.Reduced(4), [64 << k for k in range(7)], 100),
        "bent, quantiles": (bent, ms.Reduced(4, "quantile"), [64 << k for k in range(7)], 1),
        "space, random": (zoo.problem("element", size=3), ms.Reduced(4), [64 << k for k in range(6)], 20),
        "element, random": (element, ms.Reduced(4), [64 << k for k in range(5)], 20),
    }
    for name, (problem, level, sizes, samples) in studies.items():
        study = ms.converge(problem.model, problem.start, t1=problem.t1, level=level, sizes=sizes, samples=samples)
        for what, rate in study.rates.items():
            wanted = rate.expected.exponent
            print(
                f"{name:18} {what:12} {rate.exponent:6.3f} ({rate.low:.3f} to {rate.high:.3f})   theory {wanted}   {rate.verdict}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("published", "adjoint", "slopes"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--chance", type=int, nargs="?", const=20_000, metavar="SAMPLES")
    parser.add_argument("--problems", nargs="+", default=PROBLEMS)
    asked = parser.parse_args()
    if asked.published:
        published()
    if asked.adjoint:
        adjoint()
    if asked.chance:
        chance(asked.chance, asked.problems)
    if asked.slopes:
        slopes()
