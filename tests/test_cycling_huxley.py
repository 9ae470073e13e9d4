"""Huxley's muscle of 1957 at every level against closed forms, and what cycling must conserve.

The load-bearing test is `test_steady_force`: force at steady shortening and lengthening against the closed forms of theory.md section 8.
Lengths are in units of h.
"""

import cycling_oracle as oracle
import numpy as np
import pytest

import myoscale as ms
from myoscale.drive import Length, Line
from myoscale.model import Huxley1957

SPACING = 20.0
RATES = {"f1": 43.3, "g1": 10.0, "g2": 209.0}
PHI = (RATES["f1"] + RATES["g1"]) / 2
ISOMETRIC = RATES["f1"] / (RATES["f1"] + RATES["g1"]) / (2 * SPACING)  # P₀ per head


def half_sarcomere(spacing=SPACING, mass=0.0, **options):
    cycling = Huxley1957(spacing=spacing, h=1.0, **options)
    bridge = ms.zoo.LinearBridge(mass=mass, stiffness=1.0, gain=1.0, cycling=cycling)
    return ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0), bridge)


def slide(level, velocity, t1, **options):
    return ms.solve(
        half_sarcomere(**options), level, ms.Start(0.0), t1=t1, drive=Length(Line(0.0, velocity, 0.0)), save=26
    )


@pytest.fixture(scope="module")
def steady():
    """(level, V/φ) to P/P₀ at the end of sliding by 26 h."""
    known = {}

    def force(kind, ratio):
        if (kind, ratio) not in known:
            level = {
                "kinetic": ms.Kinetic(200, sites=1, dt=2e-3 / max(abs(ratio), 1)),
                "characteristics": ms.Characteristics(2560, sites=1, dt=1e-3 / max(abs(ratio), 1)),
            }[kind]
            t1 = max(26.0, np.ceil(0.6 * abs(ratio) * PHI)) / (abs(ratio) * PHI)
            known[kind, ratio] = slide(level, ratio * PHI, t1)
        return -known[kind, ratio].force[-1, 0, 0] / ISOMETRIC

    return force


@pytest.mark.parametrize("ratio", [-8.0, -4.0, -1.0, 1.0, 4.0])
@pytest.mark.parametrize(("kind", "tolerance"), [("kinetic", 4e-3), ("characteristics", 2e-4)])
def test_steady_force(steady, kind, tolerance, ratio):
    """P/P₀ at steady speed; negative speeds shorten."""
    truth = oracle.huxley_force(-ratio * PHI, h=1.0)
    assert abs(steady(kind, ratio) - truth) < tolerance
