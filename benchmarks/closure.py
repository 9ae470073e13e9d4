"""How far the distribution-moment closure is off, and what it says about itself: force against a fine grid, in parts of P₀.

    python benchmarks/closure.py [FIGURE.png]

For each protocol: the greatest error of force, the closure's own estimate, the error when its flag goes up, and when that is.
With a file name, error and estimate over time are drawn too.
"""

import sys
from typing import Any

import numpy as np

import myoscale as ms
from myoscale.model import Huxley1957, Zahalak1981
from myoscale.protocol import Hold, Protocol, Ramp, Release

H, SPACING = 15.6, 24 * 15.6
PHI, P0 = 53.3 * H / 2, 43.3 / 53.3 * H**2 / 2 / SPACING
STEP = 5e-4


def cases() -> dict[str, tuple[float, tuple]]:
    """Activation and steps of each protocol."""
    found: dict[str, tuple[float, tuple]] = {f"isometric, r = {r:g}": (r, (Hold(0.3),)) for r in (1.0, 0.3, 0.1, 0.03)}
    for v in (0.05, 0.25, 0.5, 1.0, 1.5, 2.0, 4.0):
        for sign, word in ((1, "shortening"), (-1, "lengthening")):
            time = min(0.12, 6 / (v * PHI / H))
            ramp = Ramp(-sign * v * PHI * time, time)
            found[f"{word} {v:g} φ"] = (1.0, (ramp,))
            found[f"{word} {v:g} φ, r = 0.2"] = (0.2, (ramp,))
    for part in (0.1, 0.3, 1.0):
        found[f"release {part:g} h"] = (1.0, (Hold(0.1), Release(-part * H, 1e-3), Hold(0.05)))
        found[f"release {part:g} h, r = 0.2"] = (0.2, (Hold(0.05), Release(-part * H, 1e-3), Hold(0.05)))
    for v in (0.5, -0.5):
        found[f"isometric, ramp {v:g} φ"] = (1.0, (Hold(0.1), Ramp(-v * PHI * 0.1, 0.1)))
    return found


def main(figure: str | None = None) -> None:
    """Print the table."""
    axes: Any = None
    if figure:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True)
    print(f"{'rates':12s} {'protocol':32s} {'error':>8s} {'estimate':>8s} {'at flag':>8s} {'flag, s':>8s}")
    late = silent = small = 0
    for k, scheme in enumerate((Huxley1957, Zahalak1981)):
        bridge = ms.zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0, cycling=scheme(spacing=SPACING))
        model = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), bridge)
        for name, (activation, steps) in cases().items():
            t1 = sum(step.duration for step in steps)
            drive = Protocol(steps, activation=activation)
            closed, fine = (
                ms.solve(model, level, ms.Start(0.0), t1=t1, drive=drive, save=101)
                for level in (ms.MomentClosure(dt=STEP), ms.Kinetic(24 * 24, sites=1, dt=STEP))
            )
            assert closed.cycling is not None
            error = np.maximum.accumulate(np.abs(closed.force - fine.force)[:, 0, 0] / P0)
            trusted, estimate = closed.cycling.trusted, closed.cycling.closure_error[:, 0]
            up = int(np.argmin(trusted)) if not trusted.all() else None
            when = f"{error[up]:8.3f} {closed.ts[up]:8.3f}" if up is not None else f"{'':8s} {'never':>8s}"
            print(f"{scheme.__name__:12s} {name:32s} {error[-1]:8.3f} {estimate[-1]:8.3f} {when}", flush=True)
            late += bool((trusted & (error > 0.05)).any())
            small += error[-1] < 0.02
            silent += error[-1] < 0.02 and bool(trusted.all())
            if axes is not None:
                axes[k].loglog(np.maximum(error, 1e-5), np.maximum(estimate, 1e-5), lw=0.8)
                axes[k].set(title=scheme.__name__, xlabel="error of force so far / P₀", ylabel="the closure's estimate")
    print(f"flag up after 5 %: {late} cases; silent in {silent} of {small} whose error stays below 2 %")
    if axes is not None:
        axes[0].figure.savefig(figure, dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
