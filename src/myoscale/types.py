"""Array types and the precision every computation runs in.

myoscale computes in float64. JAX's default is float32 and its switch is global, so each public
entry point runs inside JAX's own *scoped* switch (`float64`): nobody's configuration changes.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import ArrayLike, Float, Int, PyTree

__all__ = [
    "Array",
    "ArrayLike",
    "Float",
    "Int",
    "PyTree",
    "Scalar",
    "as_float",
    "as_number",
    "concrete",
    "float64",
    "is_traced",
]

Array = jax.Array | np.ndarray  # models are written down in NumPy, computed in JAX
Scalar = float | Float[Array, ""]

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


def float64(function: Callable[_Args, _Result]) -> Callable[_Args, _Result]:
    """Run `function` with JAX in float64, whatever the caller's configuration."""

    @functools.wraps(function)
    def in_float64(*args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
        with jax.enable_x64(True):
            return function(*args, **kwargs)

    return in_float64


def is_traced(tree: PyTree) -> bool:
    """Whether any leaf is a JAX tracer, that is: we run inside `jit`, `grad` or `vmap`."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def as_float(value: ArrayLike) -> Array:
    """A float64 NumPy array (JAX's own constructor would round to float32 outside `float64`); tracers unchanged."""
    return value if isinstance(value, Tracer) else np.asarray(value, np.float64)


def as_number(value: Any) -> float:
    """A plain number, for checks: NaN, with which no comparison holds, for what is none."""
    try:
        return math.nan if isinstance(value, str) or np.ndim(value) else float(value)
    except (TypeError, ValueError):
        return math.nan


def concrete(tree: PyTree) -> PyTree:
    """Device arrays to NumPy arrays (which stay float64 everywhere); tracers are left alone."""
    return jax.tree.map(lambda a: a if is_traced(a) or not isinstance(a, jax.Array) else np.asarray(a), tree)
