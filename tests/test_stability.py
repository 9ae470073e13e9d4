"""Growth of small differences: closed forms, a chaotic muscle integrated by hand, bounds that nothing measured may exceed.

Load-bearing: `test_chaos_by_hand` and `test_bounds_hold`.
"""

import dataclasses

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import myoscale as ms
from myoscale import zoo
from myoscale.errors import InputError
from myoscale.fields import parameter
from myoscale.model import AbstractTissue
from myoscale.study.limits.stability import stability
from myoscale.types import Array, as_float

_MASS, _STIFFNESS, _GAIN = 0.2, 0.3, np.array([[1.0, 0.5]])
_Y, _V = np.array([1.8, 1.1]), np.array([-1.0, 2.0])


class Pullen(AbstractTissue):
    """Two oscillators with W₀ = ½|y|² + y₁²y₂² (Pullen and Edmonds 1981): chaotic at energies of a few units."""

    mass_matrix: Array = parameter("M₀", converter=as_float)

    def energy(self, y):
        """W₀(y)."""
        return 0.5 * y @ y + y[0] ** 2 * y[1] ** 2


def _muscle() -> tuple[ms.Model, ms.Start]:
    model = ms.Model(Pullen(np.eye(2)), zoo.LinearBridge(mass=_MASS, stiffness=_STIFFNESS, gain=_GAIN))
    return model, ms.Start(_Y, _V, x=ms.Normal(0.4, 0.3))


