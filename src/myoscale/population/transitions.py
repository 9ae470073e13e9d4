"""Transitions of shares of heads: pairs of states that exchange for a while, each exactly, composed in a symmetric order.

Shares attached are n (A, J, C), detached d (D, C) or, in a pool, (D, 1); rates are R_ij of the same trailing shape (J, C). A move
takes and returns n and d, and counts in a `Gross` what went from state to state.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ..numerics.hazards import exchange_pair, phis
from ..numerics.sums import total
from ..types import Array, Float
from .cycling import Flux, atp_matrix

Rates = dict[tuple[int, int], Array]
Move = Callable[..., Any]  # n, d, rates, dt, r, gross -> n, d


class Gross:
    """Gross transitions of each part's heads, (J, C) for each pair of states, collected while they happen."""

    def __init__(self):
        self.amounts: Rates = {}

    def count(self, i: int, j: int, amount: Array) -> None:
        """`amount` went from state i to j."""
        self.amounts[i, j] = self.amounts.get((i, j), 0.0) + amount

    def flux(self, bridge, x: Float[Array, "J C"], share: Float[Array, " C"]) -> Flux:
        """What was counted, of heads at x."""
        scheme, first = bridge.cycling, bridge.cycling.detached
        energy, atp, zero = energies(bridge, x), atp_matrix(scheme), jnp.zeros(())
        sums = Flux(zero, zero, zero, zero, zero, zero)
        for (i, j), amount in self.amounts.items():
            amount = amount * share[None]
            change, whole = amount * (energy[j] - energy[i]), total(amount)
            sums = Flux(
                attached=sums.attached + whole * (i < first <= j),
                detached=sums.detached + whole * (j < first <= i),
                energy_in=sums.energy_in + total(jnp.maximum(change, 0.0)),
                energy_out=sums.energy_out + total(jnp.maximum(-change, 0.0)),
                atp=sums.atp + whole * atp[i, j],
                lost=zero,
            )
        return sums


def energies(bridge, x: Float[Array, "J C"]) -> Float[Array, "S J C"]:
    """Energies of all states at each part."""
    return jnp.moveaxis(jax.vmap(jax.vmap(lambda x: bridge.cycling.energies(bridge, x)))(x), -1, 0)


def symmetric(moves: Sequence[Move], n: Array, d: Array, rates: Rates, dt: Array, r: Array, gross: Gross):
    """All moves for half the time but the last, which takes all of it, and the others in reverse: of second order."""
    steps = [(move, 0.5) for move in moves[:-1]]
    for move, part in [*steps, (moves[-1], 1.0), *steps[::-1]]:
        n, d = move(n, d, rates, part * dt, r, gross)
    return n, d


def let_go(n: Array, rates: Rates, dt: Array, r: Array, apart: Sequence[Move], first: int, gross: Gross):
    """Heads attached where they cannot attach again let go: what is left of n, and what is detached then, (D, C)."""
    d = jnp.zeros((first, n.shape[2]))

    def leave(n, d, rates, dt, r, gross):
        for a in range(n.shape[0]):
            out = [rates[first + a, i] * dt for i in range(first)]
            gone = n[a] * phis(sum(out, jnp.zeros(())))[0]
            for i in range(first):
                amount = gone * out[i]
                gross.count(first + a, i, amount)
                n, d = n.at[a].add(-amount), d.at[i].add(jnp.sum(amount, axis=0))
        return n, d

    return symmetric([*apart, leave], n, d, rates, dt, r, gross)


def between(i: int, j: int) -> Move:
    """Two attached states exchange at every site."""

    def move(n, d, rates, dt, r, gross):
        first = d.shape[0]
        there, back = exchange_pair(n[i - first], n[j - first], rates[i, j] * dt, rates[j, i] * dt)
        gross.count(i, j, there)
        gross.count(j, i, back)
        return n.at[i - first].add(back - there).at[j - first].add(there - back), d

    return move


def among(i: int, j: int) -> Move:
    """Two detached states exchange, at the rates of a head's nearest site, which alone is there."""

    def move(n, d, rates, dt, r, gross):
        there, back = exchange_pair(d[i], d[j], rates[i, j][0] * dt, rates[j, i][0] * dt)
        gross.count(i, j, there[None])
        gross.count(j, i, back[None])
        return n, d.at[i].add(back - there).at[j].add(there - back)

    return move


def attach(i: int, j: int) -> Move:
    """A detached and an attached state exchange at each head's nearest site, which alone is there."""

    def move(n, d, rates, dt, r, gross):
        a = j - d.shape[0]
        there, back = exchange_pair(d[i][None], n[a], r * rates[i, j] * dt, rates[j, i] * dt)
        gross.count(i, j, there)
        gross.count(j, i, back)
        net = there - back
        return n.at[a].add(net), d.at[i].add(-net[0])

    return move


def among_pool(i: int, j: int, period: Array, share: Float[Array, " C"]) -> Move:
    """Two detached states of a pool exchange, at the mean of their rates over a `period` (J, C)."""

    def move(n, d, rates, dt, r, gross):
        here = period / jnp.sum(period * share[None])
        mean = lambda a, b: jnp.sum(here * share[None] * rates[a, b])[None]
        there, back = exchange_pair(d[i], d[j], mean(i, j) * dt, mean(j, i) * dt)
        gross.count(i, j, there[None] * here)
        gross.count(j, i, back[None] * here)
        return n, d.at[i].add(back - there).at[j].add(there - back)

    return move


def attach_pool(i: int, j: int, share: Float[Array, " C"]) -> Move:
    """The pool attaches everywhere in the zone, and takes back what lets go: second order in dt."""

    def move(n, d, rates, dt, r, gross):
        a = j - d.shape[0]
        before, held = d[i, 0], n[a]
        offer, detach = r * rates[i, j] * dt, rates[j, i] * dt
        first_phi, second_phi = phis(detach)
        there = back = held
        after = before
        for _ in range(2):
            there = offer * (before + after) / 2
            back = detach * (held * first_phi + there * second_phi)
            after = before - jnp.sum((there - back) * share[None])
        gross.count(i, j, there)
        gross.count(j, i, back)
        return n.at[a].add(there - back), d.at[i].set(after[None])

    return move
