"""Pictures of a deforming tissue, one a saved time, and the film that they make."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from ... import store
from ...errors import InputError
from ...solution import Solution
from ...study.limits.figure import new
from .draw import add_axes, colour_bar, paint, scene
from .fields import continuum, fields, in_cells
from .shown import limits, scalar, title

_WIDTH, _HEIGHT = 8.0, 4.8  # inches


def save_frames(
    solution: Solution,
    folder: str | Path,
    field: str = "stretch",
    *,
    every: int = 1,
    view: tuple[float, float] = (22.0, -62.0),
    seconds: float = 6.0,
    name: str = "frame",
    units: Mapping[str, str] | None = None,
) -> list[Path]:
    """Draw the deformed surface at saved times, coloured by a field (mean over each cell), on one scale for all; the dotted outline is that of the reference.

    **Arguments:** `solution` of a `ContinuumTissue`; `folder`, made if need be; `field`, "stretch", "attached", "tension", "pressure" or "extension"; `every`, of
    how many saved times one is drawn; `view`, elevation and azimuth in degrees (of tissue in space); `seconds` that the film takes; `name` of the files;
    `units`, the base units for the colour bar.

    **Returns:** the paths: `name`_0000.png, …, then `name`s.gif and, where ffmpeg is installed, `name`s.mp4.

    **Raises:** `InputError` for a solution that is not of a continuum, an unknown field, an `every` below 1, or a folder that cannot be written.
    """
    tissue, folder = continuum(solution), Path(folder)
    if not isinstance(every, int) or every < 1 or not seconds > 0:
        raise InputError(f"save_frames expected every ≥ 1 and seconds > 0. Received {every!r:.40} and {seconds!r:.40}.")
    shown = range(0, len(solution.ts), every)
    found = [in_cells(tissue, fields(solution, float(solution.ts[i]))) for i in shown]
    values = [scalar(one, field) for one in found]
    ends, made = limits(field, values), scene(tissue, np.stack([one.displacement for one in found]), view)
    fig = new(figsize=(_WIDTH, _HEIGHT))
    axes = add_axes(fig, (0.02, 0.2, 0.96, 0.72), made)
    colour_bar(fig, fig.add_axes((0.25, 0.13, 0.5, 0.035)), field, title(field, units), ends)
    clock = fig.text(0.04, 0.93, "", fontsize=13, va="center")
    pictures, paths = [], []
    for i, one, each in zip(shown, found, values, strict=True):
        clock.set_text(f"t = {one.t:.4g}" + (f" {units['time']}" if units else ""))
        paint(axes, made, one.displacement, each, field, ends)
        picture = io.BytesIO()
        fig.savefig(picture, format="png")
        pictures.append(picture.getvalue())
        paths.append(store.put(folder / f"{name}_{i:04d}.png", pictures[-1]))
    paths.append(store.put(folder / f"{name}s.gif", _gif(pictures, seconds)))
    if (film := _mp4(pictures, seconds)) is not None:
        paths.append(store.put(folder / f"{name}s.mp4", film))
    return paths


def _gif(pictures: list[bytes], seconds: float) -> bytes:
    """A film that repeats, its last picture shown for a while; matplotlib's PillowWriter would draw everything again."""
    first, *others = (Image.open(io.BytesIO(one)).convert("RGB") for one in pictures)
    each = max(20, round(1000 * seconds / len(pictures)))
    out = io.BytesIO()
    durations = [each] * len(others) + [each + 600] if others else each
    first.save(out, format="GIF", save_all=True, append_images=others, duration=durations, loop=0)
    return out.getvalue()


def _mp4(pictures: list[bytes], seconds: float) -> bytes | None:
    """The same as MP4; None without ffmpeg, or with one that cannot."""
    if (ffmpeg := shutil.which("ffmpeg")) is None:
        return None
    with tempfile.TemporaryDirectory() as place:
        for k, one in enumerate(pictures):
            (Path(place) / f"{k:05d}.png").write_bytes(one)
        options = [
            "-framerate",
            f"{len(pictures) / seconds:.6g}",
            "-i",
            "%05d.png",
            "-pix_fmt",
            "yuv420p",
            "-y",
            "film.mp4",
        ]
        done = subprocess.run([ffmpeg, "-loglevel", "error", *options], cwd=place, capture_output=True, check=False)
        film = Path(place) / "film.mp4"
        return film.read_bytes() if done.returncode == 0 and film.exists() else None
