"""What a simulated second of cycling costs: one half-sarcomere, batches, jumping heads; and the models of the package `crossbridge`.

    pip install crossbridge
    python benchmarks/cycling.py [--runs 1000] [--heads 2000]

Huxley's rates of 1957, a protocol of isometric rise, shortening and lengthening at ±φ and isometric force again. CPU seconds of this process on
one core, without compiling: what one more simulated second costs, from runs of 1 s and 11 s (the protocol stretched), and what the first one costs, with everything around it
(checks, the way there and back). Errors of force, in parts of the isometric force, are what numerics leave: against `Characteristics` on 2,000 nodes at dt = 0.1 ms,
and of the closure, which is a model of its own, against itself at that step. `crossbridge` has no rates that depend on strain: its models are stepped through the same lengths, fully activated, for their cost alone.
"""

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

import myoscale as ms
from myoscale.protocol import Hold, Protocol, Ramp

H, F1, G1, G2 = 15.6, 43.3, 10.0, 209.0  # nm, 1/s
PHI = (F1 + G1) * H / 2  # nm/s
LONGER = 10.0  # s
SAVE = 61  # times in each simulated second's worth of protocol
DT = 1 / 420  # s, a divisor of what lies between saved times, and just below half the fastest rate's time


def half_sarcomere(factor: float = 1.0) -> ms.Model:
    """With attachment at f₁ times a factor."""
    return ms.zoo.huxley(f1=factor * F1, g1=G1, g2=G2)[0]


def protocol(part: float = 1.0, seconds: float = 1.0) -> Protocol:
    """Isometric, ramps at ∓ a part of φ, isometric; `seconds` long."""
    ramp = part * PHI * 0.2
    return Protocol([Hold(0.3 * seconds), Ramp(-ramp, 0.2 * seconds), Ramp(ramp, 0.2 * seconds), Hold(0.3 * seconds)])


def cpu(run: Callable[[], object], times: int = 3) -> float:
    """The least CPU seconds of a few calls, the first of which is not counted: it compiles."""
    run()
    found = []
    for _ in range(times):
        began = time.process_time()
        run()
        found.append(time.process_time() - began)
    return min(found)


def single(level, seconds: float, save: int = SAVE) -> Callable[[], ms.Solution]:
    """One half-sarcomere."""
    model, drive = half_sarcomere(), protocol(seconds=seconds)
    return lambda: ms.solve(model, level, ms.Start(0.0), t1=seconds, drive=drive, save=save)


def batch(level, runs: int, seconds: float) -> Callable[[], ms.Batch]:
    """Half-sarcomeres with rates and speeds of their own; the first is that of `single`."""
    spread = np.linspace(0.0, 0.5, runs)
    models = [half_sarcomere(1.0 + x) for x in spread]
    drives = [protocol(1.0 - x, seconds) for x in spread]
    return lambda: ms.batch(models, level, ms.Start(0.0), t1=seconds, drive=drives, save=SAVE)


def row(name: str, one: float, more: float, per: int, target: str, error: str) -> None:
    """A line of the table; CPU seconds of a run of 1 s and of a longer one of `per` half-sarcomeres or heads."""
    print(f"{name:44s} {(more - one) / LONGER / per:12.5f} {one / per:12.5f} {target:>9s} {error:>9s}", flush=True)


def peers(runs: int) -> None:
    """The models of `crossbridge`."""
    try:
        import crossbridge
    except ImportError:
        print("crossbridge is not installed: pip install crossbridge")
        return
    for name, kind in crossbridge.MODEL_REGISTRY.items():
        step, cells = 1e-3, np.ones(runs)

        def run(seconds, kind=kind, step=step, cells=cells):
            model = kind(runs)
            for t in np.arange(0.0, seconds, step):
                speed = 2e-3 * PHI * (1 if (t // 0.02) % 2 else -1)  # µm/s, to and fro
                length = 2.2 + abs(speed) * (abs((t % 0.04) - 0.02) - 0.01)
                model.advance_step(step, 20.0, length * cells, speed * cells)

        began = time.process_time()
        run(5 * step)
        seconds = float(
            np.clip(10.0 * 5 * step / (time.process_time() - began), 5 * step, 1.0)
        )  # for ten seconds' work
        began = time.process_time()
        run(seconds)
        spent = (time.process_time() - began) / seconds / runs
        print(f"{f'crossbridge {name}, batch of {runs}':44s} {spent:12.5f}", flush=True)


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=1000)
    arguments.add_argument("--heads", type=int, default=2000)
    chosen = arguments.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    truth = single(ms.Characteristics(2000, dt=1e-4), 1.0, 1201)()
    closed = single(ms.MomentClosure(dt=1e-4, watch=False), 1.0, 1201)()
    isometric = abs(float(np.interp(0.3, truth.ts, truth.force[:, 0, 0])))

    def error(ts, force, truth=truth) -> str:
        return f"{np.max(np.abs(np.interp(ts, truth.ts, truth.force[:, 0, 0]) - force[:, 0, 0])) / isometric:.1e}"

    print(
        f"{'CPU s a half-sarcomere (or head)':44s} {'more second':>12s} {'first second':>12s} {'target':>9s} {'error':>9s}"
    )
    fine = ms.Kinetic(200, sites=5, dt=DT)
    sol = single(fine, 1.0)()
    row(f"{fine.label}", cpu(single(fine, 1.0)), cpu(single(fine, 1.0 + LONGER)), 1, "0.015", error(sol.ts, sol.force))
    for level, target, right in (
        (fine, "0.003", truth),
        (ms.MomentClosure(dt=DT, watch=False), "0.001", closed),
        (ms.MomentClosure(dt=DT), "0.001", closed),
    ):
        many = batch(level, chosen.runs, 1.0)()
        one, more = cpu(batch(level, chosen.runs, 1.0), 1), cpu(batch(level, chosen.runs, 1.0 + LONGER), 1)
        row(
            f"{level.label}, batch of {chosen.runs}",
            one,
            more,
            chosen.runs,
            target,
            error(many.ts, many.force[0], right),
        )
    heads = ms.Reduced(chosen.heads, dt=DT)
    sol = single(heads, 1.0)()
    row(
        f"{heads.label}",
        cpu(single(heads, 1.0)),
        cpu(single(heads, 1.0 + LONGER)),
        chosen.heads,
        "0.0002",
        error(sol.ts, sol.force),
    )
    peers(chosen.runs)


if __name__ == "__main__":
    main()
