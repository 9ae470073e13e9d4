"""Published models, one page each: `zoo.onion()` gives model and start, `zoo.problem("onion")` what to do with them too.

Each page states the constraint, its published parameters (or that there are none) and, where it is known, the exact
solution. A page joins `_PAGES` to be found by name, by the shell and by the tests.
"""

from typing import Any

from ..errors import InputError, nearest
from .bent import PAGE as _bent
from .bent import BentBridge, bent
from .bridges import ElementBridge, LinearBridge
from .chain import PAGE as _chain
from .chain import chain
from .element import PAGE as _element
from .element import element
from .element_polar import PAGE as _element_polar
from .element_polar import element_polar
from .exact import LinearExact
from .huxley import CHAIN_PAGE as _huxley_chain
from .huxley import PAGE as _huxley
from .huxley import huxley, huxley_chain
from .lateral import PAGE as _lateral
from .lateral import LateralBridge, lateral
from .linear import PAGE as _linear
from .linear import linear
from .linear_matrix import PAGE as _linear_matrix
from .linear_matrix import linear_matrix
from .onion import PAGE as _onion
from .onion import OnionBridge, onion
from .page import Problem
from .power_stroke import PAGE as _power_stroke
from .power_stroke import power_stroke
from .singular import PAGE as _singular
from .singular import SingularBridge, singular
from .tissue import BLOCK_PAGE as _block
from .tissue import FUSIFORM_PAGE as _fusiform
from .tissue import SHEAR_PAGE as _shear
from .tissue import block_isometric, element_shear, fusiform_twitch

_PAGES = {
    page.name: page
    for page in (
        *(_linear, _linear_matrix, _onion, _singular, _bent, _element, _element_polar, _chain, _lateral),
        *(_huxley, _huxley_chain, _power_stroke, _block, _fusiform, _shear),
    )
}

__all__ = [
    "BentBridge",
    "ElementBridge",
    "LateralBridge",
    "LinearBridge",
    "LinearExact",
    "OnionBridge",
    "Problem",
    "SingularBridge",
    "bent",
    "block_isometric",
    "chain",
    "element",
    "element_polar",
    "element_shear",
    "fusiform_twitch",
    "huxley",
    "huxley_chain",
    "lateral",
    "linear",
    "linear_matrix",
    "names",
    "onion",
    "power_stroke",
    "problem",
    "singular",
]


def names() -> tuple[str, ...]:
    """The names that `problem` knows."""
    return tuple(_PAGES)


def problem(name: str, **parameters: Any) -> Problem:
    """A problem by name, as the shell writes it.

    **Arguments:** `name`, one of `names()`; `parameters` of the page's function, other than the published ones.

    **Raises:** `InputError` for an unknown name, with the nearest valid one.
    """
    if name not in _PAGES:
        raise InputError(f"There is no problem '{name}' in the zoo: {nearest(name, _PAGES)}")
    return _PAGES[name].problem(**parameters)
