"""Shapes of tissue: regions in two or three dimensions, cut into cells, with named boundaries and fibres.

`Block`, `Pennate`, `Cylinder`, `Fusiform` and `Ventricle` have formulas, `MeshFile` takes what a mesher made. What happens on a shape
(materials, loads, equations) is not part of this room.
"""

from .base import AbstractShape, Grid
from .block import Block
from .cylinder import Cylinder
from .file import MeshFile
from .fusiform import Fusiform
from .pennate import Pennate
from .ventricle import Ventricle

__all__ = ["AbstractShape", "Block", "Cylinder", "Fusiform", "Grid", "MeshFile", "Pennate", "Ventricle"]
