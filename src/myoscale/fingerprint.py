"""Fingerprints: two values that have the same one compute the same numbers.

Numbers and arrays count by value (1 and 1.0 agree), typed objects by their class and fields. Classes and functions from outside
the libraries below count by their compiled code: constants, defaults, closures, and the globals that the code names, each in turn.
Not seen is what code reaches by other ways: attributes of modules, files, the state of an object without Python attributes.
"""

import dataclasses
import enum
import functools
import hashlib
import importlib.metadata
import inspect
import platform
import re
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

_COMPUTES = ("myoscale", "jax", "jaxlib", "equinox", "diffrax", "numpy")  # their versions decide what bits come out
_KNOWN = {*_COMPUTES, *sys.stdlib_module_names, "scipy", "jaxtyping", "beartype", "lineax", "optimistix", "numba"}


def fingerprint(value: Any) -> str:
    """A short text that differs where the value does."""
    return _Walk().of(value).hex()


@functools.cache
def software() -> dict[str, str]:
    """What computes: versions, a sum over the source of this package, and the kind of device."""
    versions = {name: importlib.metadata.version(name) for name in _COMPUTES}
    here = Path(__file__).parent
    source = [_sum(str(path.relative_to(here)).encode(), path.read_bytes()) for path in sorted(here.rglob("*.py"))]
    python = ".".join(platform.python_version_tuple()[:2])
    return {**versions, "source of myoscale": _sum(*source).hex(), "python": python, "device": jax.default_backend()}


def _sum(*parts: bytes) -> bytes:
    """A digest of parts, which tells where each ends."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _known(module: str | None) -> bool:
    return (module or "").partition(".")[0] in _KNOWN


def _is_array(value: Any) -> bool:
    return isinstance(getattr(value, "dtype", None), np.dtype) and hasattr(value, "shape")


class _Walk:
    """One walk through a value; an object met again has the digest it had, one met inside itself is a cycle."""

    def __init__(self):
        self.met: dict[int, tuple[bytes, Any]] = {}  # the objects too: while they live, nothing else has their id

    def of(self, value: Any) -> bytes:
        """The digest of anything."""
        if isinstance(value, enum.Enum):
            return _sum(b"enum", type(value).__qualname__.encode(), value.name.encode())
        if value is None or value is Ellipsis or isinstance(value, bool | str | bytes | complex):
            return _sum(type(value).__name__.encode(), repr(value).encode())
        if isinstance(value, int | float) or _is_array(value):
            return self._number(value)
        if isinstance(value, list | tuple):
            return _sum(b"sequence", *map(self.of, value))
        if isinstance(value, set | frozenset):
            return _sum(b"set", *sorted(_Walk().of(item) for item in value))  # their order is chance
        if isinstance(value, Mapping):
            return _sum(b"mapping", *map(self.of, value.items()))
        if isinstance(value, types.CodeType):
            return _sum(b"code", value.co_code, *map(self.of, (value.co_consts, value.co_names, value.co_freevars)))
        if id(value) not in self.met:
            self.met[id(value)] = b"cycle", value
            self.met[id(value)] = self._object(value), value
        return self.met[id(value)][0]

    def _number(self, value: Any) -> bytes:
        """An int is the float of that value, and so is an array without axes."""
        if isinstance(value, int) and abs(value) > 2**53:
            return _sum(b"whole", str(value).encode())
        array = np.asarray(value)
        if array.dtype.kind == "O":
            return _sum(b"objects", self.of(array.tolist()))
        array = np.ascontiguousarray(array.astype(float) if array.dtype.kind in "iuf" else array)
        return _sum(b"array", repr(np.shape(value)).encode(), array.dtype.str.encode(), array.tobytes())

    def _object(self, value: Any) -> bytes:
        if isinstance(value, types.ModuleType):
            file = None if _known(value.__name__) else getattr(value, "__file__", None)
            return _sum(b"module", value.__name__.encode(), Path(file).read_bytes() if file else b"")
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, functools.partial):
            return _sum(b"partial", *map(self.of, (value.func, value.args, value.keywords)))
        if isinstance(value, types.MethodType):
            return _sum(b"method", self.of(value.__func__), self.of(value.__self__))
        if isinstance(value, staticmethod | classmethod):
            return self.of(value.__func__)
        if isinstance(value, property):
            return _sum(b"property", self.of(value.fget))
        if isinstance(function := inspect.unwrap(value), types.FunctionType):  # also what jit and the like have wrapped
            return self._function(function)
        if dataclasses.is_dataclass(value):
            fields = {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
            return _sum(b"object", self.of(type(value)), self.of(fields))
        if attributes := getattr(value, "__dict__", None):
            return _sum(b"object", self.of(type(value)), self.of(_ordered(attributes)))
        return _sum(b"other", self.of(type(value)), re.sub(" at 0x[0-9a-f]+", "", repr(value)).encode())

    def _class(self, kind: type) -> bytes:
        """Its name, and what it and its bases define unless a library does."""
        own = [
            {name: item for name, item in vars(base).items() if not name.startswith(("__", "_abc_")) or callable(item)}
            for base in kind.__mro__
            if not _known(base.__module__)
        ]
        return _sum(b"class", kind.__qualname__.encode(), *(self.of(_ordered(items)) for items in own))

    def _function(self, function: types.FunctionType) -> bytes:
        """Its code and everything that the code names; of a library's function the name, and what it holds on to."""
        cells = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
        if _known(function.__module__):
            return _sum(b"library", f"{function.__module__}.{function.__qualname__}".encode(), self.of(cells))
        names = _names(function.__code__)
        named = {name: value for name, value in function.__globals__.items() if name in names}
        parts = function.__code__, function.__defaults__, function.__kwdefaults__, cells, _ordered(named)
        return _sum(b"function", *map(self.of, parts))


def _ordered(items: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(items.items()))


def _names(code: types.CodeType) -> set[str]:
    """Names used by code and by functions inside it."""
    inner = (_names(constant) for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*inner)
