"""Is `suggest` right? Built-in models, observables and tolerances, each choice verified against a finer reference.

    python benchmarks/suggest.py

Right: the choice is within the tolerance of the limit of many bridges, and the next cheaper one is not, or is no faster (by a fifth).
Tolerances are parts of the observable's unit; of the forces of cycling bridges, which are in pN, parts of the isometric force.
"""

import time

from myoscale import zoo
from myoscale.errors import InputError
from myoscale.study.limits import final_y
from myoscale.study.limits.suggest import suggest


def final_force(run):
    """Of the bridges at the first point of the tissue, at the end."""
    return run.force[-1, 0, 0]


COMBINATIONS = [
    ("bent", final_y, (1e-2, 1e-4, 1e-6)),
    ("onion", final_y, (1e-2, 1e-4, 1e-6)),
    ("linear", final_y, (1e-4,)),
    ("element", final_y, (1e-2, 1e-4)),
    ("huxley", final_force, (1.5, 0.15)),
    ("chain", final_force, (1e-2, 1e-4)),
    ("linear-matrix", final_y, (1e-4,)),
    ("bent", final_force, (1e-4,)),
]


def main() -> None:
    """Print one line for each combination, and how many were right."""
    right = count = 0
    print(
        f"{'model':<14}{'observable':<12}{'within':>8}  {'choice':<30}{'error':>9}{'ms':>7}  {'next cheaper':<30}{'error':>9}{'ms':>7}"
    )
    for name, observable, tolerances in COMBINATIONS:
        problem = zoo.problem(name)
        for within in tolerances:
            began = time.perf_counter()
            head = f"{name:<14}{observable.__name__[6:]:<12}{within:>8g}  "
            count += 1
            try:
                found = suggest(
                    problem.model,
                    problem.start,
                    t1=problem.t1,
                    drive=problem.drive,
                    within=within,
                    observable=observable,
                    verify=True,
                )
            except InputError as error:
                print(f"{head}{error}", flush=True)
                continue
            seen, choice = found.verified, found.choice
            right += bool(found.right)
            if seen is None or choice is None:
                print(f"{head}nothing meets", flush=True)
                continue
            line = f"{head}{choice.level.label:<30}{seen.error:>9.1e}{1e3 * seen.cost:>7.1f}  "
            if seen.against is None:
                line += f"{'-':<46}"
            else:
                line += f"{seen.against.label:<30}{seen.next_error:>9.1e}{1e3 * seen.next_cost:>7.1f}"
            print(f"{line}  {'right' if found.right else 'WRONG'}  ({time.perf_counter() - began:.0f} s)", flush=True)
    print(f"\n{right} of {count} right")


if __name__ == "__main__":
    main()
