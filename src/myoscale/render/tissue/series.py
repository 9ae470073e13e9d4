"""A run in space as files for ParaView: one of VTK's unstructured grids for each saved time, and a collection that plays them."""

import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

import meshio
import numpy as np

from ... import store
from ...errors import InputError
from ...solution import Solution
from ...tissue import ContinuumTissue
from ...types import Array
from .cells import cells
from .fields import Fields, continuum, fields, in_cells

_TENSORS = ("piola", "piola_active", "cauchy", "cauchy_active")
_SCALARS = ("pressure", "volume", "stretch", "tension", "attached")


def save_series(solution: Solution, folder: str | Path, every: int = 1, name: str = "tissue") -> list[Path]:
    """Write a series of `name`_0000.vtu, … and `name`.pvd, which ParaView opens as one.

    Points are those of the reference; "Warp By Vector" by `displacement` deforms them. Cells are quadratic where the element is. Point data are
    `displacement` and `velocity`; cell data are means over each cell: stresses (nine components, row by row), `pressure`, `volume` J, `stretch` and `fibre`
    (deformed), `tension`, `attached`, `extension_mean` and `extension_std`, and `fibre_reference`. See `Fields`.

    **Arguments:** `solution` of a `ContinuumTissue`; `folder`, made if need be; `every`, of how many saved times one is written; `name` of the files.

    **Returns:** the paths, the collection last: each file is whole or not there at all.

    **Raises:** `InputError` for a solution that is not of a continuum, an `every` below 1, or a folder that cannot be written.
    """
    tissue = continuum(solution)
    if not isinstance(every, int) or every < 1:
        raise InputError(f"save_series expected every ≥ 1, a whole number of saved times. Received {every!r:.40}.")
    shown, folder = list(range(0, len(solution.ts), every)), Path(folder)
    paths, entries = [], []
    digits = max(4, len(str(len(solution.ts) - 1)))
    for i in shown:
        t, file = float(solution.ts[i]), f"{name}_{i:0{digits}d}.vtu"
        paths.append(store.put(folder / file, _grid(tissue, fields(solution, t))))
        entries.append(f'    <DataSet timestep="{t!r}" group="" part="0" file={quoteattr(file)}/>')
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="Collection" version="0.1" byte_order="LittleEndian">',
        "  <Collection>",
        *entries,
        "  </Collection>",
        "</VTKFile>",
    ]
    return [*paths, store.put(folder / f"{name}.pvd", ("\n".join(lines) + "\n").encode())]


def _grid(tissue: ContinuumTissue, found: Fields) -> bytes:
    """One time as a file."""
    kind, nodes = cells(tissue)
    mean = in_cells(tissue, found)
    data = {key: _tensors(getattr(mean, key)) for key in _TENSORS} | {key: getattr(mean, key) for key in _SCALARS}
    data |= {"fibre": _vectors(mean.direction), "fibre_reference": _reference(tissue)}
    data |= {"extension_mean": _flat(mean.mean), "extension_std": _flat(mean.std)}
    grid = meshio.Mesh(
        _vectors(np.asarray(tissue.space.locations)),
        [(kind, nodes)],
        point_data={"displacement": _vectors(found.displacement), "velocity": _vectors(found.velocity)},
        cell_data={key: [np.ascontiguousarray(values, float)] for key, values in data.items()},
    )
    with tempfile.TemporaryDirectory() as place:  # meshio writes to paths only
        file = Path(place) / "grid.vtu"
        grid.write(file, file_format="vtu")
        return file.read_bytes()


def _reference(tissue: ContinuumTissue) -> Array:
    """a₀, mean over each cell, of length 1."""
    dx = np.asarray(tissue.space.dx)
    mean = np.einsum("eq,eqi->ei", dx, np.asarray(tissue.fibres).reshape(*dx.shape, 3))
    return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-300)


def _vectors(values: Array) -> Array:
    """In space: VTK knows no plane."""
    return np.pad(np.asarray(values, float), ((0, 0), (0, 3 - values.shape[1])))


def _tensors(values: Array) -> Array:
    short = 3 - values.shape[1]
    return np.pad(values, ((0, 0), (0, short), (0, short))).reshape(len(values), 9)


def _flat(values: Array) -> Array:
    return values[:, 0] if values.shape[1] == 1 else values
