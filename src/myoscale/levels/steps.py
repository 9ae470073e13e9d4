"""How long the steps of a cycling run are, and how far its attached heads may be carried: what a level leaves open, from the rates."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..model import AbstractCycling, Model, Stacked, scheme_of
from ..types import Array, is_traced

_REACH = 16.0  # widths of the zone of attachment that a window holds
_SHARE = 0.1  # of the time in which the fastest transition near the zone happens
_LONGEST = 0.5  # of it, for steps that the user chose
_MOST = 10**9  # steps in a run: days of computing


def complete(level: Any, model: Model) -> Any:
    """The level with `sites` for this model, if it has such a field.

    **Raises:** `InputError` inside `jit`, `grad` or `vmap` of the scheme's lengths, where they have no values.
    """
    scheme = scheme_of(model.bridge)
    if scheme is None or getattr(level, "sites", 1) is not None:
        return level
    if is_traced((scheme.zone, scheme.spacing)):
        raise InputError(
            f"Expected {level.label} with sites=… inside jit, grad or vmap. Received none: give a number of sites."
        )
    return dataclasses.replace(level, sites=reach(scheme))


def reach(scheme: AbstractCycling) -> float:
    """Sites in a row, or the part of one, that a head attached at one end of the zone usually lets go before it has passed."""
    low, high = (np.asarray(end, float) for end in scheme.zone)
    sites = np.max(_REACH * (high - low) / np.asarray(scheme.spacing, float))
    return float(sites if sites < 1 else min(np.ceil(sites), 64))


def need_cells(level: Any, scheme: AbstractCycling, size: int) -> None:
    """Raise `InputError` if so many cells or nodes in the window cannot tell the zone of attachment from the rest of it."""
    if is_traced((scheme.zone, scheme.spacing)):
        return
    window = np.max((level.sites or reach(scheme)) * np.asarray(scheme.spacing, float))
    zone = np.min(np.asarray(scheme.zone[1], float) - np.asarray(scheme.zone[0], float))
    if size * zone < window * (1 - 1e-9):
        raise InputError(
            f"Expected cells or nodes no further apart than the zone of attachment is wide, {zone:g}. Received {size} in a window of {window:g} "
            f"({level.label}): say {int(np.ceil(4 * window / zone))} or more, or a smaller number of sites."
        )


def fastest(model: Model) -> Array:
    """The greatest rate at which a head leaves a state, within one zone's width of the zone of attachment."""
    bridges = model.bridge

    def one(bridge) -> Array:
        low, high = bridge.cycling.zone
        x = low + (high - low) * jnp.linspace(-1.0, 2.0, 301)
        return jnp.max(-jax.vmap(lambda x: jnp.diagonal(bridge.cycling.generator(x)))(x))

    return jnp.max(jax.vmap(one)(bridges.each)) if isinstance(bridges, Stacked) else one(bridges)


def substeps(level: Any, model: Model, times: np.ndarray) -> int:
    """Steps between two recorded times; a step too long for the fastest rate is divided."""
    if not is_traced(model.bridge):
        return divided(level, float(fastest(model)), times)
    if level.dt is None:
        raise InputError(f"Expected {level.label} with dt=… inside jit, grad or vmap. Received none: give a time step.")
    return max(1, int(np.ceil(float(np.max(np.diff(times))) / level.dt - 1e-9)))


def divided(level: Any, rate: float, times: np.ndarray) -> int:
    """Steps between two recorded times for a fastest rate."""
    gap = float(np.max(np.diff(times)))
    longest = _LONGEST / rate if rate > 0 else gap
    chosen = _SHARE / rate if rate > 0 and level.dt is None else level.dt or gap
    count = max(1, int(np.ceil(gap / min(chosen, longest) - 1e-9)))
    if count * len(times) > _MOST:
        given = f"dt = {level.dt:g}" if level.dt is not None else f"a fastest rate of {rate:.3g}"
        raise InputError(
            f"Expected a run of {_MOST:.0g} steps at most. Received {given} and t1 = {float(times[-1]):g}, which ask for "
            f"{count * len(times):.1g} ({level.label}): choose a longer dt, slower rates or a shorter run."
        )
    return count
