"""The force–velocity curve of 1957, computed

Huxley's heads attach at f₁x/h ahead of their site and let go at g₁x/h, or fast, at g₂, once they have been carried past it. A half-sarcomere
shortens or lengthens at constant velocity until its force is steady, at thirteen velocities, in one batch; `Characteristics` follows the shares attached
on moving nodes. Force and profiles have closed forms, and on the shortening side the curve is nearly Hill's hyperbola with a/P₀ = ¼,
which is why the rates were chosen so.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

h, f1, g1, g2, spacing = 1.0, 43.3, 10.0, 209.0, 24.0  # lengths in units of h, rates in 1/s: Huxley's
phi, alpha = (f1 + g1) * h / 2, f1 / (f1 + g1)
scheme = ms.Huxley1957(spacing=spacing, h=h, f1=f1, g1=g1, g2=g2)
bridge = ms.zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0, cycling=scheme)
model = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), bridge)
P0 = alpha * h**2 / 2 / spacing  # per head


def force(v):
    """P/P₀ at V = vφ > 0, shortening, or < 0, lengthening; closed forms."""
    v = np.where(np.abs(v) < 1e-9, 1e-9, v)
    reached = np.abs(v) * -np.expm1(-1 / np.abs(v))
    return np.where(v > 0, 1 - reached * (1 + v / 2 * ((f1 + g1) / g2) ** 2), 1 + reached * f1 / g1)


def profile(x, v):
    """The share attached at x while the muscle shortens at V = vφ."""
    ahead = -np.expm1((x**2 / h**2 - 1) / v)
    behind = -np.expm1(-1 / v) * np.exp(g2 * np.minimum(x, 0) / (v * phi))
    return alpha * np.where(x > h, 0.0, np.where(x > 0, ahead, behind))


velocities = np.array([-1.0, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])
level, t1 = ms.Characteristics(16 * 48, sites=16 / spacing, dt=5e-4), 0.5  # long enough for the slowest
drives = [ms.Length(ms.Line(0.0, -v * phi)) for v in velocities]
runs = ms.batch(model, level, ms.Start(0.0), t1=t1, drive=drives, save=[t1])
measured = -runs.force[:, -1, 0, 0] / P0
profiles = {float(v): run.population(t1) for v, run in zip(velocities, runs, strict=True)}
for v, found in zip(velocities, measured, strict=True):
    print(f"V = {v:5.2f} φ   P/P₀ = {found:8.5f}   closed form {force(v):8.5f}")
wrong = np.abs(measured - force(velocities)).max()
print(f"greatest error of the force: {wrong:.1e} P₀")
assert wrong < 1e-3

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (curve, heads) = plt.subplots(1, 2, width_ratios=(1.25, 1))
grey, blue, orange, green = "#909090", "#0072B2", "#D55E00", "#009E73"
v = np.linspace(-1.1, 4.2, 500)
curve.axhline(0, color="#d0d0d0", linewidth=0.8)
curve.axvline(0, color="#d0d0d0", linewidth=0.8)
curve.plot(v, force(v), color=blue)
shortening = v[v >= 0]
curve.plot(
    shortening, (1 - shortening / 4) / (1 + shortening), color="#303030", linestyle=(0, (4, 3)), linewidth=1.1, zorder=3
)
curve.plot(velocities, measured, "o", color=blue, markersize=4.5, markerfacecolor="white", markeredgewidth=1.4)
curve.annotate("Huxley: line closed form,\ncircles computed", (0.3, 0.72), (0.9, 1.75), color=blue, arrowprops={"arrowstyle": "-", "color": blue, "lw": 0.8})  # fmt: skip
curve.annotate("Hill, a/P₀ = ¼", (1.5, 0.245), (2.0, 0.8), color="#707070", arrowprops={"arrowstyle": "-", "color": grey, "lw": 0.8})  # fmt: skip
curve.text(-0.1, 0.12, "stretched", ha="right", color="#707070", fontsize=9)
curve.text(0.1, 0.12, "shortens", color="#707070", fontsize=9)
curve.set(title="Force and velocity", xlabel="velocity of shortening V/φ", ylabel="force P/P₀", ylim=(-0.2, 4.0))
for v, colour, place in ((0.1, green, (0.52, 0.86)), (1.0, blue, (0.34, 0.55)), (4.0, orange, (-0.93, 0.2))):
    one = profiles[v]
    n = one.density * spacing
    middle = (one.edges[0][1:] + one.edges[0][:-1]) / 2
    x = np.linspace(-1.3, 1.2, 400)
    heads.plot(x, profile(x, v), color=colour, linewidth=1.4)
    seen = np.flatnonzero((n > 3e-3) & (middle > -1.3))[::6]
    heads.plot(middle[seen], n[seen], "o", color=colour, markersize=3.2, markerfacecolor="white", markeredgewidth=1.0)
    heads.text(*place, f"V = {v:g} φ", color=colour)
heads.set(title="Where heads are attached", xlabel="extension x/h", ylabel="share attached n(x)", ylim=(0, 1.0))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "huxley.svg")
