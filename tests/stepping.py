"""Cycling runs at steps of any length, shared by tests: what `solve` does between recorded times, in one program for all of them."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import myoscale as ms
from myoscale.levels import splitting
from myoscale.levels.integrate import Problem, Record
from myoscale.model.scenario import tree_float
from myoscale.run.begin import begin


@eqx.filter_jit
def _steps(model, level, start, ts, seed) -> Record:
    key = jax.random.key(seed)
    begun = begin(model, level, start, ms.Free(), key, 0, 0)
    problem = Problem(model, begun.population, ms.Free(), jnp.asarray(1e-9), *begun.margin)
    problem = problem._replace(key=jax.random.fold_in(key, 1), substeps=1)
    return splitting.stretch(problem, begun.state, ts, ts[1]).record


@eqx.filter_jit
def _seeds(model, level, start, ts, seeds) -> Record:
    return jax.vmap(partial(_steps, model, level, start, ts))(seeds)


def free(
    model: ms.Model,
    level,
    start: ms.Start,
    t1: float,
    steps: int,
    longest: int | None = None,
    seed: int | np.ndarray = 0,
) -> Record:
    """The beginning and every step of a free run, as NumPy arrays; with seeds (n,), of each.

    Runs with the same `longest` number of steps share a program: the rest of it stands still.
    """
    with jax.enable_x64(True):
        ts = np.linspace(0.0, t1, steps + 1)
        ts = np.append(ts, np.full((longest or steps) - steps, t1))
        model, start = tree_float((model, start))
        record = (_seeds if np.ndim(seed) else _steps)(model, level, start, jnp.asarray(ts), jnp.asarray(seed))
        kept = (slice(None), slice(steps + 1)) if np.ndim(seed) else slice(steps + 1)
        return jax.tree.map(lambda a: np.asarray(a)[kept], record)
