"""How wrong three moments are, and whether they know it

The distribution-moment approximation (Zahalak 1981) keeps three moments of the attached heads and takes their profile for a Gaussian: the
cheapest level. By how much its force is off depends on activation and on what is done: 2 % of the isometric force, or 40. `MomentClosure`
watches itself: a few moving nodes see the same history without a closure and say how far its force is off, and `solution.cycling.trusted`
is false from the moment that this estimate passes 2.5 %. The true error, against a fine grid, must not have passed 5 % by then.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms
from myoscale.books import TRUST
from myoscale.protocol import Hold, Ramp, Release

h, spacing = 15.6, 24 * 15.6  # nm
phi, P0 = 53.3 * h / 2, 43.3 / 53.3 * h**2 / 2 / spacing
bridge = ms.zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0, cycling=ms.Huxley1957(spacing=spacing))
model = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), bridge)
cases = {
    "Held, r = 0.2": ms.Protocol([Hold(0.3)], activation=0.2),
    "Stretched at φ/2, r = 1": ms.Protocol([Ramp(0.5 * phi * 0.3, 0.3)]),
    "Released by 0.3 h, r = 0.2": ms.Protocol([Hold(0.15), Release(-0.3 * h, 1e-3), Hold(0.149)], activation=0.2),
}

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, axes = plt.subplots(2, 3, figsize=(7.4, 4.4), sharex=True)
orange, grey, dashed = "#D55E00", "#707070", (0, (4, 2))
for k, (name, drive) in enumerate(cases.items()):
    closed, fine = (
        ms.solve(model, level, ms.Start(0.0), t1=0.3, drive=drive, save=151)
        for level in (ms.MomentClosure(dt=1e-3), ms.Kinetic(24 * 16, sites=1, dt=1e-3))
    )
    error = np.maximum.accumulate(np.abs(closed.force - fine.force)[:, 0, 0]) / P0
    estimate, trusted = closed.cycling.closure_error[:, 0], closed.cycling.trusted
    said = "never raised" if trusted.all() else f"raised at {closed.ts[np.argmin(trusted)]:.3f} s"
    print(f"{name:26}  error {100 * error[-1]:5.2f} %   its own estimate {100 * estimate[-1]:5.2f} %   flag {said}")
    assert not (trusted & (error > 0.05)).any()
    above, below = axes[:, k]
    above.plot(fine.ts, -fine.force[:, 0, 0] / P0, color="black", linewidth=2.8)
    above.plot(closed.ts, -closed.force[:, 0, 0] / P0, color=orange, linestyle=dashed)
    above.set_title(name, fontsize=9.5)
    below.plot(fine.ts, 100 * error, color="black", linewidth=2.8)
    below.plot(fine.ts, 100 * estimate, color=orange, linestyle=dashed)
    for height in (100 * TRUST, 5):
        below.axhline(height, color=grey, linewidth=0.8, linestyle=":")
    if not trusted.all():
        raised = closed.ts[np.argmin(trusted)]
        for axis in (above, below):
            axis.axvspan(raised, 0.3, color=orange, alpha=0.1, linewidth=0)
        below.annotate("flag up", (raised, 0.3), (4, 0), textcoords="offset points", color=orange)
    above.set(xlim=(0, 0.3), ylim=(0, None))
    below.set(xlabel="time [s]", ylim=(0, 8))
above, below = axes[:, 0]
above.set_ylabel("force P/P₀")
above.text(0.12, 0.33, "fine grid")
above.text(0.12, 0.24, "three moments", color=orange)
below.set_ylabel("error so far [% of P₀]")
below.text(0.12, 0.95, "true")
below.text(0.12, 0.25, "its own estimate", color=orange)
below.text(0.29, 100 * TRUST + 0.12, "flag", color=grey, ha="right", fontsize=9)
below.text(0.29, 5.12, "must be up by here", color=grey, ha="right", fontsize=9)
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "closure.svg")
