"""The mean-field limit: what N random bridges miss, and one derivative that knows it beforehand

N bridges drawn at random are not their limit. To first order y_N(T) − y(T) = ∫φ d(μ_N − μ), where φ(x) is the derivative of y(T) with
respect to the weight of bridges that start at x. One reverse-mode pass through the limit gives φ, hence the law of the error:
Var y_N(T) ≈ Var φ / N. Two hundred samples must agree. Points at quantiles of the law do much better than chance.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

T, SAMPLES, SIZES = 6.0, 200, (16, 32, 64, 128)
model, start = ms.zoo.bent()
limit = ms.solve(model, ms.Characteristics(64), start, t1=T, save=[T]).y[0, 0]


def final(x, weights):
    """y(T) of weighted bridges that start at x."""
    return ms.solve(model, ms.Reduced(), ms.Start(y=1.0, x=x, weights=weights), t1=T, save=[T]).y[0, 0]


with jax.enable_x64(True):  # inside grad and vmap the caller's precision counts
    nodes, weights = start.x.nodes(24)
    phi = jax.jit(jax.grad(final, argnums=1))(nodes, weights)
    spread = float(jnp.sqrt(weights @ (phi - weights @ phi) ** 2))
    print(f"y(T) in the limit {limit:.8f}; predicted: y_N scatters by {spread:.4f} / √N")

    # Samples as one batch of runs; a smaller N gives the first N of the bridges all the weight.
    many = jax.jit(jax.vmap(final, in_axes=(0, None)))
    drawn = start.x.sample(jax.random.key(0), SAMPLES * SIZES[-1]).reshape(SAMPLES, SIZES[-1])
    rms, ordered = [], []
    for n in SIZES:
        errors = many(drawn, jnp.where(jnp.arange(SIZES[-1]) < n, 1 / n, 0.0)) - limit
        rms.append(float(jnp.sqrt(jnp.mean(errors**2))))
        quantiles = ms.solve(model, ms.Reduced(n, sampling="quantile"), start, t1=T, save=[T]).y[0, 0]
        ordered.append(abs(quantiles - limit))
        print(f"N = {n:4}   random: {rms[-1]:.2e} (predicted {spread / np.sqrt(n):.2e})   quantiles: {ordered[-1]:.2e}")

ratio = np.sqrt(np.mean((np.array(rms) * np.sqrt(SIZES) / spread) ** 2))
order = np.polyfit(np.log(SIZES), np.log(rms), 1)[0]
print(f"observed over predicted {ratio:.3f}, observed order {order:.2f} (expected −0.5)")
assert abs(ratio - 1) < 0.1

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, axes = plt.subplots()
n = np.array([12, 170])
axes.loglog(n, spread / np.sqrt(n), color="#707070", linewidth=1, label="predicted, √(Var φ / N)")
axes.loglog(SIZES, rms, "o", label=f"random, {SAMPLES} samples")
axes.loglog(SIZES, ordered, "s", label="at quantiles")
axes.set(title="Distance of N bridges to their mean-field limit", xlabel="number of bridges N", ylabel="error of y(T)")
axes.set_xticks(SIZES, [str(n) for n in SIZES])
axes.minorticks_off()
axes.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "mean_field_limit.svg")
