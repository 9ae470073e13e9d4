"""The density in the plane on the element example: error of mean and covariance, and cost, from 16² to 128² cells.

    python benchmarks/kinetic_plane.py

The truth is F(t1) F(0)⁻¹ applied to the law's moments, F from the moment closure, which is exact here.
"""

import numpy as np

import myoscale as ms

T1 = 3.0

if __name__ == "__main__":
    model, start = ms.zoo.element()
    reference = ms.solve(model, ms.MomentClosure(), start, t1=T1, save=2, tolerance=1e-11)
    move = reference.y[-1].reshape(2, 2) @ np.linalg.inv(np.asarray(start.y).reshape(2, 2))
    mean, covariance = move @ np.asarray(start.x.mean()), move @ np.asarray(start.x.covariance()) @ move.T
    print("cells   y        mean     covariance  mass−1   steps  run s  compile s")
    for cells in (16, 32, 64, 128):
        solution = ms.solve(model, ms.Kinetic(cells), start, t1=T1, save=2, tolerance=1e-7)
        density, stats = solution.population(T1), solution.stats
        print(
            f"{cells:3d}²    {np.abs(solution.y - reference.y).max():.1e}  {np.abs(density.mean - mean).max():.1e}  "
            f"{np.abs(density.covariance - covariance).max():.1e}     {abs(density.masses.sum() - 1):.0e}    "
            f"{stats.steps:5d}  {stats.wall:5.1f}  {stats.compile:5.1f}",
            flush=True,
        )
