"""Many independent particles that jump: a Markov process in continuous time, exactly.

Waiting times are drawn for all particles at once. In a short time few of them jump: those are gathered and followed to the end of it.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..types import Array, Float, PyTree

_BLOCK = 16  # one in so many particles jumps at a time, and at least so many


def jumps(
    key: Array,
    particles: PyTree,
    rates: Callable[[PyTree], Float[Array, "N S"]],
    jump: Callable[[Array, PyTree, Array], PyTree],
    tally: Callable[[PyTree, PyTree], PyTree],
    duration: Array,
) -> tuple[PyTree, PyTree]:
    """Jumps of independent particles during `duration` at constant rates, one after the other for each particle.

    **Arguments:** `particles`, leaves (N,); `rates(particles)` into each state, zero into the one a particle is in; `jump(key,
    particles, target)`, what they become; `tally(before, after)`, leaves (N,), counted for those that jump. The three functions are also
    called with fewer particles.

    **Returns:** the particles at the end, and the sums of what was counted.
    """
    n = jax.tree.leaves(particles)[0].shape[0]
    block = min(n, max(_BLOCK, -(-n // _BLOCK)))

    def wait(key, out):
        return jax.random.exponential(key, out.shape[:1]) / jnp.maximum(jnp.sum(out, axis=1), 1e-300)

    def once(carry):
        key, before, left, counted = carry
        key, *keys = jax.random.split(key, 4)
        out = rates(before)
        below = jax.random.uniform(keys[0], (block, 1)) * jnp.sum(out, axis=1, keepdims=True) >= jnp.cumsum(out, axis=1)
        after = jump(keys[1], before, jnp.minimum(jnp.sum(below, axis=1), out.shape[1] - 1))
        jumping = left > 0
        counted = jax.tree.map(
            lambda total, each: total + jnp.sum(jnp.where(jumping, each, 0.0)), counted, tally(before, after)
        )
        after = jax.tree.map(lambda a, b: jnp.where(jumping, a, b), after, before)
        return key, after, jnp.where(jumping, left - wait(keys[2], rates(after)), left), counted

    def some(carry):
        key, particles, left, counted = carry
        key, own = jax.random.split(key)
        (who,) = jnp.nonzero(left > 0, size=block, fill_value=n)
        take = lambda a: a.at[who].get(mode="clip")
        mine = own, jax.tree.map(take, particles), jnp.where(who < n, take(left), 0.0), counted
        _, after, rest, counted = jax.lax.while_loop(going, once, mine)
        put = lambda a, b: a.at[who].set(b, mode="drop")
        return key, jax.tree.map(put, particles, after), put(left, rest), counted

    going = lambda carry: jnp.any(carry[2] > 0)
    key, first = jax.random.split(key)
    # What is left of the time when a particle jumps next: nothing for most. Fused with their sum, rates are computed again for each.
    left = duration - wait(first, jax.lax.optimization_barrier(rates(particles)))
    zeros = jax.tree.map(lambda _: jnp.zeros(()), jax.eval_shape(tally, particles, particles))
    _, particles, _, counted = jax.lax.while_loop(going, some, (key, particles, left, zeros))
    return particles, counted
