"""One implicit step of a finite-element tissue and its bridges, solved together by Newton's method.

The tangent holds everything: passive stiffness, the bridges' active stiffness and inertia, follower loads, the tissue's mass. Where it is symmetric
(equilibrium, no follower load) only half of it is made into factors.
"""

import dataclasses
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
    instant: Linear | None = None  # for accelerations, where they are asked for
    solves: int = 0

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
        self._masses = np.einsum("eab,ij->eaibj", block, np.eye(d)).reshape(-1, size, size)

    @property
    def tissue(self) -> ContinuumTissue:
        """The model's."""
        tissue = self.model.tissue
        assert isinstance(tissue, ContinuumTissue)
        return tissue

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
        seen, best, why = [], np.inf, ""
        for k in range(_ITERATIONS):
            made = self._assembled(z, mass, begin, F0, p0, y, p, h, when)
            if withheld is not None:
                made = made._replace(r=made.r - withheld)
            if not (np.isfinite(made.r).all() and np.isfinite(made.c).all()):
                why = "forces are not numbers"
                break
            free = self._gather(made.r)
            scale = max(float(np.max(made.size, initial=0.0)), 1e-300)
            off = max(
                float(np.max(np.abs(free), initial=0.0)) / scale,
                float(np.max(np.abs(made.c), initial=0.0)) / made.volume,
            )
            seen.append(off)
            if off <= SMALL or (k and off < 1e-9 and off > 0.3 * best):  # rounding ends it
                return Found(self._held(begin, y, p, h), True, k, tuple(seen), made.outside, made.reaction)
            if off > _STALLED * best and k > 3:
                why = "Newton's method does not converge"
                break
            best = min(best, off)
            dy, dp = self._correction(made, free)
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
        return self._assembled(z, mass, begin, F, p, begin.y, begin.p, 0.0, t).r

    def acceleration(self, mass: Array, held: Held, pull: Array, t: float) -> np.ndarray:
        """ÿ at t, (ny,), where the bridges have this inertia and pull so hard without it."""
        tissue, lay = self.tissue, self.layout
        y, v, p = held.y, held.v, held.p
        F, pressure = cells.gradients(tissue, y), cells.pressures(tissue, p)
        bent = jnp.einsum("pij,pj->pi", mass, cells.bias(tissue, y, v))
        pulls = points.Pulls(pull - bent, jnp.zeros_like(mass))
        found = cells.blocks(tissue, cells.Way(F, F, pressure, pressure, held.q), pulls, "equilibrium")
        residual = self._full(self._rows, found.r)
        for rows, load in self._loads(y, t).values():
            residual += self._full(rows, load.r)
        residual -= np.asarray(at(self.drive.load, jnp.asarray(t), tissue.ny))
        given = np.zeros_like(y)
        for k, where in lay.moved.items():
            condition: Any = self.conditions[k]
            given[where] = np.asarray(rates(condition.value, jnp.asarray(t), 1)[2])[0]
        blocks = self._masses + np.asarray(cells.inertia(tissue, F, mass))
        brought = np.einsum("edf,ef->ed", blocks, given[self._rows])
        right = -self._gather(residual) - vector(lay.displacements, lay.cells, brought)
        if self.instant is None:
            self.instant = Linear(Pattern(lay.displacements, [(lay.cells, lay.cells)]))
        return self._spread(self.instant.solve(self.instant.pattern.matrix([blocks]), right)) + given

    def close(self) -> None:
        """Give back what solvers hold."""
        self.linear.close()
        if self.instant is not None:
            self.instant.close()

    def _held(self, begin: Held, y: np.ndarray, p: np.ndarray, h: float) -> Held:
        q = cells.kinematics(self.tissue, y)
        if self.static:
            return Held(y, (y - begin.y) / h if h > 0 else np.zeros_like(y), p, q, jnp.zeros_like(q))
        return Held(y, 2.0 * (y - begin.y) / h - begin.v, p, q, 2.0 * (q - begin.q) / h - begin.u)

    def _assembled(self, z, mass, begin: Held, F0, p0, y, p, h, when) -> "Assembled":
        tissue = self.tissue
        F1, p1, q1 = cells.gradients(tissue, y), cells.pressures(tissue, p), cells.kinematics(tissue, y)
        if self.static:
            pulls = points.equilibrium(self.model, self.population, z, begin.q, q1)
        else:
            conserving = tissue.stepper == "energy-momentum"
            pulls = points.motion(
                self.model, self.population, z, mass, begin.q, begin.u, q1, jnp.asarray(h), conserving
            )
        found = cells.blocks(tissue, cells.Way(F0, F1, p0, p1, q1), pulls, self.kind)
        r, c, uu, up, pu, pp = map(np.asarray, found[:6])
        residual, size = self._full(self._rows, r), self._full(self._rows, found.size)
        outside = np.zeros(tissue.ny)
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
            uu = uu + 2.0 / h**2 * self._masses
        reaction = np.where(self.layout.number < 0, residual, 0.0)  # what prescribes a motion balances it
        nodes, dx = np.asarray(tissue.space.pressure_nodes), np.asarray(tissue.space.dx).sum(axis=1)
        count = lambda values: np.bincount(nodes.ravel(), weights=values.ravel(), minlength=len(p))
        smallest = float(count(np.broadcast_to(dx[:, None], nodes.shape)).min())
        return Assembled(residual, count(c), uu, up, pu, pp, added, size, smallest, outside + reaction, reaction)

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

    def _correction(self, made: "Assembled", free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Newton's, of y and p."""
        lay, self.solves = self.layout, self.solves + 1
        if lay.size > lay.displacements:
            blocks = [made.uu, made.up, made.pu, made.pp, *made.added]
            right = -np.concatenate([free, made.c])
            found = self.linear.solve(self.linear.pattern.matrix(blocks), right)
            dp = found[lay.displacements :]
            return self._spread(found), dp
        inverse = 1.0 / made.pp[:, 0, 0]
        condensed = made.uu - inverse[:, None, None] * made.up * made.pu
        right = -free + vector(lay.displacements, lay.cells, made.up[:, :, 0] * (inverse * made.c)[:, None])
        found = self.linear.solve(self.linear.pattern.matrix([condensed, *made.added]), right)
        dy = self._spread(found)
        dp = -inverse * (made.c + np.einsum("ed,ed->e", made.pu[:, 0], dy[self._rows]))
        return dy, dp

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
    """The system of one iteration: residuals in all displacements, blocks of cells and of loaded facets."""

    r: np.ndarray
    c: np.ndarray
    uu: np.ndarray
    up: np.ndarray
    pu: np.ndarray
    pp: np.ndarray
    added: list[np.ndarray]
    size: np.ndarray
    volume: float
    outside: np.ndarray
    reaction: np.ndarray
