"""What `assumptions` found: numbers with the place where each was met, and sentences. `print` shows at most 100 columns."""

import dataclasses
import math
import textwrap
from typing import Any

import numpy as np

from ..types import Array

_WIDTH = 100
_MARKS = {"holds": "+", "note": " ", "weak": "!", "fails": "x"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a number was met: time, point of the tissue, extension x (nx,), local kinematics q (nq,), where that bridge started."""

    t: float
    point: int
    x: tuple[float, ...]
    q: tuple[float, ...]
    start: tuple[float, ...]

    def __str__(self) -> str:
        return f"t = {number(self.t)}, x = {vector(self.x)}"


@dataclasses.dataclass(frozen=True)
class Bound:
    """How large a function is on the visited region and how fast it changes there.

    **Attributes:** `name`, as in theory.md; `bound`, its greatest norm; `lipschitz`, the greatest norm of its derivative; None where a
    value is not finite.
    """

    name: str
    bound: float | None
    lipschitz: float | None


@dataclasses.dataclass(frozen=True)
class Finding:
    """One sentence or two; `kind` is `holds`, `note`, `weak` or `fails`."""

    kind: str
    text: str


@dataclasses.dataclass(frozen=True)
class Assumptions:
    """What the theory assumes, estimated on the region that a run visits.

    **Attributes:** `level` of the run; `reached`, the time to which the region extends; `y`, `q` (per point) and `x` (per point), least
    and greatest of each component; `rows`, bounds and Lipschitz constants; `ellipticity`, δ, the least singular value of g_x, None
    where it vanishes, and `weakest`, where it is met; `typical`, the median of that singular value; `quadratic`, the range of
    vᵀg_xv/|v|²; `definite`, δ of vᵀg_xv ≥ δ|v|² (of −g where that is the positive one), None where neither is definite;
    `findings`, in plain words; `method`, how all of it was obtained.
    """

    level: str
    reached: float
    y: tuple[Array, Array]  # (ny,)
    q: tuple[Array, Array]  # (P, nq)
    x: tuple[Array, Array]  # (P, nx)
    rows: tuple[Bound, ...]
    ellipticity: float | None
    weakest: Place | None
    typical: float | None
    quadratic: tuple[float, float] | None
    definite: float | None
    findings: tuple[Finding, ...]
    method: str

    @property
    def hold(self) -> bool:
        """Whether nothing that was looked at fails."""
        return not any(finding.kind == "fails" for finding in self.findings)

    def __str__(self) -> str:
        lines = [f"Assumptions on the region that {self.level} visits, t = 0 … {number(self.reached)}", ""]
        regions = (
            ("y", np.stack(self.y)[:, None], "tissue"),
            ("q", np.stack(self.q), "kinematics"),
            ("x", np.stack(self.x), "bridges"),
        )
        for name, ends, what in regions:
            lines += textwrap.wrap(
                f"  {name:3}{_ranges(*ends)}  ({what})", _WIDTH, subsequent_indent=" " * 5, break_on_hyphens=False
            )
        lines += ["", f"  {'':14}{'at most':>12}{'Lipschitz':>12}"]
        lines += [f"  {row.name:14}{_cell(row.bound):>12}{_cell(row.lipschitz):>12}" for row in self.rows]
        lines.append("")
        for finding in self.findings:
            lines += _wrapped(f"{_MARKS[finding.kind]} ", finding.text)
        return "\n".join([*lines, "", *_wrapped("", self.method)])

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and texts, for JSON; what is not finite is None."""
        ends = lambda pair: {"least": _plain(pair[0]), "greatest": _plain(pair[1])}
        return {
            "level": self.level,
            "reached": self.reached,
            "visited": {name: ends(getattr(self, name)) for name in ("y", "q", "x")},
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "ellipticity": self.ellipticity,
            "weakest": None if self.weakest is None else _plain(dataclasses.asdict(self.weakest)),
            "typical": self.typical,
            "quadratic": _plain(self.quadratic),
            "definite": self.definite,
            "hold": self.hold,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "method": self.method,
        }


def number(value: float) -> str:
    """Three digits."""
    return f"{value + 0.0:.3g}"


def vector(values: Any) -> str:
    """Three digits each."""
    values = np.atleast_1d(values)
    return number(values[0]) if len(values) == 1 else f"({', '.join(map(number, values))})"


_ENTRIES = 9  # of a point of the tissue that are shown
_POINTS = 3  # of the tissue that are shown one by one


def _ranges(low: np.ndarray, high: np.ndarray) -> str:
    """Every component of a few points of the tissue; of many, the hull."""
    if len(low) > _POINTS:
        low, high, note = low.min(0, keepdims=True), high.max(0, keepdims=True), f", the hull of {len(low)} points"
    else:
        note = ""
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return "nowhere" + note
    one = lambda a, b: ", ".join(f"{number(p)} … {number(q)}" for p, q in zip(a[:_ENTRIES], b[:_ENTRIES], strict=True))
    more = f" and {low.shape[1] - _ENTRIES} more" if low.shape[1] > _ENTRIES else ""
    return " | ".join(one(a, b) + more for a, b in zip(low, high, strict=True)) + note


def _cell(value: float | None) -> str:
    return "not known" if value is None else number(value)


def _wrapped(mark: str, text: str) -> list[str]:
    return textwrap.wrap(
        mark + text, _WIDTH, subsequent_indent=" " * len(mark), break_on_hyphens=False, break_long_words=True
    )


def _plain(value: Any) -> Any:
    """Lists and floats, None for what is not finite."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray | tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
