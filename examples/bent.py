"""A nonlinear constraint bends the law of the bridges; a Gaussian cannot follow

With g = x + βx³ − y every bridge moves at its own rate, so that a normal law does not stay normal. The density on a grid follows;
a moment closure, which knows Gaussians only, does not, and its motion is off. Here the truth is computed without myoscale: the
constraint is a cubic that can be solved by hand, which leaves one equation of motion for y, integrated by SciPy.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import myoscale as ms

M0, m, k0, k1, beta = 1.0, 0.5, 2.0, 1.0, 0.5  # β more than three times that of the introduction
model, start = ms.zoo.bent(M0=M0, m=m, kappa0=k0, kappa1=k1, bend=beta, x=ms.Normal(mean=0.4, std=0.5))

# The truth: X solves X + βX³ = c + y, M_eff(y) ÿ + M_eff′(y) ẏ²/2 = −W_eff′(y).
deviates = np.linspace(-9, 9, 2001)  # the trapezoidal rule, which converges faster than any power for this integrand
weights = np.exp(-(deviates**2) / 2) / np.exp(-(deviates**2) / 2).sum()
x0 = 0.4 + 0.5 * deviates
c = x0 + beta * x0**3 - 1.0
root = np.sqrt(4 / (3 * beta))


def extension(y):
    """The real root of the depressed cubic X³ + X/β = (c + y)/β."""
    return root * np.sinh(np.arcsinh(3 * (c + y) / root) / 3)


def rate(t, state):
    """Of (y, ẏ)."""
    y, v = state
    x = extension(y)
    phi = 1 / (1 + 3 * beta * x**2)
    mass = M0 + m * weights @ phi**2
    half_slope = -6 * beta * m * weights @ (x * phi**4)
    return [v, -(k0 * y + k1 * weights @ (x * phi) + half_slope * v**2) / mass]


ts = np.linspace(0.0, 10.0, 201)
truth = solve_ivp(rate, (0.0, 10.0), [1.0, 0.0], "DOP853", ts, rtol=1e-11, atol=1e-12, max_step=0.05).y[0]

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (errors, law) = plt.subplots(1, 2)
found = {}
for level in (ms.Characteristics(256), ms.Kinetic(400), ms.MomentClosure()):
    solution = ms.solve(model, level, start, t1=10.0)
    away = np.abs(solution.y[:, 0] - truth)
    found[level.name] = away.max()
    print(f"{level.label:18} greatest error of y {away.max():.1e}   drift of the energy {solution.energy.drift:.1e}")
    errors.semilogy(ts[1:], away[1:], label=level.label)
    snapshot = solution.population(t=2.0)
    if snapshot.kind == "density":
        (edges,) = snapshot.edges
        law.plot((edges[1:] + edges[:-1]) / 2, snapshot.density, color="C1")
    elif snapshot.kind == "gaussian":
        mean, std = snapshot.mean[0], np.sqrt(snapshot.covariance[0, 0])
        x = np.linspace(mean - 4 * std, mean + 4 * std, 200)
        law.plot(x, np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi)), color="C2")
assert found["characteristics"] < 1e-6 and found["kinetic"] < 1e-4 < found["moments"]

errors.set(title="Distance to the truth", xlabel="t", ylabel="|y − truth|")
errors.legend()
law.set(title="Law of the bridges at t = 2", xlabel="extension x", ylabel="density", xlim=(-2.2, 1.6))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "bent.svg")
