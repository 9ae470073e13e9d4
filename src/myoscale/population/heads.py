"""Heads that jump between states: the stochastic process behind Huxley's equation (theory.md section 8).

Within one exchange each head jumps at the rates of its state, averaged over its path, as often as chance will have it. Every random
number comes from the key.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..model import AbstractLaw, Availability
from ..numerics.hazards import box_mean
from ..numerics.jumping import jumps
from ..types import Array, Float, Int
from .cycling import AbstractCyclingPopulation, Flux, atp_matrix, period
from .kept import Attached

_BINS = 256  # of the histogram that is kept, and of the table a pool attaches from


class Jumping(NamedTuple):
    """State of `Heads`: origin and memory of the shift, labels and states."""

    c: Float[Array, " 1"]
    s: Float[Array, " 1"]
    l: Float[Array, " N"]
    state: Int[Array, " N"]


class Histogram(NamedTuple):
    """What is kept of attached heads: bin edges, share of heads in each bin and attached state, mean and variance of extension."""

    edges: Float[Array, " B"]
    mass: Float[Array, "A C"]
    mean: Array
    variance: Array


class Heads(AbstractCyclingPopulation):
    """`n` heads of equal weight at a point."""

    kept: ClassVar[Any] = Histogram

    n: int = eqx.field(static=True)

    def start(self, bridge, q, law: AbstractLaw | None, share, key) -> Jumping:
        """Detached, uniform modulo ℓ_b; or the `share` of heads attached (in the first attached state) with a law of extension."""
        one, two = jax.random.split(key)
        x = bridge.cycling.spacing * (jax.random.uniform(one, (self.n,)) - 0.5)
        state = jnp.zeros(self.n, int)
        if law is not None:
            x, state = self._attach(bridge, law, share, x, two)
        return Jumping(bridge.constraint(jnp.zeros(1), q), jnp.zeros(1), x, state)

    def _attach(self, bridge, law, share, x, key):
        """Attach each head with the probability that its phase gives it: heads stay uniform modulo ℓ_b."""
        spacing, reach = bridge.cycling.spacing, 16
        sites = period(x, spacing)[:, None] + spacing * jnp.arange(-reach, reach + 1)[None]
        n = share * spacing * law.pdf(sites.reshape(-1, 1)).reshape(sites.shape)
        u = jax.random.uniform(key, (self.n, 1))
        site = jnp.sum(u > jnp.cumsum(n, axis=1), axis=1)
        bound = site < 2 * reach + 1
        here = jnp.take_along_axis(sites, jnp.minimum(site, 2 * reach)[:, None], axis=1)[:, 0]
        return jnp.where(bound, here, x), jnp.where(bound, bridge.cycling.detached, 0)

    def attached(self, bridge, z):
        """Every head, with weight zero in states it is not in."""
        scheme = bridge.cycling
        states = scheme.detached + jnp.arange(scheme.attached)
        return z.l, (z.state[None] == states[:, None]) / self.n

    def exchange(self, bridge, z, q, u, dt, r, key):
        """Jumps at path-averaged rates; heads that let go wrap."""
        scheme = bridge.cycling
        spacing, first = scheme.spacing, scheme.detached
        shift = self.shift(bridge, z, q)
        path = jnp.maximum(jnp.abs(self.velocity(bridge, z, q, u)) * dt, 1e-9 * spacing)
        allowed = jnp.ones((scheme.states, scheme.states)) - jnp.eye(scheme.states)
        allowed = jnp.asarray(allowed).at[:first, first:].multiply(r)

        def mean(x):
            rate = box_mean(jax.vmap(scheme.generator), x - path / 2, x + path / 2, scheme.breakpoints)
            return jax.lax.optimization_barrier(rate * allowed[None])  # or it is computed once for each use

        pool = scheme.availability is Availability.POOL
        edges = jnp.linspace(*map(jnp.asarray, scheme.zone), _BINS + 1)
        table = box_mean(jax.vmap(scheme.generator), edges[:-1], edges[1:], scheme.breakpoints)[:, :first, first:]
        table = jnp.cumsum(table, axis=0) * (edges[1] - edges[0]) / spacing  # of what attaches below each edge

        def rates(heads):
            x, state = heads
            if not pool:
                return jnp.take_along_axis(mean(x), state[:, None, None], axis=1)[:, 0]
            everywhere = (
                jnp.asarray(mean(x))
                .at[:, :first, first:]
                .set(jnp.broadcast_to(table[-1] * r, (x.size, *table.shape[1:])))
            )
            return jnp.take_along_axis(everywhere, state[:, None, None], axis=1)[:, 0]

        def jump(key, heads, target):
            x, state = heads
            now = jnp.where(target < first, period(x, spacing), x)
            if pool:
                below = table[:, jnp.minimum(state, first - 1), jnp.maximum(target - first, 0)]
                u = jax.random.uniform(key, x.shape) * below[-1]
                k = jnp.minimum(jnp.sum(below <= u[None], axis=0), _BINS - 1)
                low = jnp.where(k > 0, jnp.take_along_axis(below, jnp.maximum(k - 1, 0)[None], axis=0)[0], 0.0)
                high = jnp.take_along_axis(below, k[None], axis=0)[0]
                drawn = edges[0] + (k + (u - low) / jnp.maximum(high - low, 1e-300)) * (edges[1] - edges[0])
                now = jnp.where((state < first) & (target >= first), drawn, now)
            return now, target

        def tally(before, after):
            (x0, i), (x1, j) = before, after
            energy = jax.vmap(lambda x: scheme.energies(bridge, x))
            level = lambda x, i: jnp.take_along_axis(energy(x), i[:, None], axis=1)[:, 0]
            gain = level(x1, j) - level(x0, i)
            return Flux(
                attached=((i < first) & (j >= first)) / self.n,
                detached=((i >= first) & (j < first)) / self.n,
                energy_in=jnp.maximum(gain, 0.0) / self.n,
                energy_out=jnp.maximum(-gain, 0.0) / self.n,
                atp=jnp.asarray(atp_matrix(scheme))[i, j] / self.n,
                lost=jnp.zeros_like(x0),
            )

        assert key is not None
        x = z.l + shift
        x = jnp.where(z.state < first, period(x, spacing), x)
        (x, state), flux = jumps(key, (x, z.state), rates, jump, tally, dt)
        x = jnp.where(state < first, period(x, spacing), x)
        return z._replace(l=x - shift, state=state, s=shift[None]), flux

    def summary(self, bridge, z, q):
        """A histogram over what attached heads reach, at least over one period."""
        labels, w = self.attached(bridge, z)
        x = labels + self.shift(bridge, z, q)
        share = jnp.sum(w, axis=0)
        half = bridge.cycling.spacing / 2
        low = jnp.minimum(jnp.min(jnp.where(share > 0, x, jnp.inf)), -half)
        high = jnp.maximum(jnp.max(jnp.where(share > 0, x, -jnp.inf)), half)
        edges = low + (high - low) * jnp.linspace(0.0, 1.0, _BINS + 1)
        k = jnp.clip(((x - low) / (high - low) * _BINS).astype(int), 0, _BINS - 1)
        mass = jax.vmap(lambda w: jnp.zeros(_BINS).at[k].add(w))(w)
        total = jnp.maximum(jnp.sum(share), 1e-300)
        mean = jnp.sum(share * x) / total
        return Histogram(edges, mass, mean, jnp.sum(share * (x - mean) ** 2) / total)

    def bins(self, share):
        """As many as Scott's rule gives to a law without tails."""
        return int(np.clip(round((self.n * share) ** (1 / 3)), 8, 80))

    def cells(self, bridge, kept):
        """The bins, with the moments of the heads themselves."""
        some = jnp.sum(kept.mass) > 0
        moments = (jnp.where(some, value, jnp.nan) for value in (kept.mean, kept.variance))
        return Attached(kept.edges, (kept.edges[1:] + kept.edges[:-1]) / 2, kept.mass, *moments)
