"""Cells as VTK numbers them, and the outer surface of a tissue: facets, triangles, edges.

scikit-fem and VTK have the same reference cells but for the order of nodes, which is found by comparing places in the reference cell. Of quadratic cells the
nodes in the middle of edges and facets are vertices of the drawn surface too.
"""

from typing import NamedTuple

import numpy as np

from ...fem import ELEMENTS
from ...tissue import ContinuumTissue
from ...types import Array, Float, Int

# Corners of the reference cells, then edges, facets (their corners in order, seen from outside) and whether the middle is a node: VTK's order.
_CORNERS = {
    "triangle": [(0, 0), (1, 0), (0, 1)],
    "quad": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "tetra": [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)],
    "hexahedron": [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)],
}
_EDGES = {
    "triangle": [(0, 1), (1, 2), (2, 0)],
    "quad": [(0, 1), (1, 2), (2, 3), (3, 0)],
    "tetra": [(0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)],
    "hexahedron": [
        *((0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4)),
        *((0, 4), (1, 5), (2, 6), (3, 7)),
    ],
}
_FACETS = {
    "tetra": [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)],
    "hexahedron": [(0, 4, 7, 3), (1, 2, 6, 5), (0, 1, 5, 4), (3, 7, 6, 2), (0, 3, 2, 1), (4, 5, 6, 7)],
}
_QUADRATIC = {"triangle": "triangle6", "quad": "quad9", "tetra": "tetra10", "hexahedron": "hexahedron27"}


class Cells(NamedTuple):
    """Cells in VTK's order of nodes."""

    kind: str  # meshio's name
    nodes: Int[np.ndarray, "E A"]


class Surface(NamedTuple):
    """What is seen of a tissue; in the plane, all of it."""

    facets: Int[
        np.ndarray, "K L"
    ]  # nodes around each, counterclockwise from outside, with those in the middle of edges
    cells: Int[np.ndarray, " K"]  # behind each facet
    nodes: Int[np.ndarray, " V"]  # that occur in triangles
    triangles: Int[np.ndarray, "M 3"]  # of numbers in `nodes`
    owners: Int[np.ndarray, " M"]  # the facet of each triangle


def cells(tissue: ContinuumTissue) -> Cells:
    """The tissue's cells for VTK and meshio: of second order where its element is."""
    kind, quadratic = _kind(tissue)
    places = _places(kind, quadratic)
    element = ELEMENTS[tissue.element].displacement[tissue.space.dim]()
    ours = np.asarray(element.doflocs, float)[:: tissue.space.dim if len(element.doflocs) > len(places) else 1]
    apart = np.linalg.norm(places[:, None] - ours[None], axis=-1)
    order = np.argmin(apart, axis=1)
    assert apart[np.arange(len(places)), order].max() < 1e-12 and len(set(order)) == tissue.space.nodes.shape[1]
    return Cells(_QUADRATIC[kind] if quadratic else kind, np.asarray(tissue.space.nodes)[:, order])


def _kind(tissue: ContinuumTissue) -> tuple[str, bool]:
    simplices = ELEMENTS[tissue.element].simplices
    kind = {2: ("quad", "triangle"), 3: ("hexahedron", "tetra")}[tissue.space.dim][simplices]
    return kind, tissue.space.nodes.shape[1] > len(_CORNERS[kind])


def _places(kind: str, quadratic: bool) -> Float[np.ndarray, "A d"]:
    """Where VTK's nodes are in the reference cell."""
    corners = np.array(_CORNERS[kind], float)
    if not quadratic:
        return corners
    middle = lambda groups: [corners[list(group)].mean(axis=0) for group in groups]
    more = middle(_EDGES[kind])
    if kind in ("quad", "hexahedron"):
        more += [*middle(_FACETS.get(kind, [])), corners.mean(axis=0)]
    return np.concatenate([corners, np.array(more)])


