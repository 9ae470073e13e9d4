"""Elements in series: the mass of the bridges slows the fast modes most

Eight linear elements in series, each with its own bridges, are a lattice. Started in the shape of one mode it stays in that mode,
at ω² = (κ₀ + κ₁γ²)λ/(M₀ + mγ²λ) with λ = 2 − 2cos((2j − 1)π/17). Without the bridges' mass (m = 0, the classical one-way model) the
frequency grows with λ; with it, no mode is faster than √((κ₀ + κ₁γ²)/(mγ²)).
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

P, M0, m, k0, k1 = 8, 1.0, 2.0, 1.0, 1.0
j = np.arange(1, P + 1)
angles = (2 * j - 1) * np.pi / (2 * P + 1)
omega = lambda mass: np.sqrt((k0 + k1) * (2 - 2 * np.cos(angles)) / (M0 + mass * (2 - 2 * np.cos(angles))))

wrong, found = 0.0, []
for mode, angle in enumerate(angles):
    y0 = np.sin(angle * j)  # displacements of the nodes; the mean extension 0 keeps the rest position in the same shape
    model, start = ms.zoo.chain(P, M0=M0, m=m, kappa0=k0, kappa1=k1, q=np.diff(y0, prepend=0.0), x=ms.Normal(0.0, 1.0))
    solution = ms.solve(model, ms.MomentClosure(), start, t1=20.0)
    rest = k1 / (k0 + k1)
    exact = y0 * (rest + (1 - rest) * np.cos(omega(m)[mode] * solution.ts[:, None]))
    wrong = max(wrong, np.abs(solution.y - exact).max())
    # The frequency that the run shows, from ÿ = −ω²(y − rest): one projection on the shape, no fit.
    shape = (solution.y / (y0 @ y0)) @ y0 - rest
    speed = (solution.v / (y0 @ y0)) @ y0
    found.append(np.sqrt(np.max(speed**2) / np.max(shape**2)))
print("ω of the modes, formula:", np.round(omega(m), 4))
print("ω of the modes, runs:   ", np.round(found, 4))
print(f"greatest error of y over {P} modes: {wrong:.1e}")
assert wrong < 1e-7

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, axes = plt.subplots()
axes.plot(j, omega(0.0), "s--", color="C1", markersize=4, linewidth=1, label="formula, m = 0 (one-way)")
axes.plot(j, omega(m), "-", color="C0", linewidth=1, label="formula, m = 2")
axes.plot(j, found, "o", color="C0", label="runs, m = 2")
axes.axhline(np.sqrt((k0 + k1) / m), color="#909090", linewidth=0.9, linestyle=":")
axes.annotate("√((κ₀ + κ₁γ²)/(mγ²))", (1, np.sqrt((k0 + k1) / m)), (1, np.sqrt((k0 + k1) / m) + 0.06))
axes.set(title="Frequencies of a chain of eight elements", xlabel="mode j", ylabel="ω", ylim=(0, 3))
axes.legend(loc="upper left", bbox_to_anchor=(0, 0.92))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "chain.svg")
