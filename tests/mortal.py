"""A process whose children run kept scenarios and are killed: `python mortal.py`, one JSON order a line on standard input.

An order is {"what": "solve", "compare" or "converge", "folder": path or null, "death": null or [how, when]}. Deaths are SIGKILL, `when` seconds
after birth or after the first stretch, or instead of the `when`-th file being put in place or brought to disk. Imports are
made once, before any fork; what JAX starts threads for (its backend) begins in each child.
"""

import dataclasses
import hashlib
import json
import os
import signal
import sys
import threading

os.environ.setdefault("EQX_ON_ERROR", "off")

import jax
import numpy as np

import myoscale as ms
from myoscale import checkpoint, compare, converge, solve, zoo  # here, before any fork: the package itself is lazy

RUNS = {"t1": 30_000.0, "save": 41}  # long enough for a stretch to take some 50 ms
LEVEL, REFERENCE = ms.Reduced(8), ms.Characteristics(8)  # one program for both
CONVERGE = {"t1": 12.0, "sizes": (16, 32, 64), "samples": 150, "save": 5}  # six parts


def bits(value) -> str:
    """A digest of every array of a solution, of its steps, or of all of a study."""
    if isinstance(value, ms.Convergence):
        arrays = value.y, value.v, value.force, value.wassersteins, value.reference.y
        return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
    if isinstance(value, ms.Study):
        assert value.one_way is not None
        rows = [(row.errors_y, row.errors_v, row.wassersteins) for row in value.rows]
        solutions = map(bits, [*value.solutions.values(), value.one_way.solution])
        return hashlib.sha256(b"".join(np.asarray(a).tobytes() for row in rows for a in row)).hexdigest()[:8] + "".join(
            s[:8] for s in solutions
        )
    fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    of = ("ts", "y", "v", "force", "reaction", "residual", "singular_value", "z", "origin", "particles", "path")
    leaves = jax.tree.leaves([dataclasses.astuple(fields["energy"]), value.stats.steps, *(fields[name] for name in of)])
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in leaves)).hexdigest()


def die() -> None:
    """At once."""
    os.kill(os.getpid(), signal.SIGKILL)


def doom(how: str, when: float):
    """Arrange for a death; returns what is to be called after each stretch."""
    if how == "birth":
        threading.Timer(when, die).start()
    if how == "file":
        left = [int(when)]

        def mortal(operation):
            def call(*arguments, **options):
                left[0] -= 1
                return die() if left[0] <= 0 else operation(*arguments, **options)

            return call

        os.fsync, os.replace = mortal(os.fsync), mortal(os.replace)
        type(checkpoint.Path()).replace = lambda self, target: os.replace(self, target)
    timers = [threading.Timer(when, die)] if how == "stretch" else []
    return lambda: timers.pop().start() if timers else None


def obey(what, folder, death) -> None:
    """Carry out an order and say what came of it."""
    problem, alive, told = zoo.problem("linear"), doom(*death or ("", 0)), []

    def progress(word, fraction):
        if not told:
            told.append(print(json.dumps({"began": fraction}), flush=True))
        if not word.endswith("compiling"):
            alive()

    options = RUNS | {"resume": folder, "progress": progress}
    if what == "solve":
        result = solve(problem.model, LEVEL, problem.start, **options)
    elif what == "converge":
        options |= CONVERGE
        result = converge(problem.model, problem.start, level=LEVEL, reference=REFERENCE, **options)
    else:
        result = compare(problem.model, problem.start, levels=[LEVEL], reference=REFERENCE, **options)
    print(json.dumps({"bits": bits(result)}), flush=True)


def main() -> None:
    """A child for each order."""
    for line in sys.stdin:
        sys.stdout.flush()
        if (child := os.fork()) == 0:
            obey(**json.loads(line))
            sys.stdout.flush()
            os._exit(0)
        print(json.dumps({"status": os.waitpid(child, 0)[1]}), flush=True)


if __name__ == "__main__":
    main()
