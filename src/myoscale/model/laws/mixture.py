"""Mixtures Σ_k weights_k laws_k; for nx = 1 with their true quantile function, by bisection."""

import functools
from collections.abc import Callable, Iterable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ...fields import parameter
from .base import AbstractLaw, uniforms
from .checks import Given, InputError, Leaf, check_finite, known, leaf
from .rules import per_axis, shares


class Mixture(AbstractLaw):
    """The law Σ_k weights_k laws_k.

    nx = 1: `transform` is the true quantile function (increasing in u), with first derivatives only. nx > 1:
    the first uniform chooses the component and the others are its own, so points have no derivative in the
    weights. Neither have samples, for any nx.

    **Arguments:** `laws`, one or more laws of one nx that are no mixtures; `weights`, shape (len(laws),), ≥ 0
    with sum 1 (what the sum misses of 1 is divided out, in derivatives too).

    **Raises:** InputError unless that holds; the sum to 1e-9.
    """

    laws: tuple[AbstractLaw, ...] = parameter("the laws that are mixed")
    weights: Leaf = parameter("share of each law", "1")

    def __init__(self, laws: Iterable, weights: Given):
        self.laws, self.weights = tuple(laws), leaf(weights)

    def __check_init__(self):
        for k, law in enumerate(self.laws):
            if isinstance(law, Mixture) or not isinstance(law, AbstractLaw):
                raise InputError(
                    f"Expected laws that are no mixtures themselves. Received {type(law).__name__} "
                    f"as laws[{k}]; list a mixture's components instead, weights multiplied."
                )
        dimensions = [law.nx for law in self.laws]
        if len(set(dimensions)) != 1:
            raise InputError(f"Expected one or more laws of one nx. Received nx = {dimensions}.")
        if jnp.shape(self.weights) != (len(self.laws),):
            shape = jnp.shape(self.weights)
            raise InputError(f"Expected one weight a law, shape ({len(self.laws)},). Received shape {shape}.")
        check_finite(weights=self.weights)
        if known(self.weights) and (np.any(self.weights < 0) or abs(np.sum(self.weights) - 1) > 1e-9):
            total = float(np.sum(self.weights))
            raise InputError(f"Expected weights >= 0 with sum 1. Received {self.weights} with sum {total}.")

    @property
    def nx(self) -> int:
        return self.laws[0].nx

    @property
    def dim(self) -> int:
        return 1 if self.nx == 1 else self.nx + 1

    def _weights(self) -> Array:
        weights = jnp.asarray(self.weights, float)
        return weights / jnp.sum(weights)

    def _average(self, values: Sequence[Array]) -> Array:
        return functools.reduce(jnp.add, (w * v for w, v in zip(self._weights(), values, strict=True)))

    def _pick(self, u: Array, points: Callable[[int], Array]) -> Array:
        """Row by row points(k), k the component in whose share of (0, 1) u lies; one k in memory at once."""
        chosen = jnp.searchsorted(jnp.cumsum(self._weights())[:-1], u, side="right")[:, None]
        return functools.reduce(lambda x, k: jnp.where(chosen == k, points(k), x), range(1, len(self.laws)), points(0))

    def mean(self):
        return self._average([law.mean() for law in self.laws])

    def covariance(self):
        def about_the_mean(law):
            away = law.mean() - self.mean()
            return law.covariance() + jnp.outer(away, away)

        return self._average([about_the_mean(law) for law in self.laws])

    def transform(self, u):
        u = jnp.asarray(u, float)
        if self.nx == 1:
            return self._quantile(u)
        return self._pick(u[:, 0], lambda k: self.laws[k].transform(u[:, 1:]))

    def _quantile(self, u: Array) -> Array:
        # A Newton step of length zero that carries the derivatives: ∂x = −(∂F(x) − ∂u)/pdf(x).
        fixed, target = jax.lax.stop_gradient((self, u))
        x = _bisect(fixed, target)
        density = fixed.pdf(x)[:, None]
        excess = self.cdf(x) - u
        return x - (excess - jax.lax.stop_gradient(excess)) / jnp.where(density > 0, density, jnp.inf)

    def sample(self, key, n):
        keys = jax.random.split(key, len(self.laws) + 1)
        return self._pick(uniforms(keys[-1], n, 1)[:, 0], lambda k: self.laws[k].sample(keys[k], n))

    def nodes(self, n):
        if self.nx > 1:
            per_axis(n, self.nx, len(self.laws))
        counts = shares(n, len(self.laws), "component of the mixture")
        rules = [law.nodes(int(count)) for law, count in zip(self.laws, counts, strict=True)]
        w = [share * w for share, (_, w) in zip(self._weights(), rules, strict=True)]
        return jnp.concatenate([x for x, _ in rules]), jnp.concatenate(w)

    def pdf(self, x):
        return self._average([law.pdf(x) for law in self.laws])

    def window(self, width):
        low, high = zip(*[law.window(width) for law in self.laws], strict=True)
        return jnp.min(jnp.stack(low), 0), jnp.max(jnp.stack(high), 0)

    def _tails(self, x):
        below, above = zip(*[law.tails(x) for law in self.laws], strict=True)
        return self._average(below), self._average(above)


@jax.jit  # compiled once for all calls of one shape, also where the caller is not compiled
def _bisect(law: Mixture, u: Array) -> Array:
    """The quantiles of u, (n, 1) -> (n, 1): those of the components are a bracket.

    Bisection to the last bit, not Newton: the density between two components may vanish.
    """

    def halve(_, bracket):
        low, high = bracket
        middle = 0.5 * (low + high)
        left = law.cdf(middle) < u
        return jnp.where(left, middle, low), jnp.where(left, high, middle)

    quantiles = jnp.stack([component.transform(u) for component in law.laws])
    return jax.lax.fori_loop(0, 64, halve, (jnp.min(quantiles, 0), jnp.max(quantiles, 0)))[1]
