"""Huxley's equation closed by a Gaussian: the distribution-moment approximation (Zahalak 1981; theory.md section 9).

For each attached state the state holds Q_λ = ∫l^λ n dl, λ = 0, 1, 2, of the fraction n attached at label l, with one-site availability
(or a pool). Labels move with the tissue, so transport is nothing but the common shift. `exchange` integrates the moment equations along
the path of a step, every integral split at the breakpoints of the rates.

The closure watches itself: a few moving nodes see the same history without any closure, and the difference in force is its error.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from ..model import AbstractCycling, AbstractLaw, Availability, generator_of
from ..numerics.gaussian import Pieces, interval_moments
from ..numerics.hazards import box_mean
from ..numerics.quadrature import hermite
from ..types import Array, Float, Scalar
from .cycling import AbstractCyclingPopulation, Flux, atp_matrix
from .kept import attached
from .sites import Fractions, Sites

_PANELS = 32  # in a period, over which smooth rates are averaged
_PARTS = 2  # Runge–Kutta steps within an exchange
_EMPTY = 1e-13  # of the zone's width: less is attached nowhere in particular
_NARROW = 1e-4  # of the zone's width, the least standard deviation
_CELLS = 12  # of the nodes, in one width of the zone
_WINDOW = 10.0  # widths of the zone that the nodes cover
_SETTLE = 200  # steps to the isometric force
_SHOWN, _HELD = 240, 6.0  # cells in which Gaussians are shown, over ± so many standard deviations
_QUICK = 0.4  # of the fastest rate's time, such a step


class Closed(NamedTuple):
    """State of `Distribution`: origin and memory of the shift, moments, shares detached (of a pool), and what watches the closure."""

    c: Float[Array, " 1"]
    s: Float[Array, " 1"]
    moments: Float[Array, "A 3"]  # Q_λ in label coordinates
    d: Float[Array, " D"]
    nodes: Fractions | None  # None of a closure that nothing watches, with what follows
    scale: Float[Array, ""] | None  # the isometric force, by which errors are measured
    error: Float[Array, ""] | None  # greatest so far, infinite where the moments belong to no distribution


class Gaussians(NamedTuple):
    """What is kept of `Distribution`: for each attached state share of heads, mean and variance of extension; shares detached."""

    share: Float[Array, " A"]
    mean: Float[Array, " A"]
    variance: Float[Array, " A"]
    detached: Float[Array, " D"]


class Distribution(AbstractCyclingPopulation):
    """Three moments of each attached state; expectations by `nodes` Gauss–Hermite nodes; watched or not."""

    kept: ClassVar[Any] = Gaussians

    nodes: int = eqx.field(static=True, default=16)
    watched: bool = eqx.field(static=True, default=True)

    def start(self, bridge, q, law: AbstractLaw | None, share) -> Closed:
        """Everything detached; or the `share` of heads attached (in the first attached state) with the moments of a law."""
        scheme = bridge.cycling
        moments = jnp.zeros((scheme.attached, 3))
        if law is not None:
            mean, variance = law.mean()[0], law.covariance()[0, 0]
            moments = moments.at[0].set(share * scheme.spacing * jnp.stack([jnp.ones(()), mean, variance + mean**2]))
        d = jnp.zeros(scheme.detached).at[0].set(1.0 - share)
        z = Closed(bridge.constraint(jnp.zeros(1), q), jnp.zeros(1), moments, d, None, None, None)
        if not self.watched:
            return z
        watch = Watch(bridge)
        nodes, scale = jax.lax.stop_gradient((watch.start(q, law, share), watch.isometric(q)))
        return z._replace(nodes=nodes, scale=scale, error=jnp.zeros(()))

    def attached(self, bridge, z):
        """Gauss–Hermite nodes of each state's Gaussian."""
        zeta, w = hermite(self.nodes, 1)
        mean, std = gaussian(bridge.cycling, z.moments)
        labels = mean[:, None] + std[:, None] * zeta[:, 0][None]
        share = (
            jnp.diag(jnp.ones(mean.size))[:, :, None] * (z.moments[:, 0, None] / bridge.cycling.spacing * w[None])[None]
        )
        return labels.ravel(), share.reshape(mean.size, -1)

    def exchange(self, bridge, z, q, u, dt, r, key):
        """The moment equations along the path, by the classical Runge–Kutta method."""
        scheme = bridge.cycling
        shift, velocity = self.shift(bridge, z, q), self.velocity(bridge, z, q, u)
        moments, flows, d = _integrate(scheme, shifted(z.moments, shift), z.d, velocity, dt, r)
        after = z._replace(moments=shifted(moments, -shift), d=d, s=shift[None])
        flux = self._flux(bridge, z, after, q, flows)
        return self._watched(bridge, after, q, u, dt, r) if self.watched else after, flux

    def _flux(self, bridge, z, after, q, flows) -> Flux:
        """Gross transitions from the moments (S, S, 3) of what went from state to state."""
        scheme = bridge.cycling
        first, zeta = scheme.detached, hermite(self.nodes, 1)
        share = flows[:, :, 0] / scheme.spacing

        def gain(flow, i, j):
            mean, std = gaussian(scheme, flow[None])
            levels = jax.vmap(lambda x: scheme.energies(bridge, x))(mean[0] + std[0] * zeta[0][:, 0])
            change = flow[0] / scheme.spacing * zeta[1] * (levels[:, j] - levels[:, i])
            return jnp.stack([jnp.sum(jnp.maximum(change, 0.0)), jnp.sum(jnp.maximum(-change, 0.0))])

        pairs = [(i, j) for i in range(scheme.states) for j in range(scheme.states) if i != j and max(i, j) >= first]
        energy = sum((gain(flows[i, j], i, j) for i, j in pairs), jnp.zeros(2))
        # What a Gaussian instead of the true sum of both costs; nothing where energies are quadratic.
        rest = self._energy(bridge, after, q) - self._energy(bridge, z, q) - (energy[0] - energy[1])
        return Flux(
            attached=jnp.sum(share[:first, first:]),
            detached=jnp.sum(share[first:, :first]),
            energy_in=energy[0] + jnp.maximum(rest, 0.0),
            energy_out=energy[1] + jnp.maximum(-rest, 0.0),
            atp=jnp.sum(share * atp_matrix(scheme)),
            lost=jnp.zeros(()),
        )

    def _energy(self, bridge, z, q) -> Array:
        labels, w = self.attached(bridge, z)
        energy = jax.vmap(lambda x: bridge.cycling.energies(bridge, x)[bridge.cycling.detached :])
        return jnp.sum(w.T * energy(labels + self.shift(bridge, z, q)))

    def _watched(self, bridge, z, q, u, dt, r) -> Closed:
        """z with the nodes moved along, and the greatest error so far."""
        still, q, u, dt, r = jax.lax.stop_gradient((z, q, u, dt, r))
        watch = Watch(bridge)
        nodes, right = watch.exchange(still.nodes, q, u, dt, r)
        labels, w = self.attached(bridge, still)
        error = jnp.abs(jnp.sum(pulls(bridge, labels + self.shift(bridge, still, q), w)) - right) / jnp.maximum(
            still.scale, 1e-300
        )
        mass, first, second = still.moments.T
        empty = _EMPTY * width(bridge.cycling)
        possible = (mass > -empty) & ((mass < empty) | (mass * second > first**2))
        error = jnp.where(jnp.all(possible) & jnp.isfinite(error), error, jnp.inf)
        return z._replace(nodes=nodes, error=jnp.maximum(still.error, error))

    def closure_error(self, z):
        """Greatest error of force so far."""
        return z.error

    def summary(self, bridge, z, q):
        """The Gaussians."""
        mean, std = gaussian(bridge.cycling, shifted(z.moments, self.shift(bridge, z, q)))
        return Gaussians(z.moments[:, 0] / bridge.cycling.spacing, mean, std**2, z.d)

    def cells(self, bridge, kept):
        """Exact masses of the Gaussians in cells that hold all of them."""
        std = jnp.sqrt(kept.variance)
        low, high = jnp.min(kept.mean - _HELD * std), jnp.max(kept.mean + _HELD * std)
        edges = low + (high - low) * jnp.linspace(0.0, 1.0, _SHOWN + 1)
        below = jax.scipy.special.ndtr((edges[None] - kept.mean[:, None]) / std[:, None])
        return attached(edges, (edges[1:] + edges[:-1]) / 2, kept.share[:, None] * jnp.diff(below, axis=1))


