"""Every mistake about cycling gets one sentence that says what was expected and what was received, before anything runs.

Load-bearing: `test_a_mistake_is_a_sentence`, and `test_a_mistake_in_a_file_is_its_line`.
"""

import re
import subprocess
import sys
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
import pytest

import myoscale as ms
from myoscale import scenario
from myoscale.cli import app
from myoscale.protocol import Activate, Hold, Load, Ramp
from myoscale.types import Scalar


class Scheme(ms.AbstractCycling):
    """Attaches on [0, 1]; each fault by name."""

    fault: str = ms.parameter("", static=True, default="")
    spacing: Scalar = 4.0
    momentum: ms.Momentum = ms.parameter("", static=True, default=ms.Momentum.COMOVING)
    availability: ms.Availability = ms.parameter("", static=True, default=ms.Availability.SITES)

    @property
    def zone(self):
        return 0.0, 1.0

    def generator(self, x):
        if self.fault == "shape":
            return jnp.zeros((3, 3))
        inside = (x > 0) & ((x < 1) | (self.fault == "cut"))
        rates = ms.generator_of({(0, 1): jnp.where(inside, x, 0.0), (1, 0): jnp.ones_like(x)}, 2)
        if self.fault == "negative":
            return rates * jnp.sign(x - 0.5)
        if self.fault == "rows":
            return rates.at[0, 0].add(0.5)
        return rates.at[1, 0].set(jnp.nan) if self.fault == "finite" else rates


class Two(Scheme):
    """Two detached states."""

    detached = 2
    atp: ClassVar = {(2, 0): 1.0}

    def generator(self, x):
        attach = jnp.where((x > 0) & (x < 1), x, 0.0)
        one = jnp.ones_like(x)
        return ms.generator_of({(0, 1): one, (1, 0): one, (1, 2): attach, (2, 0): one}, 3)


LENGTH = ms.Length(0.0)
LAW = ms.Normal(0.5, 0.2)


def run(cycling=Scheme(), level=ms.Kinetic(40), start=ms.Start(0.0), drive=LENGTH, bridge=None, tissue=ms.SpringMass()):
    bridge = ms.zoo.LinearBridge(0.0, 1.0, np.asarray(1.0), cycling=cycling) if bridge is None else bridge
    return ms.solve(ms.Model(tissue, bridge), level, start, t1=1.0, drive=drive)


class Bent(ms.AbstractBridge):
    """Φ depends on x."""

    mass: Scalar = 0.0
    cycling: ms.AbstractCycling | None = Scheme()

    def constraint(self, x, q):
        return x + x**3 - q

    def energy(self, x):
        return 0.5 * x @ x


class Loose(ms.AbstractBridge):
    """Whatever the user took for cycling."""

    cycling: Any
    mass: Scalar = 0.0

    def constraint(self, x, q):
        return x - q

    def energy(self, x):
        return 0.5 * x @ x


def loose(cycling):
    return ms.Model(ms.SpringMass(), Loose(cycling))


PLANE = ms.LumpedTissue(np.eye(2), np.eye(2))
PLAIN = ms.zoo.LinearBridge(0.0, 1.0, np.asarray(1.0))
POINTS = ms.Start(0.0, x=np.array([0.1, 0.2]), attached=0.1)

