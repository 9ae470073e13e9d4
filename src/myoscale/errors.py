"""What can go wrong, in one sentence each: what, where, what to do.

`InputError` is the user's mistake (the shell exits with 2). The others end a run that was asked for correctly;
they carry `solution`, everything that was computed before.
"""

import difflib
from collections.abc import Iterable
from typing import Any


class MyoscaleError(Exception):
    """Base of every error that myoscale raises on purpose."""


class InputError(MyoscaleError, ValueError):
    """The input cannot be used as it is."""


class StoppedError(MyoscaleError):
    """A run that stopped before `t1`.

    **Attributes:** `solution`, the `Solution` up to the stop, or None if nothing had been saved.
    """

    def __init__(self, message: str, solution: Any = None):
        super().__init__(message)
        self.solution = solution


class InterruptedRun(StoppedError, KeyboardInterrupt):
    """Ctrl-C during a run: a `KeyboardInterrupt` that carries the results so far."""


class NotKeptError(StoppedError):
    """A run that can no longer be written to the folder that it was to be kept in: a full disk, for instance."""


class SingularConstraintError(StoppedError):
    """The constraint lost rank: g_x of some bridge became singular (theory section 7, example 4).

    **Attributes:** `time`, `point`, `bridge` (indices) and `singular_value`, the smallest one of g_x there.
    """

    def __init__(self, message: str, solution: Any, *, time: float, point: int, bridge: int, singular_value: float):
        super().__init__(message, solution)
        self.time, self.point, self.bridge, self.singular_value = time, point, bridge, singular_value


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of an error sentence: the nearest valid name, or all of them."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"choose one of: {', '.join(names)}."
