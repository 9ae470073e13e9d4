"""Sums and maps over many points in blocks that stay in cache, instead of temporaries as long as the ensemble."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from ..types import Array, PyTree

BLOCK = 4096


def block_total(total: Callable[..., PyTree], arrays: PyTree, block: int = BLOCK) -> PyTree:
    """Σ over blocks of `total(block of points)`, where the leaves of `arrays` (N, …) hold the points' data."""
    count = jax.tree.leaves(arrays)[0].shape[0]
    if count <= block:
        return total(arrays)
    whole, rest = divmod(count, block)
    add = lambda a, b: jax.tree.map(jnp.add, a, b)
    head = jax.tree.map(lambda a: a[:block], arrays)

    def step(sums, i):
        part = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, i * block, block), arrays)
        return add(sums, total(part)), None

    sums, _ = jax.lax.scan(step, total(head), jnp.arange(1, whole))
    return add(sums, total(jax.tree.map(lambda a: a[whole * block :], arrays))) if rest else sums


def block_sum(terms: Callable[..., PyTree], arrays: PyTree, block: int = BLOCK) -> PyTree:
    """Σ over points of `terms(point)`, in O(block) extra memory."""
    return block_total(lambda part: jax.tree.map(lambda a: jnp.sum(a, 0), jax.vmap(terms)(part)), arrays, block)


def block_map(function: Callable[..., Array], arrays: PyTree, block: int = BLOCK) -> Array:
    """`vmap(function)` over the leading axis, block by block."""
    count = jax.tree.leaves(arrays)[0].shape[0]
    if count <= block:
        return jax.vmap(function)(arrays)
    return jax.lax.map(function, arrays, batch_size=block)


def in_chunks(function: Callable[..., PyTree], arrays: PyTree, size: int) -> PyTree:
    """`vmap(function)` over the leading axis, at most `size` at a time; any function that is not differentiated in reverse.

    The last chunk overlaps the one before where they do not come out even: one program does for all, nothing is padded or copied.
    """
    count = jax.tree.leaves(arrays)[0].shape[0]
    if count <= size:
        return jax.vmap(function)(arrays)
    chunks = -(-count // size)
    size = -(-count // chunks)
    part = lambda first: jax.vmap(function)(
        jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, first, size), arrays)
    )

    def step(k, found):
        place = lambda a, b: jax.lax.dynamic_update_slice_in_dim(a, b, k * size, 0)
        return jax.tree.map(place, found, part(k * size))  # a slice that would pass the end begins earlier, both times

    nothing = jax.tree.map(lambda a: jnp.zeros((count, *a.shape[1:]), a.dtype), jax.eval_shape(part, 0))
    return jax.lax.fori_loop(0, chunks, step, nothing)
