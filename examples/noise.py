"""A muscle in a heat bath: where inertia is greater, it is found more often

A thermostat shakes bent lever arms and damps them. Their mass, as the tissue feels it, changes with y, and in the long run y has the density
√M_eff(y) e^{−W_eff(y)/k_BT}: not Boltzmann's factor alone, since the velocity has more room where inertia is greater. Here 128 chains run
together in one batch, each with noise of its own, and are compared with that density, computed without myoscale from the root of a cubic.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

M0, m, k0, k1, beta, heat = 0.5, 4.0, 2.0, 1.0, 0.5, 0.5
model, start = ms.zoo.bent(M0=M0, m=m, kappa0=k0, kappa1=k1, bend=beta, x=ms.Normal(mean=0.4, std=0.3))
model = ms.Model(model.tissue, model.bridge, ms.Thermostat(temperature=heat, friction=1.0, dt=0.25))
ts = np.linspace(0.0, 64.0, 65)
many = ms.batch(model, ms.Characteristics(8), start, t1=64.0, save=ts, seed=list(range(128)), tolerance=1e-5)
y, v = many.y[:, 8:, 0], many.v[:, 8:, 0]  # what comes before remembers the start

# M_eff and W_eff: X solves X + βX³ = c + y.
deviates, weights = np.polynomial.hermite_e.hermegauss(40)
weights /= weights.sum()
x0, root = 0.4 + 0.3 * deviates, np.sqrt(4 / (3 * beta))


def population(y):
    """M_eff and dW_eff/dy."""
    x = root * np.sinh(np.arcsinh(3 * (x0 + beta * x0**3 - 1.0 + y[..., None]) / root) / 3)
    phi = 1 / (1 + 3 * beta * x**2)
    return M0 + m * phi**2 @ weights, k0 * y + k1 * (x * phi) @ weights


grid = np.linspace(-4.0, 4.0, 4001)
mass, slope = population(grid)
energy = np.cumsum(slope) * (grid[1] - grid[0])
boltzmann = np.exp(-(energy - energy.min()) / heat)
density, naive = (p / np.trapezoid(p, grid) for p in (np.sqrt(mass) * boltzmann, boltzmann))

chains = y.mean(1)
error = chains.std() / np.sqrt(len(chains))
off, off_naive = ((chains.mean() - np.trapezoid(grid * p, grid)) / error for p in (density, naive))
kinetic = (population(y)[0] * v**2).mean(1)
print(f"mean of y off by {off:+.1f} standard errors, without the root by {off_naive:+.1f}")
print(f"⟨M_eff ẏ²⟩ = {kinetic.mean():.3f} ± {kinetic.std() / np.sqrt(len(kinetic)):.3f}, k_BT = {heat}")
assert abs(off) < 4 < 8 < abs(off_naive) and abs(kinetic.mean() / heat - 1) < 0.1

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (paths, law) = plt.subplots(1, 2)
paths.plot(ts, many.y[:3, :, 0].T, linewidth=1.2)
paths.set(title="Three of the chains", xlabel="t", ylabel="y")
law.hist(y.ravel(), 60, density=True, color="#d0d0d0")
law.plot(grid, density, color="C0", label="√M e^{−W/k_BT}")
law.plot(grid, naive, color="C1", linestyle="--", label="e^{−W/k_BT}")
law.set(title="Where they are found", xlabel="y", ylabel="density", xlim=(-1.6, 1.9))
law.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "noise.svg")
