"""Scenario files: a `Problem` as TOML that people edit, and back.

A file holds the same typed objects as the Python API: a table is a class, its keys are the constructor's arguments. Nothing is
written twice: what a key may be follows from the class (`schema`), what its comment says from its field. Python comes in by
`module` only.
"""

from .catalogue import Catalogue
from .read import parse, read
from .template import own_bridge, with_own_bridge
from .units import Units
from .write import text

__all__ = ["Catalogue", "Units", "own_bridge", "parse", "read", "text", "with_own_bridge"]
