"""Fractions of heads attached, on points or cells that move with the tissue: Huxley's equation without numerical diffusion.

A head of phase ξ (modulo ℓ_b) sees sites at ξ + jℓ_b. For each phase the state holds the share attached at each of J sites and the
share detached, so availability is exact: what is attached anywhere cannot attach again (theory.md section 8). Phases move with the
tissue and nothing is interpolated; nodes that leave the zone of attachment far behind re-enter in front of it, empty.

With `order` 1 a phase is a cell and rates are averaged over it (`Kinetic`). With a higher order, phases are Gauss nodes of panels and
see rates at a point (`Characteristics`), save where a breakpoint cuts their panel and moves so slowly that heads settle on both sides of
it: then each node stands for its share of the panel. Rates are also averaged along the path of a step.

A breakpoint cuts the share of heads that a phase stands for into two, each with its own fractions and rates: mixed, they would saturate
differently, an error of first order wherever rates jump. What the breakpoint passes changes side, and no more than that is mixed.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..model import AbstractLaw, Availability, transitions
from ..numerics.hazards import box_mean
from ..types import Array, Float
from .cycling import AbstractCyclingPopulation
from .kept import attached
from .transitions import Gross, among, among_pool, attach, attach_pool, between, energies, let_go, symmetric

_THIN = 1e-9  # of what a phase stands for: the least on one side of a cut


class Fractions(NamedTuple):
    """State of `Sites`: origin and memory of the shift, labels, shares attached and detached on either side of each phase's cut, the cut
    as a fraction of what the phase stands for, and the window's low end."""

    c: Float[Array, " 1"]
    s: Float[Array, " 1"]
    l: Float[Array, "J K"]
    n: Float[Array, "A 2 J K"]
    d: Float[Array, "D 2 K"]  # (D, 1, 1) of a pool
    cut: Float[Array, " K"]
    low: Float[Array, ""]


class Profile(NamedTuple):
    """What is kept of `Sites`: sorted extensions, shares attached there, and the share of heads each node stands for."""

    x: Float[Array, " C"]
    n: Float[Array, "A C"]
    weight: Float[Array, " C"]
    detached: Float[Array, " D"]


class Panel(NamedTuple):
    """Nodes of a panel of unit length, as NumPy arrays (G,): position, weight, and where the node's own share begins and ends."""

    position: Any
    weight: Any
    begin: Any
    end: Any


