"""Every level is exact where the constraint is linear

A spring and a mass carry bridges with g = x + y, the example published in 2020. Eliminating the bridges leaves one oscillator,
(M₀ + m) ÿ = −y − (y − 3): its rest position is 3/2 and its angular frequency is √(2/30). A density, a moment closure, quadrature
nodes and particles must all reproduce it; particles drawn at random have a mean of their own, hence an oscillator of their own.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

model, start = ms.zoo.linear()  # M₀ = 20, m = 10, κ₀ = κ₁ = 1, γ = −1, y(0) = 1, X ~ N(2, 1)
omega = np.sqrt(2 / 30)


def exact(t, mean):
    """y(t) for bridges of this mean extension."""
    rest = (mean + 1) / 2
    return rest + (1 - rest) * np.cos(omega * t)


levels = [ms.Reduced(1_000), ms.Characteristics(16), ms.Kinetic(100), ms.MomentClosure()]
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (motion, error) = plt.subplots(1, 2)
worst = 0.0
for level, dashes in zip(levels, ("-", (0, (6, 3)), (0, (2, 2)), "-."), strict=True):
    solution = ms.solve(model, level, start, t1=60.0, tolerance=1e-10)
    mean = solution.population(t=0.0).mean[0]
    away = np.abs(solution.y[:, 0] - exact(solution.ts, mean))
    worst = max(worst, away.max())
    print(f"{level.label:20} mean at the start {mean:.6f}   greatest error of y {away.max():.1e}")
    motion.plot(solution.ts, solution.y, linestyle=dashes, label=level.label)
    error.semilogy(solution.ts[1:], np.maximum.accumulate(away[1:]), linestyle=dashes)

print(f"greatest error of all levels: {worst:.1e}")
assert worst < 1e-8

motion.set(title="Motion of the tissue", xlabel="t", ylabel="y", ylim=(0.9, 2.5))
motion.legend(ncols=2, loc="upper center")
error.set(title="Greatest error so far", xlabel="t", ylabel="|y − exact|")
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "linear.svg")
