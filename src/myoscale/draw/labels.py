"""What axes are called, in the units of a scenario: "scaled" where it names none."""

from collections.abc import Mapping


def labels(units: Mapping[str, str] | None = None, lengths: bool = True) -> dict[str, str]:
    """Labels of axes by what they show.

    **Arguments:** `units`, the base units `length`, `force` and `time`; `lengths`, whether the tissue's coordinates are
    lengths: where they are the entries of F, say, they and their forces have no one unit.
    """
    if units is None:
        length = force = time = energy = "scaled"
    else:
        length, force, time = (units[name] for name in ("length", "force", "time"))
        energy = f"{force}·{length}"
    of = lambda name, unit: f"{name} [{unit}]" if lengths or units is None else name
    return {
        "time": f"time t [{time}]",
        "y": of("displacement y", length),
        "distance": of("|y − y reference|", length),
        "force": of("force", force),
        "pull": of("force of a bridge × N", force),
        "pull_size": of("|force| of a bridge × N", force),
        "energy": f"energy [{energy}]",
        "residual": "greatest |g − c|, |ġ|",
        "x": f"extension x [{length}]",
        "x1": f"extension x₁ [{length}]",
        "x2": f"extension x₂ [{length}]",
        "density": f"density [1/{length}]",
        "attached": "share of heads attached",
        "attached_density": f"attached heads [1/{length}]",
        "rates": f"rates [1/{time}]",
        "atp": f"ATP per head [1/{time}]",
        "stiffness": of("stiffness", length if units is None else f"{force}/{length}"),
        "length": length,
    }
