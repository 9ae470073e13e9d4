"""The folder that keeps a run while it is computed: killed at any moment, it goes on from there to the same bits.

    run.json                    which scenario this is, and what computes it
    state-0.npz, state-1.npz    where the run stood when it was last kept, and the time before
    solution.npz                the finished run, in their place
    lock                        held while a process computes here

Every file is written whole or not at all. The two states are written in turn, so that one that a failing disk has spoilt is made up for by the
other. Writing takes at most a fiftieth of the time: a state is kept when fifty times as long as it took to write the last one has passed.
"""

import contextlib
import dataclasses
import io
import json
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import jax
import numpy as np
import xarray as xr

from . import store
from .errors import InputError
from .fingerprint import fingerprint, software
from .solution import Scenario, Solution, from_dataset
from .types import PyTree

_PATIENCE = 50  # a state is written at most once in so many times as long as writing takes
_STATES = ("state-0.npz", "state-1.npz")
_UNREADABLE = OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error


def identity(scenario: Scenario, times: np.ndarray) -> dict[str, Any]:
    """What must agree for a run to go on: the scenario, by fingerprints, and the software. A study has no level of its own."""
    fields = {field.name: getattr(scenario, field.name) for field in dataclasses.fields(scenario)}
    if scenario.level is None:
        del fields["level"]
    fields |= {"save": times, "t1": float(scenario.t1)}
    return {
        "holds": "a study" if scenario.level is None else "a run",
        "scenario": {name: fingerprint(value) for name, value in fields.items()},
        "software": software(),
    }


@contextlib.contextmanager
def hold(folder: str | Path, identity: dict[str, Any]) -> Iterator["Checkpoint"]:
    """The folder, made if need be, for this process alone.

    **Raises:** `InputError` if another process is at work there, it holds another scenario, or nothing can be written.
    """
    if not isinstance(folder, str | Path):
        raise InputError(f"Expected resume to be a folder, its path as a text for instance. Received {folder!r:.80}.")
    folder = store.writable(Path(folder) / "run.json").parent
    lock = filelock.FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(f"'{folder}' is in use by another run: wait for its end, or choose another folder.") from None
    except OSError as error:
        raise InputError(cannot_keep(folder, error)) from None
    try:
        _claim(folder, identity)
        yield Checkpoint(folder)
    finally:
        lock.release()


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """See that the folder is this scenario's; an empty one becomes it."""
    path, advice = folder / "run.json", "choose another folder, or delete this one to begin again."
    try:
        known = json.loads(path.read_text())
        differs = _difference(known, identity)
    except FileNotFoundError:
        try:
            store.write_bytes(path, json.dumps(identity, indent=1).encode())
        except OSError as error:
            raise InputError(cannot_keep(folder, error)) from None
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"Cannot tell from '{path}' which run '{folder}' keeps: {advice}") from None
    if differs:
        raise InputError(f"'{folder}' keeps {differs}: {advice}")


def _difference(known: dict[str, Any], identity: dict[str, Any]) -> str:
    """What is kept instead, in words."""
    if known["holds"] != identity["holds"]:
        return f"{known['holds']}, not {identity['holds']}"
    unequal = lambda part: [name for name, value in identity[part].items() if known[part].get(name) != value]
    if names := unequal("scenario"):
        return f"{known['holds']} of another scenario (not the same {', '.join(names)})"
    changes = [
        f"{name} {known['software'].get(name)}, now {identity['software'][name]}" for name in unequal("software")
    ]
    return f"{known['holds']} of other software ({'; '.join(changes)})" if changes else ""


def cannot_keep(folder: str | Path, error: OSError) -> str:
    """One sentence for a folder that cannot be written to."""
    file = f" (in '{Path(error.filename).name}')" if isinstance(error.filename, str) and error.filename else ""
    return f"Cannot keep the run in '{folder}': {error.strerror or error}{file}. Make room there, or choose a folder that you may write to."


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a run stood: arrays by name, and numbers."""

    arrays: dict[str, np.ndarray]
    numbers: dict[str, Any]

    def tree(self, name: str, like: PyTree) -> PyTree:
        """The tree that was written under a name; `like` has its structure."""
        return jax.tree_util.tree_map_with_path(lambda path, _: self.arrays[name + jax.tree_util.keystr(path)], like)


class Checkpoint:
    """A folder that is held."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._serial, self._again = 0, -float("inf")

    def read(self) -> Kept | None:
        """The last state that can be read, if any."""
        found = []
        for name in _STATES:
            with contextlib.suppress(*_UNREADABLE):
                found.append(Kept(*_unpack((self.folder / name).read_bytes())))
        if not found:
            return None
        last = max(found, key=lambda kept: kept.numbers["serial"])
        self._serial = last.numbers["serial"]
        return last

    def due(self) -> bool:
        """Whether writing now costs little."""
        return time.perf_counter() >= self._again

    def write(self, trees: dict[str, PyTree], numbers: dict[str, Any]) -> None:
        """Keep this state.

        **Raises:** `OSError` if it cannot be written; the one before is then still there.
        """
        began = time.perf_counter()
        leaves = {
            name + jax.tree_util.keystr(path): np.asarray(leaf)
            for name, tree in trees.items()
            for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
        }
        serial = self._serial + 1
        store.write_bytes(self.folder / _STATES[serial % 2], _pack(leaves, {**numbers, "serial": serial}))
        self._serial, now = serial, time.perf_counter()
        self._again = now + _PATIENCE * (now - began)

    def put(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep a finished part of a study under its name.

        **Raises:** `OSError` if it cannot be written.
        """
        store.write_bytes(self.folder / f"{name}.npz", _pack(arrays, {}))

    def get(self, name: str) -> dict[str, np.ndarray] | None:
        """A part that was kept, None if it is not there or cannot be read."""
        try:
            return _unpack((self.folder / f"{name}.npz").read_bytes())[0]
        except _UNREADABLE:
            return None

    def finish(self, solution: Solution) -> None:
        """Keep the finished run, and no state any more.

        **Raises:** `OSError` if it cannot be written; the states are then still there.
        """
        data = solution.to_xarray()
        arrays = {str(name): variable.values for name, variable in data.variables.items()}
        about = {
            "attributes": {name: data.attrs[name] for name in ("stats", "representation")},
            "dimensions": {str(name): variable.dims for name, variable in data.variables.items()},
        }
        store.write_bytes(self.folder / "solution.npz", _pack(arrays, about))
        self._clear()

    def _clear(self) -> None:
        """Remove what a finished run needs no more."""
        for path in (*self.folder.glob("state-*.npz"), *self.folder.glob(".*.part")):
            with contextlib.suppress(OSError):
                path.unlink()

    def finished(self, scenario: Scenario) -> Solution | None:
        """The finished run of the scenario that this folder was claimed for, None if it is not there or cannot be read."""
        try:
            arrays, about = _unpack((self.folder / "solution.npz").read_bytes())
            dimensions = about["dimensions"]
            data = xr.Dataset({name: (dimensions[name], a) for name, a in arrays.items()}, attrs=about["attributes"])
            solution = from_dataset(data, scenario)
        except _UNREADABLE:
            return None
        self._clear()  # a process may have been killed before it did
        return solution


def _pack(arrays: dict[str, np.ndarray], about: dict[str, Any]) -> memoryview:
    """Arrays and JSON as the bytes of an npz file, whose check sums tell a broken one."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{"about.json": np.array(json.dumps(about)), **arrays})
    return file.getbuffer()


def _unpack(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return arrays, json.loads(str(arrays.pop("about.json")))
