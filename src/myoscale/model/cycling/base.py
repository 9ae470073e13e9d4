"""How bridges attach and detach: a scheme of states with rates that depend on strain (theory.md section 8).

States 0 … D−1 are detached, D … S−1 attached. A head sees binding sites spaced ℓ_b apart; at extension x it goes from state i to j at
the rate R_ij(x), where R is the scheme's generator, and what attaches is multiplied by the activation r(t). Only attached heads pull and
have mass. This declares; populations compute (`exchange`).
"""

import abc
import enum
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from ...citations import Citation
from ...errors import InputError, nearest
from ...fields import parameter
from ...types import Array, Float, Scalar
from ..bridge import AbstractBridge


class Momentum(enum.StrEnum):
    """At which velocity a head attaches; without bridge mass there is no difference (theory.md section 8)."""

    COMOVING = "comoving"  # that of the tissue: ẏ is continuous
    AT_REST = "at_rest"  # none: it is taken along, and ẏ falls


class Availability(enum.StrEnum):
    """Which heads can attach at an extension x."""

    SITES = "sites"  # those whose own nearest site is there: at the rate f(x) each
    POOL = "pool"  # all detached ones share one pool: at the density f(x)/ℓ_b each, wherever it was before


def _named(kind: type[enum.StrEnum]):
    """A value of an enumeration from its name."""

    def convert(value):
        try:
            return kind(value)
        except ValueError:
            raise InputError(
                f"There is no {kind.__name__.lower()} '{value}': {nearest(str(value), list(kind))}"
            ) from None

    return convert


MOMENTUM = parameter(
    "velocity at which heads attach", static=True, default=Momentum.COMOVING, converter=_named(Momentum)
)
AVAILABILITY = parameter(
    "which heads can attach where", static=True, default=Availability.SITES, converter=_named(Availability)
)


class AbstractCycling(eqx.Module):
    """A cycling scheme: `spacing`, `zone`, the method `generator`; `momentum` and `availability` where they are not `COMOVING` and `SITES`.

    Class variables: `detached` and `attached`, numbers of states; `atp`, molecules split by each transition {(i, j): number}
    (negative where one is made); `cites`; `degree`, of rates that are
    polynomials between breakpoints, None for others.
    """

    spacing: eqx.AbstractVar[Scalar]  # ℓ_b
    momentum = Momentum.COMOVING  # not annotated, so that no scheme needs these two as fields
    availability = Availability.SITES

    detached: ClassVar[int] = 1
    attached: ClassVar[int] = 1
    atp: ClassVar[dict[tuple[int, int], float]] = {(1, 0): 1.0}
    cites: ClassVar[tuple[Citation, ...]] = ()
    degree: ClassVar[int | None] = None

    @property
    def states(self) -> int:
        """S, detached and attached."""
        return self.detached + self.attached

    @property
    @abc.abstractmethod
    def zone(self) -> tuple[Scalar, Scalar]:
        """Where heads attach: rates of attachment vanish outside of it, and it is not wider than ℓ_b."""

    @property
    def breakpoints(self) -> tuple[Scalar, ...]:
        """Increasing extensions at which a rate has a kink or a jump."""
        return self.zone

    @abc.abstractmethod
    def generator(self, x: Float[Array, ""]) -> Float[Array, "S S"]:
        """R(x), rates from the row's state to the column's at full activation; rows sum to zero."""

    def rates(self, x: Float[Array, ""]) -> dict[tuple[int, int], Float[Array, ""]]:
        """The generator's entries R_ij, i ≠ j. A scheme that has them before it has a matrix says so here, and runs faster."""
        generator, states = self.generator(x), range(self.states)
        return {(i, j): generator[i, j] for i in states for j in states if i != j}

    def energies(self, bridge: AbstractBridge, x: Float[Array, ""]) -> Float[Array, " S"]:
        """Energy of each state at extension x; W₁ for every attached one unless a scheme says otherwise."""
        return jnp.concatenate([jnp.zeros(self.detached), jnp.full(self.attached, bridge.energy(x[None]))])

    def balanced(self, bridge: AbstractBridge, x: Float[Array, ""]) -> Float[Array, "S S"] | None:
        """log(R_ij/R_ji) at x where the scheme obeys detailed balance (up to what ATP gives), or None where it makes no such claim.

        Populations that average rates over a cell then average R_ij + R_ji, so that each cell keeps the balance exactly.
        """
        return None


def generator_of(forward: dict[tuple[int, int], Array], states: int) -> Float[Array, "S S"]:
    """The generator with the given rates i → j, whose rows sum to zero."""
    zero = jnp.zeros_like(next(iter(forward.values())))
    rows = [[forward.get((i, j), zero) for j in range(states)] for i in range(states)]
    for i in range(states):
        rows[i][i] = -sum((rate for j, rate in enumerate(rows[i]) if j != i), zero)
    return jnp.stack([jnp.stack(row) for row in rows])


def transitions(scheme: AbstractCycling, x: Array) -> dict[tuple[int, int], Array]:
    """The rates R_ij, i ≠ j, at extensions x of any shape, each of that shape."""
    return {pair: rate.reshape(x.shape) for pair, rate in jax.vmap(scheme.rates)(x.ravel()).items()}


def scheme_of(bridge) -> AbstractCycling | None:
    """The scheme of a bridge or of stacked bridges, None if they do not cycle.

    **Raises:** `InputError` where the field `cycling` holds anything else: whoever asks first, the user hears of it.
    """
    bridge = getattr(bridge, "each", bridge)
    scheme = getattr(bridge, "cycling", None)
    if scheme is not None and not isinstance(scheme, AbstractCycling):
        hint = ": make an instance of it, with brackets" if isinstance(scheme, type) else ""
        raise InputError(
            f"Expected {type(bridge).__name__}.cycling to be a scheme (an AbstractCycling, Huxley1957() for instance) or None. "
            f"Received {scheme!r:.80}{hint}."
        )
    return scheme


def scheme_at(bridge, point: int) -> AbstractCycling:
    """The scheme at a point of the tissue, of bridges that have one."""
    scheme = scheme_of(bridge)
    assert scheme is not None
    if not hasattr(bridge, "each"):
        return scheme
    return jax.tree.map(lambda leaf: leaf[point], scheme)
