"""Values computed once.

XLA on CPUs computes what several of its fused loops need anew in each of them, and no barrier holds it off. What a branch returns
is stored.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..types import Array, PyTree


def once(function: Callable[..., Any], number: Array, *arguments: PyTree) -> Any:
    """`function(*arguments)`, stored; NaN where `number`, any that the caller has, is NaN."""
    shapes = jax.eval_shape(function, *arguments)
    nothing = lambda *_: jax.tree.map(lambda a: jnp.full(a.shape, jnp.nan, a.dtype), shapes)
    return jax.lax.cond(jnp.isnan(number), nothing, function, *arguments)