def surface(tissue: ContinuumTissue) -> Surface:
    """The facets that belong to one cell only, or the cells of a tissue in the plane."""
    kind, quadratic = _kind(tissue)
    known, count = cells(tissue).nodes, len(_CORNERS[kind])
    groups = np.array(_FACETS.get(kind, [tuple(range(count))]))  # (facets of a cell, corners)
    corners = known[:, groups]
    if tissue.space.dim == 3:
        flat = np.sort(corners.reshape(-1, groups.shape[1]), axis=1)
        _, first, times = np.unique(flat, axis=0, return_index=True, return_counts=True)
        outer = np.sort(first[times == 1])
    else:
        outer = np.arange(len(known))
    owner, which = np.divmod(outer, len(groups))
    ring, middle = corners.reshape(-1, groups.shape[1])[outer], None
    if quadratic:
        edges = {frozenset(edge): count + k for k, edge in enumerate(_EDGES[kind])}
        between = np.array(
            [[edges[frozenset((g[k], g[(k + 1) % len(g)]))] for k in range(len(g))] for g in groups.tolist()]
        )
        ring = np.stack([ring, known[owner[:, None], between[which]]], axis=2).reshape(len(outer), -1)
        if kind in ("quad", "hexahedron"):
            middle = known[owner, count + len(_EDGES[kind]) + which]
    pieces, owners = _triangles(ring, middle, quadratic)
    nodes, numbers = np.unique(pieces, return_inverse=True)
    return Surface(ring, owner, nodes, numbers.reshape(-1, 3), owners)


def _triangles(ring: np.ndarray, middle: np.ndarray | None, quadratic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Triangles of each facet: a fan about the middle, four of six nodes, or as few as it takes."""
    size = ring.shape[1]
    if middle is not None:
        parts = [np.stack([middle, ring[:, k], ring[:, (k + 1) % size]], axis=1) for k in range(size)]
    elif quadratic:
        parts = [ring[:, list(part)] for part in ((0, 1, 5), (1, 2, 3), (3, 4, 5), (1, 3, 5))]
    else:
        parts = [ring[:, list(part)] for part in ((0, 1, 2), (0, 2, 3))[: size - 2]]
    return np.concatenate(parts), np.tile(np.arange(len(ring)), len(parts))


def edges(drawn: Surface) -> Int[np.ndarray, "m 2"]:
    """Pieces of the facets' edges, each once, as pairs of nodes."""
    pairs = np.stack([drawn.facets, np.roll(drawn.facets, -1, axis=1)], axis=2).reshape(-1, 2)
    return np.unique(np.sort(pairs, axis=1), axis=0)


def to_nodes(tissue: ContinuumTissue, values: Float[Array, " E"]) -> Float[np.ndarray, " n"]:
    """At each node the mean over the cells around it, weighted by their reference volumes; cells without a value are left out."""
    nodes = np.asarray(tissue.space.nodes)
    good = np.isfinite(values)
    volume = np.where(good, np.asarray(tissue.space.dx).sum(axis=1), 0.0)
    add = lambda each: np.bincount(nodes.ravel(), np.repeat(each, nodes.shape[1]), minlength=tissue.space.count)
    weight = add(volume)
    return np.where(weight > 0, add(volume * np.where(good, values, 0.0)) / np.where(weight > 0, weight, 1.0), np.nan)


def outline(
    drawn: Surface, places: Float[Array, "n d"], view: Float[Array, " 3"] | None = None
) -> Int[np.ndarray, "m 2"]:
    """Pieces of edges that outline a surface: borders in the plane; in space sharp edges and, seen from `view`, the silhouette."""
    places = np.asarray(places)
    pairs = np.stack([drawn.facets, np.roll(drawn.facets, -1, axis=1)], axis=2)
    owners = np.repeat(np.arange(len(drawn.facets)), pairs.shape[1])
    flat, where = np.unique(np.sort(pairs.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    if places.shape[1] == 2:
        return flat[np.bincount(where.ravel()) == 1]
    order = np.argsort(where.ravel(), kind="stable")
    two = owners[order].reshape(-1, 2)  # a closed surface: each edge has two facets
    around = places[drawn.facets]
    normal = np.sum(np.cross(around - around.mean(axis=1, keepdims=True), np.roll(around, -1, axis=1) - around), axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    sharp = np.einsum("ei,ei->e", normal[two[:, 0]], normal[two[:, 1]]) < 0.6
    if view is not None:
        facing = normal @ view > 0
        sharp |= facing[two[:, 0]] != facing[two[:, 1]]
    return flat[sharp]
