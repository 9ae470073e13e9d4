"""N constrained bridges: `Constrained` beside general DAE solvers on the same points, in one process.

    pip install -e '.[benchmarks]'
    python benchmarks/constrained.py                                  # linear and onion, N = 1,000, best sparse peers
    python benchmarks/constrained.py --sizes 10000 --models onion --peers ida_index1,ida_ggl_gmres
    python benchmarks/constrained.py --sizes 100000 --models linear --peers ida_index1,ida_index1_gmres
    python benchmarks/constrained.py --growth                         # myoscale alone, N = 1e3 … 1e6: time and memory a bridge
    python benchmarks/constrained.py --long 600                       # onion, N = 100: energy and constraint of everyone

Everyone gets the loosest tolerance, by half decades, that brings the relative error of y on [0, 60] below 1e-6 (myoscale by quarters); peers are those of `dae_peers`.
CPU seconds of the process, on one processor, best of the repeats, compile time apart.
"""

import argparse
import os
import time

if hasattr(os, "sched_setaffinity"):  # everyone on one processor
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import dae_peers
import numpy as np

import myoscale as ms

T1, SAVE, WANTED = 60.0, 25, 1e-6
TIMES = np.linspace(0.0, T1, SAVE)
SPARSE = "ida_index1,ida_ggl,ida_index1_gmres,ida_ggl_gmres,radau_arrow"
LEVELS = {
    "projected": lambda dt: ms.Constrained(keep=10),
    "rattle, order 6": lambda dt: ms.Constrained(keep=10, order=6, dt=dt),
}


def solved(level, name, x0, repeats=2, t1=T1, save=SAVE, tolerance=1e-8):
    model, _ = getattr(ms.zoo, name)()
    start = ms.Start(1.0, x=x0)
    best, solution = np.inf, None
    for _ in range(repeats + 1):  # the first compiles
        began = time.process_time()
        solution = ms.solve(model, level, start, t1=t1, save=save, tolerance=tolerance)
        best = min(best, time.process_time() - began - solution.stats.compile)
    return best, solution


def loosest(kind, name, x0, exact):
    """The cheapest setting that meets the wanted error: a tolerance, or a step."""
    settings = (
        [10.0 ** (-k / 4) for k in range(8, 40)]
        if kind == "projected"
        else [T1 / n for n in (24, 48, 72, 96, 144, 192, 288, 480, 960, 1920, 3840)]
    )
    for setting in settings:
        level, tolerance = LEVELS[kind](setting), setting if kind == "projected" else 1e-8
        try:
            seconds, solution = solved(level, name, x0, 0, tolerance=tolerance)
        except ms.StoppedError:
            continue
        error = np.abs(solution.y[:, 0] - exact).max() / np.abs(exact).max()
        if error <= WANTED:
            seconds, solution = solved(level, name, x0, 2, tolerance=tolerance)
            return setting, error, seconds, solution
    return None


def table(name, n, peers, first):
    x0 = dae_peers.points(name, n)
    exact = np.asarray(dae_peers.reference(name, x0, TIMES))
    print(f"\n{name}, N = {n}")
    best = np.inf
    for kind in LEVELS:
        found = loosest(kind, name, x0, exact)
        if found is None:
            print(f"  myoscale {kind:16} no setting meets {WANTED:g}")
            continue
        setting, error, seconds, solution = found
        best = min(best, seconds)
        print(
            f"  myoscale {kind:16}{seconds:9.3f} s   error {error:.1e}   at {setting:.2g}   {solution.stats.steps} steps   "
            f"|g − c| {solution.residual.max():.0e}   drift {solution.energy.drift:.0e}"
        )
    for peer in peers:
        tolerance, result, error, _ = dae_peers.loosest(dae_peers.PEERS[peer], name, x0, TIMES, exact, first)
        print(
            f"  {peer:19}{result.seconds:9.3f} s   error {error:.1e}   at {tolerance:.0e}   {result.outcome}   ratio {result.seconds / best:.1f}"
        )


def growth(models):
    for name in models:
        for kind, level, tolerance in (
            ("projected", ms.Constrained(keep=10), 1e-6),
            ("rattle, order 6", ms.Constrained(keep=10, dt=0.05), 1e-8),
        ):
            print(f"\n{name}: {kind}, t = 3")
            for n in (1_000, 10_000, 100_000, 1_000_000):
                x0 = dae_peers.points(name, n)
                seconds, solution = solved(level, name, x0, 1, t1=3.0, save=2, tolerance=tolerance)
                each = 1e9 * seconds / n / solution.stats.right_hand_sides
                print(
                    f"  N = {n:8}{seconds:9.3f} s   {each:7.1f} ns a bridge and stage   {solution.stats.memory / n:6.0f} bytes a bridge"
                )


def long_run(t1, peers):
    x0 = dae_peers.points("onion", 100)
    times = np.linspace(0.0, t1, SAVE)
    print(f"\nonion, N = 100, t = {t1:g}")
    for label, level in (
        ("projected", ms.Constrained()),
        ("rattle, order 6", ms.Constrained(dt=0.02)),
        ("energy-momentum, order 4", ms.Constrained(dt=0.02, order=4, stepper="energy-momentum")),
    ):
        seconds, solution = solved(level, "onion", x0, 0, t1, save=times, tolerance=1e-10)
        print(
            f"  {label:26}{seconds:8.2f} s   energy {solution.energy.drift:.1e}   |g − c| {solution.residual.max():.1e}"
        )
    for peer in peers:
        for tolerance in (1e-8, 1e-10, 1e-12):
            result = dae_peers.PEERS[peer]("onion", x0, t1, times, tolerance)
            energy = np.abs(result.energy / result.energy[0] - 1).max()
            print(
                f"  {peer:20}{tolerance:6.0e}{result.seconds:8.2f} s   energy {energy:.1e}   |g − c| {np.max(result.drift):.1e}   {result.outcome}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="linear,onion")
    parser.add_argument("--sizes", default="1000")
    parser.add_argument("--peers", default=SPARSE)
    parser.add_argument("--first", type=float, default=5.0, help="−log₁₀ of the peers' first tolerance")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--long", type=float)
    args = parser.parse_args()
    models, peers = args.models.split(","), [peer for peer in args.peers.split(",") if peer]
    if args.growth:
        growth(models)
    elif args.long:
        long_run(args.long, peers)
    else:
        for model in models:
            for size in args.sizes.split(","):
                table(model, int(float(size)), peers, args.first)
