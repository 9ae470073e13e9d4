"""Runs of cycling bridges can be differentiated, and bridges of different rates in one tissue keep to their own.

Load-bearing: `test_gradients_are_differences`, reverse mode through every exchange against central differences of two further runs each.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale.drive import Length, Line

H, DT = 15.6, 1e-3
LEVELS = {
    "kinetic": ms.Kinetic(60, sites=3, dt=DT),
    "characteristics": ms.Characteristics(60, sites=3, dt=DT),
    "moments": ms.MomentClosure(dt=DT),
}
LAW = ms.Normal(6.0, 3.0)


def bridge(**rates):
    return ms.zoo.LinearBridge(0.0, 1.0, np.asarray(1.0), cycling=ms.Huxley1957(**rates))


def force(level, values):
    """Of one half-sarcomere at the end, for f₁, g₁, speed and activation."""
    f1, g1, speed, r = values
    model = ms.Model(ms.SpringMass(stiffness=0.0), bridge(f1=f1, g1=g1))
    drive = Length(Line(0.0, speed, 0.0), activation=r)
    start = ms.Start(0.0, x=LAW, attached=0.2)
    return ms.solve(model, level, start, t1=0.02, drive=drive, save=2).force[-1, 0, 0]


@pytest.mark.parametrize("name", LEVELS)
def test_gradients_are_differences(name):
    """With respect to rates, a drive's speed, and activation."""
    level = LEVELS[name]
    at = np.array([43.3, 10.0, -100.0, 0.8])
    with jax.enable_x64(True):
        value = eqx.filter_jit(lambda values: force(level, values))
        found = np.asarray(jax.jit(jax.grad(lambda values: force(level, values)))(jnp.asarray(at)))
        for k, size in enumerate(at):
            step = np.zeros(4)
            step[k] = 1e-4 * size
            slope = (float(value(jnp.asarray(at + step))) - float(value(jnp.asarray(at - step)))) / (2 * step[k])
            print(name, k, found[k], slope)
            assert abs(slope * size) > 1e-3, "nothing depends on it"
            assert found[k] == pytest.approx(slope, rel=2e-5)


@pytest.mark.parametrize("name", LEVELS)
def test_stacked_bridges_keep_their_own_rates(name):
    """Two points of a chain whose ends are moved: each as its own half-sarcomere moved by as much."""
    rates = {"f1": 43.3, "g1": 10.0, "h": H}, {"f1": 20.0, "g1": 30.0, "h": 10.0}
    level, speeds = LEVELS[name], np.array([-100.0, 60.0])
    start = ms.Start(np.zeros(2), np.zeros(2))
    chain = ms.ChainTissue(masses=np.ones(2), springs=np.zeros(2), rest=0.0, counts=np.array([3.0, 5.0]))
    drive = Length(Line(np.zeros(2), np.cumsum(speeds), 0.0), activation=0.9)
    both = ms.solve(
        ms.Model(chain, ms.Stacked([bridge(**r) for r in rates])), level, start, t1=0.02, drive=drive, save=5
    )
    for point, (one, heads) in enumerate(zip(rates, (3.0, 5.0), strict=True)):
        model = ms.Model(ms.SpringMass(stiffness=0.0, count=heads), bridge(**one))
        drive = Length(Line(0.0, speeds[point], 0.0), activation=0.9)
        alone = ms.solve(model, level, ms.Start(0.0), t1=0.02, drive=drive, save=5)
        assert np.abs(alone.force).max() > 1e-2
        np.testing.assert_allclose(
            both.force[:, point], alone.force[:, 0], rtol=0, atol=1e-9 * np.abs(alone.force).max()
        )
        np.testing.assert_allclose(both.cycling.attached[:, point], alone.cycling.attached[:, 0], rtol=1e-9, atol=1e-14)
        np.testing.assert_allclose(both.cycling.atp[:, point], alone.cycling.atp[:, 0], rtol=1e-9, atol=1e-14)
    assert np.abs(both.force[-1, 0] / 3.0 - both.force[-1, 1] / 5.0).max() > 1e-3, "they differ"
