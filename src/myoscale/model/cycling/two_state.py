"""Schemes of one detached and one attached state whose rates are linear between breakpoints."""

import abc
import math
from typing import ClassVar

import jax.numpy as jnp

from ...citations import HUXLEY_1957, ZAHALAK_1981
from ...errors import InputError
from ...fields import parameter
from ...types import Array, Scalar, as_number, is_traced
from .base import AVAILABILITY, MOMENTUM, AbstractCycling, Availability, Momentum, generator_of


def check_positive(owner, *names: str) -> None:
    """Raise `InputError` unless these fields are positive numbers."""
    for name in names:
        value = getattr(owner, name)
        if not is_traced(value) and not 0 < as_number(value) < math.inf:
            raise InputError(f"{type(owner).__name__} expected {name} > 0, a finite number. Received {value!r:.80}.")


def check_rates(owner, *names: str) -> None:
    """Raise `InputError` unless these fields, factors of rates, are not negative."""
    for name in names:
        value = getattr(owner, name)
        if not is_traced(value) and not 0 <= as_number(value) < math.inf:
            raise InputError(
                f"{type(owner).__name__} expected the rate {name} ≥ 0, a finite number. Received {value!r:.80}."
            )


def check_zone(owner) -> None:
    """Raise `InputError` if heads would attach outside of the period around a site."""
    low, high = owner.zone
    if not is_traced((low, high, owner.spacing)) and not -owner.spacing / 2 <= low < high <= owner.spacing / 2:
        raise InputError(
            f"{type(owner).__name__} expected heads to attach within half a spacing of a site, ±{owner.spacing / 2:g}. "
            f"Received rates that do not vanish there, from {low:g} to {high:g}: choose spacing ≥ {2 * max(-low, high):g}."
        )


class AbstractLinearRates(AbstractCycling):
    """Attachment at f₁x/h on [0, h], detachment at g₂ for x ≤ 0 and g₁x/h for x > 0, to which schemes may add.

    Parameters left out are those of 1957, in nm and s.
    """

    degree: ClassVar = 1

    spacing: Scalar = parameter("ℓ_b, between binding sites", "length", default=36.0)
    h: Scalar = parameter("h, width of the zone of attachment", "length", default=15.6)
    f1: Scalar = parameter("f₁, attachment at h", "1/time", default=43.3)
    g1: Scalar = parameter("g₁, detachment at h", "1/time", default=10.0)
    g2: Scalar = parameter("g₂, detachment behind the site", "1/time", default=209.0)

    def __check_init__(self):
        check_positive(self, "spacing", "h")
        check_rates(self, "f1", "g1", "g2")
        check_zone(self)

    @property
    def zone(self):
        """[0, h]."""
        return 0.0, self.h

    @abc.abstractmethod
    def rates(self, x) -> dict[tuple[int, int], Array]:
        """f and g."""

    def linear(self, x) -> dict[tuple[int, int], Array]:
        """Those of 1957."""
        attach = jnp.where((x > 0) & (x <= self.h), (self.f1 / self.h) * x, 0.0)
        detach = jnp.where(x <= 0, self.g2, (self.g1 / self.h) * x)
        return {(0, 1): attach, (1, 0): detach}

    def generator(self, x):
        """R(x)."""
        return generator_of(self.rates(x), 2)


class Huxley1957(AbstractLinearRates):
    """Heads that attach at the rate f₁x/h on [0, h] and detach at g₂ for x ≤ 0, g₁x/h for x > 0 (Huxley 1957).

    Parameters left out are those of 1957, in nm and s. One ATP a cycle, counted at detachment.

    **Raises:** `InputError` for negative rates, lengths that are not positive, or a spacing below 2h.
    """

    cites: ClassVar = (HUXLEY_1957,)

    momentum: Momentum = MOMENTUM
    availability: Availability = AVAILABILITY

    def rates(self, x):
        """f and g."""
        return self.linear(x)


class Zahalak1981(AbstractLinearRates):
    """Huxley's rates with faster detachment beyond h, g₁x/h + g₃(x/h − 1), for lengthening muscle (Zahalak 1981).

    Parameters left out are those of 1957, in nm and s, but for g₃ = 100/s: that is our choice, not a published value.

    **Raises:** as `Huxley1957`.
    """

    cites: ClassVar = (ZAHALAK_1981,)

    g3: Scalar = parameter("g₃, more detachment beyond h", "1/time", default=100.0)
    momentum: Momentum = MOMENTUM
    availability: Availability = AVAILABILITY

    def __check_init__(self):
        check_rates(self, "g3")

    def rates(self, x):
        """f and g, with what g₃ adds."""
        linear = self.linear(x)
        return linear | {(1, 0): linear[1, 0] + self.g3 * jnp.maximum((1.0 / self.h) * x - 1.0, 0.0)}
