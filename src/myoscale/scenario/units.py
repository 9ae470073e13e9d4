"""Units of measure: a file's own base units, and quantities written with units ("2 pN/nm"), checked and converted by pint.

Without a table [units] a file's numbers are scaled, as in the zoo. With it every number is in the base units that it names and
what follows from them, and a text with a unit is converted to that. What unit a key takes is said by the class's field.
"""

import dataclasses
import functools
import re
from typing import Any

from ..errors import InputError, nearest
from ..fields import expanded, spelled

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)?\s*([^\d\s].*)", re.DOTALL)  # "2.5 pN/nm", "1/nm"
_TOWER = re.compile(r"\d\d\s*(\*\*|\^)|(\*\*|\^)\s*[(+-]*\s*(\d\d|\d\s*(\*\*|\^))")  # powers that no unit has
_COMMON = "nm um µm mm cm m fN pN nN uN mN N us µs ms s min pg ng ug mg g kg aJ fJ pJ nJ J".split()
_COMMON += "nanometer micrometer meter piconewton newton millisecond second".split()


@dataclasses.dataclass(frozen=True)
class Units:
    """The base units of a scenario.

    **Arguments:** `length`, `force`, `time`: names that pint knows, "nm", "pN" and "ms" for instance.

    **Raises:** `InputError` for a name that is no unit, or of another kind of quantity.
    """

    length: str
    force: str
    time: str

    def __post_init__(self):
        for name, dimension in (("length", "[length]"), ("force", "[force]"), ("time", "[time]")):
            value = getattr(self, name)
            unit = _quantity(value)
            if not unit.check(dimension) or unit.magnitude != 1:
                raise InputError(f"Expected units.{name} to be a unit of {name}. Received '{value}'.")

    def convert(self, text: str, unit: str) -> float:
        """A quantity as a number in this file's units.

        **Raises:** `InputError` unless `text` is a quantity of the dimension that `unit` has, "force/length" for instance.
        """
        quantity, target = _quantity(text), _quantity(self._spelled(unit))
        if not quantity.is_compatible_with(target):
            raise InputError(
                f"Expected {unit}, in {spelled(unit, dataclasses.asdict(self))} for instance. Received '{text}'."
            )
        return float(quantity.to(target).magnitude)

    def _spelled(self, unit: str) -> str:
        for word in ("length", "force", "time"):
            unit = re.sub(rf"\b{word}\b", f"({getattr(self, word)})", expanded(unit))
        return unit


@functools.cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=False)


def _quantity(text: str) -> Any:
    """A number, or 1, and a unit. The number is read here: pint would also work out "9**9**9**9", for ever."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or _TOWER.search(text):
        raise InputError(f"Expected a quantity, '2.5 pN/nm' for instance. Received '{text:.60}'.")
    number, unit = match.groups()
    try:
        return _registry().Quantity(float(number) if number else 1.0, f"1{unit}" if unit.startswith("/") else unit)
    except AttributeError as error:  # pint's error for a name that it does not know is one
        names = getattr(error, "unit_names", text)
        name = names if isinstance(names, str) else next(iter(names))
        raise InputError(f"There is no unit '{name}': {nearest(name, _COMMON)}") from None
    except Exception as error:  # pint lets the errors of Python's tokenizer through
        first = (str(error).splitlines() or [""])[0]
        raise InputError(f"Expected a quantity, '2.5 pN/nm' for instance. Received '{text:.60}': {first}.") from None
