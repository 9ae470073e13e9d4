"""Fluctuations of N bridges from one adjoint pass: against closed forms, differences of weights, and samples.

Load-bearing: `test_linear_is_exact` and `test_samples_scatter_as_predicted`.
"""

import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale import zoo
from myoscale.errors import InputError


def test_linear_is_exact():
    """y(T) = … + x̄₀ (1 − cos ωT)/2: what a bridge matters is linear in where it starts, and N Var y_N(T) is known."""
    found = ms.fluctuation(*zoo.linear(), t1=36.0)
    share = (1 - np.cos(np.sqrt(2 / 30) * 36.0)) / 2
    np.testing.assert_allclose(found.influence[0], share * (found.x[0, :, 0] - 2.0), atol=1e-6)
    assert found.spread == pytest.approx(share**2, rel=1e-7)
    assert found.std(400) == pytest.approx(share / 20, rel=1e-7)
    assert found.variance(weights=[0.5, 0.25, 0.25]) == pytest.approx(0.375 * share**2, rel=1e-7)
    assert found.needed(0.01) == pytest.approx((1.959964 * share / 0.01) ** 2, rel=1e-3)
    assert "0.9958/√N" in str(found)


def test_influence_is_a_derivative():
    """Moving weight between two nodes of a bent bridge changes the force as its influences say, to second order."""
    model, start = zoo.bent()
    force = lambda run: run.force[-1, 0, 0]
    found = ms.fluctuation(model, start, t1=5.0, observable=force, nodes=12, tolerance=1e-11)
    x, w = found.x[0], found.w[0]
    for i, j in ((4, 7), (2, 6)):
        ends = []
        for sign in (1.0, -1.0):
            moved = np.array(w) / np.sum(w)
            moved[i] += sign * 1e-4
            moved[j] -= sign * 1e-4
            given = ms.Start(start.y, start.v, x=np.asarray(x), weights=moved)
            ends.append(ms.solve(model, ms.Reduced(), given, t1=5.0, save=2, tolerance=1e-11).force[-1, 0, 0])
        assert found.phi[0, i] - found.phi[0, j] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-5)
    assert abs(found.influential(1)[0].influence) == pytest.approx(
        np.abs(found.influence[0, np.abs(x[:, 0] - 0.4) < 1.05]).max()
    )


def test_samples_scatter_as_predicted():
    """The interval of the variance over 600 samples of 256 bridges holds the prediction, and would not hold one a third off."""
    found = ms.fluctuation(*zoo.bent(), t1=10.0, verify=600, seed=5)
    _, low, high = found.ratio
    assert low < 1 < high and high - low < 0.3
    assert found.as_dict()["verified"]["samples"] == 600 and "600 runs of 256" in str(found)
    figure = found.figure("Bent")
    assert len(figure.axes) == 3


def test_points_of_a_chain_add_up():
    """Three elements in a row, each with bridges of its own: the exact solution is linear in each element's mean."""
    problem = zoo.problem("chain")
    found = ms.fluctuation(problem.model, problem.start, t1=10.0, observable=lambda run: run.y[-1, 1], nodes=8)
    assert found.x.shape[:2] == (3, 8)
    start = problem.start
    mean = np.repeat(np.sum(found.w * found.x[..., 0], axis=1)[:, None], 1, axis=1)
    exact = lambda mean: zoo.LinearExact(problem.model, start, mean=mean)(np.array([10.0]))[0][0, 1]
    slopes = [(exact(mean + 0.5 * e) - exact(mean - 0.5 * e)) for e in np.eye(3)[:, :, None]]
    variance = np.sum(found.w * (found.x[..., 0] - mean) ** 2, axis=1)
    assert found.spread == pytest.approx(np.sum(np.array(slopes) ** 2 * variance), rel=1e-6)


def test_given_points_and_files(tmp_path):
    """Of given bridges the one with the greatest share comes first; files hold what was found."""
    import xarray as xr

    model = zoo.linear()[0]
    start = ms.Start(1.0, x=np.array([1.0, 2.0, 4.0]), weights=np.array([0.2, 0.7, 0.1]))
    found = ms.fluctuation(model, start, t1=12.0)
    assert [one.x for one in found.influential(2)] == [
        (4.0,),
        (1.0,),
    ]  # 0.1·2, 0.2·1; the third sits at the mean, to rounding
    data = xr.open_dataset(found.save(tmp_path / "found.nc"), engine="h5netcdf")
    np.testing.assert_array_equal(data.influence, found.influence)


@pytest.mark.parametrize(
    ("problem", "changes", "said"),
    [
        ("linear", {"observable": lambda run: run.y}, r"one number. Received an array of shape \(2, 1\)"),
        ("linear", {"observable": lambda run: (run.y[-1, 0], 1.0)}, "one number. Received tuple"),
        ("linear", {"observable": lambda run: jnp.log(-run.y[-1, 0])}, "not a number on this run"),
        ("linear", {"n": 0}, "fluctuation expected n"),
        ("linear", {"verify": -1}, "fluctuation expected verify"),
        ("linear", {"nodes": 1}, "whole number ≥ 2"),
        ("huxley", {}, "jumps are a noise of their own"),
        ("lateral", {}, "full rank"),
    ],
)
def test_mistakes(problem, changes, said):
    one = zoo.problem(problem)
    with pytest.raises(InputError, match=said):
        ms.fluctuation(one.model, one.start, t1=1.0, drive=one.drive, **changes)