MISTAKES = {
    "huxley, rate": (lambda: ms.Huxley1957(f1=-1.0), "Huxley1957 expected the rate f1 ≥ 0"),
    "huxley, not a number": (lambda: ms.Huxley1957(g1=float("nan")), "expected the rate g1 ≥ 0"),
    "huxley, spacing": (lambda: ms.Huxley1957(spacing=0.0), "expected spacing > 0"),
    "huxley, h": (lambda: ms.Huxley1957(h=-1.0), "expected h > 0"),
    "huxley, cut": (lambda: ms.Huxley1957(spacing=20.0), "do not vanish there.* choose spacing ≥ 31.2"),
    "zahalak, rate": (lambda: ms.Zahalak1981(g3=-0.1), "Zahalak1981 expected the rate g3 ≥ 0"),
    "duke, rate": (lambda: ms.Duke1999(k_on=-1.0), "Duke1999 expected the rate k_on ≥ 0"),
    "duke, temperature": (lambda: ms.Duke1999(kT=0.0), "expected kT > 0"),
    "duke, delta": (lambda: ms.Duke1999(delta=-1.0), "expected delta ≥ 0"),
    "duke, stiffness": (lambda: run(ms.Duke1999()), "stiffness must be the same in both"),
    "duke, cut": (lambda: ms.Duke1999(spacing=20.0), "do not vanish there"),
    "momentum": (lambda: ms.Huxley1957(momentum="at_ease"), "no momentum 'at_ease': did you mean 'at_rest'"),
    "availability": (lambda: ms.Huxley1957(availability="pol"), "did you mean 'pool'"),
    "cycling, a name": (
        lambda: run(bridge=Loose("huxley")),
        r"Expected Loose.cycling to be a scheme .* or None. Received 'huxley'",
    ),
    "cycling, a class": (
        lambda: run(bridge=Loose(ms.Huxley1957)),
        "Loose.cycling to be a scheme .*: make an instance of it",
    ),
    "cycling, compared": (
        lambda: ms.compare(loose(7.0), ms.Start(0.0), t1=1.0, levels=[ms.Kinetic(40)], drive=LENGTH),
        "Loose.cycling to be a scheme",
    ),
    "cycling, assumed": (
        lambda: ms.assumptions(loose({"f1": 1.0}), ms.Start(0.0), t1=1.0, drive=LENGTH),
        "Loose.cycling to be a scheme",
    ),
    "stacked, names": (lambda: ms.Stacked([Loose("huxley")]), "made of numbers"),
    "stacked, schemes": (
        lambda: ms.Stacked(
            [ms.zoo.LinearBridge(0.0, 1.0, 1.0, cycling=c) for c in (ms.Huxley1957(), ms.Zahalak1981())]
        ),
        "differing in more than numbers",
    ),
    "huxley, endless spacing": (lambda: ms.Huxley1957(spacing=np.inf), "spacing > 0, a finite number"),
    "duke, endless energy": (lambda: ms.Duke1999(GATP=np.inf), "GATP to be a finite number"),
    "steps without end": (
        lambda: run(level=ms.Kinetic(40, dt=1e-12)),
        "Received dt = 1e-12 and t1 = 1, which ask for 1e",
    ),
    "cells": (lambda: run(level=ms.Kinetic(40, sites=50)), "Received 40 in a window of 200 .*say 800 or more"),
    "nodes": (lambda: run(level=ms.Characteristics(8, sites=50)), "Received 8 in a window of 200"),
    "share, several": (lambda: run(start=ms.Start(0.0, x=LAW, attached=1.5)), r"in \(0, 1\]. Received 1.5"),
    "weights": (lambda: run(start=ms.Start(0.0, weights=np.array([1.0]))), "weights belong to given points"),
    "by": (lambda: Ramp(by=np.inf, duration=1.0), "Ramp expected by to be a finite number"),
    "no times": (lambda: ms.Polyline(0.0, 1.0), "expected times"),
    "load": (
        lambda: run(drive=ms.Protocol([Load(np.array([1.0, 2.0]), duration=0.1)])),
        r"Expected load at t = 0 to be finite, of shape \(1,\)",
    ),
    "dofs": (lambda: run(drive=ms.Protocol([Hold(0.1)], dofs=(3,))), "Protocol.dofs to be different coordinates"),
    "activation, if": (
        lambda: run(drive=ms.Length(0.0, activation=lambda t: 1.0 if t > 0.05 else 0.0)),
        "Expected activation to be a function of t built from jax.numpy",
    ),
    "length, if": (
        lambda: run(drive=ms.Length(lambda t: t if t > 0.5 else 0.5)),
        "Expected Length.y to be a function of t",
    ),
    "save": (lambda: run(drive=LENGTH).population(0.033), "Expected a saved time.*pass save="),
    "heads": (lambda: run(tissue=ms.SpringMass(count=0.0)), "positive number of heads"),
    "negative": (lambda: run(Scheme("negative")), "Expected rates ≥ 0 in Scheme.generator"),
    "rows": (lambda: run(Scheme("rows")), "rows of Scheme.generator to sum to zero"),
    "shape": (lambda: run(Scheme("shape")), r"of shape \(2, 2\), a row a state"),
    "finite": (lambda: run(Scheme("finite")), "Expected finite rates"),
    "cut": (lambda: run(Scheme("cut")), "vanish outside of its zone, 0 to 1.*widen the zone"),
    "flow": (lambda: run(bridge=Bent()), "does not depend on x. Received Bent"),
    "two components": (
        lambda: run(
            bridge=ms.zoo.LinearBridge(0.0, 1.0, np.eye(2), cycling=Scheme()),
            tissue=PLANE,
            start=ms.Start(np.zeros(2), np.zeros(2), x=ms.MultivariateNormal(np.zeros(2), np.eye(2)), attached=0.1),
        ),
        "one component",
    ),
    "activation above 1": (lambda: run(drive=ms.Length(0.0, activation=1.5)), "Expected activation from 0 to 1"),
    "activation below 0": (
        lambda: run(drive=ms.Length(0.0, activation=ms.Polyline([0.0, 1.0], [0.5, -0.5]))),
        "activation from 0 to 1 at every time. Received -0.00",
    ),
    "activation, step": (lambda: Activate(1.5, duration=1.0), "Activate expected 0 ≤ to ≤ 1"),
    "activation, unsorted": (lambda: ms.Polyline([0.0, 1.0, 0.5], [0.0, 1.0, 0.0]), "times"),
    "activation without cycling": (
        lambda: run(bridge=PLAIN, start=ms.Start(0.0, x=LAW), drive=ms.Protocol([Hold(0.5), Activate(0.5, 0.1)])),
        "belongs to cycling bridges.*leave it out",
    ),
    "saved times": (
        lambda: ms.solve(
            ms.Model(ms.SpringMass(), PLAIN), ms.Kinetic(40), ms.Start(0.0, x=LAW), t1=1.0, save=np.array([0.5, 0.2])
        ),
        "increasing times",
    ),
    "dt": (lambda: ms.Kinetic(40, dt=0.0), "Kinetic expected dt > 0"),
    "dt, particles": (lambda: ms.Reduced(40, dt=-1.0), "Reduced expected dt > 0"),
    "sites": (lambda: ms.Characteristics(40, sites=0), "Characteristics expected sites"),
    "sites, several and a half": (lambda: ms.Kinetic(40, sites=1.5), "Kinetic expected sites"),
    "dt without cycling": (
        lambda: run(bridge=PLAIN, start=ms.Start(0.0, x=LAW), level=ms.Kinetic(40, dt=0.1)),
        "dt belongs to cycling bridges",
    ),
    "attached without cycling": (
        lambda: run(bridge=PLAIN, start=ms.Start(0.0, x=LAW, attached=0.5)),
        "Start.attached belongs to cycling bridges",
    ),
    "attached without a law": (lambda: run(start=ms.Start(0.0, attached=0.5)), "needs Start.x"),
    "a law, nothing attached": (lambda: run(start=ms.Start(0.0, x=LAW)), r"in \(0, 1\]. Received 0"),
    "points": (lambda: run(start=POINTS), "a law of one component"),
    "more than there are": (lambda: run(start=ms.Start(0.0, x=LAW, attached=0.5)), "at most 0.12"),
    "no law without cycling": (lambda: run(bridge=PLAIN), "Expected Start.x"),
    "no number of heads": (lambda: run(level=ms.Reduced()), "a number of heads"),
    "sampling": (lambda: run(level=ms.Reduced(40, "quantile")), "drawn at random"),
    "closure": (lambda: run(Two(), ms.MomentClosure()), "availability='pool', or use Kinetic"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_a_sentence(name):
    make, said = MISTAKES[name]
    with pytest.raises(ms.InputError, match=said) as caught:
        make()
    text = str(caught.value)
    assert (
        "\n" not in text
        and (text[0].isupper() or text.startswith("kinetic:40"))
        and text[-1] in ".?"
        and len(text) < 330
    )


WRONG_TYPES = """
import numpy as np
import myoscale as ms
from myoscale.protocol import Activate, Hold, Load, Ramp
for make in (
    lambda: ms.Huxley1957(f1="fast"),
    lambda: ms.Huxley1957(g1=None),
    lambda: ms.Huxley1957(h=np.array([1.0, 2.0])),
    lambda: ms.Duke1999(kT="room"),
    lambda: ms.Duke1999(Gs=None),
    lambda: ms.Huxley1957(momentum=3),
    lambda: ms.Kinetic(40, dt="1 ms"),
    lambda: ms.Kinetic(40, sites="two"),
    lambda: ms.Protocol("hold"),
    lambda: ms.Protocol(3),
    lambda: ms.Protocol([Hold]),
    lambda: ms.Protocol([ms.Length(0.0)]),
    lambda: Hold("1 s"),
    lambda: Ramp(by="far", duration=1.0),
    lambda: Load("heavy", duration=1.0),
    lambda: Activate("on", 1.0),
    lambda: ms.Length(None),
    lambda: ms.Length("0"),
    lambda: ms.Length(0.0, activation="full"),
    lambda: ms.QuasiStatic(load="light"),
):
    try:
        make()
    except ms.InputError as error:
        print(error)
    else:
        print("nothing")
sizes = ms.Kinetic(40, dt=np.float64(0.5), sites=np.int64(3)), ms.Kinetic(40, dt=0.5, sites=3)
assert sizes[0] == sizes[1] and ms.Protocol(Hold(1.0)).steps == (Hold(1.0),)
"""


def test_wrong_types_are_sentences():
    """In a process without the tests' type hook; NumPy's numbers are numbers, also where a warning would be an error."""
    out = subprocess.run([sys.executable, "-W", "error", "-c", WRONG_TYPES], capture_output=True, text=True)
    lines = out.stdout.splitlines()
    assert out.returncode == 0 and len(lines) == 20, out
    bad = [line for line in lines if not ("expected" in line and "Received" in line) and "no momentum '3'" not in line]
    assert not bad, bad


HUXLEY = scenario.text(ms.zoo.problem("huxley"))
IN_FILES = {
    "rate": ("f1 = 0.0433", "f1 = -1.0", "bridge.cycling.*f1 ≥ 0"),
    "key": ("f1 = 0.0433", "f11 = 1.0", "bridge.cycling has no key 'f11': did you mean 'f1'"),
    "type": ('"Huxley1957"', '"Huxley"', "no type 'Huxley' for bridge.cycling: did you mean 'Huxley1957'.*--module"),
    "choice": (
        '"comoving"',
        '"resting"',
        "bridge.cycling.momentum: expected 'comoving' or 'at_rest'. Received 'resting'",
    ),
    "unit": ("h = 15.6", 'h = "15.6 ms"', "Expected length"),
    "level": ('"kinetic:200"', '"kinetic:200,sites=two"', "sites of level 'kinetic' to be a number"),
    "step": ('"kinetic:200"', '"kinetic:200,dt=0"', "expected dt > 0"),
    "share": ("attached = 0.0", "attached = 0.5", "needs Start.x"),
    "spacing": ("spacing = 36.0", "spacing = -36.0", "bridge.cycling: Huxley1957 expected spacing > 0"),
    "cut": ("spacing = 36.0", "spacing = 20.0", "do not vanish there"),
    "no table": (
        HUXLEY[HUXLEY.index("[bridge.cycling]") : HUXLEY.index("# Where every")],
        'cycling = "Huxley1957"\n',
        "bridge.cycling: expected a table",
    ),
    "heads": ("count = 150.0", "count = 0.0", "positive number of heads"),
    "word": ("f1 = 0.0433", 'f1 = "fast"', "bridge.cycling.f1: expected a number. Received 'fast'"),
    "activation": ("activation = 1.0", "activation = 1.5", "expected 0 ≤ activation ≤ 1"),
    "unknown step": ('"Release"', '"Jump"', "no type 'Jump' for drive.steps"),
    "lacking": ("by = -6.0", "", "lacks 'by'"),
    "backwards": ("duration = 1.0", "duration = -1.0", "Release expected duration > 0"),
    "cells": ('"kinetic:200"', '"kinetic:200,sites=500"', "no further apart than the zone of attachment"),
    "no sites": ('"kinetic:200"', '"kinetic:200,sites=0"', "Kinetic expected sites"),
    "times": ("save = 201", "save = [0.0, 3.0, 2.0]", "increasing times"),
}


@pytest.mark.parametrize("name", IN_FILES)
def test_a_mistake_in_a_file_is_its_line(name):
    old, new, said = IN_FILES[name]
    assert old in HUXLEY
    with pytest.raises(ms.InputError, match=said) as caught:
        scenario.parse(HUXLEY.replace(old, new, 1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("name", ["rate", "activation", "unknown step"])
def test_the_shell_says_it_and_ends_with_2(command, name, tmp_path, capsys):
    old, new, said = IN_FILES[name]
    (tmp_path / "mine.toml").write_text(HUXLEY.replace(old, new, 1))
    with pytest.raises(SystemExit) as ended:
        app([command, str(tmp_path / "mine.toml")])
    printed = capsys.readouterr()
    assert ended.value.code == 2 and not printed.out and printed.err.count("\n") == 1 and re.search(said, printed.err)


def test_units_and_levels_are_read():
    text = HUXLEY.replace("h = 15.6", 'h = "0.0156 um"').replace("f1 = 0.0433", 'f1 = "43.3 /s"')
    text = text.replace('"kinetic:200"', '"kinetic:200,sites=3,dt=0.001"').replace('"comoving"', '"at_rest"')
    problem = scenario.parse(text)
    cycling = problem.model.bridge.cycling
    assert (cycling.h, cycling.f1) == pytest.approx((15.6, 0.0433), rel=1e-14)
    assert cycling.momentum is ms.Momentum.AT_REST and problem.levels[-1] == ms.Kinetic(200, sites=3, dt=0.001)
    again = scenario.parse(scenario.text(problem))
    assert again.levels == problem.levels and again.model.bridge.cycling == cycling


def test_a_scheme_of_ones_own_stands_in_a_file(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp\nimport myoscale as ms\n\n"
        "class Even(ms.Huxley1957):\n    rate: float = ms.parameter('k', '1/time', default=1.0)\n\n"
        "    def generator(self, x):\n        inside = (x > 0) & (x < self.h)\n"
        "        return ms.generator_of({(0, 1): jnp.where(inside, self.rate, 0.0), (1, 0): self.rate + 0 * x}, 2)\n"
    )
    text = HUXLEY.replace('"Huxley1957"', '"Even"').replace("f1 = 0.0433", "rate = 0.02")
    problem = scenario.parse(text, tmp_path / "mine.py")
    assert type(problem.model.bridge.cycling).__name__ == "Even" and problem.model.bridge.cycling.rate == 0.02
