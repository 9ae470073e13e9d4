"""What a run keeps account of: its energies, what cycling did, what computing it cost."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .types import Array, concrete, float64

TRUST = 0.025  # error of force, in isometric ones, at which a closure is no longer to be trusted


@dataclasses.dataclass(frozen=True)
class Energy:
    """The ledger of theory.md section 4, each entry (T,).

    `load` and `damping` are work done since t = 0 (a prescribed motion's reaction counts as load), `cycling` the net energy that
    bridges brought by attaching, detaching and changing state, `noise` the work of noise, ∫ẏᵀΣ dB + ½∫tr(M_eff⁻¹ΣΣᵀ) dt (a thermostat's friction
    counts as damping). `balance` is what is left
    unexplained: total − total(0) − load − damping − cycling − noise, zero but for the integrator's error.
    """

    kinetic_tissue: Array
    kinetic_bridges: Array
    passive: Array
    bridges: Array
    pair: Array
    load: Array
    damping: Array
    cycling: Array
    noise: Array

    @property
    def total(self) -> Array:
        """Kinetic and potential energy of tissue and bridges."""
        return self.kinetic_tissue + self.kinetic_bridges + self.passive + self.bridges + self.pair

    @property
    def balance(self) -> Array:
        """What the ledger leaves unexplained."""
        work = self.load + self.damping + self.cycling + self.noise
        return self.total - self.total[0] - (work - work[0])

    @property
    def drift(self) -> float:
        """Greatest |balance|, relative to the greatest energy that the ledger holds."""
        entries = [getattr(self, field.name) for field in dataclasses.fields(self)]
        scale = max(float(np.max(np.abs(entry))) for entry in [*entries, self.total])
        return float(np.max(np.abs(self.balance))) / (scale or 1.0)


@dataclasses.dataclass(frozen=True)
class Cycling:
    """What cycling did until each saved time.

    **Attributes:** `ts` (T,); `energy_in`, `energy_out` (T,): put into the bridges and taken out of them since t = 0, elastic and kinetic,
    all heads together; per head at each point (T, P): `attachments`, `detachments`, `atp` (molecules split), `lost` (attached heads that
    were carried out of the window and counted as detached) since t = 0, and `attached`, the share of heads attached now;
    `attachment_rate`, `detachment_rate`, `atp_rate` (T, P): per head and unit of time, means since the saved time before (at the first
    one since t = 0; at t = 0 nothing). Of a closure, `closure_error` (T, P), the greatest error of its force so far as a few moving nodes
    see it, in isometric forces, and `trusted`; None elsewhere.
    """

    ts: Array
    energy_in: Array
    energy_out: Array
    attachments: Array
    detachments: Array
    atp: Array
    lost: Array
    attached: Array
    closure_error: Array | None = None

    @property
    def trusted(self) -> Array | None:
        """Whether the closure could be trusted until each saved time, (T,); None of levels without one."""
        return None if self.closure_error is None else np.all(np.asarray(self.closure_error) <= TRUST, axis=1)

    @property
    def attachment_rate(self) -> Array:
        """Attachments per head and unit of time."""
        return self._rate(self.attachments)

    @property
    def detachment_rate(self) -> Array:
        """Detachments per head and unit of time."""
        return self._rate(self.detachments)

    @property
    def atp_rate(self) -> Array:
        """Molecules of ATP per head and unit of time."""
        return self._rate(self.atp)

    @float64
    def _rate(self, counts: Array) -> Array:
        new, passed = jnp.diff(counts, axis=0, prepend=0.0), jnp.diff(self.ts, prepend=0.0)[:, None]
        return concrete(new / jnp.where(passed > 0, passed, jnp.inf))


@dataclasses.dataclass(frozen=True)
class Stats:
    """What a run cost and which path it took."""

    path: str  # how expectations were computed
    steps: int  # accepted and rejected
    right_hand_sides: int
    wall: float  # s, without compilation
    compile: float  # s; 0 where the program was already there
    memory: int  # bytes: arguments, results and temporaries of the compiled program
    compression: float  # relative error bound of compressed sums; 0 where none were used
    moved: float = 0.0  # how far velocities that the start gives were moved to be consistent, as a part of the greatest
    pieces: int = 0  # that the path of noise was resolved in
    unresolved: float = 0.0  # what y and ẏ changed by when these were halved the last time, relative to 1 + |y| and 1 + |ẏ|; 0 where they were given
