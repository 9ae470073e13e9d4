"""Is a cycling bridge usable? One sentence for each way in which it is not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...errors import InputError
from ..laws import AbstractLaw
from .base import AbstractCycling, Availability

_SAMPLES = 401
_BALANCE = 1e-9  # of the greatest rate
_CUT = 1e-6  # of the greatest rate of attachment, allowed outside of the zone
_ALIKE = 1e-9  # of Φ at different extensions


def check_cycling(bridge: Any, start: Any, flow: Any) -> None:
    """Raise `InputError` unless a bridge can cycle and the start fits it; `flow(x)` is Φ at one extension x (1,)."""
    scheme, name = bridge.cycling, type(bridge.cycling).__name__
    try:
        phi = np.stack([np.asarray(flow(jnp.array([x]))) for x in (-1.0, 0.3, 2.0)])
    except (TypeError, ValueError, IndexError):
        phi = np.array([np.nan])
    if not np.abs(phi - phi[:1]).max() <= _ALIKE * np.abs(phi).max():
        raise InputError(
            f"Cycling is for bridges of one component whose Φ = −g_x⁻¹g_q does not depend on x. Received {type(bridge).__name__}, which is "
            "none: use a constraint like g = x − γq."
        )
    low, high, spacing = (float(value) for value in (*scheme.zone, scheme.spacing))
    x = jnp.linspace(low - spacing, high + spacing, _SAMPLES)
    try:
        rates = np.asarray(jax.vmap(scheme.generator)(x))
    except Exception as error:  # whatever the user's own code raises
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name}.generator cannot be evaluated at a number: {said:.200}") from None
    size = scheme.states
    if rates.shape[1:] != (size, size):
        raise InputError(
            f"Expected {name}.generator(x) of shape ({size}, {size}), a row a state. Received {rates.shape[1:]}."
        )
    if not np.isfinite(rates).all():
        raise InputError(
            f"Expected finite rates in {name}.generator. Received others at x = {_where(x, ~np.isfinite(rates)):g}."
        )
    apart = ~np.eye(size, dtype=bool)
    if (rates[:, apart] < 0).any():
        raise InputError(
            f"Expected rates ≥ 0 in {name}.generator. Received a negative one at x = {_where(x, (rates < 0) & apart):g}."
        )
    wrong = np.abs(rates.sum(-1)) > _BALANCE * np.abs(rates).max()
    if wrong.any():
        k = int(np.argmax(wrong.any(-1)))
        raise InputError(
            f"Expected the rows of {name}.generator to sum to zero. Received a sum of {rates[k].sum(-1)[wrong[k]][0]:.3g} at x = {x[k]:g}: "
            "the diagonal is minus the sum of the others."
        )
    attach = rates[:, : scheme.detached, scheme.detached :].max((-1, -2))
    outside = (np.asarray(x) < low) | (np.asarray(x) > high)
    if attach[outside].max() > _CUT * max(attach.max(), 1e-300):
        raise InputError(
            f"Expected attachment in {name} to vanish outside of its zone, {low:g} to {high:g}. Received a rate of "
            f"{attach[outside].max():.3g} at x = {_where(x, (attach == attach[outside].max())[:, None]):g}: widen the zone."
        )
    _check_balance(bridge, x, rates)
    _check_start(scheme, start)


def _check_balance(bridge: Any, x: Any, rates: np.ndarray) -> None:
    """A scheme that claims detailed balance has it, with the energies of this bridge."""
    scheme, name = bridge.cycling, type(bridge.cycling).__name__
    if scheme.balanced(bridge, x[0]) is None:
        return
    ratio = np.asarray(jax.vmap(lambda x: scheme.balanced(bridge, x))(x))
    back = np.swapaxes(rates, -1, -2)
    wrong = np.abs(rates / (1.0 + np.exp(ratio)) - back / (1.0 + np.exp(-ratio))) > _BALANCE * (rates + back).max(
        (0, 1, 2)
    )
    if wrong.any():
        raise InputError(
            f"Expected {name}.generator to keep the balance that {name}.balanced claims. Received rates that do not at x = {_where(x, wrong):g}: "
            f"its energies are those of {type(bridge).__name__}, so stiffness must be the same in both."
        )


def _where(x, wrong) -> float:
    return float(np.asarray(x)[int(np.argmax(wrong.reshape(len(x), -1).any(1)))])


def _check_start(scheme: AbstractCycling, start: Any) -> None:
    if np.shape(start.attached):
        raise InputError(
            f"Expected Start.attached to be one number, the share at every point. Received shape {np.shape(start.attached)}."
        )
    share = float(start.attached)
    if start.weights is not None:
        raise InputError(
            "Start.weights belong to given points, which cycling bridges do not have. Received weights: leave them out."
        )
    if start.x is None:
        if share:
            raise InputError(f"Start.attached = {share:g} needs Start.x, the law of what is attached. Received none.")
        return
    if not isinstance(start.x, AbstractLaw) or start.x.nx != 1:
        raise InputError(
            "Expected Start.x of cycling bridges to be a law of one component, of what is attached. Received another."
        )
    if not 0 < share <= 1:
        raise InputError(
            f"Expected Start.attached, the share of heads attached with the law Start.x, in (0, 1]. Received {share:g}."
        )
    if scheme.availability is Availability.POOL:
        return
    spacing = float(scheme.spacing)
    mean, std = float(start.x.mean()[0]), float(np.sqrt(start.x.covariance()[0, 0]))
    reach = int(np.ceil(10 * std / spacing)) + 1
    phase = mean + spacing * (jnp.arange(_SAMPLES) / _SAMPLES - 0.5)
    sites = phase[:, None] + spacing * jnp.arange(-reach, reach + 1)[None]
    density = np.asarray(start.x.pdf(sites.reshape(-1, 1))).reshape(sites.shape).sum(1) * spacing
    if share * density.max() > 1 + 1e-9:
        raise InputError(
            f"Expected heads to be uniform modulo the spacing {spacing:g}. Received Start.attached = {share:g}, more than there are where the "
            f"law is densest: at most {1 / density.max():.3g}."
        )
