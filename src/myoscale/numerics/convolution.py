"""Sums over all pairs of cells of an even grid, by fast Fourier transforms.

Σ_a Σ_b w_a w_b V(h·(b − a)) = Σ_d V(h·d) C_d with C_d = Σ_a w_a w_{a+d} the autocorrelation of the weights. On a grid padded with zeros to twice its
size nothing wraps around, so this is the double sum itself, to rounding, in O(K log K); only V(h·d) is evaluated, at 2^n K differences.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ..types import Array, Float


def pair_sum(potential: Callable, w: Float[Array, "..."], size: Float[Array, " n"]) -> Float[Array, ""]:
    """Σ_a Σ_b w_a w_b V of cells with weights w (an axis a dimension) and sides `size`, a = b included."""
    padded = [2 * count for count in w.shape]
    spectrum = jnp.fft.rfftn(w, padded)
    correlation = jnp.fft.irfftn(jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2, padded)
    apart = [np.fft.fftfreq(count, 1.0 / count) for count in padded]  # −K is not met by any pair; its weight is zero
    steps = np.stack(np.meshgrid(*apart, indexing="ij"), -1).reshape(-1, w.ndim)
    return correlation.ravel() @ jax.vmap(potential)(steps * size[None])
