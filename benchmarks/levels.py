"""What each level gets wrong and what it costs: the tables of docs/levels.md.

    python benchmarks/levels.py --write docs/measured.md

Errors are the greatest over time of |y − y_ref|, and W₁ the greatest distance of the populations to the law carried by the reference's
flow, at five times. Reduced draws at random: root mean square over eight seeds. Time is the best of three runs without compilation, memory
what the compiled program holds. References: quadrature as fine as it can be.
"""

import argparse
import math
from pathlib import Path

import numpy as np

import myoscale as ms
from myoscale.levels import AbstractLevel

SEEDS = 8
Problems = dict[str, tuple[str, AbstractLevel, list[AbstractLevel]]]
PROBLEMS: Problems = {
    "bent": (
        "Uniformly elliptic, nonlinear, nx = 1 (`bent`, t ≤ 10)",
        ms.Characteristics(400),
        [
            ms.Reduced(100),
            ms.Reduced(10_000),
            ms.Reduced(1_000_000),
            ms.Reduced(1_000, sampling="quantile"),
            ms.Characteristics(16),
            ms.Characteristics(64),
            ms.Kinetic(50),
            ms.Kinetic(100),
            ms.Kinetic(400),
            ms.MomentClosure(),
        ],
    ),
    "onion": (
        "Weakly elliptic, nx = 1 (`onion`, t ≤ 24)",
        ms.Characteristics(400),
        [
            ms.Reduced(100),
            ms.Reduced(10_000),
            ms.Characteristics(16),
            ms.Characteristics(64),
            ms.Kinetic(100),
            ms.Kinetic(400),
            ms.MomentClosure(),
        ],
    ),
    "element": (
        "Linear in x, nx = 2 (`element`, t ≤ 20)",
        ms.Characteristics(256),
        [
            ms.Reduced(100),
            ms.Reduced(10_000),
            ms.Reduced(1_024, sampling="sobol"),
            ms.Characteristics(64),
            ms.Kinetic(32),
            ms.MomentClosure(),
        ],
    ),
}


def table(name: str) -> list[str]:
    """The rows of one problem."""
    heading, reference, levels = PROBLEMS[name]
    problem = ms.zoo.problem(name)
    # In the plane two clouds of 1,024 points are apart even where both stand for one law.
    line = problem.start.nx == 1
    columns = ["level", "error of y", *(["W₁"] if line else []), "time [s]", "memory"]
    lines = [f"**{heading}**", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for level in levels:
        drawn = isinstance(level, ms.Reduced) and level.sampling is ms.Sampling.RANDOM
        errors, distances, walls = [], [], []
        memory = 0
        for seed in range(SEEDS if drawn else 3):
            options = problem.options | {"seed": seed if drawn else 0}
            study = ms.compare(
                problem.model, problem.start, levels=[level], reference=reference, one_way=False, **options
            )
            row = study[level.label]
            errors.append(row.error_y)
            distances.append(row.wasserstein)
            walls.append(row.wall)
            memory = row.memory
        rms = lambda values: math.sqrt(np.mean(np.square(values)))
        cells = [f"`{level.label}`", f"{rms(errors):.0e}", *([f"{rms(distances):.0e}"] if line else [])]
        lines.append(f"| {' | '.join([*cells, f'{min(walls):.2g}', _bytes(memory)])} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"


def main() -> None:
    """Print the tables, or write them."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", type=Path, metavar="FILE", help="a Markdown file to write")
    arguments.add_argument("--problems", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    chosen = arguments.parse_args()
    text = "\n".join(line for name in chosen.problems for line in table(name))
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