def width(scheme) -> Array:
    """Of the zone of attachment."""
    return jnp.asarray(scheme.zone[1] - scheme.zone[0], float)


def shifted(moments: Float[Array, "... 3"], by: Array) -> Float[Array, "... 3"]:
    """Moments of the same thing, moved."""
    q0, q1, q2 = moments[..., 0], moments[..., 1], moments[..., 2]
    return jnp.stack([q0, q1 + by * q0, q2 + 2 * by * q1 + by**2 * q0], axis=-1)


def gaussian(scheme, moments: Float[Array, "A 3"]) -> tuple[Array, Array]:
    """Mean and standard deviation (A,); where nothing is attached, those of the zone."""
    q0, q1, q2 = moments.T
    there = q0 > _EMPTY * width(scheme)
    mass = jnp.where(there, q0, 1.0)
    mean = jnp.where(there, q1 / mass, (scheme.zone[0] + scheme.zone[1]) / 2)
    variance = jnp.where(there, q2 / mass - mean**2, width(scheme) ** 2 / 12)
    return mean, jnp.sqrt(jnp.maximum(variance, (_NARROW * width(scheme)) ** 2))


def _integrate(scheme, moments, d, velocity, dt, r):
    """Moments (A, 3) at the extension of the middle of a step, after it; what went from state to state (S, S, 3); shares detached."""
    first, pool = scheme.detached, scheme.availability is Availability.POOL
    generator = jax.vmap(scheme.generator)
    pieces = Pieces(generator, scheme.breakpoints, scheme.degree)
    low, high = scheme.zone
    cuts = (low, *(jnp.clip(b, low, high) for b in scheme.breakpoints), high)
    offered = jnp.moveaxis(interval_moments(generator, cuts, scheme.degree), 0, -1)  # (S, S, 3)
    among = period_means(scheme) if pool and first > 1 else {}
    held = (1.0 - jnp.eye(scheme.attached))[..., None]

    def now(flows):
        """Moments and shares after these flows."""
        net = jnp.sum(flows, axis=0) - jnp.sum(flows, axis=1)
        return moments + net[first:], d + net[:first, 0] / scheme.spacing

    def slope(flows, tau):
        q, d = now(flows)
        w = velocity * (tau - dt / 2)
        mean, std = gaussian(scheme, q)
        seen = jnp.moveaxis(jax.vmap(lambda m, s: pieces.moments(m, s, w))(mean, std), 1, -1)  # (A, S, S, 3)
        seen = seen * q[:, :1, None, None]
        offer = shifted(offered, -w)[:first, first:]
        offer = offer * d[:, None, None] if pool else offer - jnp.sum(seen[:, :first, first:], axis=0)
        leave = jnp.stack([seen[a, first + a] for a in range(scheme.attached)])  # (A, S, 3)
        out = jnp.zeros_like(flows)
        out = out.at[:first, first:].set(r * offer)
        out = out.at[first:, :first].set(leave[:, :first])
        out = out.at[first:, first:].set(held * leave[:, first:])
        for (i, j), rate in among.items():
            out = out.at[i, j, 0].set(scheme.spacing * d[i] * rate)
        return out

    h = dt / _PARTS

    def step(flows, tau):
        one = slope(flows, tau)
        two = slope(flows + h / 2 * one, tau + h / 2)
        three = slope(flows + h / 2 * two, tau + h / 2)
        four = slope(flows + h * three, tau + h)
        return flows + h / 6 * (one + 2 * two + 2 * three + four), None

    flows, _ = jax.lax.scan(step, jnp.zeros((scheme.states, scheme.states, 3)), h * jnp.arange(_PARTS))
    after, d = now(flows)
    return after, flows, d