class Sites(AbstractCyclingPopulation):
    """`phases` nodes, `order` of them in a panel, at each of `periods` sites.

    They are the phases of one period; with `span` < 1 (and one site) of that part of it which the window holds: the others are detached.
    """

    kept: ClassVar[Any] = Profile

    phases: int = eqx.field(static=True)
    periods: int = eqx.field(static=True, default=1)
    order: int = eqx.field(static=True, default=1)
    span: float = eqx.field(static=True, default=1.0)

    @property
    def panel(self) -> Panel:
        """Gauss nodes in a panel."""
        x, w = np.polynomial.legendre.leggauss(self.order)
        ends = np.concatenate([[0.0], np.cumsum(w / 2)])
        return Panel((x + 1) / 2, w / 2, ends[:-1], ends[1:])

    @property
    def weights(self) -> Float[Array, " K"]:
        """The share of heads with each phase."""
        panels = self.phases // self.order
        return jnp.asarray(self.span * np.tile(self.panel.weight, panels) / panels)

    def start(self, bridge, q, law: AbstractLaw | None, share) -> Fractions:
        """Everything detached; or the `share` of heads attached (in the first attached state) with a law of extension."""
        scheme, panel = bridge.cycling, self.panel
        panels = self.phases // self.order
        width = self.span * scheme.spacing / panels
        # A breakpoint at the edge of a panel stays there while nothing moves.
        phase = (jnp.arange(panels)[:, None] + panel.position[None]).reshape(-1) * width
        origin = scheme.zone[0] - width * jnp.ceil(
            (self.periods * self.span * scheme.spacing / 2 + scheme.zone[0]) / width
        )
        labels = origin + phase[None] + scheme.spacing * jnp.arange(self.periods)[:, None]
        n = jnp.zeros((scheme.attached, 2, *labels.shape))
        d = jnp.zeros((scheme.detached, 2, self.phases)).at[0].set(1.0)
        if law is not None:
            begin = jnp.tile(panel.begin - panel.position, panels) * width
            end = jnp.tile(panel.end - panel.position, panels) * width
            if self.order == 1:
                edges = jnp.append((labels + begin[None]).ravel(), labels[-1, -1] + end[-1])
                held = law.cell_masses(edges).reshape(labels.shape) / self.weights[None]
            else:
                held = law.pdf(labels.reshape(-1, 1)).reshape(labels.shape) * scheme.spacing
            held = held * (share / jnp.sum(held * self.weights[None]))
            n = n.at[0].set(held[None])
            d = d.at[0].set(1.0 - jnp.sum(held, axis=0)[None])
        cut = jnp.full(self.phases, 0.5)
        if scheme.availability is Availability.POOL:
            d = jnp.sum(d * self._shares(cut)[None], axis=(1, 2), keepdims=True)
        return Fractions(bridge.constraint(jnp.zeros(1), q), jnp.zeros(1), labels, n, d, cut, jnp.asarray(origin))

    def _shares(self, cut: Float[Array, " K"]) -> Float[Array, "2 K"]:
        """The share of heads on either side of each phase's cut."""
        return self.weights[None] * jnp.stack([cut, 1.0 - cut])

    def _sum_sides(self, n: Float[Array, "A 2 J K"], shares: Float[Array, "2 K"]) -> Float[Array, "A J K"]:
        """Both sides of each node together."""
        return n[:, 0] * shares[None, None, 0] + n[:, 1] * shares[None, None, 1]

    def attached(self, bridge, z):
        """Every node."""
        return z.l.ravel(), self._sum_sides(z.n, self._shares(z.cut)).reshape(z.n.shape[0], -1)

    def exchange(self, bridge, z, q, u, dt, r, key):
        """Transitions pair by pair, each exactly, in a symmetric order."""
        scheme = bridge.cycling
        shift, speed = self.shift(bridge, z, q), jnp.abs(self.velocity(bridge, z, q, u))
        path = speed * dt
        z, lost, energy = self._in_window(bridge, z, shift, path)
        x = z.l + shift
        z = self._recut(scheme, z, x)
        rates = lambda x: self._rates(bridge, x, path, speed, z.cut)
        one = self._from_pool if scheme.availability is Availability.POOL else self._from_sites
        n, d, flux = one(bridge, z, x, rates, dt, r)
        flux = flux._replace(lost=lost, energy_out=flux.energy_out + energy)
        return z._replace(n=n, d=d, s=shift[None]), flux

    def _from_pool(self, bridge, z, x, rates, dt, r):
        """One pool attaches at every site."""
        scheme, shares, gross = bridge.cycling, self._shares(z.cut), Gross()
        first, states = scheme.detached, scheme.states
        period = (x >= -scheme.spacing / 2) & (x < scheme.spacing / 2)
        moves = [between(i, j) for i in range(first, states) for j in range(i + 1, states)]
        moves += [
            among_pool(i, j, period[None] * shares[:, None], shares) for i in range(first) for j in range(i + 1, first)
        ]
        moves += [attach_pool(i, j, shares) for j in range(first, states) for i in range(first)]
        n, d = symmetric(moves, z.n, z.d, rates(x), dt, r, gross)
        return n, d, gross.flux(bridge, x, shares)

    def _from_sites(self, bridge, z, x, rates, dt, r):
        """A head attaches at the nearest of its sites alone; what is attached at others lets go, half of it before and half after that."""
        scheme, shares, gross = bridge.cycling, self._shares(z.cut), Gross()
        first, states = scheme.detached, scheme.states
        nearest = jnp.arange(self.periods)[:, None] == jnp.argmin(jnp.abs(x), axis=0)[None]
        here = lambda a: jnp.sum(jnp.where(nearest, a, 0.0), axis=-2, keepdims=True)
        n, d, flux, released = z.n, z.d, None, jnp.zeros(())
        apart = [between(i, j) for i in range(first, states) for j in range(i + 1, states)]
        if self.periods > 1:
            away = Gross()
            n, gone = let_go(jnp.where(nearest, 0.0, n), rates(x), dt, r, apart, first, away)
            flux, released = away.flux(bridge, x, shares), gone / 2
        moves = [*apart, *(among(i, j) for i in range(first) for j in range(i + 1, first))]
        moves += [attach(i, j) for j in range(first, states) for i in range(first)]
        x = here(x)
        held, d = symmetric(moves, here(z.n), d + released, rates(x), dt, r, gross)
        mine = gross.flux(bridge, x, shares)
        flux = mine if flux is None else jax.tree.map(jnp.add, mine, flux)
        return jnp.where(nearest, held, n), d + released, flux

    def _in_window(self, bridge, z, shift, path):
        """Nodes that the zone of attachment needs in front of it, taken from the far end; what was attached there is lost with its energy."""
        scheme = bridge.cycling
        length = self.periods * self.span * scheme.spacing
        margin = path + length / (self.phases * self.periods)
        begin, end = scheme.zone
        low = jnp.maximum(
            jnp.minimum(z.low + shift, begin - margin), jnp.minimum(end + margin - length, begin - margin)
        )
        turns = jnp.floor((z.l + shift - low) / length)
        gone = jnp.where((turns != 0)[None, None], z.n, 0.0)
        leaving = self._sum_sides(gone, self._shares(z.cut))
        energy = jnp.sum(leaving * energies(bridge, z.l + shift)[scheme.detached :])
        lost = jnp.sum(leaving)
        d = z.d.at[0].add(jnp.sum(gone, axis=(0, 2)) if z.d.shape[1] > 1 else lost)
        if self.span < 1 and z.d.shape[1] > 1:  # other heads enter than those that left
            fresh = jnp.zeros_like(z.d).at[0].set(1.0)
            d = jnp.where(jnp.any(turns != 0, axis=0)[None, None], fresh, d)
        return z._replace(l=z.l - turns * length, n=z.n - gone, d=d, low=low - shift), lost, energy

    def _own(self, scheme) -> tuple[Array, Array]:
        """Where what each phase stands for begins and ends, from its node, (K,)."""
        panel, panels = self.panel, self.phases // self.order
        each = lambda values: jnp.tile(jnp.asarray(values), panels) * (self.span * scheme.spacing / panels)
        return each(panel.begin - panel.position), each(panel.end - panel.position)

    def _recut(self, scheme, z, x):
        """Cuts follow the breakpoints; heads that one passes change side."""
        begin, end = self._own(scheme)
        cut = z.cut
        for b in scheme.breakpoints:
            place = (b - x - begin[None]) / (end - begin)[None]
            inside = (place > _THIN) & (place < 1.0 - _THIN)
            cut = jnp.where(jnp.any(inside, axis=0), jnp.sum(jnp.where(inside, place, 0.0), axis=0), cut)
        cut = jnp.clip(cut, _THIN, 1.0 - _THIN)
        # What either side has afterwards, of what was on the left and on the right.
        left, right = jnp.minimum(z.cut / cut, 1.0), jnp.minimum((1.0 - z.cut) / (1.0 - cut), 1.0)

        def mixed(a):
            own, other = (part.reshape((1,) * (a.ndim - 2) + (-1,)) for part in (left, right))
            one, two = a[:, 0], a[:, 1]
            return jnp.stack([own * one + (1.0 - own) * two, other * two + (1.0 - other) * one], axis=1)

        return z._replace(n=mixed(z.n), d=mixed(z.d) if z.d.shape[1] > 1 else z.d, cut=cut)

    def _slow(self, scheme, size) -> Array:
        """The speed below which heads settle on either side of a breakpoint sooner than it passes from node to node."""
        beside = jnp.stack([b + side * 1e-6 * size for b in map(jnp.asarray, scheme.breakpoints) for side in (-1, 1)])
        return size / self.order * jnp.max(-jax.vmap(lambda x: jnp.diagonal(scheme.generator(x)))(beside))

    def _rates(self, bridge, x, path, speed, cut):
        """R_ij on either side of each node's cut, (2, J, K), averaged over its path and, near a breakpoint, over its side."""
        scheme, panel = bridge.cycling, self.panel
        panels = self.phases // self.order
        begin, end = self._own(scheme)
        middle = begin + cut * (end - begin)
        low, high = jnp.stack([begin, middle])[:, None], jnp.stack([middle, end])[:, None]
        near = jnp.ones((1, 1, 1), bool)
        if self.order > 1:
            size = self.span * scheme.spacing / panels
            front = jnp.tile(jnp.asarray(panel.position), panels)[None] * size + path / 2
            back = size - front + path
            near = jnp.zeros_like(x, bool)
            for b in scheme.breakpoints:
                near = near | ((x - front < b - _THIN * size) & (x + back > b + _THIN * size))
            near = near[None] & (speed < self._slow(scheme, size))
        centre = x[None] + jnp.where(near, (low + high) / 2, 0.0)
        # One box of the variance that path and side have together.
        width = jnp.sqrt(path**2 + jnp.where(near, (high - low) ** 2, 0.0) + (1e-9 * scheme.spacing) ** 2)
        each = lambda x: transitions(scheme, x)
        rate = box_mean(each, centre - width / 2, centre + width / 2, scheme.breakpoints, scheme.degree)
        if scheme.balanced(bridge, jnp.zeros(())) is None:
            return rate
        # Both directions are averaged together and shared out where the node is: the balance is exact, and no rate runs away.
        forth = jnp.moveaxis(
            jax.nn.sigmoid(jax.vmap(jax.vmap(lambda x: scheme.balanced(bridge, x)))(x)), (0, 1), (2, 3)
        )
        return {(i, j): (rate[i, j] + rate[j, i]) * forth[i, j][None] for i, j in rate}

    def summary(self, bridge, z, q):
        """Nodes in order of extension."""
        x = (z.l + self.shift(bridge, z, q)).ravel()
        order = jnp.argsort(x)
        weight = jnp.broadcast_to(self.weights, z.l.shape).ravel()
        n = self._sum_sides(z.n, jnp.stack([z.cut, 1.0 - z.cut])).reshape(z.n.shape[0], -1)
        detached = jnp.sum(z.d * self._shares(z.cut)[None], axis=(1, 2)) if z.d.shape[1] > 1 else z.d[:, 0, 0]
        return Profile(x[order], n[:, order], weight[order], detached.at[0].add((1.0 - self.span) * (z.d.shape[1] > 1)))

    def cells(self, bridge, kept):
        """Each node's own share of its panel: side by side they fill the window."""
        ends = jnp.cumsum(kept.weight) * bridge.cycling.spacing
        ends = jnp.concatenate([jnp.zeros(1), ends])
        # Nodes are off the middle of their shares, by nothing in the mean over a panel.
        first = jnp.mean(kept.x - (ends[1:] + ends[:-1]) / 2)
        return attached(first + ends, kept.x, kept.n * kept.weight[None])
