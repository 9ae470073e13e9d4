"""The cross-bridge, written down once.

A bridge of extension x ∈ R^nx sits where the tissue shows the local kinematics q ∈ R^nq. It keeps
g(x, q) = g(x^in, q^in) =: c, stores the energy W₁(x) and has the mass m (theory.md section 1).
Everything else (Φ, Ω, λ, ξ) follows by differentiation; see `mechanics`.
"""

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..citations import Citation
from ..errors import InputError
from ..types import Array, Float, Scalar, is_traced


class AbstractBridge(eqx.Module):
    """A cross-bridge model: `mass`, `constraint` and `energy`, and optionally pair forces and closed forms.

    A subclass may also define as methods:

    - `interaction(r)`: pair energy V(r), even and with a gradient at 0, of two bridges at the same point whose extensions differ by r (nx,);
    - `extension(c, q)`: ξ, the solution x of g(x, q) = c on the branch in use, where it is known in closed form;
    - `flow(x, q)`: Φ = −g_x⁻¹ g_q (nx, nq) in closed form.

    A bridge whose field `cycling` holds a scheme (`AbstractCycling`) attaches and detaches; others stay attached for ever.

    What is not defined is derived from `constraint` by automatic differentiation. `cites` says where the model was published.
    """

    mass: eqx.AbstractVar[Scalar]  # m, per head

    interaction: ClassVar[Callable | None] = None
    extension: ClassVar[Callable | None] = None
    flow: ClassVar[Callable | None] = None
    cites: ClassVar[tuple[Citation, ...]] = ()

    if TYPE_CHECKING:  # not every bridge has it: a field declared here would come before `mass` in every constructor
        cycling: ClassVar[Any]

    @abc.abstractmethod
    def constraint(self, x: Float[Array, " nx"], q: Float[Array, " nq"]) -> Float[Array, " k"]:
        """g(x, q), which an attached bridge keeps constant."""

    @abc.abstractmethod
    def energy(self, x: Float[Array, " nx"]) -> Float[Array, ""]:
        """W₁(x), the energy stored in one bridge; its force is F₁ = −∇W₁."""


def _stack(leaves):
    if is_traced(leaves):
        return jnp.stack(leaves)
    try:
        return np.stack([np.asarray(leaf, np.float64) for leaf in leaves])
    except (TypeError, ValueError):
        raise InputError(
            f"Stacked expected bridges made of numbers, and of arrays of the same shape. Received {list(leaves)!r:.80}."
        ) from None


class Stacked(eqx.Module):
    """Bridges of one kind whose parameters differ from point to point: `Stacked([bridge_0, …, bridge_{P−1}])`.

    **Raises:** `InputError` if the list is empty or mixes kinds.
    """

    each: AbstractBridge  # one bridge whose array leaves have a leading axis P
    points: int = eqx.field(static=True)

    def __init__(self, bridges: list[AbstractBridge]):
        bridges = list(bridges)
        if not bridges or any(jax.tree.structure(b) != jax.tree.structure(bridges[0]) for b in bridges):
            kinds = sorted({type(b).__name__ for b in bridges}) or ["nothing"]
            unlike = (
                ", differing in more than numbers (schemes, choices or sizes)" if bridges and len(kinds) == 1 else ""
            )
            raise InputError(
                f"Stacked expected bridges of one kind, one for each point. Received {', '.join(kinds)}{unlike}."
            )
        self.each = jax.tree.map(lambda *leaves: _stack(leaves), *bridges)
        self.points = len(bridges)

    @property
    def mass(self) -> Array:
        """m at each point, (P,)."""
        return jnp.asarray(self.each.mass)
