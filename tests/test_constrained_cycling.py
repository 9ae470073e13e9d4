"""The talk's modulated constraint, g = s(Z − y) with s switched on and off: the same jumps as `Reduced`, path by path.

The two share the exchange and its random numbers, and differ in all of the mechanics: one eliminates multipliers and integrates adaptively,
the other steps the DAE. A head that jumped at another time would move the tissue by far more than the tolerance.
"""

import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo


@pytest.mark.parametrize(
    ("name", "stepper"), [("huxley", None), ("huxley", "rattle"), ("power-stroke", None), ("huxley-chain", None)]
)
def test_equals_reduced_with_the_same_jumps(name, stepper):
    problem = zoo.problem(name)
    options = dict(t1=problem.t1 / 20, save=6, seed=3, drive=ms.Free())
    reduced = ms.solve(problem.model, ms.Reduced(100), problem.start, **options)
    tied = ms.solve(problem.model, ms.Constrained(100, stepper=stepper), problem.start, **options)
    scale = np.ptp(reduced.y)
    assert reduced.cycling.attachments[-1].min() > 0.02 and scale > 0
    assert np.abs(tied.y - reduced.y).max() < 1e-7 * max(scale, 1.0)
    for counted in ("attachments", "detachments", "attached", "atp"):
        assert np.array_equal(getattr(tied.cycling, counted), getattr(reduced.cycling, counted)), counted
    assert np.abs(tied.force - reduced.force).max() < 1e-6 * np.abs(reduced.force).max()
    assert tied.energy.drift < 1e-9


def test_cycling_bridges_show_no_multipliers():
    problem = zoo.problem("huxley")
    tied = ms.solve(problem.model, ms.Constrained(20), problem.start, t1=problem.t1 / 100, save=2, drive=ms.Free())
    with pytest.raises(ms.InputError, match="attach and let go"):
        _ = tied.multipliers
