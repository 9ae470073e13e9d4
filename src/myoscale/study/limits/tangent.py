"""The tangent flow of a muscle of full rank: how its equation stretches small differences of the start.

With the labels c of the bridges fixed the state is s = (y, ẏ), and ṡ = f(s, c). Along one run

    d/dt δs = f_s δs + f_c δc

is integrated for the 2·ny directions of the state (δc = 0) and for one given difference of starts, by Jacobian-vector products. At
each saved time the directions are made orthonormal again by QR and their lengths kept as logarithms (Benettin et al. 1980), and the given
difference is brought to length one, so that chaotic runs of any length stay in range.
"""

from typing import Any, NamedTuple

import diffrax
import jax
import jax.numpy as jnp

from ... import macro
from ...drive import AbstractDrive
from ...model import Model
from ...population import Ensemble
from ...population.ensemble import Labels
from ...types import Array, Float

_MAX_STEPS = 100_000  # between two saved times
_LOCAL = 2e-3  # local error allowed, as a fraction of the tolerance
_FINEST = 1e-13


class Difference(NamedTuple):
    """Of two starts: state, labels of the movers and of the crowd."""

    y: Float[Array, " ny"]
    v: Float[Array, " ny"]
    c: Float[Array, "P M nx"]
    crowd: Float[Array, "P K nx"]


class Flow(NamedTuple):
    """Along a run (leading axis T): Σ log |R_kk| of the QR steps (2·ny), log σ₁ of the whole flow so far, and the logarithm of what
    became of the given difference, ‖δy‖ + ‖δẏ‖ + Σ_p ∫|δX| dμ_p."""

    stretched: Array
    greatest: Array
    difference: Array


class _Carry(NamedTuple):
    y: Array
    v: Array
    nodes: Labels
    movers: Labels
    crowd: Labels
    rows: tuple[Array, Array]  # δy and δẏ: 2·ny orthonormal directions, and last the given difference
    scale: Array  # log of what the given difference was divided by
    product: Array  # of all R so far, divided by the exponential of
    size: Array
    stretched: Array


def tangent(
    model: Model,
    drive: AbstractDrive,
    y: Array,
    v: Array,
    nodes: Labels,
    movers: Labels,
    crowd: Labels,
    delta: Difference,
    ts: Array,
    tolerance: Array,
) -> Flow:
    """The tangent flow from (y, v) at the saved times; `nodes` carry the forces, `movers` what the difference of labels does
    to them, `crowd` stands for the law where distances are taken."""
    ny = y.size
    positions = lambda z, y: macro.over_points(model, Ensemble().positions, z, model.tissue.kinematics(y))

    def rate(t, state, args):
        y, v, dy, dv = state
        (nodes, movers), scale = args
        acceleration = lambda y, v, z: macro.balance(model, Ensemble(), drive, t, y, v, z).acceleration
        along = lambda y, v: (v, acceleration(y, v, nodes))
        now, (to_y, to_v) = jax.vmap(lambda *d: jax.jvp(along, (y, v), d), out_axes=(None, 0))(dy, dv)
        push = jax.jvp(lambda c: acceleration(y, v, movers._replace(c=c)), (movers.c,), (jnp.exp(-scale) * delta.c,))[1]
        return (*now, to_y, to_v.at[-1].add(push))  # only the given difference moves labels

    def apart(carry: _Carry) -> Array:
        dy, dv = (rows[-1] for rows in carry.rows)
        crowd, dc = carry.crowd, jnp.exp(-carry.scale) * delta.crowd
        follow = lambda y, c: positions(crowd._replace(c=c), y)
        dx = jax.jvp(follow, (carry.y, crowd.c), (dy, dc))[1]
        spread = jnp.sum(crowd.w * jnp.linalg.norm(dx, axis=-1))
        return jnp.log(jnp.linalg.norm(dy) + jnp.linalg.norm(dv) + spread) + carry.scale

    def step(carry: _Carry, span):
        begin, end = span
        found: Any = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            diffrax.Dopri8(),
            begin,
            end,
            (end - begin) / 4,
            (carry.y, carry.v, *carry.rows),
            ((carry.nodes, carry.movers), carry.scale),
            stepsize_controller=diffrax.PIDController(rtol=local, atol=local, dtmin=1e-13 * ts[-1]),
            saveat=diffrax.SaveAt(t1=True),
            max_steps=_MAX_STEPS,
            throw=False,
        )
        y, v, dy, dv = (a[-1] for a in found.ys)
        q, r = jnp.linalg.qr(jnp.concatenate([dy[:-1], dv[:-1]], axis=1).T)
        product = r @ carry.product
        size = jnp.linalg.norm(product)
        given = jnp.concatenate([dy[-1], dv[-1]])
        length = jnp.where((length := jnp.linalg.norm(given)) > 0, length, 1.0)
        directions = jnp.concatenate([q.T, (given / length)[None]])
        after = _Carry(
            y,
            v,
            *(z._replace(x=positions(z, y)) for z in (carry.nodes, carry.movers, carry.crowd)),
            (directions[:, :ny], directions[:, ny:]),
            carry.scale + jnp.log(length),
            product / size,
            carry.size + jnp.log(size),
            carry.stretched + jnp.log(jnp.abs(jnp.diag(r))),
        )
        return after, observe(after)

    def observe(carry: _Carry) -> Flow:
        greatest = carry.size + jnp.log(jnp.linalg.norm(carry.product, 2))
        return Flow(carry.stretched, greatest, apart(carry))

    local = jnp.maximum(_LOCAL * tolerance, _FINEST)
    identity = jnp.eye(2 * ny)
    rows = (
        jnp.concatenate([identity[:, :ny], delta.y[None]]),
        jnp.concatenate([identity[:, ny:], delta.v[None]]),
    )
    zero = jnp.zeros(())
    first = _Carry(y, v, nodes, movers, crowd, rows, zero, identity, zero, jnp.zeros(2 * ny))
    scale = apart(first)  # finite: starts that do not differ are refused
    rows = (rows[0].at[-1].multiply(jnp.exp(-scale)), rows[1].at[-1].multiply(jnp.exp(-scale)))
    first = first._replace(rows=rows, scale=scale)
    _, rest = jax.lax.scan(step, first, (ts[:-1], ts[1:]))
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), observe(first), rest)
