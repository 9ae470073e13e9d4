"""Where elimination ends, and multipliers go on: a bridge whose constraint loses rank

With g = x² + (y − 2)² each bridge sits on a circle of radius √c around (0, 2). Where the circle ends, at x = 0, g_x = 2x vanishes
and the multiplier cannot be eliminated. The bridge with the smallest circle gets there first, at y = 2 − √c. Levels that eliminate
must stop there, name the bridge and keep what they have. When that happens follows from the energy alone: the bridges store none,
so M_eff(y) ẏ² = 9 − y², and the time is one integral. `Constrained` keeps the multipliers: the bridge goes through, on its circle, at
a speed of its own, and throws the tissue back, again and again.
"""

import sys
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad

import myoscale as ms

model, _ = ms.zoo.singular()  # M₀ = 2, m = 1, κ₀ = 1, no bridge energy
x0 = np.linspace(1.6, 2.4, 9)
start = ms.Start(y=3.0, x=x0)
try:
    ms.solve(model, ms.Reduced(), start, t1=20.0, save=2001)
    raise AssertionError("the run went through a loss of rank")
except ms.SingularConstraintError as error:
    stop, kept = error, error.solution
print(textwrap.fill(str(stop), 100))

c = x0**2 + 1.0
first = int(np.argmin(c))
limit = 2 - np.sqrt(c[first])
print(f"bridge {stop.bridge} stopped the run at t = {stop.time:.6f}; the smallest circle is that of bridge {first}")
print(f"kept {len(kept.ts)} of 2001 times, energy drift {kept.energy.drift:.1e}")


def slowness(s):
    """dt/ds of y = limit + s²: the integrand 1/|ẏ| has a root's singularity at the limit, which s removes."""
    y = limit + s**2
    inertia = 2.0 + np.mean((y - 2) ** 2 / (c - (y - 2) ** 2))
    return 2 * s * np.sqrt(inertia / (9 - y**2))


# Another substitution, y = 3 − r², at the start, where ẏ = 0: half of the way each.
middle = (limit + 3) / 2
fall = lambda r: 2 * r * np.sqrt((2 + np.mean((1 - r**2) ** 2 / (c - (1 - r**2) ** 2))) / (r**2 * (6 - r**2)))
predicted = quad(slowness, 0, np.sqrt(middle - limit))[0] + quad(fall, 0, np.sqrt(3 - middle))[0]
print(
    f"rank is lost at t = {predicted:.6f} by the integral, the run stopped {abs(stop.time - predicted):.1e} away from it"
)
assert stop.bridge == first and abs(stop.time - predicted) < 1e-3

through = ms.solve(model, ms.Constrained(), start, t1=20.0, save=2001)
own = through.z.x[:, 0, first, 0]
passages = np.sum(np.diff(np.sign(own)) != 0)
circle = np.abs(own**2 + (through.y[:, 0] - 2) ** 2 - c[first]).max()
print(
    f"with multipliers: {passages} passages until t = 20, energy drift {through.energy.drift:.1e}, off its circle by {circle:.0e}; "
    f"the others kept to x > {through.z.x[:, 0, np.arange(9) != first].min():.2f}"
)
assert passages >= 4 and through.energy.drift < 1e-8 and circle < 1e-13

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (axes, forces) = plt.subplots(1, 2, figsize=(9.6, 4.2), width_ratios=(1.25, 1))
angle = np.linspace(0, 2 * np.pi, 400)
for i, radius in enumerate(np.sqrt(c)):
    colour = "C1" if i == first else "#b0b0b0"
    axes.plot(radius * np.sin(angle), 2 - radius * np.cos(angle), color=colour, linewidth=0.9)
points = np.array([kept.population(t).points[:, 0] for t in kept.ts])
for i in range(len(x0)):
    axes.plot(points[:, i], kept.y[:, 0], color="C1" if i == first else "C0", linewidth=2.4)
axes.plot(own, through.y[:, 0], color="black", linewidth=1.6, linestyle=(0, (2, 2)))
axes.plot(0, limit, "x", color="black", markersize=9, markeredgewidth=2)
white = {"facecolor": "white", "edgecolor": "none", "pad": 2}
axes.annotate("rank lost: x = 0", (0, limit), (0.1, limit - 0.45), bbox=white)
axes.annotate("with its multiplier\nit goes on", (-1.2, 1.0), (-1.2, 1.3), bbox=white)
axes.set(title="Circles, and how far elimination came (bold)", xlabel="extension x", ylabel="tissue y")
axes.set_aspect("equal", anchor="N")
axes.set(xlim=(-2.8, 2.8), ylim=(-0.6, 3.4))
others = [i for i in range(len(x0)) if i != first]
forces.plot(through.ts, len(x0) * through.pulls[:, 0, others, 0], color="#b0b0b0", linewidth=0.9)
forces.plot(through.ts, len(x0) * through.pulls[:, 0, first, 0], color="C1")
forces.set_yscale("symlog")
forces.set(title="Force of each bridge, times N", xlabel="time t", xlim=(0, 20))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "singular.svg")
