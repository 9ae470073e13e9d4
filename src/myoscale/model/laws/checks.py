"""Parameters of laws: conversion and checks at construction.

Shapes are checked always, values where they are known: a traced value (inside jit, grad or vmap) is not
looked at, and rebuilding a law from its leaves checks nothing.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from ...errors import InputError

# A parameter as users may give it.
Given = ArrayLike | Sequence

# The same as laws keep it. Its shape is left to the checks below, whose messages say what to do.
Leaf = Float[np.ndarray, "..."] | Float[Array, "..."]


def known(*leaves: object) -> bool:
    """Whether every leaf has a value to look at now."""
    return not any(isinstance(leaf, Tracer) for leaf in leaves)


def leaf(value: Given) -> Leaf:
    """`value` as a float64 numpy array, for filtered transforms a dynamic leaf; left traced if it is."""
    if not known(*jax.tree.leaves(value)):
        return jnp.asarray(value, float)
    try:
        return np.array(value, float)  # a copy: the caller's array may change, a law does not
    except (TypeError, ValueError):
        raise InputError(f"Expected a number or an array of numbers. Received {value!r}.") from None


def dimension(leaf: Leaf | float) -> int:
    """nx of a parameter of shape () or (nx, ...)."""
    return jnp.shape(leaf)[0] if jnp.ndim(leaf) else 1


def vector(leaf: Leaf | float) -> Float[Array, " nx"]:
    """A parameter of shape () or (nx,) as (nx,)."""
    return jnp.atleast_1d(jnp.asarray(leaf, float))


def check_shapes(**leaves: Leaf) -> None:
    """One shape for all leaves: () or (nx,)."""
    (first, second), shapes = leaves, [jnp.shape(leaf) for leaf in leaves.values()]
    if shapes[0] != shapes[1] or shapes[0] not in [(), (1,), (2,), (3,)]:
        raise InputError(
            f"Expected {first} and {second} as two scalars or two arrays (nx,), nx = 1, 2, 3. "
            f"Received shapes {shapes[0]} and {shapes[1]}."
        )


def check_finite(**leaves: Leaf) -> None:
    """No NaN and no infinity in any leaf."""
    for name, leaf in leaves.items():
        if known(leaf) and not np.all(np.isfinite(leaf)):
            raise InputError(f"Expected finite numbers for {name}. Received {name} = {leaf}.")
