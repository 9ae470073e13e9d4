"""Sensitivities by reverse-mode differentiation

A run is a function of the numbers in the model, and JAX differentiates it. Here the linear example is differentiated with respect to
M₀, m, κ₀ and κ₁, at every saved time at once, at the moment closure; the answer is known, since y(t) is a cosine whose frequency
and rest position are formulas in those four numbers.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

jax.config.update("jax_enable_x64", True)  # inside grad the caller's precision counts
NAMES = ("M₀", "m", "κ₀", "κ₁")
values = jnp.array([20.0, 10.0, 1.0, 1.0])
ts = np.linspace(0.0, 30.0, 31)


def run(values):
    """y at the saved times, by a run."""
    M0, m, k0, k1 = values
    model, start = ms.zoo.linear(M0=M0, m=m, kappa0=k0, kappa1=k1)
    return ms.solve(model, ms.MomentClosure(4), start, t1=30.0, save=ts).y[:, 0]


def formula(values):
    """The same in closed form."""
    M0, m, k0, k1 = values
    rest = 3 * k1 / (k0 + k1)
    return rest + (1 - rest) * jnp.cos(jnp.sqrt((k0 + k1) / (M0 + m)) * ts)


slopes = jax.jit(jax.jacrev(run))(values)
expected = jax.jacfwd(formula)(values)
for k, name in enumerate(NAMES):
    print(f"∂y(30)/∂{name:2} = {slopes[-1, k]:+.8f}   formula {expected[-1, k]:+.8f}")
wrong = float(jnp.max(jnp.abs(slopes - expected)))
print(f"greatest error of a sensitivity: {wrong:.1e}")
assert wrong < 1e-6

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, axes = plt.subplots()
fine = np.linspace(0, 30, 200)
for k, name in enumerate(NAMES):
    (line,) = axes.plot(ts, values[k] * slopes[:, k], "o", markersize=3.5, label=f"{name} ∂y/∂{name}")
    axes.plot(ts, values[k] * expected[:, k], "-", color=line.get_color(), linewidth=1)
axes.axhline(0, color="#b0b0b0", linewidth=0.8)
axes.set(title="What a small relative change of a parameter does to y(t)", xlabel="t", ylabel="p ∂y/∂p")
axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "sensitivity.svg")
