"""A barely elliptic constraint: bridges that slow the tissue down and give everything back

The onion, g = 0.1x − sin(0.1x)/(1 + y²), is weakly elliptic: g_x comes close to zero when the tissue passes y = 0. Its bridges
store no energy, they only have mass. They make the period longer, but the tissue must still turn at y = −1, exactly opposite to
where it started: all energy is in the tissue's spring there.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.interpolate import CubicHermiteSpline

import myoscale as ms

model, start = ms.zoo.onion()  # M₀ = 2, m = 1, κ₀ = 1, y(0) = 1, X ~ N(2.5, 0.3)
solution = ms.solve(model, ms.Characteristics(64), start, t1=60.0, save=1201)
bare = ms.solve(model.one_way(), ms.Characteristics(64), start, t1=60.0, save=1201)

y, v = solution.y[:, 0], solution.v[:, 0]
path = CubicHermiteSpline(solution.ts, y, v)
turns = path.derivative().roots(extrapolate=False)
turns = turns[turns > 1e-3]
print("turning points:", ", ".join(f"y({t:.3f}) = {path(t):+.8f}" for t in turns))
print(f"period {turns[1]:.4f}, without the bridges' mass {2 * np.pi * np.sqrt(2):.4f}")
print(
    f"smallest singular value of g_x: {solution.singular_value.min():.2e} (at the start {solution.singular_value[0]:.2e})"
)
missed = max(abs(abs(path(t)) - 1) for t in turns)
print(f"turning points miss ±1 by {missed:.1e}")
assert len(turns) >= 2 and missed < 1e-6

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (motion, rank) = plt.subplots(1, 2)
motion.plot(solution.ts, y, label="onion, with its mass")
motion.plot(bare.ts, bare.y, label="one-way, m = 0")
motion.plot(turns, path(turns), "o", color="black", markersize=4)
motion.set(title="Motion of the tissue", xlabel="t", ylabel="y", ylim=(-1.1, 1.45))
motion.legend(ncols=2, loc="upper center")
rank.semilogy(solution.ts, solution.singular_value)
rank.set(title="Ellipticity of the constraint", xlabel="t", ylabel="smallest |g_x|")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "onion.svg")
