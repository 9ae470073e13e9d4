"""Huxley's muscle of 1957 at steady speeds, shortening and lengthening: force and n(x) against closed forms, to 1e-6 of P₀.

Load-bearing: `test_characteristics`. Lengths are in units of h, times in seconds. Every run starts from rest and slides until what was
attached at first has left or let go. Runs differ in values alone wherever they can, so that few programs are compiled.
"""

import functools

import cycling_oracle as oracle
import numpy as np
import pytest
from scipy.optimize import root_scalar

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.model import Huxley1957

F1, G1, G2 = 43.3, 10.0, 209.0
PHI = (F1 + G1) / 2
ALPHA = F1 / (F1 + G1)
SPEEDS = [sign * v for v in (0.05, 0.3, 1.0, 4.0, 8.0) for sign in (-1, 1)]  # V/φ, negative: shortening
NARROW = 10.0  # a spacing whose window is too narrow for fast lengthening, on purpose
PASSAGE = 8  # moments at which a passage of breakpoints through one panel is looked at


@functools.cache
def slide(level, points, sites, spacing, ratio, distance, steps):
    """A run at the speed ratio·φ that ends when breakpoints stand at edges of panels, and its force/P₀ along the last panel."""
    bridge = ms.zoo.LinearBridge(0.0, 1.0, 1.0, cycling=Huxley1957(spacing=spacing, h=1.0))
    velocity = ratio * PHI
    t1 = distance / abs(velocity)
    order = 4 if level is ms.Characteristics else 1
    panel = sites * spacing / (points // order) / abs(velocity)
    run = ms.solve(
        ms.Model(ms.SpringMass(mass=1e-6, stiffness=0.0), bridge),
        level(points, sites=sites, dt=t1 / 200 / steps * (1 + 1e-9)),
        ms.Start(0.0),
        t1=t1,
        drive=Length(Line(0.0, velocity, 0.0)),
        save=np.append(0.0, t1 - panel * np.linspace(1.0, 0.0, PASSAGE + 1)),
    )
    if spacing != NARROW:
        assert run.cycling.lost[-1, 0] < 1e-8  # heads that the window cannot hold
        assert run.energy.drift < 1e-9
    return run, -run.force[1:, 0, 0] / (ALPHA / (2 * spacing))


def force(ratio):
    """P/P₀ of one-site availability; sites are 20h apart or more."""
    return oracle.huxley_force(-ratio * PHI, h=1.0)


def profile(x, ratio):
    """n(x)."""
    exact = oracle.huxley_shortening if ratio < 0 else oracle.huxley_lengthening
    return exact(x, abs(ratio) * PHI, h=1.0)


def characteristics(ratio, distance=None, spacing=None):
    """Panels of 1/10 in a window of 16h at φ; of 1/16 in one of 10h below, of 1/5 in one of 32h above; of 1/40 in one of 3h where
    heads would settle on both sides of a breakpoint before it passes from node to node."""
    if abs(ratio) < 0.1:
        return slide(ms.Characteristics, 480, 0.15, 20.0, ratio, 2.5, 36)
    usual = {0.3: 6, 1.0: 10, 8.0: 30}.get(abs(ratio), 22)
    spacing = spacing or {0.3: 20.0, 1.0: 32.0}.get(abs(ratio), 64.0)
    return slide(ms.Characteristics, 640, 0.5, spacing, ratio, distance or usual, 36)


@pytest.mark.parametrize("ratio", SPEEDS)
def test_characteristics(ratio):
    """Force to 1e-6 of P₀ where panels are split at the breakpoints, and n(x) at every node."""
    run, found = characteristics(ratio)
    assert abs(found[-1] - force(ratio)) < 1e-6
    x, n = run.z.x[-1, 0], run.z.n[-1, 0, 0]
    assert n.max() > 0.08
    assert np.abs(n - profile(x, ratio)).max() < 3e-6


def test_a_window_too_narrow_loses_its_tail_alone():
    """Heads that leave a window of 5h attached are counted and let go: those within it are as they should be."""
    run, found = characteristics(8.0, distance=10, spacing=NARROW)
    x, n = run.z.x[-1, 0], run.z.n[-1, 0, 0]
    assert np.abs(n - profile(x, 8.0)).max() < 3e-6
    assert found[-1] < 0.6 * force(8.0)
    leaving = profile(x.max(), 8.0) * 9 / NARROW  # for the last 9h of the way, about
    assert 0.5 < run.cycling.lost[-1, 0] / leaving < 1.0


def test_second_order_in_time():
    """As many steps for twice the way: steps are twice as long."""
    errors = [abs(characteristics(1.0, distance=d)[1][-1] - force(1.0)) for d in (21, 10.5)]
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.3, errors


@pytest.mark.parametrize("ratio", [-1.0, 1.0])
def test_while_a_breakpoint_crosses_a_panel(ratio):
    """n has a kink there, which no rule of nodes sees: the force is off by the square of a panel's width, 1/5 and 1/10."""
    errors = [np.abs(characteristics(ratio, spacing=spacing)[1] - force(ratio)).max() for spacing in (64.0, 32.0)]
    assert errors[1] < 3e-4
    assert 1.7 < np.log2(errors[0] / errors[1]) < 2.3, errors


def test_force_vanishes_at_the_greatest_speed():
    """P = 0 at V = 4.002φ."""
    slow, fast = (characteristics(v)[1][-1] for v in (-4.0, -4.04))
    found = 4.0 + 0.04 * slow / (slow - fast)
    truth = root_scalar(lambda v: force(-v), bracket=[1.0, 8.0]).root
    assert abs(truth - 4.002) < 1e-3
    assert abs(found - truth) < 1e-4


def kinetic(ratio, spacing=None):
    """Cells of 0.05 in a window of 10h; of 0.06, 0.11 and 0.15 in windows of 12h, 22h and 30h at greater speeds."""
    spacing = spacing or {1.0: 24.0, 4.0: 44.0, 8.0: 60.0}.get(abs(ratio), 20.0)
    distance = {0.05: 2.5, 0.3: 6, 1.0: 10, 4.0: 22, 8.0: 30}[abs(ratio)]
    return slide(ms.Kinetic, 200, 0.5, spacing, ratio, distance, 8)[1]


@pytest.mark.parametrize("ratio", SPEEDS)
def test_kinetic(ratio):
    """200 cells, at any moment of the passage of one. At slow speeds heads on both sides of a breakpoint settle within one cell."""
    assert np.abs(kinetic(ratio) - force(ratio)).max() < (5e-4 if abs(ratio) < 1 else 2e-3)


@pytest.mark.parametrize("cells", [0.5, 0.9, 1.0, 1.017, 1.1, 2.0])
def test_force_does_not_beat(cells):
    """Steps of about a cell's length, where each cut stands where the last one stood: rates on one box instead of two err by 2e-3."""
    velocity = -PHI  # a cell is 1/20
    dt = cells / 20 / PHI
    bridge = ms.zoo.LinearBridge(0.0, 1.0, 1.0, cycling=Huxley1957(spacing=20.0, h=1.0))
    model = ms.Model(ms.SpringMass(mass=1e-6, stiffness=0.0), bridge)
    ts = dt * np.append(0, np.arange(200, 400))
    run = ms.solve(
        model,
        ms.Kinetic(400, sites=1, dt=dt * (1 + 1e-9)),
        ms.Start(0.0),
        t1=ts[-1],
        drive=Length(Line(0.0, velocity, 0.0)),
        save=ts,
    )
    found = -run.force[1:, 0, 0] / (ALPHA / 40)
    np.testing.assert_allclose(found, force(-1.0), atol=1e-3)


@pytest.mark.parametrize("ratio", [-1.0, 1.0])
def test_kinetic_is_of_second_order(ratio):
    """Cells of 0.24, 0.12 and 0.06: greatest errors during a passage."""
    errors = [np.abs(kinetic(ratio, spacing) - force(ratio)).max() for spacing in (96.0, 48.0, 24.0)]
    assert errors[0] > errors[1] > errors[2]
    assert np.log2(errors[0] / errors[2]) / 2 > 1.7, errors


@pytest.mark.parametrize("ratio", [-4.0, -1.0, 1.0, 4.0])
def test_sites_that_overlap(ratio):
    """Sites 36 nm apart, h = 15.6 nm: a head that holds one site cannot attach to the next; against a periodic reference."""
    spacing, velocity = 36.0 / 15.6, ratio * PHI
    distance = 30 if ratio == 4 else 16
    run, found = slide(ms.Characteristics, 1200, 10, spacing, ratio, distance, 18)
    truth = oracle.steady(oracle.huxley(h=1.0), velocity, spacing)
    assert abs(found[-1] - truth.moments[1] / (ALPHA / 2)) < 1e-5
    x, n = run.z.x[-1, 0], run.z.n[-1, 0, 0]
    assert np.abs(n - truth.n(x)).max() < 5e-6
    assert ratio < 0 or abs(found[-1] - force(ratio)) > 0.3  # sites by themselves would pull more
