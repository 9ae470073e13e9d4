"""Isometric, then isotonic: a quick release, and the equilibrium it ends in

Three drives, one muscle with bent lever arms. First it is stretched slowly (`QuasiStatic`, a load that grows) to y = 2; then
held there (`Length`, which reports the reaction that holding takes); then released to a third of that load (`Free`). It rings, damped by
the tissue, and settles where bridges and tissue balance the load: a root that SciPy finds without any dynamics. The
bridges of one phase are the start of the next.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

import myoscale as ms

k0, k1, beta = 2.0, 1.0, 0.15
model = ms.Model(
    ms.SpringMass(mass=1.0, stiffness=k0, damping=0.8), ms.zoo.BentBridge(mass=0.5, stiffness=k1, bend=beta)
)
x0 = np.linspace(-0.6, 0.6, 41)  # the bridges at y = 0
c = x0 + beta * x0**3


def tension(y):
    """The load that balances tissue and bridges at y."""
    x = np.array([brentq(lambda x, c=c: x + beta * x**3 - y - c, -20, 20, xtol=1e-14) for c in c])
    return k0 * y + k1 * np.mean(x / (1 + 3 * beta * x**2))


full = tension(2.0)
elastic = ms.Model(ms.SpringMass(mass=1.0, stiffness=k0), model.bridge)
ramp = lambda t: full * t / 10.0
stretch = ms.solve(elastic, ms.Reduced(), ms.Start(y=0.0, x=x0), t1=10.0, drive=ms.QuasiStatic(load=ramp))
print(f"stretched slowly to y = {stretch.y[-1, 0]:.8f} by the load {full:.6f}")

bridges = stretch.population(10.0).points
hold = ms.solve(model, ms.Reduced(), ms.Start(y=2.0, x=bridges), t1=2.0, drive=ms.Length(y=2.0))
print(f"held there, the reaction is {hold.reaction[-1, 0]:.6f}")

load = full / 3
release = ms.solve(
    model, ms.Reduced(), ms.Start(y=2.0, x=hold.population(2.0).points), t1=48.0, drive=ms.Free(load=load), save=481
)
settled = brentq(lambda y: tension(y) - load, 0.0, 2.0, xtol=1e-12)
print(f"released to {load:.6f}: y(end) = {release.y[-1, 0]:.6f}, equilibrium {settled:.6f}")
wrong = max(abs(stretch.y[-1, 0] - 2.0), abs(hold.reaction[-1, 0] - full))
print(
    f"the slow stretch and the reaction miss the static curve by {wrong:.1e}; the energy balance closes to {release.energy.drift:.1e}"
)
assert wrong < 1e-6 and abs(release.y[-1, 0] - settled) < 1e-3

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (length, curve) = plt.subplots(1, 2, width_ratios=(1.5, 1))
for run, begin, label in ((stretch, 0, "QuasiStatic"), (hold, 10, "Length"), (release, 12, "Free")):
    length.plot(begin + run.ts, run.y, label=label)
length.axhline(settled, color="#909090", linewidth=0.9, linestyle=":")
length.set(title="Stretched, held, released", xlabel="t", ylabel="y")
length.legend()
ys = np.linspace(0, 2.2, 45)
curve.plot(ys, [tension(y) for y in ys], color="#909090", linewidth=1, label="static curve (SciPy)")
curve.plot(stretch.y[::20, 0], [ramp(t) for t in stretch.ts[::20]], "o", markersize=4, label="slow stretch")
curve.plot(2.0, hold.reaction[-1, 0], "s", label="reaction, held")
curve.plot(release.y[-1, 0], load, "D", label="after the release")
curve.set(title="Load against length", xlabel="y", ylabel="load")
curve.legend(loc="upper left")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "quick_release.svg")
