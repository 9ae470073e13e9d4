"""Mutated scenario files: exit code 0 or 2, one sentence, never a traceback, never NaN printed as a number.

    python benchmarks/fuzz_scenarios.py [--count 5000] [--seed 0] [--run 0.1]

Takes the built-in problems as TOML and damages them: bytes, keys, values, whole lines, pieces of other files. Each is read; of those that can be
read a share goes through the shell, `check --json` and `compare` in turn, to t = 0.1 (a run may cost a compilation). There exit code 1 is
a run that stops, and what is printed is searched for NaN. Prints a tally; stops at the first failure and leaves the file that caused it.
"""

import argparse
import collections
import json
import os
import random
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("EQX_ON_ERROR", "off")

from typer.testing import CliRunner

from myoscale import cli, scenario, zoo
from myoscale.errors import InputError

NASTY = [
    *("0", "-1", "1", "1.5", "-0.0", "1e308", "-1e308", "5e-324", "1e-300", "nan", "inf", "-inf", "1e400", "9" * 30, "0x10", "true", "false"),
    *('""', '"x"', "''", "[]", "[[]]", "{}", "[1, 2]", "[[1.0, 2.0], [3.0]]", "[nan]", '["1 nm"]', '"3 pN/nm"', '"1 kg"', '"nan nm"', '"inf s"'),
    *('"reduced:10"', '"moments"', '["moments"]', '["kinetic:8"]', '["reduced:999999999999"]', '["kinetic:99999999"]', "1979-05-27", '"' + "a" * 300 + '"'),
    *("[" * 200 + "]" * 200, '{type = "Normal", mean = 0, std = 1}', '{type = "Ramp", before = 0, after = 1, duration = 1}', '"\\u0000"', "é"),
]  # fmt: skip
LINES = [
    '[units]\nlength = "nm"\nforce = "pN"\ntime = "ms"', '[units]\nlength = "s"\nforce = "pN"\ntime = "ms"', "[tissue]", "[[bridge]]", "[start.x]",
    "[output]", 'type = "Length"', 'type = "QuasiStatic"', "load = 1.0", 'y = {type = "Sine", amplitude = 1, period = 2}', "= 3", "]", "\x00", "a.b.c = 1", "held = true",
    'type = "Protocol"', '[[drive.steps]]\ntype = "Hold"\nduration = 0.05', '[[drive.steps]]\ntype = "Ramp"\nby = 0.1\nduration = 0.05', "activation = 0.5",
    'local = {type = "RotationStretch"}', "damping = 1.0", "damping = [[1.0]]", "dofs = []", "dofs = [0]", "weights = [1.0]", 'load = {type = "Series", times = [0, 1], values = [0, 1]}',
]  # fmt: skip


def mutated(rng: random.Random, texts: list[str]) -> str:
    """A damaged scenario."""
    text = rng.choice(texts)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        lines = text.split("\n")
        k = rng.randrange(len(lines))
        what = rng.randrange(9)
        if what <= 2 and "=" in lines[k]:  # another value
            lines[k] = re.sub(r"=.*", lambda _: "= " + rng.choice(NASTY), lines[k], count=1)
        elif what == 3 and "=" in lines[k]:  # a number moved by a factor
            scale = rng.choice([-1.0, 0.0, 1e-9, 0.5, 2.0, 1e9])
            lines[k] = re.sub(r"-?\d+\.\d+", lambda m, scale=scale: repr(float(m.group()) * scale), lines[k], count=1)
        elif what == 4:  # a key or a name misspelt
            letters = list(lines[k])
            if letters:
                letters[rng.randrange(len(letters))] = rng.choice("aeiou_.=[]\"'#{}-é1")
            lines[k] = "".join(letters)
        elif what == 5:
            del lines[k]
        elif what == 6:
            lines.insert(k, rng.choice(LINES))
        elif what == 7:  # a line of another file
            other = rng.choice(texts).split("\n")
            lines[k] = rng.choice(other)
        else:  # the tail of another file
            other = rng.choice(texts).split("\n")
            lines = lines[:k] + other[rng.randrange(len(other)) :]
        text = "\n".join(lines)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=float, default=0.1, help="share of the readable files that are also run")
    parser.add_argument("--file", type=Path, default=Path("fuzzed.toml"), help="where a failing file is left")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    texts = [scenario.text(zoo.problem(name), comments=False) for name in zoo.names()]
    tally: collections.Counter[str] = collections.Counter()
    began, slowest = time.perf_counter(), 0.0
    for number in range(options.count):
        text = mutated(rng, texts)
        options.file.write_text(text, encoding="utf-8", errors="surrogatepass")
        start = time.perf_counter()
        try:
            scenario.read(options.file)
            outcome = "can be used"
        except InputError as error:
            outcome = "refused"
            if "nan" in str(error).lower().replace("received nan", "") and "nan" not in text.lower():
                sys.exit(f"file {number} ({options.file}): NaN in a sentence: {error}")
        slowest = max(slowest, time.perf_counter() - start)
        tally[outcome] += 1
        if outcome == "can be used" and rng.random() < options.run:
            command, more = [("check", ["--json"]), ("compare", ["moments:4", "--reference", "characteristics:4"])][
                number % 2
            ]
            result = CliRunner().invoke(cli.app, [command, str(options.file), "--t1", "0.1", *more])
            if result.exception is not None and not isinstance(result.exception, SystemExit):
                raise result.exception
            allowed = (0, 2) if command == "check" else (0, 1, 2)
            if result.exit_code not in allowed or "Traceback" in result.stderr:
                sys.exit(f"file {number} ({options.file}): exit code {result.exit_code}: {result.stderr}")
            if re.search(r"\b(nan|inf)\b", result.stdout + result.stderr, re.IGNORECASE):
                sys.exit(f"file {number} ({options.file}): NaN or infinity in {result.stdout} {result.stderr}")
            if result.exit_code == 0 and command == "check":
                json.loads(
                    result.stdout, parse_constant=lambda name, number=number: sys.exit(f"file {number}: {name} in JSON")
                )
            tally[f"{command}: exit code {result.exit_code}"] += 1
        if sys.stderr.isatty() and number % 50 == 0:
            print(f"\r{number} of {options.count}", end="", file=sys.stderr)
    options.file.unlink()
    print(f"{options.count} files in {time.perf_counter() - began:.0f} s, the slowest to read {slowest:.2f} s")
    for outcome, count in sorted(tally.items()):
        print(f"{count:6d}  {outcome}")


if __name__ == "__main__":
    main()
