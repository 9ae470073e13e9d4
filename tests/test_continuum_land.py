"""A published number: the deformed height of the beam of Land et al. 2015 (problem 1), where codes of eleven groups agree on 4.17 to 4.18 mm.

The load-bearing test is `test_the_beam_bends_as_published`. Source: Land et al., Verification of cardiac mechanics software, Proc. R. Soc. A
471 (2015) 20150641.
"""

import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale.tissue import Clamp, ContinuumTissue, Guccione, Pressure
from myoscale.tissue.shapes import Block
from myoscale.zoo import LinearBridge


def height(cells, element="Q2/Q1"):
    """Of the point (10, 0.5, 1) under the full pressure, in mm, and the number of Newton's iterations."""
    tissue = ContinuumTissue(
        Block((10.0, 1.0, 1.0), cells),
        Guccione(2.0, 8.0, 2.0, 4.0),  # kPa
        bulk=1e5,
        element=element,
        conditions=[Clamp("x0"), Pressure("z0", lambda t: 0.004 * t)],
    )
    idle = LinearBridge(mass=0.0, stiffness=0.0, gain=1.0)
    model, start = ms.Model(tissue, idle), ms.Start(np.zeros(tissue.ny), np.zeros(tissue.ny), x=np.zeros(1))
    sol = ms.solve(model, ms.Reduced(1), start, t1=1.0, save=np.array([0.0, 1.0]), drive=ms.QuasiStatic())
    X = tissue.space.locations
    (k,) = np.flatnonzero(np.all(np.abs(X - [10.0, 0.5, 1.0]) < 1e-9, axis=1))
    J = np.linalg.det(np.asarray(tissue.gradient(jnp.asarray(sol.y[-1]))))
    assert abs(np.mean(J) - 1.0) < 1e-4  # the volume is kept
    return 1.0 + float(sol.y[-1, 3 * k + 2]), sol.stats


def test_the_beam_bends_as_published():
    heights = {}
    for cells in ((5, 1, 1), (10, 1, 1), (10, 2, 2)):
        heights[cells], stats = height(cells)
        print(f"{cells}: {heights[cells]:.4f} mm, {stats.right_hand_sides} iterations")
    coarse, middle, fine = heights.values()
    assert abs(coarse - 4.17) > abs(middle - 4.17) > abs(fine - 4.17)
    assert abs(fine - 4.17) < 0.01
