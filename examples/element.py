"""An element of tissue in the plane: bridges turn and stretch with it

Here the four entries of the deformation gradient F are the coordinates of the tissue, and g = F⁻¹x says that a bridge deforms with
the element it sits in. The mean and the covariance of the bridges must move as F(t)F(0)⁻¹ says, and with springs everywhere each row
of F is a linear oscillator, solved here by diagonalising the second moment C of F(0)⁻¹X: M₀ + mC times the row's acceleration is
κ₀(e − row) − κ₁C row.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Ellipse
from scipy.linalg import eigh

import myoscale as ms

M0, m, k0, k1 = 2.0, 1.0, 4.0, 1.0
model, start = ms.zoo.element(M0=M0, m=m, kappa0=k0, kappa1=k1)
solution = ms.solve(model, ms.MomentClosure(), start, t1=20.0, save=401)
F = solution.y.reshape(-1, 2, 2)

first, second = solution.population(0.0).mean, solution.population(0.0).covariance
back = np.linalg.inv(F[0])
C = back @ (second + np.outer(first, first)) @ back.T
squares, modes = eigh(k0 * np.eye(2) + k1 * C, M0 * np.eye(2) + m * C)
rest = k0 * np.linalg.inv(k0 * np.eye(2) + k1 * C)  # row by row
mass = M0 * np.eye(2) + m * C
amplitude, speed = (F[0] - rest) @ mass @ modes, solution.v[0].reshape(2, 2) @ mass @ modes
phase = np.sqrt(squares) * solution.ts[:, None, None]
exact = rest + (amplitude * np.cos(phase) + speed / np.sqrt(squares) * np.sin(phase)) @ modes.T

wrong = np.abs(F - exact).max()
turn = F @ back
carried = 0.0
for t, G in zip(solution.ts[::40], turn[::40], strict=True):
    everyone = solution.population(t)
    carried = max(
        carried, np.abs(everyone.covariance - G @ second @ G.T).max(), np.abs(everyone.mean - G @ first).max()
    )
print(f"frequencies of the modes: {np.sqrt(squares)}")
print(f"greatest error of F: {wrong:.1e}; of mean and covariance of the bridges: {carried:.1e}")
print(f"det F between {np.linalg.det(F).min():.3f} and {np.linalg.det(F).max():.3f}")
assert wrong < 1e-7 and carried < 1e-7

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (entries, plane) = plt.subplots(1, 2, width_ratios=(1.35, 1))
for k in range(4):
    entries.plot(solution.ts, solution.y[:, k], label=f"$F_{{{k // 2 + 1}{k % 2 + 1}}}$")
entries.set(title="Entries of F", xlabel="t", ylabel="F", ylim=(-0.4, 1.65))
entries.legend(ncols=4, loc="upper center")
for k, t in enumerate((0.0, 1.0, 2.0, 3.0)):
    everyone = solution.population(t)
    values, vectors = np.linalg.eigh(everyone.covariance)
    angle = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    width, height = 4 * np.sqrt(values[::-1])
    plane.add_patch(Ellipse(everyone.mean, width, height, angle=angle, fill=False, color=f"C{k}", linewidth=1.6))
    plane.annotate("", everyone.mean, (0, 0), arrowprops={"arrowstyle": "->", "color": f"C{k}"})
    plane.plot([], [], color=f"C{k}", label=f"t = {t:g}")
plane.set(title="Bridges: mean, and 2 std around it", xlabel="x₁", ylabel="x₂", xlim=(-0.4, 1.9), ylim=(-0.4, 1.5))
plane.set_aspect("equal")
plane.legend(ncols=2, loc="upper left", fontsize=8)
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "element.svg")
