"""From one time to another: steps of a given length, or as long as an error estimate allows.

The estimate is that of halving: a step of length h beside two of h/2, which differ by 2^p − 1 times the error of the latter in a method of
order p. What is kept are the two halves, not the extrapolation, so that every step taken is one of the symmetric method.
"""

import enum
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..macro import Motion
from ..numerics.composition import STAGES
from ..types import Array, Float
from . import energy_momentum, rattle
from .system import Bridges, System, near_singular, place


class Stepper(enum.StrEnum):
    """What is behind a step."""

    RATTLE = "rattle"  # symmetric, order 2, symplectic
    ENERGY_MOMENTUM = "energy-momentum"  # symmetric, order 2, conserves the energy
    PROJECTED = "projected"  # explicit, order 8, adaptive (`travel`)


_BASES = {Stepper.RATTLE: rattle.step, Stepper.ENERGY_MOMENTUM: energy_momentum.step}
LOCAL = 2e-3  # local error allowed, as a fraction of the tolerance asked of the solution
SHORTEST = 1e-12  # of the time to go: steps shorter than this are a failure
_GROWTH, _SHRINK, _SAFETY = 4.0, 0.1, 0.8


class Scheme(NamedTuple):
    """A stepper and the order that it is composed to."""

    stepper: Stepper
    order: int


class Progress(NamedTuple):
    """Where stepping stands."""

    t: Float[Array, ""]
    motion: Motion
    h: Float[Array, ""]  # length of the next step
    steps: Array
    solved: Array  # as in `rattle.Step`; all true unless stepping had to stop
    regular: Array


def step(system: System, scheme: Scheme, t: Array, motion: Motion, h: Array) -> rattle.Step:
    """One composed step."""
    kept = near_singular(motion.z.A, motion.y.size)
    base = _BASES[scheme.stepper]
    if scheme.order == 2:
        return base(system, kept, t, motion, h)
    true = jnp.array(True)

    def stage(carry, gamma):
        t, before = carry
        after = base(system, kept, t, before.motion, gamma * h)
        good = after._replace(solved=before.solved & after.solved, regular=before.regular & after.regular)
        return (t + gamma * h, good), None

    return jax.lax.scan(stage, (t, rattle.Step(motion, true, true)), jnp.asarray(STAGES[scheme.order]))[0][1]


def evenly(system: System, scheme: Scheme, start: Progress, end: Array, count: int | Array) -> Progress:
    """`count` steps of one length; none is taken after one that failed."""
    h = (end - start.t) / count
    whole = jnp.where(h == 0, 1.0, h)  # of a step that is not kept: it must not divide by zero

    def body(k, at: Progress) -> Progress:
        after = step(system, scheme, at.t, at.motion, whole)
        going = at.solved & at.regular & (h != 0)
        good = going & after.solved & after.regular
        keep = lambda new, old: jnp.where(good, new, old)
        # Of bridges only what `place` needs is kept of a step that failed: the rest is memory.
        new, old = after.motion.z, at.motion.z
        ties = new._replace(x=keep(new.x, old.x), v=keep(new.v, old.v))
        tissue = jax.tree.map(keep, after.motion._replace(z=None), at.motion._replace(z=None))
        return Progress(
            t=keep(start.t + (k + 1) * h, at.t),
            motion=tissue._replace(z=ties),
            h=at.h,
            steps=at.steps + going,
            solved=jnp.where(going, after.solved, at.solved),
            regular=jnp.where(going, after.regular, at.regular),
        )

    stopped: Any = jax.lax.fori_loop(0, count, body, start)
    again = lambda motion: place(system, motion._replace(z=Bridges(motion.z.x, motion.z.v)))
    good = stopped.solved & stopped.regular & (h != 0)
    return stopped._replace(motion=jax.lax.cond(good, lambda motion: motion, again, stopped.motion))


def adaptively(system: System, scheme: Scheme, start: Progress, end: Array, tolerance: Array, most: int) -> Progress:
    """Steps whose error is estimated; stops where none is short enough."""
    allowed = LOCAL * tolerance

    def attempt(at):
        """A step of h, then two of h/2."""
        left = end - at.t
        h = jnp.where(at.h >= left * (1 - 1e-10), left, jnp.where(at.h > 0.5 * left, 0.5 * left, at.h))
        true = jnp.array(True)

        def half(carry, k):
            last, whole = carry
            length = jnp.where(k == 0, h, h / 2)
            new = step(system, scheme, at.t + jnp.where(k == 2, h / 2, 0.0), last.motion, length)
            new = new._replace(solved=new.solved & last.solved, regular=new.regular & (last.regular | (k == 0)))
            again = rattle.Step(at.motion, new.solved, true)
            pick = lambda a, b: jax.tree.map(lambda a, b: jnp.where(k == 0, a, b), a, b)
            return (pick(again, new), pick(new, whole)), None

        begun = rattle.Step(at.motion, true, true)
        (fine, coarse), _ = jax.lax.scan(half, (begun, begun), jnp.arange(3))
        error = apart(system, fine.motion, coarse.motion) / (2**scheme.order - 1)
        good = fine.solved & fine.regular & coarse.regular
        error = jnp.where(good & jnp.isfinite(error), error / allowed, jnp.inf)
        taken = error <= 1.0
        next_h = longer(at.h, h, error, scheme.order + 1)
        motion = jax.tree.map(lambda new, old: jnp.where(taken, new, old), fine.motion, at.motion)
        short = ~taken & (next_h < SHORTEST * end)
        return Progress(
            jnp.where(taken, jnp.where(h == left, end, at.t + h), at.t),
            motion,
            next_h,
            at.steps + 1,
            ~short | (fine.solved & coarse.solved),
            ~short | (fine.regular & coarse.regular),
        ), short

    def go(state):
        at, short = state
        return (at.t < end) & ~short & (at.steps - start.steps < most)

    return jax.lax.while_loop(go, lambda state: attempt(state[0]), (start, jnp.array(False)))[0]


def longer(planned: Array, h: Array, error: Array, order: int) -> Float[Array, ""]:
    """The next step after one of h ≤ `planned`, whose error, of that order in h, is a multiple of what is allowed."""
    factor = _SAFETY * jnp.maximum(error, 1e-10) ** (-1.0 / order)
    factor = jnp.where(jnp.isinf(error), 0.25, jnp.clip(factor, _SHRINK, _GROWTH))
    return jnp.where((error <= 1.0) & (h < planned), jnp.maximum(planned, h * factor), h * factor)


def apart(system: System, a: Motion, b: Motion) -> Float[Array, ""]:
    """The greatest difference of y, ẏ and, weighted, X and Ẋ; relative where they are above 1."""
    one = lambda a, b: jnp.max(jnp.abs(a - b) / (1.0 + jnp.abs(b)))

    def many(a, b):
        far = jnp.einsum("pn,pnx->px", system.w, ((a - b) / (1.0 + jnp.abs(b))) ** 2)
        return jnp.sqrt(jnp.max(far))

    return jnp.max(jnp.stack([one(a.y, b.y), one(a.v, b.v), many(a.z.x, b.z.x), many(a.z.v, b.z.v)]))
