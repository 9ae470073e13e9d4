"""One implicit step of a finite-element tissue and its bridges, solved together by Newton's method.

The tangent holds everything: passive stiffness, the bridges' active stiffness and inertia, follower loads, the tissue's mass. Where it is symmetric
(equilibrium, no follower load) only half of it is made into factors.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..drive import AbstractDrive, at, rates
from ..fem import Linear, Pattern
from ..fem.pattern import vector
from ..model import Model
from ..tissue import AbstractCondition, ContinuumTissue, Motion, Pressure, Springs, Traction
from ..types import Array, Float, PyTree
from . import cells, points
from .layout import Layout, layout

_ITERATIONS = 20
_STALLED = 10  # residual above the best one by this factor: the step is too long
_HALVINGS = 6  # of an iteration that would turn a cell inside out
SMALL = 1e-12  # residual beside the sum of the sizes of its parts; rounding leaves about 1e-14
_SURE = 0.1  # of that, what a correction by the factors of the iteration before may be expected to leave


class Held(NamedTuple):
    """The tissue at one time."""

    y: Float[np.ndarray, " ny"]
    v: Float[np.ndarray, " ny"]
    p: Float[np.ndarray, " pressures"]
    q: Array  # (P, nq)
    u: Array  # (P, nq), velocity of the bridges


class Found(NamedTuple):
    """The end of a step; `converged` tells whether it is one."""

    held: Held
    converged: bool
    iterations: int
    residuals: tuple[float, ...]
    outside: Float[np.ndarray, " ny"]  # force of loads and of what prescribes a motion, mean over the step
    reaction: Float[np.ndarray, " ny"]  # of the latter alone
    why: str = ""


@dataclasses.dataclass
class Solver:
    """Everything about a tissue that does not change from step to step, while the conditions of a time `when` hold."""

    model: Model
    drive: AbstractDrive
    population: Any
    static: bool
    when: float = 0.0
    conditions: dict[int, AbstractCondition] = dataclasses.field(init=False)
    layout: Layout = dataclasses.field(init=False)
    mass: Any = dataclasses.field(init=False)  # M₀, sparse
    solves: int = 0
    _eliminated: tuple[np.ndarray, ...] | None = None  # what gives the pressures of cells outside the system

    def __post_init__(self):
        tissue = self.tissue
        holds = lambda one: one.lasts[0] <= self.when < one.lasts[1]
        self.conditions = {k: one.itself for k, one in enumerate(tissue.conditions) if holds(one)}
        self.layout = layout(tissue, self.conditions)
        self.mass = tissue.mass_matrix
        follows = any(isinstance(one, Pressure) for one in self.conditions.values())
        self.linear = self.layout.linear(symmetric=self.static and not follows)
        d, nodes = tissue.space.dim, np.asarray(tissue.space.values)
        block = np.einsum("eq,qa,qb->eab", float(tissue.density) * np.asarray(tissue.space.dx), nodes, nodes)
        size = nodes.shape[1] * d
        cells_of = np.asarray(tissue.space.nodes)
        self._rows = (cells_of[:, :, None] * d + np.arange(d)).reshape(len(cells_of), -1)
        within = np.broadcast_to(np.asarray(tissue.space.dx).sum(axis=1)[:, None], tissue.space.pressure_nodes.shape)
        self._volume = float(self._count(within).min())
        self._masses = np.einsum("eab,ij->eaibj", block, np.eye(d)).reshape(-1, size, size)

    @property
    def tissue(self) -> ContinuumTissue:
        """The model's."""
        tissue = self.model.tissue
        assert isinstance(tissue, ContinuumTissue)
        return tissue

    @functools.cached_property
    def instant(self) -> Linear:
        """For what happens at one instant, accelerations and jumps of velocities."""
        lay = self.layout
        return Linear(Pattern(lay.displacements, [(lay.cells, lay.cells)]), definite=True)

    @property
    def kind(self) -> str:
        """Which stress."""
        return "equilibrium" if self.static else self.tissue.stepper

    def prescribed(self, t: float, y: np.ndarray) -> np.ndarray:
        """y with what is prescribed at t."""
        y = np.array(y)
        for k, where in self.layout.moved.items():
            condition = self.conditions[k]
            assert isinstance(condition, Motion)
            y[where] = np.asarray(at(condition.value, jnp.asarray(t), 1))[0]
        return y

    def step(
        self,
        z: PyTree,
        mass: Array,
        begin: Held,
        t: float,
        h: float,
        guess: np.ndarray,
        withheld: np.ndarray | None = None,
    ) -> Found:
        """From `begin` at t to t + h; mass (P, nq, nq) of the bridges; `withheld` (ny,), a further force on the tissue."""
        tissue = self.tissue
        y, p = self.prescribed(t + h, guess), np.array(begin.p)
        when = t + h if self.static else t + h / 2
        F0, p0 = cells.gradients(tissue, begin.y), cells.pressures(tissue, begin.p)
        seen, best, why, scale = [], np.inf, "", 1e-300
        system = lambda tangent: self._assembled(z, mass, begin, F0, p0, y, p, h, when, tangent)
        for k in range(_ITERATIONS):
            made = system(k == 0)
            r = made.r if withheld is None else made.r - withheld
            if not (np.isfinite(r).all() and np.isfinite(made.c).all()):
                why = "forces are not numbers"
                break
            off = max(
                float(np.max(np.abs(self._gather(r)), initial=0.0)) / max(scale, made.largest),
                float(np.max(np.abs(made.c), initial=0.0)) / self._volume,
            )
            seen.append(off)
            if off <= SMALL or (k and off < 1e-9 and off > 0.3 * best):  # rounding ends it
                return Found(self._held(begin, y, p, h), True, k, tuple(seen), made.outside, made.reaction)
            if off > _STALLED * best and k > 3:
                why = "Newton's method does not converge"
                break
            best = min(best, off)
            left = off * off / seen[-2] if k else np.inf  # by a correction with the factors there are
            if left > _SURE * SMALL:
                made = made if made.blocks else system(True)
                scale = made.largest  # of where the step is now: a bad iteration may have been far off
                self._factor(made)
            dy, dp = self._correction(r, made.c)
            if not (np.isfinite(dy).all() and np.isfinite(dp).all()):
                why = "the tangent is singular"
                break
            part = self._part(y, dy)
            if part is None:
                why = "a cell turns inside out"
                break
            y, p = y + part * dy, p + part * dp
        else:
            why = "Newton's method does not converge"
        nothing = np.zeros_like(y)
        return Found(begin, False, len(seen), tuple(seen), nothing, nothing, why)

    def unbalanced(self, z: PyTree, mass: Array, begin: Held, t: float) -> np.ndarray:
        """What would hold the tissue where it is, at equilibrium at t, (ny,)."""
        F, p = cells.gradients(self.tissue, begin.y), cells.pressures(self.tissue, begin.p)
        return self._assembled(z, mass, begin, F, p, begin.y, begin.p, 0.0, t, False).r

    def acceleration(self, mass: Array, held: Held, pull: Array, t: float) -> np.ndarray:
        """ÿ at t, (ny,), where the bridges have this inertia and pull so hard without it."""
        tissue, lay = self.tissue, self.layout
        y, v, p = held.y, held.v, held.p
        F, pressure = cells.gradients(tissue, y), cells.pressures(tissue, p)
        bent = jnp.einsum("pij,pj->pi", mass, cells.bias(tissue, y, v))
        way, pulls = cells.Way(F, F, pressure, pressure, held.q), points.Pulls(pull - bent, None)
        residual = self._full(self._rows, cells.blocks(tissue, way, pulls, "equilibrium", False)[0].r)
        for rows, load in self._loads(y, t).values():
            residual += self._full(rows, load.r)
        residual -= np.asarray(at(self.drive.load, jnp.asarray(t), tissue.ny))
        given = np.zeros_like(y)
        for k, where in lay.moved.items():
            condition: Any = self.conditions[k]
            given[where] = np.asarray(rates(condition.value, jnp.asarray(t), 1)[2])[0]
        blocks = self._weighed(F, mass)
        brought = vector(lay.displacements, lay.cells, np.einsum("edf,ef->ed", blocks, given[self._rows]))
        return self._spread(self.instant.solve(-self._gather(residual) - brought)) + given

    def entrained(self, mass: Array, held: Held, gained: Array) -> np.ndarray:
        """The jump of ẏ, (ny,), where heads of inertia `gained` (P, nq, nq) that were at rest are taken along and `mass` moves afterwards.

        (M₀ + Σ ω q′ᵀ M q′) Δẏ = −Σ ω q′ᵀ G u: nothing else brings momentum.
        """
        tissue = self.tissue
        self._weighed(cells.gradients(tissue, held.y), mass)
        taken = cells.pull(tissue, held.y, -jnp.einsum("pij,pj->pi", gained, held.u))
        return self._spread(self.instant.solve(self._gather(np.asarray(taken))))

    def _weighed(self, F: Array, mass: Array) -> np.ndarray:
        """The inertia of tissue and bridges in each cell (E, D, D), now the matrix of `instant`."""
        blocks = self._masses + np.asarray(cells.inertia(self.tissue, F, mass))
        self.instant.factor(self.instant.pattern.matrix([blocks]))
        return blocks

    def close(self) -> None:
        """Give back what solvers hold."""
        self.linear.close()
        if "instant" in vars(self):
            self.instant.close()

    def _held(self, begin: Held, y: np.ndarray, p: np.ndarray, h: float) -> Held:
        q = cells.kinematics(self.tissue, y)
        if self.static:
            return Held(y, (y - begin.y) / h if h > 0 else np.zeros_like(y), p, q, jnp.zeros_like(q))
        return Held(y, 2.0 * (y - begin.y) / h - begin.v, p, q, 2.0 * (q - begin.q) / h - begin.u)

    def _assembled(self, z, mass, begin: Held, F0, p0, y, p, h, when, tangent: bool) -> "Assembled":
        tissue = self.tissue
        F1, p1, q1 = cells.gradients(tissue, y), cells.pressures(tissue, p), cells.kinematics(tissue, y)
        if self.static:
            pulls = points.equilibrium(self.model, self.population, z, begin.q, q1, tangent)
        else:
            conserving = tissue.stepper == "energy-momentum"
            pulls = points.motion(
                self.model, self.population, z, mass, begin.q, begin.u, q1, jnp.asarray(h), conserving, tangent
            )
        balance, slopes = cells.blocks(tissue, cells.Way(F0, F1, p0, p1, q1), pulls, self.kind, tangent)
        residual, outside = self._full(self._rows, balance.r), np.zeros(tissue.ny)
        size = np.abs(residual) if slopes is None else self._full(self._rows, slopes.size)
        factor = 1.0 if self.static else 0.5  # of what is taken half way
        added = []
        for k, (rows, load) in self._loads(y if self.static else 0.5 * (begin.y + y), when).items():
            force = self._full(rows, load.r)
            residual, size = residual + force, size + np.abs(force)
            if not isinstance(tissue.conditions[k], Springs):  # which store what they take, if they last
                outside -= force
            added.append(np.zeros((*rows.shape, rows.shape[1])) if load.uu is None else factor * np.asarray(load.uu))
        given = np.asarray(at(self.drive.load, jnp.asarray(when), tissue.ny))
        residual, outside, size = residual - given, outside + given, size + np.abs(given)
        if not self.static:
            push = self.mass @ (2.0 * (y - begin.y) / h - 2.0 * begin.v) / h
            residual, size = residual + push, size + np.abs(push) + 2.0 / h * np.abs(self.mass @ begin.v)
        reaction = np.where(self.layout.number < 0, residual, 0.0)  # what prescribes a motion balances it
        blocks = None
        if slopes is not None:
            uu, up, pu, pp = map(np.asarray, slopes[:4])
            blocks = [uu if self.static else uu + 2.0 / h**2 * self._masses, up, pu, pp, *added]
        return Assembled(residual, self._count(balance.c), size, outside + reaction, reaction, blocks)

    def _count(self, values: Any) -> np.ndarray:
        """The sum of contributions to pressures, (pressures,)."""
        nodes = np.ravel(self.tissue.space.pressure_nodes)
        return np.bincount(nodes, weights=np.ravel(np.asarray(values)))

    def _full(self, rows: Array, values: Any) -> np.ndarray:
        """The sum of contributions to displacements, prescribed ones too, (ny,)."""
        return np.bincount(np.ravel(rows), weights=np.ravel(np.asarray(values)), minlength=self.tissue.ny)

    def _loads(self, y: np.ndarray, t: float) -> dict[int, Any]:
        tissue, found = self.tissue, {}
        for k, dofs in self.layout.dofs.items():
            one, facets = self.conditions[k], tissue.space.facets[self.conditions[k].boundary]
            given: Any = one
            if isinstance(one, Traction):
                value = at(one.value, jnp.asarray(t), tissue.space.dim)
                load = cells.Loads(cells.traction(tissue, facets, value), None)
            elif isinstance(one, Pressure):
                load = cells.pressure(tissue, facets, y, at(one.value, jnp.asarray(t), 1)[0])
            else:
                load = cells.springs(tissue, facets, y, jnp.asarray(given.stiffness, float))
            found[k] = dofs, load
        return found

    def _gather(self, full: np.ndarray) -> np.ndarray:
        return vector(self.layout.displacements, self.layout.number, full)

    def _factor(self, made: "Assembled") -> None:
        """Make its tangent that of `_correction`; pressures of single cells are eliminated in it."""
        self.solves += 1
        assert made.blocks is not None
        blocks = made.blocks
        uu, up, pu, pp, *added = blocks
        if self.layout.size == self.layout.displacements:
            self._eliminated = up[:, :, 0], pu[:, 0], 1.0 / pp[:, 0, 0]
            blocks = [uu - self._eliminated[2][:, None, None] * up * pu, *added]
        self.linear.factor(self.linear.pattern.matrix(blocks))

    def _correction(self, r: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's, of y and p."""
        lay, free = self.layout, self._gather(r)
        if self._eliminated is None:
            found = self.linear.solve(-np.concatenate([free, c]))
            return self._spread(found), found[lay.displacements :]
        up, pu, inverse = self._eliminated
        found = self.linear.solve(vector(lay.displacements, lay.cells, up * (inverse * c)[:, None]) - free)
        dy = self._spread(found)
        return dy, -inverse * (c + np.einsum("ed,ed->e", pu, dy[self._rows]))

    def _spread(self, found: np.ndarray) -> np.ndarray:
        number = self.layout.number
        return np.where(number < 0, 0.0, found[np.maximum(number, 0)])

    def _part(self, y: np.ndarray, dy: np.ndarray) -> float | None:
        """How much of a correction keeps every J positive; None if none does."""
        part = 1.0
        for _ in range(_HALVINGS):
            if float(cells.least(self.tissue, y + part * dy)) > 0:
                return part
            part /= 2
        return None


class Assembled(NamedTuple):
    """The system of one iteration: residuals in all displacements and pressures; blocks of cells and of loaded facets, where they are asked for."""

    r: np.ndarray
    c: np.ndarray
    size: np.ndarray
    outside: np.ndarray
    reaction: np.ndarray
    blocks: list[np.ndarray] | None

    @property
    def largest(self) -> float:
        """The largest size, by which a residual is judged."""
        return float(np.max(self.size, initial=1e-300))
