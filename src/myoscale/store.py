"""Files: typed objects to JSON and back, labelled data to NetCDF.

Any equinox module or dataclass is written as its type and its fields, so a file holds the scenario that made it. Reading imports nothing
but myoscale: a user's own classes are passed in. Functions of time cannot be written; they come back as `Missing`, which says so
when a run needs them.
"""

import contextlib
import dataclasses
import enum
import importlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .errors import InputError

_LONG = 256  # arrays with more entries become variables of the file instead of text


@dataclasses.dataclass(frozen=True)
class Missing:
    """Stands for a function that a file could not hold."""

    name: str

    def __call__(self, *_):
        """Say what is missing."""
        raise InputError(
            f"The file does not hold the function '{self.name}': pass it again, solve(…, drive=…), to run this scenario."
        )


def encode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """JSON of a typed object; long arrays go to `arrays`."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return {"$enum": _name(type(value)), "value": value.value}
    if isinstance(value, np.generic):
        return value.item()
    if dataclasses.is_dataclass(value):
        fields = {f.name: encode(getattr(value, f.name), arrays) for f in dataclasses.fields(value)}
        return {"$type": _name(type(value)), **fields}
    if isinstance(value, dict):
        return {"$dict": {str(key): encode(item, arrays) for key, item in value.items()}}
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)) is not None:
        fields = {name: encode(item, arrays) for name, item in zip(names, value, strict=True)}
        return {"$named": _name(type(value)), **fields}
    if isinstance(value, list | tuple):
        return {"$tuple": [encode(item, arrays) for item in value]}
    if hasattr(value, "shape"):
        array = np.asarray(value)
        if array.size <= _LONG:
            whole = {"$whole": True} if array.dtype.kind in "iu" else {}
            return {"$array": array.tolist(), **whole}
        name = f"scenario_{len(arrays)}"
        arrays[name] = array
        return {"$variable": name}
    return {"$function": getattr(value, "__qualname__", type(value).__name__)}


def decode(value: Any, arrays: dict[str, np.ndarray], types: Iterable[type] = ()) -> Any:
    """The object behind `encode`d JSON; `types` are classes from outside myoscale.

    **Raises:** `InputError` for a class that is neither in myoscale nor in `types`.
    """
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return np.asarray(value["$array"], int if "$whole" in value else float)
    if "$variable" in value:
        return arrays[value["$variable"]]
    if "$dict" in value:
        return {key: decode(item, arrays, types) for key, item in value["$dict"].items()}
    if "$named" in value:
        named: Any = _find(value["$named"], types)
        return named(**{key: decode(value[key], arrays, types) for key in named._fields})
    if "$tuple" in value:
        return tuple(decode(item, arrays, types) for item in value["$tuple"])
    if "$enum" in value:
        return _find(value["$enum"], types)(value["value"])
    if "$function" in value:
        return Missing(value["$function"])
    kind = _find(value["$type"], types)
    result = object.__new__(kind)
    for field in dataclasses.fields(kind):
        if field.name in value:
            object.__setattr__(result, field.name, decode(value[field.name], arrays, types))
    return result


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _find(name: str, types: Iterable[type]) -> type:
    module, _, qualified = name.partition(":")
    for kind in types:
        if qualified == kind.__qualname__:
            return kind
    if module.split(".")[0] == "myoscale":
        found: Any = importlib.import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
        return found
    raise InputError(
        f"The file needs the class '{qualified}' from module '{module}': pass it, load(path, types=[{qualified}])."
    )


def to_dataset(
    variables: dict[str, tuple[tuple[str, ...], Any]], attributes: dict[str, Any], **typed: Any
) -> xr.Dataset:
    """A dataset of `variables` (dimensions, values); each of `typed` is encoded into an attribute of its name."""
    arrays: dict[str, np.ndarray] = {}
    encoded = {name: json.dumps(encode(value, arrays)) for name, value in typed.items()}
    extra = {name: (tuple(f"{name}_{k}" for k in range(a.ndim)), a) for name, a in arrays.items()}
    return xr.Dataset({**variables, **extra}, attrs={**attributes, **encoded})


def typed_attribute(dataset: xr.Dataset, name: str, types: Iterable[type] = ()) -> Any:
    """The object that `to_dataset` wrote under this name."""
    arrays = {
        str(key): variable.values for key, variable in dataset.variables.items() if str(key).startswith("scenario_")
    }
    return decode(json.loads(dataset.attrs[name]), arrays, types)


def writable(path: str | Path) -> Path:
    """The path, its folder made if need be.

    **Raises:** `InputError` if nothing can be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.parent / f".{path.name}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"Cannot write '{path}': {error.strerror or error}. Choose a folder that you may write to."
        ) from None
    return path


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Put a file in place whole or not at all, on the disk itself when this returns.

    **Raises:** `OSError` if that fails; what was there before is then still there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # the folder's entry too, where the system lets us
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def put(path: str | Path, data: bytes | memoryview) -> Path:
    """A file for the user, whole or not at all.

    **Raises:** `InputError` if it cannot be written there.
    """
    path = writable(path)
    try:
        write_bytes(path, data)
    except OSError as error:
        raise InputError(f"Cannot write '{path}': {error.strerror or error}.") from None
    return path


def write(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write NetCDF whole or not at all.

    The file is made in memory: where a disk is full, HDF5 leaves Python with files that it cannot close, and a crash at the end.

    **Raises:** `InputError` if it cannot be written there.
    """
    return put(path, dataset.to_netcdf(engine="h5netcdf"))


def read(path: str | Path) -> xr.Dataset:
    """A NetCDF file in memory.

    **Raises:** `InputError` if there is none that can be read.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot read '{path}' as a NetCDF file: {error}.") from None
