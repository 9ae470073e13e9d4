"""Integration under noise: piece by piece of the path, each of them a smooth load to the same steps of order 8 as without noise.

Nothing is carried from one piece to the next but the state, so it does not matter where a run is divided.
"""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from .. import macro
from ..types import Array, Float
from .integrate import LOCAL, RESULTS, Outcome, Problem, State, Tracked, field, record, weakest
from .noise import piece

_MAX_STEPS = 4096  # in one piece


def stretch(problem: Problem, state: State, ts: Float[Array, " L"], dt0: Float[Array, ""]) -> Outcome:
    """`integrate.stretch` under noise; the first step tried is a piece, whatever dt0."""
    local = jnp.maximum(LOCAL * problem.tolerance, 1e-14)
    pieces = problem.noise.pieces

    def one(at, h):
        state, fine, singular, steps = at
        h = jnp.where(fine, h, 0.0)  # nothing moves once a step has failed
        z = eqx.combine(state.motion.z, state.still)
        model, population, drive, source = problem.model, problem.population, problem.drive, problem.noise
        now = problem._replace(noise=piece(model, population, drive, source, state.t, h, state.motion, z))
        y, v = macro.prescribe(problem.drive, state.t, state.motion.y, state.motion.v)
        solution: Any = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            Tracked(diffrax.Dopri8()),
            state.t,
            state.t + h,
            jnp.maximum(h, 1e-300),
            state.motion._replace(y=y, v=v),
            (now, state.still),
            saveat=diffrax.SaveAt(t1=True, solver_state=True),
            stepsize_controller=diffrax.PIDController(rtol=local, atol=local),
            max_steps=_MAX_STEPS,
            throw=False,
        )
        good = solution.result == RESULTS.successful
        keep = lambda new, old: jax.tree.map(lambda a, b: jnp.where(good, a, b), new, old)
        motion = keep(jax.tree.map(lambda a: a[0], solution.ys), state.motion)
        still = keep(eqx.combine(solution.solver_state[1], state.still), state.still)
        after = state._replace(t=jnp.where(good, state.t + h, state.t), motion=motion, still=still)
        lost, taken = solution.result == RESULTS.singular, steps + jnp.asarray(solution.stats["num_steps"])
        return after, fine & good, singular | lost, taken

    def until(at, times):
        before, t = times
        h = (t - before) / pieces
        count = pieces if isinstance(pieces, int) else jnp.where(t > before, pieces, 0)
        state, fine, singular, steps = jax.lax.fori_loop(0, count, lambda _, at: one(at, h), at)
        state = state._replace(t=jnp.where(fine, t, state.t))
        seen = jax.tree.map(lambda a: jnp.where(fine, a, jnp.nan), state.motion)
        y, v = macro.prescribe(problem.drive, t, seen.y, seen.v)
        moving, _ = problem.population.admissible(seen.z, jnp.inf)
        plain = problem._replace(noise=None)
        return (state, fine, singular, steps), record(plain, t, seen._replace(y=y, v=v, z=moving), state.still)

    times = jnp.concatenate([state.t[None], ts[:-1]]), ts
    begin = state, jnp.array(True), jnp.array(False), jnp.zeros((), int)
    (end, fine, singular, steps), records = jax.lax.scan(until, begin, times)
    y, _ = macro.prescribe(problem.drive, end.t, end.motion.y, end.motion.v)
    return Outcome(
        state=end,
        record=records,
        weakest=weakest(problem, y, eqx.combine(end.motion.z, end.still)),
        singular=singular,
        finished=fine,
        steps=steps,
    )