def period_means(scheme: AbstractCycling) -> dict[tuple[int, int], Array]:
    """Rates among detached states, which a pool has everywhere, averaged over a period."""
    edges = jnp.asarray(scheme.spacing, float) * jnp.linspace(-0.5, 0.5, _PANELS + 1)
    mean = box_mean(jax.vmap(scheme.rates), edges[:-1], edges[1:], scheme.breakpoints, scheme.degree)
    return {pair: jnp.mean(rate) for pair, rate in mean.items() if max(pair) < scheme.detached}


def pulls(bridge, x: Float[Array, " K"], w: Float[Array, "A K"]) -> Float[Array, "K A"]:
    """w ∂W/∂x, whose sum is the force of a head on average."""
    first = bridge.cycling.detached
    slopes = jax.vmap(jax.jacfwd(lambda x: bridge.cycling.energies(bridge, x)[first:]))(x)
    return w.T * slopes


class Watch:
    """A few moving nodes, around the zone of attachment alone, that see what the closure sees."""

    def __init__(self, bridge):
        scheme = bridge.cycling
        window = _WINDOW * width(scheme)
        self.bridge = eqx.tree_at(lambda b: b.cycling, bridge, _Window(window, scheme))
        self.nodes = Sites(int(_WINDOW * _CELLS))
        ratio = window / scheme.spacing
        # A pool attaches a share of its heads in each length, a site its own.
        self.offer, self.share = (ratio, 1.0) if scheme.availability is Availability.POOL else (1.0, ratio)

    def start(self, q, law, share) -> Fractions:
        """As the closure."""
        return self.nodes.start(self.bridge, q, law, share / self.share)

    def exchange(self, z, q, u, dt, r) -> tuple[Fractions, Array]:
        """The nodes after an exchange, and their force."""
        z, _ = self.nodes.exchange(self.bridge, z, q, u, dt, r * self.offer, None)
        return z, jnp.sum(self._pulls(z, q))

    def _pulls(self, z, q) -> Array:
        labels, w = self.nodes.attached(self.bridge, z)
        return self.share * pulls(self.bridge, labels + self.nodes.shift(self.bridge, z, q), w)

    def isometric(self, q) -> Array:
        """The force at rest and full activation; a quarter of what heads pull, signs left out, where most of it cancels."""
        scheme, zero = self.bridge.cycling, jnp.zeros(())
        x = scheme.zone[0] + width(scheme) * jnp.linspace(-1.0, 2.0, 31)
        quickest = jnp.max(-jax.vmap(lambda x: jnp.diagonal(scheme.generator(x)))(x))
        dt = _QUICK / jnp.maximum(quickest, 1e-300)
        step = lambda z, _: (self.exchange(z, q, jnp.zeros_like(q), dt, zero + 1.0)[0], None)
        z, _ = jax.lax.scan(step, self.start(q, None, zero), None, length=_SETTLE)
        pulls = self._pulls(z, q)
        return jnp.maximum(jnp.abs(jnp.sum(pulls)), jnp.sum(jnp.abs(pulls)) / 4)