def _by_hand(y: np.ndarray, v: np.ndarray, y0: np.ndarray, span: float) -> tuple[np.ndarray, np.ndarray]:
    """(M₀ + mGᵀG)ÿ = −∇W₀ − κ₁Gᵀ(x̄₀ + G(y − y₀)) for a time `span`."""
    inverse, column = np.linalg.inv(np.eye(2) + _MASS * _GAIN.T @ _GAIN), _GAIN[0]

    def rate(_, s):
        y, v = s[:2], s[2:]
        force = -y - 2 * y * y[::-1] ** 2 - _STIFFNESS * column * (0.4 + column @ (y - y0))
        return np.concatenate([v, inverse @ force])

    s = solve_ivp(rate, (0.0, span), np.concatenate([y, v]), "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return s[:2], s[2:]


def _distance(dy: np.ndarray, dv: np.ndarray, dy0: np.ndarray) -> float:
    """‖Δy‖ + ‖Δẏ‖ + W₁: all bridges are as far apart as their tissues have moved apart."""
    return float(np.linalg.norm(dy) + np.linalg.norm(dv) + abs(_GAIN[0] @ (dy - dy0)))


def test_chaos_by_hand():
    """Two muscles by hand, brought together again after each unit of time (Benettin), part as the tangent flow says, and so do two runs."""
    t1, near = 30, 1e-7
    found = stability(*_muscle(), t1=float(t1), epsilon=1e-9, tolerance=1e-13, save=4 * t1 + 1)
    # The second muscle's bridges are slack where it starts: that difference shrinks with the others.
    y, v, dy, dv, log, logs = _Y, _V, near * np.full(2, np.sqrt(0.5)), np.zeros(2), 0.0, [0.0]
    dy0 = dy
    for _ in range(t1):
        (a, b), (c, d) = _by_hand(y, v, _Y, 1.0), _by_hand(y + dy, v + dv, _Y + dy0, 1.0)
        y, v, dy, dv = a, b, c - a, d - b
        size = _distance(dy, dv, dy0) / near
        dy, dv, dy0, log = dy / size, dv / size, dy0 / size, log + np.log(size)
        logs.append(log)
    assert found.difference[::4] - found.difference[0] == pytest.approx(np.array(logs), abs=1e-4)
    assert log > 15 and found.verdict == "exponential" and not found.violated
    measured, computed = found.growth
    print(
        f"λ = {found.lyapunov:.4f}, log(D/D(0))/t measured {measured:.4f}, tangent flow {computed:.4f}, by hand {log / t1:.4f}"
    )
    assert measured == pytest.approx(computed, rel=0.01)
    assert found.lyapunov == pytest.approx(measured, rel=0.05)
    assert found.lyapunov == pytest.approx(log / t1, rel=0.05)
    assert found.rates[-1].sum() == pytest.approx(0.0, abs=1e-8)  # energy is conserved and the mass is constant
    assert "Chaos" in str(found)


def test_harmonic_chain_is_stable():
    """Normal modes: differences of labels and of y come back for ever; rates fall like log(t)/t and D is that of two exact solutions."""
    model, start = zoo.chain(2)
    other = dataclasses.replace(start, y=start.y + 1e-5 * np.array([2.0, -1.0]), x=ms.Normal(2.00005, 1.0))
    found = stability(model, start, other=other, t1=60.0, tolerance=1e-12)
    ts = found.ts
    exact = [zoo.LinearExact(model, one)(ts) for one in (start, other)]
    apart = [np.linalg.norm(a - b, axis=1) for a, b in zip(*exact, strict=True)]
    np.testing.assert_allclose(found.apart[:, :2], np.stack(apart[:2], axis=1), atol=1e-10)
    stretch = lambda y: np.diff(y - y[:1], axis=1, prepend=0.0)
    moved = np.abs(5e-5 - (stretch(exact[1][0]) - stretch(exact[0][0]))).sum(1)  # γ = −1
    known = np.isfinite(found.measured)
    np.testing.assert_allclose(found.apart[known, 2], moved[known], atol=1e-10)
    assert found.disagreement < 1e-4  # linear: the tangent flow is the flow
    assert found.verdict == "stable" and abs(found.lyapunov) < 0.05 and not found.violated


def test_free_particle_is_algebraic():
    """A tissue without forces and bridges moved by it: D = ε(1 + 2t) exactly, σ₁ ~ t, and L = 2 is the smallest rate that bounds D early on."""
    model, start = zoo.linear(kappa0=0.0, kappa1=0.0, m=0.0)
    first, second = (dataclasses.replace(start, v=v) for v in (0.1, 0.1 + 1e-4))
    save = np.concatenate([np.linspace(0.0, 1.0, 20), np.linspace(2.0, 100.0, 99)])
    found = stability(model, first, other=second, t1=100.0, save=save)
    assert found.verdict == "algebraic" and found.exponent == pytest.approx(1.0, abs=0.01)
    # (δy, δẏ) ↦ (δy + tδẏ, δẏ)
    assert found.greatest[-1] == pytest.approx(np.log(np.linalg.norm([[1.0, 100.0], [0.0, 1.0]], 2)), abs=1e-8)
    known = np.isfinite(found.measured)
    np.testing.assert_allclose(found.measured[known], 1e-4 * (1 + 2 * save[known]), rtol=1e-5)
    assert found.lipschitz.L == pytest.approx(2.0, rel=1e-12) and not found.violated
    assert dataclasses.replace(found, lipschitz=found.lipschitz._replace(Bv=0.0)).violated


def test_bounds_hold(tmp_path):
    """Measured distances of starts and of levels stay below their bounds; a defect much smaller would not bound the closure's error."""
    model, start = zoo.bent()
    found = stability(model, start, t1=3.0, epsilon=0.05, save=61, coarse=ms.MomentClosure())
    coarser = found.coarser
    assert coarser is not None and not found.violated
    assert coarser.measured[0] < 1e-9 and coarser.defect > 0  # the law is normal: all error comes from the closure
    known = np.isfinite(coarser.measured)
    assert known.sum() > 30 and np.all(coarser.measured[known][1:] < np.exp(coarser.log_bound(found.ts)[known][1:]))
    # Early on the error of the closure grows like ε(0)t: a defect a hundredth as large would be caught.
    less = coarser._replace(defect=coarser.defect / 100)
    assert dataclasses.replace(found, coarser=less).violated
    # Liouville: dy dp is preserved, p = M_eff(y)ẏ, so that volumes of (y, ẏ) change as M_eff does.
    run = ms.solve(model, ms.Characteristics(64), start, t1=3.0, save=2, tolerance=1e-10)
    masses = [1 + 0.5 * p.weights @ (1 + 0.45 * p.points[:, 0] ** 2) ** -2 for p in map(run.population, run.ts)]
    assert found.rates[-1].sum() * 3.0 == pytest.approx(np.log(masses[0] / masses[1]), abs=1e-8)
    import xarray as xr

    data = xr.open_dataset(found.save(tmp_path / "found.nc"), engine="h5netcdf")
    np.testing.assert_array_equal(data.apart, found.apart)
    assert len(found.figure("Bent").axes) == 3 and found.as_dict()["coarse"]["defect"] == coarser.defect


def test_particles_and_planes():
    """Particles have no defect, only where they start; an element in the plane has a bound too."""
    model, start = zoo.onion()
    found = stability(model, start, t1=4.0, save=41, coarse=ms.Reduced(64))
    assert found.coarser is not None and found.coarser.defect == 0.0 and found.coarser.measured[0] > 1e-3
    assert not found.violated
    plane = stability(*zoo.element(), t1=2.0, save=21, tolerance=1e-8)
    assert not plane.violated and plane.disagreement < 0.01 and np.isfinite(plane.lipschitz.L)


def test_laws_of_different_kinds():
    """A normal and a uniform law, paired by quantiles: how they part is the tangent flow's, but for second order."""
    model, start = zoo.bent()
    narrow = dataclasses.replace(start, x=ms.Normal(0.4, 0.02))
    other = dataclasses.replace(start, x=ms.Uniform(0.365, 0.435))
    found = stability(model, narrow, other=other, t1=3.0, save=31)
    assert found.measured == pytest.approx(found.predicted, rel=0.03) and not found.violated


@pytest.mark.parametrize(
    ("problem", "changes", "said"),
    [
        ("huxley", {}, "bridges that stay attached"),
        ("lateral", {}, "full rank"),
        ("linear", {"epsilon": 0.0}, "epsilon > 0"),
        ("linear", {"level": ms.Kinetic(50)}, "Characteristics or Reduced"),
        ("linear", {"coarse": ms.Kinetic(50)}, "whose defect is known"),
        ("linear", {"drive": ms.QuasiStatic(None)}, "drive to be Free"),
        ("linear", {"save": 3}, "five times or more"),
        ("linear", {"other": ms.Start(1.0, x=np.array([1.0, 2.0]))}, "of the same kind"),
    ],
)
def test_mistakes(problem, changes, said):
    one = zoo.problem(problem)
    with pytest.raises(InputError, match=said):
        stability(one.model, one.start, t1=1.0, **changes)
