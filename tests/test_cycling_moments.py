"""The distribution-moment closure of cycling bridges: against an independent integrator, the ledger, and what it says about itself."""

import cycling_oracle as oracle
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.errors import InputError
from myoscale.model import Huxley1957, Zahalak1981
from myoscale.numerics.gaussian import Pieces

H, SPACING = 15.6, 24 * 15.6
PHI = 53.3 * H / 2
P0 = oracle.huxley_isometric() / SPACING


def muscle(cycling):
    """One bridge population on a spring of no stiffness whose length is prescribed."""
    return ms.Model(
        ms.SpringMass(mass=1.0, stiffness=0.0), ms.zoo.LinearBridge(mass=0.0, stiffness=1.0, gain=1.0, cycling=cycling)
    )


@pytest.mark.parametrize("degree", [1, None])
def test_integrals_of_rates_with_breakpoints_under_a_gaussian(degree):
    """Closed form and split quadrature, against SciPy's adaptive quadrature."""
    scheme = Zahalak1981(spacing=SPACING)
    with jax.enable_x64(True):
        for mean, std, shift in [(0.3 * H, 0.3 * H, 0.0), (-0.2 * H, H, 3.0), (2.5 * H, 0.05 * H, -H)]:
            pieces = Pieces(jax.vmap(scheme.generator), scheme.breakpoints, degree)
            found = np.asarray(pieces.moments(jnp.asarray(mean), jnp.asarray(std), jnp.asarray(shift)))
            rates = oracle.zahalak(g3=100.0)
            for entry, rate in (((0, 1), rates.f), ((1, 0), rates.g)):
                for power in range(3):

                    def function(x, power=power, rate=rate, mean=mean, std=std, shift=shift):
                        return x**power * float(rate(np.array(x + shift))) * norm.pdf(x, mean, std)

                    cuts = [c for c in (-shift, H - shift) if abs(c - mean) < 9 * std] or None
                    ends = mean - 9 * std, mean + 9 * std
                    exact = quad(function, *ends, points=cuts, epsabs=0, epsrel=1e-11, limit=200)[0]
                    scale = 200.0 * (abs(mean) + std) ** power
                    assert abs(found[power][entry] - exact) < 1e-9 * scale


@pytest.mark.parametrize("speed", [0.0, 0.5, -0.5])
def test_moments_follow_the_closure_s_equations(speed):
    """Q_λ from rest against a tight integrator of SciPy."""
    times = np.linspace(0.0, 0.08, 9)
    drive = Length(Line(0.0, -speed * PHI, 0.0))
    sol = ms.solve(
        muscle(Huxley1957(spacing=SPACING)), ms.MomentClosure(dt=5e-4), ms.Start(0.0), t1=0.08, drive=drive, save=times
    )
    exact = oracle.moments(oracle.huxley(), [0.0, 0.08], [0.0, -speed * PHI * 0.08], times)
    assert np.abs(-sol.force[:, 0, 0] - exact[:, 1] / SPACING).max() < 1e-6 * P0
    assert np.abs(sol.cycling.attached[:, 0] - exact[:, 0] / SPACING).max() < 1e-6 * H / SPACING
    stored = sol.energy.total - sol.energy.total[0]  # κQ₂/2
    assert np.abs(stored - exact[:, 2] / 2 / SPACING).max() < 1e-6 * P0 * H


def test_ledger_closes_and_counts_agree():
    """Energy in the bridges is what cycling and the motion put there; what is attached is attachments less detachments."""
    law = ms.Normal(0.4 * H, 0.2 * H)
    drive = Length(Line(0.0, 0.7 * PHI, 0.0))
    start = ms.Start(0.0, x=law, attached=0.3 * H / SPACING)
    sol = ms.solve(
        muscle(Zahalak1981(spacing=SPACING)), ms.MomentClosure(dt=1e-3), start, t1=0.08, drive=drive, save=41
    )
    assert np.isclose(sol.cycling.attached[0, 0], start.attached, rtol=1e-14)
    assert np.isclose(-sol.force[0, 0, 0], start.attached * 0.4 * H, rtol=1e-12)
    bridges = sol.energy.total - sol.energy.kinetic_tissue
    assert np.abs(sol.energy.balance).max() < 1e-9 * bridges.max()
    assert (np.diff(sol.cycling.energy_in) >= 0).all() and (np.diff(sol.cycling.energy_out) >= 0).all()
    assert np.allclose(
        sol.cycling.attachments - sol.cycling.detachments, sol.cycling.attached - start.attached, atol=1e-14
    )
    assert np.allclose(sol.cycling.atp, sol.cycling.detachments, rtol=1e-12)


@pytest.mark.parametrize(("speed", "sound"), [(4.0, None), (-0.5, None), (0.0, False)])
def test_closure_knows_when_it_is_wrong(speed, sound):
    """The flag is up before the error of force against a fine grid passes 5 %."""
    t1 = 0.2 if speed == 0 else 0.05
    run = lambda level: ms.solve(
        muscle(Huxley1957(spacing=SPACING)),
        level,
        ms.Start(0.0),
        t1=t1,
        drive=Length(Line(0.0, -speed * PHI, 0.0)),
        save=41,
    )
    closed, fine = run(ms.MomentClosure(dt=5e-4)), run(ms.Kinetic(768, sites=1, dt=5e-4))
    error = np.abs(closed.force - fine.force)[:, 0, 0] / P0
    assert fine.cycling.trusted is None
    assert not (closed.cycling.trusted & (error > 0.05)).any()
    if sound is not None:
        assert closed.cycling.trusted[-1] == sound and error.max() > 0.05
    if error.max() < 0.02:
        assert closed.cycling.trusted.all()


class Two(Huxley1957):
    """Two detached states at sites of their own, which three moments cannot tell apart."""

    detached = 2


def test_mistakes():
    """One sentence for what the closure cannot represent."""
    with pytest.raises(InputError, match="pool"):
        ms.MomentClosure().check_cycling(ms.Start(0.0), Two())
    with pytest.raises(InputError, match="dt > 0"):
        ms.MomentClosure(dt=-1.0)
