"""Fractions of heads attached, on points or cells that move with the tissue: Huxley's equation without numerical diffusion.

A head of phase ξ (modulo ℓ_b) sees sites at ξ + jℓ_b. For each phase the state holds the share attached at each of J sites and the
share detached, so availability is exact: what is attached anywhere cannot attach again (theory.md section 8). Phases move with the
tissue and nothing is interpolated; nodes that leave the zone of attachment far behind re-enter in front of it, empty.

With `order` 1 a phase is a cell and rates are averaged over it (`Kinetic`). With a higher order, phases are Gauss nodes of panels and
see rates at a point (`Characteristics`), save where a breakpoint cuts their panel and moves so slowly that heads settle on both sides of
it: then each node stands for its share of the panel. Rates are also averaged along the path of a step.

A breakpoint cuts the share of heads that a phase stands for into two parts, each with its own fractions and rates: mixed, they would saturate
differently, an error of first order wherever rates jump. What the breakpoint passes changes part, and no more than that is mixed; once it
is in another phase, rates no longer tell the two apart and they are one again. So there are as many parts as phases and breakpoints.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..model import AbstractLaw, Availability, transitions
from ..numerics.hazards import box_mean
from ..numerics.sums import total
from ..types import Array, Float
from .cycling import AbstractCyclingPopulation
from .kept import attached
from .transitions import Gross, among, among_pool, attach, attach_pool, between, energies, let_go, symmetric

_THIN = 1e-9  # of what a phase stands for: the least on one side of a cut


class Fractions(NamedTuple):
    """State of `Sites`. Parts C are the phases K and, for each of B breakpoints, what is beyond it of the phase that it cuts."""

    c: Float[Array, " 1"]  # origin and memory of the shift
    s: Float[Array, " 1"]
    l: Float[Array, "J C"]  # labels
    begin: Float[Array, " C"]  # where what a part stands for begins and ends, from its label
    end: Float[Array, " C"]
    n: Float[Array, "A J C"]  # shares attached
    d: Float[Array, "D C"]  # and detached, (D, 1) of a pool
    phase: Float[Array, " B"]  # the phase that each breakpoint cuts, −1 if none
    cut: Float[Array, " B"]  # and where, as a fraction of what the phase stands for
    low: Float[Array, ""]  # the window's low end


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
        begin, end = self._own(scheme)
        n = jnp.zeros((scheme.attached, *labels.shape))
        d = jnp.zeros((scheme.detached, self.phases)).at[0].set(1.0)
        if law is not None:
            if self.order == 1:
                edges = jnp.append((labels + begin[None]).ravel(), labels[-1, -1] + end[-1])
                held = law.cell_masses(edges).reshape(labels.shape) / self.weights[None]
            else:
                held = law.pdf(labels.reshape(-1, 1)).reshape(labels.shape) * scheme.spacing
            held = held * (share / jnp.sum(held * self.weights[None]))
            n = n.at[0].set(held)
            d = d.at[0].set(1.0 - jnp.sum(held, axis=0))
        if scheme.availability is Availability.POOL:
            d = jnp.sum(d * self.weights[None], axis=1, keepdims=True)
        count = len(scheme.breakpoints)
        parts = lambda a: jnp.concatenate([a, jnp.broadcast_to(a[..., :1], (*a.shape[:-1], count))], axis=-1)
        return Fractions(
            c=bridge.constraint(jnp.zeros(1), q),
            s=jnp.zeros(1),
            l=parts(labels),
            begin=parts(begin),
            end=jnp.append(end, jnp.full(count, begin[0])),
            n=parts(n),
            d=parts(d) if d.shape[1] > 1 else d,
            phase=jnp.full(count, -1.0),
            cut=jnp.ones(count),
            low=jnp.asarray(origin),
        )

    def share(self, scheme, z) -> Float[Array, " C"]:
        """The share of heads in each part."""
        return (z.end - z.begin) / scheme.spacing

    def attached(self, bridge, z):
        """Every part."""
        share = self.share(bridge.cycling, z)
        return z.l.ravel(), (z.n * share[None, None]).reshape(z.n.shape[0], -1)

    def exchange(self, bridge, z, q, u, dt, r, key):
        """Transitions pair by pair, each exactly, in a symmetric order."""
        scheme = bridge.cycling
        shift, speed = self.shift(bridge, z, q), jnp.abs(self.velocity(bridge, z, q, u))
        path = speed * dt
        z, lost, energy = self._in_window(bridge, z, shift, path)
        z = self._recut(scheme, z, shift)
        x = z.l + shift
        rates = lambda x: self._rates(bridge, z, x, path, speed)
        one = self._from_pool if scheme.availability is Availability.POOL else self._from_sites
        n, d, flux = one(bridge, z, x, rates, dt, r)
        flux = flux._replace(lost=lost, energy_out=flux.energy_out + energy)
        return z._replace(n=n, d=d, s=shift[None]), flux

    def _from_pool(self, bridge, z, x, rates, dt, r):
        """One pool attaches at every site."""
        scheme, share, gross = bridge.cycling, self.share(bridge.cycling, z), Gross()
        first, states = scheme.detached, scheme.states
        period = (x >= -scheme.spacing / 2) & (x < scheme.spacing / 2)
        moves = [between(i, j) for i in range(first, states) for j in range(i + 1, states)]
        moves += [among_pool(i, j, period, share) for i in range(first) for j in range(i + 1, first)]
        moves += [attach_pool(i, j, share) for j in range(first, states) for i in range(first)]
        n, d = symmetric(moves, z.n, z.d, rates(x), dt, r, gross)
        return n, d, gross.flux(bridge, x, share)

    def _from_sites(self, bridge, z, x, rates, dt, r):
        """A head attaches at the nearest of its sites alone; what is attached at others lets go, half of it before and half after that."""
        scheme, share, gross = bridge.cycling, self.share(bridge.cycling, z), Gross()
        first, states = scheme.detached, scheme.states
        place = jnp.argmin(jnp.abs(x), axis=0)
        nearest = jnp.arange(self.periods)[:, None] == place[None]
        here = lambda a: jnp.sum(jnp.where(nearest, a, 0.0), axis=-2, keepdims=True)
        n, d, flux, released = z.n, z.d, None, jnp.zeros(())
        apart = [between(i, j) for i in range(first, states) for j in range(i + 1, states)]
        if self.periods > 1:
            away = Gross()
            n, gone = let_go(jnp.where(nearest, 0.0, n), rates(x), dt, r, apart, first, away)
            flux, released = away.flux(bridge, x, share), gone / 2
        moves = [*apart, *(among(i, j) for i in range(first) for j in range(i + 1, first))]
        moves += [attach(i, j) for j in range(first, states) for i in range(first)]
        x = here(x)
        held, d = symmetric(moves, here(z.n), d + released, rates(x), dt, r, gross)
        mine = gross.flux(bridge, x, share)
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
        gone = jnp.where((turns != 0)[None], z.n, 0.0)
        leaving = gone * self.share(scheme, z)[None, None]
        energy = total(leaving * energies(bridge, z.l + shift)[scheme.detached :])
        lost = total(leaving)
        d = z.d.at[0].add(jnp.sum(gone, axis=(0, 1)) if z.d.shape[1] > 1 else lost)
        if self.span < 1 and z.d.shape[1] > 1:  # other heads enter than those that left
            fresh = jnp.zeros_like(z.d).at[0].set(1.0)
            d = jnp.where(jnp.any(turns != 0, axis=0)[None], fresh, d)
        return z._replace(l=z.l - turns * length, n=z.n - gone, d=d, low=low - shift), lost, energy

    def _own(self, scheme) -> tuple[Array, Array]:
        """Where what each phase stands for begins and ends, from its node, (K,)."""
        panel, panels = self.panel, self.phases // self.order
        each = lambda values: jnp.tile(jnp.asarray(values), panels) * (self.span * scheme.spacing / panels)
        return each(panel.begin - panel.position), each(panel.end - panel.position)

    def _cuts(self, scheme, x: Float[Array, "J K"]) -> tuple[list[Array], list[Array]]:
        """Which phase each breakpoint cuts, −1 if none, and where; the last of those that are in one phase."""
        begin, end = self._own(scheme)
        phases, cuts = [], []
        for b in scheme.breakpoints:
            place = (b - x - begin[None]) / (end - begin)[None]
            inside = (place > _THIN) & (place < 1.0 - _THIN)
            phases.append(jnp.max(jnp.where(inside, np.arange(self.phases)[None], -1)))
            cuts.append(jnp.sum(jnp.where(inside, place, 0.0)))
        for i in range(len(phases)):
            for other in phases[i + 1 :]:
                phases[i] = jnp.where(phases[i] == other, -1, phases[i])
        return phases, cuts

    def _recut(self, scheme, z, shift):
        """Cuts follow the breakpoints; heads that one passes change part."""
        phases, cuts = self._cuts(scheme, z.l[:, : self.phases] + shift)
        index = np.arange(z.l.shape[1])
        stays = [(new == old) & (new >= 0) for new, old in zip(phases, z.phase, strict=True)]

        def moved(a):
            """Shares of all parts: mixed where a cut has moved, joined where it has left, split where it comes."""
            beyond = []
            for i, old in enumerate(z.phase):
                there, cut = a[..., self.phases + i], jnp.where(stays[i], cuts[i], 1.0)
                rest = jnp.where(stays[i], 1.0 - cuts[i], 1.0)
                before, after = jnp.minimum(z.cut[i] / cut, 1.0), jnp.minimum((1.0 - z.cut[i]) / rest, 1.0)
                beyond.append(after * there + (1.0 - after) * a[..., old.astype(int)])
                a = jnp.where(
                    jnp.broadcast_to(index == old, a.shape), before * a + (1.0 - before) * there[..., None], a
                )
            for i, phase in enumerate(phases):
                a = a.at[..., self.phases + i].set(jnp.where(stays[i], beyond[i], a[..., phase]))
            return a

        l = z.l
        begin, end = map(jnp.asarray, self._own(scheme))
        begins, ends = [begin], [end]
        for i, (phase, cut) in enumerate(zip(phases, cuts, strict=True)):
            middle = begin[phase] + cut * (end[phase] - begin[phase])
            ends[0] = jnp.where(index[: self.phases] == phase, middle, ends[0])
            begins.append(jnp.where(phase >= 0, middle, end[phase])[None])
            ends.append(end[phase][None])
            l = l.at[:, self.phases + i].set(l[:, phase])
        return z._replace(
            l=l,
            begin=jnp.concatenate(begins),
            end=jnp.concatenate(ends),
            n=moved(z.n),
            d=moved(z.d) if z.d.shape[1] > 1 else z.d,
            phase=jnp.stack(phases).astype(float) if phases else z.phase,
            cut=jnp.stack(cuts) if cuts else z.cut,
        )

    def _slow(self, scheme, size) -> Array:
        """The speed below which heads settle on either side of a breakpoint sooner than it passes from node to node."""
        beside = jnp.stack([b + side * 1e-6 * size for b in map(jnp.asarray, scheme.breakpoints) for side in (-1, 1)])
        return size / self.order * jnp.max(-jax.vmap(lambda x: jnp.diagonal(scheme.generator(x)))(beside))

    def _rates(self, bridge, z, x, path, speed):
        """R_ij of each part, (J, C), averaged over its path and, near a breakpoint, over what it stands for.

        There the two means are one over two boxes: together all parts see all of a rate wherever cuts stand, or force would beat as the cells pass
        by. Heads that change part see both sides of a breakpoint anyhow: of a path short beside a phase only little is averaged.
        """
        scheme = bridge.cycling
        near = jnp.ones((1, 1), bool)
        if self.order > 1:
            panels = self.phases // self.order
            size = self.span * scheme.spacing / panels
            position = jnp.tile(jnp.asarray(self.panel.position), panels)
            front = jnp.concatenate([position, position[z.phase.astype(int)]])[None] * size + path / 2
            back = size - front + path
            near = jnp.zeros_like(x, bool)
            for b in scheme.breakpoints:
                near = near | ((x - front < b - _THIN * size) & (x + back > b + _THIN * size))
            near = near & (speed < self._slow(scheme, size))
        begin, end = z.begin[None], z.end[None]
        centre = x + jnp.where(near, (begin + end) / 2, 0.0)
        phase = self.span * scheme.spacing / self.phases
        apart = jnp.where(near, path**2 / jnp.sqrt(12.0 * (path**2 + phase**2)), path / 4)
        width = jnp.sqrt(jnp.where(near, end - begin, path / 2) ** 2 + (1e-9 * scheme.spacing) ** 2)
        low, high = centre - width / 2, centre + width / 2
        rate = box_mean(lambda x: transitions(scheme, x), low, high, scheme.breakpoints, scheme.degree, apart)
        if scheme.balanced(bridge, jnp.zeros(())) is None:
            return rate
        # Both directions are averaged together and shared out where the node is: the balance is exact, and no rate runs away.
        forth = jnp.moveaxis(
            jax.nn.sigmoid(jax.vmap(jax.vmap(lambda x: scheme.balanced(bridge, x)))(x)), (0, 1), (2, 3)
        )
        return {(i, j): (rate[i, j] + rate[j, i]) * forth[i, j] for i, j in rate}

    def summary(self, bridge, z, q):
        """Nodes in order of extension, both parts of a cut one together."""
        phases, share = self.phases, self.share(bridge.cycling, z)
        amount = z.n * share[None, None]
        for i, phase in enumerate(z.phase):
            amount = amount.at[..., phase.astype(int)].add(amount[..., phases + i])
        n = (amount[..., :phases] / self.weights[None, None]).reshape(z.n.shape[0], -1)
        x = (z.l[:, :phases] + self.shift(bridge, z, q)).ravel()
        weight = jnp.broadcast_to(self.weights[None], (self.periods, phases)).ravel()
        # Nodes that leave the window enter it at the other end: in order from the first on, and round.
        first = jnp.argmin(x)
        x, n, weight = (jnp.roll(a, -first, axis=-1) for a in (x, n, weight))
        detached = z.d @ share if z.d.shape[1] > 1 else z.d[:, 0]
        return Profile(x, n, weight, detached.at[0].add((1.0 - self.span) * (z.d.shape[1] > 1)))

    def cells(self, bridge, kept):
        """Each node's own share of its panel: side by side they fill the window."""
        ends = jnp.cumsum(kept.weight) * bridge.cycling.spacing
        ends = jnp.concatenate([jnp.zeros(1), ends])
        # Nodes are off the middle of their shares, by nothing in the mean over a panel.
        first = jnp.mean(kept.x - (ends[1:] + ends[:-1]) / 2)
        return attached(first + ends, kept.x, kept.n * kept.weight[None])
