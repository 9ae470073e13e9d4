"""Huxley's muscle of 1957 at rest and sliding: the exact rise from rest, and what cycling must conserve. Lengths are in units of h.

Steady speeds: `test_cycling_steady.py`.
"""

import cycling_oracle as oracle
import numpy as np
from scipy.integrate import quad

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.model import Huxley1957

SPACING = 24.0


def half_sarcomere(**options):
    bridge = ms.zoo.LinearBridge(
        mass=0.0, stiffness=1.0, gain=1.0, cycling=Huxley1957(spacing=SPACING, h=1.0, **options)
    )
    return ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), bridge)


def test_isometric_rise():
    """n(x, t) = f/(f+g) (1 − e^{−(f+g)t}) at every node, and its force."""
    level, t1 = ms.Characteristics(4 * 32, sites=4 / SPACING, dt=2e-3), 0.05
    run = ms.solve(half_sarcomere(), level, ms.Start(0.0), t1=t1, drive=Length(0.0), save=3)
    x, n = run.z.x[-1, 0], run.z.n[-1, 0, 0]
    assert np.abs(n - oracle.huxley_rise(x, t1, h=1.0)).max() < 1e-12
    force = quad(lambda x: x * oracle.huxley_rise(np.array(x), t1, h=1.0), 0.0, 1.0, epsabs=1e-13)[0] / SPACING
    assert abs(-run.force[-1, 0, 0] / force - 1) < 1e-9


def test_pure_sliding_keeps_everything():
    """A population of σ = 0.13 moved by 0.64 without cycling keeps its shape and its mass, whatever the step."""
    law = ms.Normal(mean=0.5, std=0.13)
    start = ms.Start(0.0, x=law, attached=0.01)
    model = half_sarcomere(f1=0.0, g1=0.0, g2=0.0)
    drive = Length(Line(0.0, -0.64, 0.0))
    for level, dt in ((ms.Kinetic, 0.1), (ms.Kinetic, 0.003), (ms.Characteristics, 0.1)):
        run = ms.solve(model, level(800, sites=8 / SPACING, dt=dt), start, t1=1.0, drive=drive, save=2)
        first, last = run.population(0.0), run.population(1.0)
        assert abs(last.attached - 0.01) < 1e-13 * 0.01 + 1e-15
        assert np.abs(last.covariance - first.covariance).max() < 1e-12
        assert abs(np.sqrt(last.covariance[0, 0]) / 0.13 - 1) < 1e-3
        assert abs(last.mean[0] - first.mean[0] + 0.64) < 1e-12


def test_work_is_force_times_velocity():
    """What the ledger says of a stretch is what the reactions recorded on the way did, but for the error of the trapezoid."""
    drive, level = Length(Line(0.0, 10.0, 0.0)), ms.Kinetic(128, sites=0.5, dt=1e-3)
    run = ms.solve(half_sarcomere(), level, ms.Start(0.0), t1=0.2, drive=drive, save=201)
    work = np.trapezoid(run.reaction[:, 0] * run.v[:, 0], run.ts)
    assert abs(work / run.energy.load[-1] - 1) < 2e-5


def test_a_quick_release_keeps_the_ledger():
    """Fast along the quintic, with tissue mass: kinetic energy is a large part of the work."""
    steps = [ms.protocol.Hold(0.1), ms.protocol.Release(by=-2.0, duration=0.02), ms.protocol.Hold(0.1)]
    level = ms.Kinetic(200, sites=0.5, dt=2e-3)
    run = ms.solve(half_sarcomere(), level, ms.Start(0.0), t1=0.3, drive=ms.Protocol(steps=steps), save=31)
    assert run.energy.drift < 1e-12
