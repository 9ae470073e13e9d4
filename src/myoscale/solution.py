"""Results: what a run computed, with the scenario that made it.

Everything is a NumPy float64 array (a JAX array inside `jit`, `grad` and `vmap`), time first, then the point of the tissue.
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from . import macro, mechanics, store
from .books import Cycling, Energy, Stats
from .drive import AbstractDrive
from .errors import InputError
from .model import Model, Stacked, Start, scheme_at
from .model.cycling import rate_curves, rate_limit
from .model.scenario import tree_float
from .numerics import chebyshev
from .numerics.blocks import block_map
from .population import (
    AbstractCyclingPopulation,
    AbstractPopulation,
    Attached,
    Density,
    Ensemble,
    Measure,
    Moments,
    Tied,
)
from .population import kept as heads
from .population.density import Cells
from .population.ensemble import Particles
from .population.moments import Spread
from .population.tied import Points, Tracks
from .snapshot import Snapshot
from .tissue.lumped import Probes  # not among the tissues that people name
from .types import Array, Float, PyTree, concrete, float64


@dataclasses.dataclass(frozen=True)
class Scenario:
    """Everything that a run is made of: enough to run it again."""

    model: Model
    level: Any
    start: Start
    t1: float
    drive: AbstractDrive
    save: int | np.ndarray
    tolerance: float
    seed: int


@dataclasses.dataclass(frozen=True, repr=False)
class Solution:
    """One model at one level from 0 to t1.

    **Attributes:** `ts` (T,); `y`, `v` (T, ny); `energy`, the ledger; `force` (T, P, nq), what the bridges do to the tissue at each
    point, inertia included; `reaction` (T, ny), what a prescribed motion takes; `residual` (T,), max |g(X_i, q) − c_i| (zero for
    representations without labels); `singular_value` (T,), the smallest of g_x; `stats`; `scenario`.
    """

    scenario: Scenario
    ts: Array
    y: Array
    v: Array
    energy: Energy
    force: Array
    reaction: Array
    residual: Array
    singular_value: Array
    stats: Stats
    representation: AbstractPopulation
    z: PyTree  # moving parts of the populations, or tracks of bridges with multipliers, (T, P, …); None of ensembles
    origin: Array  # y where the particles were placed, (ny,)
    particles: Particles | None  # of ensembles: where every bridge started
    path: Float[Array, "K columns"]  # t and y on the grid that the run recorded, a superset of ts
    cycling: Cycling | None = None  # of bridges that attach and detach

    def __repr__(self) -> str:
        return f"Solution({self.scenario.level.label}, t = {self.ts[0]:g} … {self.ts[-1]:g}, {len(self.ts)} times; {self.stats.path})"

    @functools.cached_property
    def stiffness(self) -> Array:
        """(T, P, nq, nq): −∂(elastic force of the bridges)/∂q at each saved time, the populations carried along."""
        return self._stiffness()

    @float64
    def _stiffness(self):
        model, population = self.scenario.model, self.representation
        states = [self._state(i) for i in range(len(self.ts))]
        evaluate = jax.jit(lambda y, z: _stiffness(model, population, y, z))
        return concrete(jnp.stack([evaluate(y, z) for y, z in zip(self.y, states, strict=True)]))

    @property
    def multipliers(self) -> Array:
        """λ_i of the bridges `followed`, per unit weight, (T, P, K, k).

        **Raises:** `InputError` of levels that eliminate them.
        """
        return self._tracks.multiplier

    @property
    def pulls(self) -> Array:
        """What each bridge `followed` does to the tissue, ω_p w_i g_qᵀλ_i, (T, P, K, nq); those of all bridges add up to `force`.

        **Raises:** `InputError` of levels that eliminate multipliers.
        """
        return self._tracks.pull

    @property
    def velocity_residual(self) -> Array:
        """max |g_x Ẋ_i + g_q q̇|, the constraint one derivative on (index 2), (T,).

        **Raises:** `InputError` of levels that eliminate multipliers.
        """
        return self._tracks.slip.max(axis=1)

    @property
    def followed(self) -> np.ndarray:
        """Which bridges `multipliers` and `pulls` belong to, (K,): all, or as many as the level's `keep`, evenly.

        **Raises:** `InputError` of levels that eliminate multipliers.
        """
        assert self._tracks and self.particles is not None and isinstance(self.representation, Tied)
        return self.representation.followed(self.particles.x.shape[1])

    @property
    def _tracks(self) -> Tracks:
        if not isinstance(self.z, Tracks):
            why = (
                "eliminates multipliers"
                if self.cycling is None
                else "keeps a histogram of bridges that attach and let go"
            )
            raise InputError(
                f"{self.scenario.level.label} {why}: it has no multipliers to show. Use Constrained, on bridges that stay attached."
            )
        return self.z

    def population(self, t: float, point: int = 0) -> Snapshot:
        """The population at one point and a saved time.

        **Raises:** `InputError` for a time that was not saved or a point that the tissue does not have.
        """
        everyone = self.populations(t)
        if not -len(everyone.mean) <= point < len(everyone.mean):
            raise InputError(f"Expected a point from 0 to {len(everyone.mean) - 1}. Received {point}.")
        return everyone[point]

    @float64
    def populations(self, t: float) -> Snapshot:
        """The populations of all points at a saved time, P first.

        **Raises:** `InputError` for a time that was not saved.
        """
        i = self._index(t)
        if self.particles is not None:
            x, w = self._points(i)
            if w is None:
                w = np.broadcast_to(1.0 / x.shape[1], x.shape[:2])  # takes no memory
            mean, covariance = _ensemble_moments(x, w)
            return _concrete_snapshot("points", mean, covariance, points=x, weights=w)
        z, model = self._state(i), self.scenario.model
        population: Any = self.representation
        if isinstance(population, Moments):
            return _concrete_snapshot("gaussian", z.p, z.s @ jnp.swapaxes(z.s, -1, -2))
        if isinstance(population, AbstractCyclingPopulation):
            now = _attached(model, population, z)
            masses = jnp.sum(now.mass, axis=1)
            moments = now.mean[:, None], now.variance[:, None, None]
            shares = {"masses": masses, "attached": jnp.sum(masses, axis=1), "states": now.mass}
            return _concrete_snapshot("density", *moments, edges=(now.edges,), **shares)
        edges, (mean, covariance) = _density_moments(model, population, z, jnp.asarray(self.y[i]))
        return _concrete_snapshot("density", mean, covariance, edges=edges, masses=z.m)

    def _points(self, i: int) -> tuple[Array, Array | None]:
        """Extensions and weights at the i-th saved time, None if all are equal; of bridges with multipliers, those followed."""
        assert self.particles is not None
        w = self.particles.w
        if not isinstance(self.z, Tracks):
            return self._positions(i), w
        w = None if w is None else w[:, self.followed]
        return self.z.x[i], None if w is None else w / w.sum(1, keepdims=True)

    @float64
    def at(self, points: Sequence[int]) -> "Solution":
        """The same run as a few points of a field see it: y and v are q and q̇ there, forces and populations theirs; energies stay those of all.

        **Raises:** `InputError` for points that the tissue does not have.
        """
        count = self.force.shape[1]
        if any(not -count <= p < count for p in points):
            raise InputError(f"Expected points from 0 to {count - 1}. Received {list(points)!r:.80}.")
        chosen = np.asarray([p % count for p in points])
        model = tree_float(self.scenario.model)
        see = jax.jit(lambda y, v: tuple(a[chosen].ravel() for a in macro.kinematics(model, y, v)[:2]))
        q, u = (np.stack(part) for part in zip(*(see(y, v) for y, v in zip(self.y, self.v, strict=True)), strict=True))
        path = np.stack([np.asarray(see(row[1:], jnp.zeros(row.size - 1))[0]) for row in self.path])
        pick = lambda tree, axis: jax.tree.map(lambda a: np.take(a, chosen, axis), tree)
        bridge = self.scenario.model.bridge
        bridge = (
            Stacked([jax.tree.map(lambda a, p=p: a[p], bridge.each) for p in chosen])
            if isinstance(bridge, Stacked)
            else bridge
        )
        seen = dataclasses.replace(
            self.scenario.model,
            tissue=Probes(np.asarray(model.tissue.heads)[chosen], q.shape[1] // len(chosen)),
            bridge=bridge,
        )
        per_point = lambda a: a if np.ndim(a) < 2 else np.take(a, chosen, 1)
        cycling = self.cycling and dataclasses.replace(
            self.cycling,
            **{
                f.name: per_point(getattr(self.cycling, f.name))
                for f in dataclasses.fields(Cycling)
                if getattr(self.cycling, f.name) is not None
            },
        )
        return dataclasses.replace(
            self,
            scenario=dataclasses.replace(
                self.scenario, model=seen, start=dataclasses.replace(self.scenario.start, y=q[0], v=u[0])
            ),
            y=q,
            v=u,
            force=np.take(self.force, chosen, 1),
            reaction=np.zeros_like(q),
            z=None if self.z is None else pick(self.z, 1),
            origin=np.asarray(see(self.origin, jnp.zeros_like(jnp.asarray(self.origin)))[0]),
            particles=None if self.particles is None else pick(self.particles, 0),
            path=np.concatenate([self.path[:, :1], path], axis=1),
            cycling=cycling,
        )

    def _index(self, t: float) -> int:
        i = int(np.argmin(np.abs(self.ts - t)))
        if abs(self.ts[i] - t) > 1e-9 * max(abs(self.ts[-1]), abs(t)):
            raise InputError(
                f"Expected a saved time. Received t = {t:g}; the nearest saved one is {self.ts[i]:g}: pass save=[…] with the times you need."
            )
        return i

    def _state(self, i: int) -> PyTree:
        """The populations' whole state at the i-th saved time, leading axis P."""
        if self.particles is None:
            return jax.tree.map(lambda a: jnp.asarray(a[i]), self.z)
        if isinstance(self.representation, Tied):
            x, w = self._points(i)
            return Points(jnp.asarray(x), jnp.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else jnp.asarray(w))
        model, (x, w) = self.scenario.model, self.particles
        w = jnp.full(x.shape[:2], 1.0 / x.shape[1]) if w is None else jnp.asarray(w)
        labels = macro.over_points(
            model, Ensemble().start, jnp.asarray(x), w, model.tissue.kinematics(jnp.asarray(self.origin))
        )
        return labels._replace(x=self._positions(i))

    def _positions(self, i: int) -> Array:
        """Every bridge at the i-th saved time, (P, N, nx)."""
        until = np.searchsorted(self.path[:, 0], self.ts[i] * (1 + 1e-12))
        assert self.particles is not None
        path = np.concatenate([self.path[:until, 1:], np.asarray(self.y[i])[None]])
        padding = len(self.path) + 1 - len(path)  # one length, one program to compile
        path = np.concatenate([path, np.repeat(path[-1:], padding, axis=0)])
        return _follow(tree_float(self.scenario.model), *tree_float((self.particles.x, self.origin, path)))

    def plot(self, t: float | None = None, point: int = 0) -> np.ndarray:
        """Draw motion, energy, force of the bridges and their population with pyplot.

        Of bridges that attach and detach also how many are attached and what ATP they split; of levels that carry multipliers also the
        force of single bridges, as a fan, and what is left of their constraints.

        **Arguments:** `t`, a saved time to show the population at, the last one if left out; `point` of the tissue. Of a field, motion is what
        the bridges at that point see of it.

        **Returns:** the matplotlib axes in this order; `axes[0].figure.savefig("run.pdf")` writes them.

        **Raises:** `InputError` as `population`.
        """
        if self.scenario.model.tissue.is_field:
            return self.at([point]).plot(t)  # as that point sees it
        import matplotlib.pyplot as plt  # here, because it takes a while and most runs are not drawn

        from . import draw

        one = self.population(float(self.ts[-1]) if t is None else t, point)
        kinds: dict[str, Any] = {
            name: getattr(one, name) for name in ("points", "weights", "edges", "masses", "mean", "covariance")
        }
        entries: dict[str, Any] = {
            f.name.replace("_", " "): getattr(self.energy, f.name) for f in dataclasses.fields(self.energy)
        }
        where = f", point {point}" if self.force.shape[1] > 1 else ""
        when = f"t = {self.ts[-1] if t is None else t:.4g}"
        cycling: dict[str, Any] | None = None
        if self.cycling is not None:
            population: Any = self.representation
            kinds["bins"] = population.bins(float(np.asarray(one.attached)))
            x = np.linspace(*self.visited(point), 401)
            curves = rate_curves(scheme_at(self.scenario.model.bridge, point), x)
            cycling = {"attached": self.cycling.attached[:, point], "atp": self.atp_drawn()[:, point]}
            cycling["behind"] = x, curves, rate_limit(curves)
        tied: dict[str, Any] | None = None
        if isinstance(self.z, Tracks):
            values, w, numbers = self.pulls_drawn(point)
            found = draw.spread(values, w)
            tied = {"fan": found, "names": numbers[found.chosen], "rounding": self.rounding}
            tied |= {"position": self.residual, "velocity": self.velocity_residual}
        size = draw.SIZE_TIED if tied is not None else draw.SIZE if cycling is None else draw.SIZE_CYCLING
        fig = plt.figure(figsize=size)
        drawn = self.ts, self.y, entries, self.energy.total, self.force[:, point]
        return np.array(draw.run(fig, *drawn, kinds, where=where, when=when, cycling=cycling, tied=tied))

    def pulls_drawn(self, point: int = 0) -> tuple[Array, Array | None, np.ndarray]:
        """`pulls` times N, whose mean is the force of all, (T, K), for nq > 1 their lengths; weights, None if equal, and numbers of those bridges."""
        assert self.particles is not None
        pulls, w, numbers = self.pulls[:, point], self.particles.w, self.followed
        if w is None:
            pulls = pulls * self.particles.x.shape[1]
        else:
            w = w[point, numbers]
            pulls, w, numbers = pulls[:, w > 0] / w[w > 0, None], w[w > 0], numbers[w > 0]
        return pulls[..., 0] if pulls.shape[-1] == 1 else np.linalg.norm(pulls, axis=-1), w, numbers

    @property
    def rounding(self) -> float:
        """What rounding leaves of g − c, about, where bridges carry multipliers; zero of other levels."""
        scale = self.representation.scale if isinstance(self.representation, Tied) else None
        return 0.0 if scale is None else float(np.finfo(float).eps * np.asarray(scale))

    def atp_drawn(self) -> Array:
        """`cycling.atp_rate` (T, P), of heads that jump its mean over a twentieth of the run: a few events make no curve."""
        population: Any = self.representation
        assert self.cycling is not None
        last = len(self.ts) - 1
        half = last // 40 if population.bins(1.0) is not None else 0
        if not half:
            return self.cycling.atp_rate
        here, atp = np.arange(last + 1), np.asarray(self.cycling.atp)
        low, high = np.maximum(here - half, 0), np.minimum(here + half, last)
        return (atp[high] - atp[low]) / (self.ts[high] - self.ts[low])[:, None]

    def visited(self, point: int = 0) -> tuple[float, float]:
        """Extensions between which bridges that attach and detach are attached or attach, over all saved times; for drawing."""
        low, high = (float(end) for end in scheme_at(self.scenario.model.bridge, point).zone)
        ends: list[tuple[Any, Any]] = [(low, high)]
        for t in self.ts[:: max(1, len(self.ts) // 50)]:
            one = self.population(float(t), point)
            assert one.edges is not None and one.density is not None
            if np.any(one.density):
                seen = np.flatnonzero(one.density > 1e-3 * np.max(one.density))
                ends.append((one.edges[0][seen[0]], one.edges[0][seen[-1] + 1]))
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        margin = 0.08 * (high - low)
        return float(low - margin), float(high + margin)

    def to_xarray(self):
        """An `xarray.Dataset` of everything saved, with the scenario in its attributes."""
        moving = {} if self.z is None else self.z._asdict()
        variables = {
            "y": (("time", "coordinate"), self.y),
            "v": (("time", "coordinate"), self.v),
            "force": (("time", "point", "q"), self.force),
            "reaction": (("time", "coordinate"), self.reaction),
            "residual": (("time",), self.residual),
            "singular_value": (("time",), self.singular_value),
            "path": (("path_time", "path_column"), self.path),
            "origin": (("coordinate",), self.origin),
            **{f"energy_{f.name}": (("time",), getattr(self.energy, f.name)) for f in dataclasses.fields(self.energy)},
            **{
                f"z_{name}": (("time", "point", *(f"{name}_{k}" for k in range(a.ndim - 2))), a)
                for name, a in moving.items()
            },
        }
        if self.cycling is not None:
            counted = {f.name: getattr(self.cycling, f.name) for f in dataclasses.fields(Cycling) if f.name != "ts"}
            counted = {name: values for name, values in counted.items() if values is not None}
            variables |= {f"cycling_{name}": (("time", "point")[: a.ndim], a) for name, a in counted.items()}
        if self.particles is not None:
            variables["particles_x"] = (("point", "bridge", "x"), self.particles.x)
            if self.particles.w is not None:
                variables["particles_w"] = (("point", "bridge"), self.particles.w)
        dataset = store.to_dataset(
            variables,
            {
                "title": f"myoscale: {self.scenario.level.label}",
                "myoscale_version": importlib.metadata.version("myoscale"),
            },
            scenario=self.scenario,
            stats=self.stats,
            representation=self.representation,
        )
        return dataset.assign_coords(time=("time", np.asarray(self.ts)))

    def save(self, path: str | Path) -> Path:
        """Write a NetCDF file with the results and the scenario; `load` reads it back.

        **Raises:** `InputError` if the file cannot be written there.
        """
        return store.write(self.to_xarray(), path)


@jax.jit
def _ensemble_moments(x: Float[Array, "P N nx"], w: Float[Array, "P N"]) -> tuple[Array, Array]:
    """Mean and covariance at each point."""
    return jax.vmap(lambda x, w: _moments(Measure(x, w)))(x, w)


@eqx.filter_jit
def _density_moments(model: Model, population: Density, z: Cells, y: Array) -> tuple[PyTree, tuple[Array, Array]]:
    """Edges of the cells, mean and covariance at each point."""
    edges = jax.vmap(lambda low, high: tuple(population.edges(low, high)))(z.low, z.high)
    point = lambda bridge, z, q: _moments(population.measure(bridge, z, q))
    return edges, macro.over_points(model, point, z, model.tissue.kinematics(y))


@eqx.filter_jit
def _attached(model: Model, population: AbstractCyclingPopulation, kept: PyTree) -> Attached:
    """Attached heads in cells at each point."""
    return macro.over_points(model, population.cells, kept)


def _stiffness(model: Model, population: AbstractPopulation, y: Array, z: PyTree) -> Float[Array, "P nq nq"]:
    if not isinstance(population, AbstractCyclingPopulation):
        return macro.stiffness(model, population, y, z)
    one = lambda bridge, z, q: heads.stiffness(bridge, population.cells(bridge, z), q)
    return model.tissue.heads[:, None, None] * macro.over_points(model, one, z, model.tissue.kinematics(y))


def _moments(measure: Measure) -> tuple[Array, Array]:
    """Mean and covariance."""
    return measure.mean, measure.covariance


def load(path: str | Path, types: Sequence[type] = ()) -> Solution:
    """Read what `Solution.save` wrote.

    **Arguments:** `path`; `types`: your own classes that the scenario uses, a bridge for instance.

    **Raises:** `InputError` for a file that cannot be read, is not ours, or needs a class that was not passed.
    """
    data = store.read(path)
    if "scenario" not in data.attrs:
        raise InputError(f"Expected a file written by Solution.save. Received '{path}', which holds no scenario.")
    return from_dataset(data, store.typed_attribute(data, "scenario", types))


def from_dataset(data: xr.Dataset, scenario: Scenario) -> Solution:
    """The solution of a scenario behind its `to_xarray()`."""
    stats, representation = (store.typed_attribute(data, name) for name in ("stats", "representation"))
    values = {str(name): variable.values for name, variable in data.variables.items()}
    particles = Particles(values["particles_x"], values.get("particles_w")) if "particles_x" in values else None
    z = None
    if particles is None or isinstance(representation, Tied):
        kinds = {Density: Cells, Moments: Spread}
        kind = kinds.get(type(representation)) or representation.kept
        z = kind(*(values[f"z_{name}"] for name in kind._fields))
    cycling = None
    if "cycling_attached" in values:
        names = [f.name for f in dataclasses.fields(Cycling) if f"cycling_{f.name}" in values]
        cycling = Cycling(values["time"], **{name: values[f"cycling_{name}"] for name in names})
    same = ("y", "v", "force", "reaction", "residual", "singular_value", "path", "origin")
    values.setdefault("energy_noise", 0.0 * values["energy_load"])  # files from before there was noise have none
    energy = Energy(**{f.name: values[f"energy_{f.name}"] for f in dataclasses.fields(Energy)})
    return Solution(
        scenario=scenario,
        ts=values["time"],
        energy=energy,
        stats=stats,
        representation=representation,
        z=z,
        particles=particles,
        cycling=cycling,
        **{name: values[name] for name in same},
    )


def _concrete_snapshot(kind: str, mean, covariance, **fields) -> Snapshot:
    return Snapshot(kind, concrete(mean), concrete(covariance), **concrete(fields))


_DIRECT = 2_000  # ensembles up to this size are followed bridge by bridge
_GRID = {1: 64, 2: 24, 3: 12}  # Chebyshev nodes an axis, by nx


@eqx.filter_jit
def _follow(
    model: Model, x: Float[Array, "P N nx"], origin: Float[Array, " ny"], path: Float[Array, "K ny"]
) -> Float[Array, "P N nx"]:
    """Where bridges that started at x end on a path of the tissue.

    Newton's method stays on the branch by following the path. A large ensemble follows a Chebyshev grid of starting points,
    whose interpolant is then each bridge's own first guess.
    """
    start, end = model.tissue.kinematics(origin), model.tissue.kinematics(path[-1])
    count, nx = x.shape[1:]

    def along(x):
        def one(z, y):
            return z._replace(x=macro.over_points(model, Ensemble().positions, z, model.tissue.kinematics(y))), None

        z = macro.over_points(model, Ensemble().start, x, jnp.zeros(x.shape[:2]), start)
        return jax.lax.scan(one, z, path)[0].x

    if count <= _DIRECT:
        return along(x)
    nodes = _GRID[nx]
    low, high = jnp.min(x, 1), jnp.max(x, 1)
    grid = along(jax.vmap(lambda a, b: chebyshev.grid(a, b, nodes))(low, high))

    def own(bridge, x, grid, low, high, start, end):
        def place(x):
            guess = chebyshev.interpolate(grid, x, low, high, nodes)
            return mechanics.extension(bridge, bridge.constraint(x, start), end, guess)

        return block_map(place, x)

    return macro.over_points(model, own, x, grid, low, high, start, end)
