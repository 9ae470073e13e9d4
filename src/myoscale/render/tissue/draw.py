"""A tissue on matplotlib's axes: its deformed surface coloured by a field, and the outline that it had before."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection
from mpl_toolkits.mplot3d.proj3d import proj_transform

from ... import draw
from ...tissue import ContinuumTissue
from ...types import Array
from .cells import Surface, outline, surface
from .shown import SHOWN

# From blue over a light middle to orange, as bridges that push and pull; from dark to light where there is no middle.
DIVERGING = ("#00487a", "#3f97cb", "#f1efe9", "#e88a4a", "#963a00")
RISING = ("#1c2a52", "#26648f", "#2d9a8c", "#8fc866", "#f7e45c")
_NOTHING = "#c9c9c4"  # where a field has no value
_EDGE = (1.0, 1.0, 1.0, 0.4)
_LIGHT = np.array([-0.35, -0.75, 0.56])  # from the side of the reader


class Scene(NamedTuple):
    """What does not change from time to time."""

    surface: Surface
    reference: Array  # nodes (n, d)
    shown: Array  # all places that will be drawn (k, d)
    low: Array  # corners of the box that holds all times
    high: Array
    view: tuple[float, float]  # elevation and azimuth, degrees


def scene(tissue: ContinuumTissue, displacements: Array, view: tuple[float, float]) -> Scene:
    """Of displacements (T, n, d) that will be drawn."""
    drawn, reference = surface(tissue), np.asarray(tissue.space.locations)
    places = np.concatenate([reference[None], reference + displacements])[:, drawn.nodes]
    return Scene(
        drawn, reference, places.reshape(-1, places.shape[2]), places.min(axis=(0, 1)), places.max(axis=(0, 1)), view
    )


def colours(name: str) -> Any:
    """The colour map of a field."""
    found = LinearSegmentedColormap.from_list(name, DIVERGING if SHOWN[name].diverges else RISING)
    return found.with_extremes(bad=_NOTHING)


def add_axes(fig: Figure, where: Any, made: Scene) -> Axes:
    """Axes of equal scale that hold every time; `where` is a place in the figure, or part of a grid."""
    flat = len(made.low) == 2
    add: Any = fig.add_axes if isinstance(where, tuple) else fig.add_subplot
    axes: Any = add(where) if flat else add(where, projection="3d")
    axes.set_axis_off()
    size = made.high - made.low
    if flat:
        axes.set_aspect("equal")
        axes.set_xlim(made.low[0] - 0.03 * size[0], made.high[0] + 0.03 * size[0])
        axes.set_ylim(made.low[1] - 0.03 * size[1], made.high[1] + 0.03 * size[1])
        return axes
    axes.patch.set_alpha(0)  # axes in space are larger than what they show, and may overlap
    axes.set_proj_type("ortho")
    axes.view_init(*made.view)
    for k, name in enumerate("xyz"):
        getattr(axes, f"set_{name}lim")(made.low[k], made.high[k])
        getattr(axes, f"set_{name}margin")(0)
    axes.set_box_aspect(size)
    place = axes.get_position(original=True)
    wanted = np.array([place.width * fig.get_figwidth(), place.height * fig.get_figheight()]) * fig.dpi
    axes.apply_aspect()
    x, y, _ = proj_transform(*made.shown.T, axes.get_proj())
    drawn = axes.transData.transform(np.column_stack([x, y]))
    axes.set_box_aspect(size, zoom=float(np.min(0.94 * wanted / np.ptp(drawn, axis=0))))
    return axes


def _towards(view: tuple[float, float]) -> Array:
    elevation, azimuth = np.deg2rad(view)
    return np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])


def paint(axes: Any, made: Scene, displacement: Array, values: Array, name: str, ends: tuple[float, float]) -> None:
    """The deformed surface, `values` (E,) of each cell; what was painted before goes."""
    for old in list(axes.collections):
        old.remove()
    places = made.reference + displacement
    facets = places[made.surface.facets]
    colour = colours(name)(Normalize(*ends)(np.ma.masked_invalid(values[made.surface.cells])))
    before = outline(made.surface, made.reference, None if places.shape[1] == 2 else _towards(made.view))
    dotted = {"colors": "#3c4046", "linewidths": 1.1, "linestyles": [(0, (1, 2.2))]}
    if places.shape[1] == 2:
        axes.add_collection(PolyCollection(list(facets), facecolors=colour, edgecolors=[_EDGE], linewidths=0.6))
        axes.add_collection(LineCollection(list(made.reference[before]), **dotted))
        return
    around = facets - facets.mean(axis=1, keepdims=True)
    normal = np.sum(np.cross(around, np.roll(around, -1, axis=1)), axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    colour[:, :3] *= (0.87 + 0.13 * np.clip(normal @ (_LIGHT / np.linalg.norm(_LIGHT)), -1, 1))[:, None]
    for one in (
        Poly3DCollection(facets, facecolors=colour, edgecolors=[_EDGE], linewidths=0.6),
        Line3DCollection(made.reference[before], **dotted),
    ):
        axes.add_collection3d(one)
        one.set_clip_on(False)  # matplotlib's axes in space are square


def colour_bar(fig: Figure, place: Any, name: str, label: str, ends: tuple[float, float]) -> None:
    """The one colour bar, beneath, in axes of its own: a place in the figure, or axes."""
    bar = fig.colorbar(ScalarMappable(Normalize(*ends), colours(name)), cax=place, orientation="horizontal")
    bar.set_label(label, fontsize=11.5)
    edge: Any = bar.outline
    edge.set_visible(False)
    bar.ax.tick_params(labelsize=10.5, color=draw.GREY)