class _Window(AbstractCycling):
    """A scheme seen in a window of another length than its spacing."""

    spacing: Scalar
    scheme: AbstractCycling

    @property
    def momentum(self):
        """The scheme's."""
        return self.scheme.momentum

    @property
    def availability(self):
        """The scheme's."""
        return self.scheme.availability

    @property
    def detached(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scheme's."""
        return self.scheme.detached

    @property
    def attached(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scheme's."""
        return self.scheme.attached

    @property
    def atp(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scheme's."""
        return self.scheme.atp

    @property
    def zone(self):
        """The scheme's."""
        return self.scheme.zone

    @property
    def breakpoints(self):
        """The scheme's."""
        return self.scheme.breakpoints

    @property
    def degree(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        """The scheme's."""
        return self.scheme.degree

    def rates(self, x):
        """The scheme's; among detached states their means over a period, which over a wider window would be others."""
        among = period_means(self.scheme) if self.detached > 1 else {}
        return self.scheme.rates(x) | among

    def generator(self, x):
        return generator_of(self.rates(x), self.states)

    def energies(self, bridge, x):
        return self.scheme.energies(eqx.tree_at(lambda b: b.cycling, bridge, self.scheme), x)

    def balanced(self, bridge, x):
        return self.scheme.balanced(eqx.tree_at(lambda b: b.cycling, bridge, self.scheme), x)
