"""Noise: what shakes the tissue and its bridges, beside the forces that the model knows (theory.md section 10).

`Noise` gives amplitudes, `Thermostat` a temperature with the friction that keeps it. Both act as forces: Σ dB/dt on the tissue, one path for all levels,
and σ dB_i/dt on each bridge, independent of the others. Σ does not depend on ẏ, so Itô's and Stratonovich's readings agree.
"""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..fields import parameter
from ..numerics import small
from ..types import Array, Float, Scalar, as_float, as_number, is_traced

_PIECES = "length of the pieces that the path is resolved in; chosen by the tolerance if left out"


class AbstractNoise(eqx.Module):
    """What `Model.noise` can be."""

    dt: eqx.AbstractVar[Scalar | None]  # pieces of the path; None: as short as the tolerance asks

    @abc.abstractmethod
    def amplitude(self, ny: int) -> Float[Array, "ny nw"]:
        """Σ (ny, nw), the force on the tissue being Σ dB/dt."""

    @property
    def bridges(self) -> Scalar | None:
        """σ ≥ 0, the force on each bridge being σ dB_i/dt; None where there is none."""
        return None

    def drag(self, ny: int) -> Float[Array, "ny ny"] | None:
        """Γ (ny, ny), a force −Γẏ that belongs to the noise; None where there is none."""
        return None


class Noise(AbstractNoise):
    """Forces without memory on the tissue, Σ dB/dt, and on each bridge, σ dB_i/dt.

    **Arguments:** `common` Σ, a number or (ny,), the amplitude of an independent noise in each coordinate, or (ny, nw), the effect on each coordinate of
    nw independent noises; `bridges` σ ≥ 0, for each component of X_i. What reaches the tissue of it is of size N^{-1/2}: levels of the mean field carry none.
    `dt`, the length of the pieces that the path is resolved in.

    **Raises:** `InputError` for what is not finite, σ < 0, or dt ≤ 0.
    """

    common: Float[Array, "..."] = parameter(
        "Σ, of the force on the tissue", "energy*time**0.5/coordinate", default=0.0, converter=as_float
    )
    bridges: Scalar | None = parameter("σ, of the force on each bridge", "force*time**0.5", default=None)
    dt: Scalar | None = parameter(_PIECES, "time", default=None)

    def __check_init__(self):
        _finite("Noise", "common", self.common)
        if np.ndim(self.common) > 2:
            raise InputError(
                f"Noise expected common to be a number, (ny,) or (ny, nw). Received shape {np.shape(self.common)}."
            )
        if self.bridges is not None:
            _not_negative("Noise", "bridges", self.bridges)
        _length("Noise", self.dt)

    def amplitude(self, ny):
        """Σ."""
        common = jnp.asarray(self.common)
        return common if common.ndim == 2 else jnp.diag(jnp.broadcast_to(common, (ny,)))


class Thermostat(AbstractNoise):
    """A heat bath: friction −Γẏ and the noise Σ dB/dt that balances it, ΣΣᵀ = 2k_BT Γ.

    In the long run the motion has the law det(M_eff) e^{−E/k_BT} dy dẏ: ⟨ẏᵀM_effẏ⟩ = ny·k_BT, and y has the density √det M_eff e^{−W_eff/k_BT}.

    **Arguments:** `temperature` k_BT ≥ 0, an energy; `friction` Γ, a number or (ny,) for each coordinate, or (ny, ny), symmetric positive semi-definite;
    `dt` as of `Noise`.

    **Raises:** `InputError` for what is not finite, a temperature below zero, a friction that is not symmetric or puts energy in, or dt ≤ 0.
    """

    temperature: Scalar = parameter("k_BT, temperature", "energy")
    friction: Float[Array, "..."] = parameter(
        "Γ, friction of the bath", "energy*time/coordinate**2", converter=as_float
    )
    dt: Scalar | None = parameter(_PIECES, "time", default=None)

    def __check_init__(self):
        _not_negative("Thermostat", "temperature", self.temperature)
        _finite("Thermostat", "friction", self.friction)
        _length("Thermostat", self.dt)
        if is_traced(self.friction):
            return
        friction = np.asarray(self.friction, float)
        if friction.ndim > 2 or (friction.ndim == 2 and friction.shape[0] != friction.shape[1]):
            raise InputError(
                f"Thermostat expected friction to be a number, (ny,) or (ny, ny). Received shape {friction.shape}."
            )
        matrix = np.diag(np.atleast_1d(friction)) if friction.ndim < 2 else friction
        scale = np.abs(matrix).max(initial=0.0)
        if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-12 * scale):
            raise InputError("Thermostat expected friction to be symmetric. Received a matrix that is not.")
        if np.linalg.eigvalsh(matrix).min(initial=0.0) < -1e-12 * scale:
            raise InputError(
                "Thermostat expected friction to take energy out (positive semi-definite). Received one that puts energy in."
            )

    def amplitude(self, ny):
        """Σ, the lower factor of 2k_BT Γ."""
        return jnp.sqrt(2.0 * jnp.asarray(self.temperature)) * small.cholesky(self.drag(ny))

    def drag(self, ny):
        """Γ."""
        friction = jnp.asarray(self.friction)
        return friction if friction.ndim == 2 else jnp.diag(jnp.broadcast_to(friction, (ny,)))


def check_noise(noise: AbstractNoise, ny: int) -> None:
    """Raise `InputError` unless the noise fits a tissue of ny coordinates."""
    name, kind = ("friction", "(ny, ny)") if isinstance(noise, Thermostat) else ("common", "(ny, nw)")
    value = getattr(noise, name, None)
    if value is None or is_traced(value):
        return
    shape = np.shape(value)
    if shape and shape[0] != ny:
        raise InputError(
            f"Expected {type(noise).__name__}.{name} to be a number, (ny,) or {kind} with ny = {ny}, the tissue's coordinates. Received shape {shape}."
        )


def _finite(kind: str, name: str, value: Any) -> None:
    if is_traced(value):
        return
    try:
        finite = bool(np.isfinite(np.asarray(value, float)).all())
    except (TypeError, ValueError):
        finite = False
    if not finite or np.size(value) == 0:
        raise InputError(f"{kind} expected {name} to be finite numbers. Received {value!r:.80}.")


def _not_negative(kind: str, name: str, value: Any) -> None:
    if not is_traced(value) and not 0 <= as_number(value) < np.inf:
        raise InputError(f"{kind} expected {name} ≥ 0, a number. Received {value!r:.80}.")


def _length(kind: str, dt: Any) -> None:
    if dt is not None and not is_traced(dt) and not 0 < as_number(dt) < np.inf:
        raise InputError(f"{kind} expected dt > 0, a time. Received {dt!r:.80}.")
