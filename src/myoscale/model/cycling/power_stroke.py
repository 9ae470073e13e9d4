"""Three states with a power stroke: detached, attached before the stroke, attached after it, every transition with its reverse.

With free energies E₀ = 0, E₁ = k_T·G₁ + W₁(x − d/2) and E₂ = k_T·(G₁ + G_s) + W₁(x + d/2), x halfway through the stroke d, rates obey
R₀₁/R₁₀ = e^{−E₁/k_T}, R₁₂/R₂₁ = e^{(E₁−E₂)/k_T}, R₂₀/R₀₂ = e^{E₂/k_T + G_ATP}. Round the cycle the ratio of products is e^{G_ATP}: what drives it is
ATP alone. Without it (G_ATP = 0) no work can be had and free energy falls.
"""

import math
from typing import ClassVar

import jax.numpy as jnp

from ...citations import DUKE_1999
from ...errors import InputError
from ...fields import parameter
from ...types import Scalar, as_number, is_traced
from .base import AVAILABILITY, MOMENTUM, AbstractCycling, Availability, Momentum, generator_of
from .two_state import check_positive, check_rates, check_zone

_TAIL = 5.6  # thermal widths about an attached state's rest beyond which heads do not attach


class Duke1999(AbstractCycling):
    """A lever arm that strikes, with thermal attachment and a detachment that waits for it (after Duke 1999).

    Attachment finds the head thermally spread about its rest, R₀₁ = k_on e^{−W/k_T}; the stroke shares its rate k_s by R₁₂ + R₂₁ = k_s; after
    it a head lets go once its nucleotide has left, at k_d e^{−κ(x+d/2)δ/k_T}, and the next has come, at k_a: 1/R₂₀ is the sum of both times. One ATP for
    each passage 2 → 0. Energies are those of the bridge, whose stiffness must be `stiffness`. Defaults in nm, pN and s.

    **Raises:** `InputError` for negative rates, lengths, stiffness or temperature that are not positive, a spacing too small.
    """

    detached: ClassVar = 1
    attached: ClassVar = 2
    atp: ClassVar = {(2, 0): 1.0, (0, 2): -1.0}
    cites: ClassVar = (DUKE_1999,)

    spacing: Scalar = parameter("ℓ_b, between binding sites", "length", default=36.0)
    stiffness: Scalar = parameter("κ, that of the bridge", "force/length", default=1.3)
    stroke: Scalar = parameter("d, of the lever arm", "length", default=9.0)
    kT: Scalar = parameter("k_T, thermal energy", "energy", default=4.1)
    G1: Scalar = parameter("G₁, free energy of attachment, in k_T", "1", default=-3.0)
    Gs: Scalar = parameter("G_s, free energy of the stroke, in k_T", "1", default=-15.0)
    GATP: Scalar = parameter("G_ATP, free energy of one ATP, in k_T", "1", default=24.0)
    k_on: Scalar = parameter("k_on, attachment without strain", "1/time", default=100.0)
    k_s: Scalar = parameter("k_s, stroke, there and back", "1/time", default=1000.0)
    k_d: Scalar = parameter("k_d, loss of the nucleotide without strain", "1/time", default=80.0)
    k_a: Scalar = parameter("k_a, detachment by a new one", "1/time", default=5000.0)
    delta: Scalar = parameter("δ, movement on which that loss waits", "length", default=1.0)
    momentum: Momentum = MOMENTUM
    availability: Availability = AVAILABILITY

    def __check_init__(self):
        check_positive(self, "spacing", "stiffness", "stroke", "kT", "k_d", "k_a")
        check_rates(self, "k_on", "k_s")
        if not is_traced(self.delta) and not 0 <= as_number(self.delta) < math.inf:
            raise InputError(f"Duke1999 expected delta ≥ 0, a finite number. Received {self.delta!r:.80}.")
        for name in ("G1", "Gs", "GATP"):
            value = getattr(self, name)
            if not is_traced(value) and not math.isfinite(as_number(value)):
                raise InputError(f"Duke1999 expected {name} to be a finite number. Received {value!r:.80}.")
        check_zone(self)

    @property
    def zone(self):
        """Where either attached state is within thermal reach, ±."""
        width = (self.kT / self.stiffness) ** 0.5
        reach = self.stroke / 2 + _TAIL * width + self.delta  # strain that hastens the way out does so for the way back
        return -reach, reach

    def rates(self, x):
        """Each R_ij."""
        work = lambda x: 0.5 * self.stiffness * x**2 / self.kT
        before, after = x - self.stroke / 2, x + self.stroke / 2
        first, second = self.G1 + work(before), self.G1 + self.Gs + work(after)  # E₁, E₂ in k_T
        out = 1.0 / (jnp.exp(self.stiffness * after * self.delta / self.kT) / self.k_d + 1.0 / self.k_a)
        return {
            (0, 1): self.k_on * jnp.exp(-work(before)),
            (1, 0): self.k_on * jnp.exp(self.G1) * jnp.ones_like(x),
            (1, 2): self.k_s / (1.0 + jnp.exp(second - first)),
            (2, 1): self.k_s / (1.0 + jnp.exp(first - second)),
            (2, 0): out,
            (0, 2): out * jnp.exp(-second - self.GATP),
        }

    def generator(self, x):
        """R(x)."""
        return generator_of(self.rates(x), 3)

    def energies(self, bridge, x):
        """0, E₁, E₂."""
        before, after = bridge.energy((x - self.stroke / 2)[None]), bridge.energy((x + self.stroke / 2)[None])
        return jnp.stack([jnp.zeros_like(before), self.kT * self.G1 + before, self.kT * (self.G1 + self.Gs) + after])

    def balanced(self, bridge, x):
        """(E_i − E_j)/k_T, and G_ATP for 2 → 0."""
        energies = self.energies(bridge, x) / self.kT
        drive = jnp.zeros((3, 3)).at[2, 0].set(self.GATP).at[0, 2].set(-self.GATP)
        return energies[:, None] - energies[None] + drive
