"""A run in space as plain data for its page: the deforming surface, fields on it, bridges at points spread over the tissue, and curves.

Arrays that are large travel as 32-bit floats in base64, time first.
"""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import ndtr

from ...drive import QuasiStatic
from ...model import Stacked, scheme_at
from ...model.cycling import rate_curves, rate_limit
from ...snapshot import Snapshot
from ...solution import Solution
from ...study import Study
from ...tissue import ContinuumTissue
from ...types import Array
from ..tissue.cells import Surface, edges, surface, to_nodes
from ..tissue.draw import DIVERGING, RISING
from ..tissue.fields import Fields, continuum, fields, in_cells
from ..tissue.figure import reactions
from ..tissue.shown import SHOWN, limits, scalar, title
from .data import ledger, levels_of
from .numbers import even, plain
from .populations import below

POINTS = 64  # whose bridges are shown
_FRAMES, _CURVE, _CELLS = 61, 121, 48  # times of the surface and of curves, cells of a density
_NUMBERS = 450_000  # about as many as the page holds for the surface


def tissue_data(study: Study) -> dict[str, Any]:
    """Everything that is drawn of the one run of a study."""
    label, run = next(iter(study.solutions.items()))
    tissue, ts = continuum(run), np.asarray(run.ts)
    drawn, kept = surface(tissue), spread(np.asarray(tissue.space.places).reshape(-1, tissue.space.dim), POINTS)
    count = len(drawn.nodes) * (3 + len(SHOWN))
    frames = even(len(ts), int(np.clip(_NUMBERS // count, 2, _FRAMES)))
    curve = even(len(ts), _CURVE)
    found = [fields(run, float(ts[i])) for i in frames]
    over_time = lambda run, values: plain(np.moveaxis(np.asarray(values)[curve], 0, -1))
    cycling = run.cycling
    return {
        "t": plain(ts[curve]),
        "frames": plain(ts[frames]),
        "reference": study.reference,
        "labels": study.labels,
        "levels": levels_of(study),
        "coordinates": ["y"],
        "points": [int(p) + 1 for p in kept],
        "count": len(tissue.fibres),
        "ledger": {label: ledger(run, over_time)},
        "balanced": not isinstance(run.scenario.drive, QuasiStatic),
        "distance": {},
        "fan": None,
        "one_way": None,
        "cycling": None
        if cycling is None
        else {
            label: {
                "attached": over_time(run, np.asarray(cycling.attached)[:, kept]),
                "atp": over_time(run, run.atp_drawn()[:, kept]),
            }
        },
        "reactions": [{"name": name, "values": over_time(run, values)} for name, values in reactions(run).items()],
        "population": _densities(run, [one.population for one in found], kept),
        "tissue": _surface(tissue, drawn, found, study.units) | {"kept": _kept(tissue, drawn, found, kept)},
    }


def spread(places: Array, most: int) -> np.ndarray:
    """At most `most` of the places, each as far as can be from those before; the first is the one nearest to the middle."""
    chosen = [int(np.argmin(np.linalg.norm(places - places.mean(axis=0), axis=1)))]
    apart = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < min(most, len(places)):
        chosen.append(int(np.argmax(apart)))
        apart = np.minimum(apart, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return np.sort(chosen)


def _packed(values: Array, kind: str = "<f4") -> str:
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()


def _surface(
    tissue: ContinuumTissue, drawn: Surface, found: list[Fields], units: Mapping[str, str] | None
) -> dict[str, Any]:
    """Vertices (F, 3, V), what connects them, and each field (F, V) with its scale."""
    reference = np.asarray(tissue.space.locations)
    places = _space(np.stack([reference + one.displacement for one in found])[:, drawn.nodes])
    every = np.concatenate([places, _space(reference[drawn.nodes])[None]])
    means = [in_cells(tissue, one) for one in found]
    named = {}
    for name in SHOWN:
        values = np.stack([to_nodes(tissue, scalar(one, name))[drawn.nodes] for one in means])
        named[name] = {
            "title": title(name, units),
            "limits": plain(np.array(limits(name, list(values)))),
            "colours": DIVERGING if SHOWN[name].diverges else RISING,
            "values": _packed(values),
        }
    numbers = np.full(tissue.space.count, -1)
    numbers[drawn.nodes] = np.arange(len(drawn.nodes))
    return {
        "dim": tissue.space.dim,
        "low": plain(every.min(axis=(0, 1))),
        "high": plain(every.max(axis=(0, 1))),
        "vertices": len(drawn.nodes),
        "places": _packed(places.swapaxes(1, 2)),
        "reference": _packed(_space(reference[drawn.nodes]).T),
        "triangles": _packed(drawn.triangles.T, "<i4"),
        "edges": _packed(numbers[edges(drawn)], "<i4"),
        "fields": named,
    }


def _kept(tissue: ContinuumTissue, drawn: Surface, found: list[Fields], kept: np.ndarray) -> dict[str, Any]:
    """Where the points are at each frame (F, K, 3), the vertex of the surface above each, how deep beneath it is, and the fields there (F, K)."""
    space = tissue.space
    at_points = lambda one: np.einsum("qa,eai->eqi", space.values, one.displacement[np.asarray(space.nodes)])
    reference = np.asarray(space.places).reshape(-1, space.dim)[kept]
    places = np.stack([reference + at_points(one).reshape(-1, space.dim)[kept] for one in found])
    apart = np.linalg.norm(reference[:, None] - np.asarray(space.locations)[drawn.nodes][None], axis=2)
    return {
        "reference": plain(_space(reference), 4),
        "places": _packed(_space(places)),
        "vertex": np.argmin(apart, axis=1).tolist(),
        "depth": plain(apart.min(axis=1), 3),
        "values": {name: plain(np.stack([scalar(one, name)[kept] for one in found]), 5) for name in SHOWN},
    }


def _densities(run: Solution, everyone: list[Snapshot], kept: np.ndarray) -> dict[str, Any]:
    """The density of each component of the extension on one grid, at every frame and point: (F, K, nx, cells)."""
    masses, edges_ = _gridded(run, everyone, kept)
    height = masses / np.diff(edges_)
    return {
        "components": height.shape[2],
        "cells": height.shape[3],
        "x": plain(edges_[[0, -1]]),
        "top": plain(np.array(float(height.max()) or 1.0)),
        "height": _packed(height),
        "rates": None if run.cycling is None else _rates(run, kept, edges_),
    }


def _gridded(run: Solution, everyone: list[Snapshot], kept: np.ndarray) -> tuple[Array, Array]:
    """Share of the heads in each cell of a grid that holds all of them."""
    ends: list[Array] = []
    for one in everyone:
        mean, variance = np.asarray(one.mean)[kept], np.diagonal(np.asarray(one.covariance), axis1=1, axis2=2)[kept]
        reach = 4.0 * np.sqrt(np.maximum(variance, 0.0))
        ends += [mean - reach, mean + reach] if one.points is None else [np.asarray(one.points)[kept]]
    if run.cycling is not None:
        ends.append(np.array([float(end) for end in scheme_at(run.scenario.model.bridge, 0).zone]))
    every = np.concatenate([np.ravel(each) for each in ends])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    margin = 0.04 * (high - low) or 0.5
    grid = np.linspace(low - margin, high + margin, _CELLS + 1)
    shares = lambda one: [_shares(one, c, grid) for c in range(one.mean.shape[0])]
    return np.array([[shares(one[int(p)]) for p in kept] for one in everyone]), grid


def _shares(one: Snapshot, c: int, grid: Array) -> Array:
    """What one point has of component c in each cell of a grid."""
    if one.points is not None:
        weights = np.full(len(one.points), 1.0 / len(one.points)) if one.weights is None else np.asarray(one.weights)
        return np.histogram(np.asarray(one.points)[:, c], grid, weights=weights)[0]
    if one.edges is None or one.masses is None:
        std = max(float(np.sqrt(max(one.covariance[c, c], 0.0))), 1e-9 * (grid[-1] - grid[0]))
        return np.diff(ndtr((grid - one.mean[c]) / std))
    others = tuple(axis for axis in range(np.ndim(one.masses)) if axis != c)
    alone = dataclasses.replace(one, edges=(np.asarray(one.edges[c]),), masses=np.asarray(one.masses).sum(axis=others))
    return np.diff(below(alone, grid))


def _rates(run: Solution, kept: np.ndarray, grid: Array) -> dict[str, Any]:
    """The rates of attachment and detachment, at each point where bridges differ, else once."""
    bridge = run.scenario.model.bridge
    x = np.linspace(grid[0], grid[-1], 121)
    found = [rate_curves(scheme_at(bridge, int(p)), x) for p in (kept if isinstance(bridge, Stacked) else kept[:1])]
    top = max(map(rate_limit, found))
    cut = lambda rate: plain(np.where(rate <= top, rate, np.nan))
    return {
        "x": plain(x),
        "top": plain(np.array(top)),
        "points": [[{"name": c.name, "attaches": c.attaches, "rate": cut(c.rate)} for c in each] for each in found],
    }


def _space(values: Array) -> Array:
    """With a third coordinate, 0, in the plane."""
    return np.concatenate([values, np.zeros((*values.shape[:-1], 3 - values.shape[-1]))], axis=-1)
