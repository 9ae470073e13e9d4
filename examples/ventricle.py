"""A ventricle contracts against pressure: a published benchmark of tissue

Problem 3 of Land et al. (2015, Proc. R. Soc. A 471, 20150641): an ellipsoidal wall whose fibres turn by 180° from inside to outside pulls with an
active stress of 60 kPa along them, against a pressure of 15 kPa. The apex of the epicardium is published near −15.5 mm. Here the
stress is not prescribed. Heads attach, each sees x = λ²/2 and pulls on it with the same tension T: the constraint makes of that the second
Piola–Kirchhoff stress n T a₀ ⊗ a₀ of the paper, n being the heads attached in a volume.
"""

import sys
from pathlib import Path

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms
from myoscale.model import generator_of

CELLS = (3, 24, 10)  # through the wall, around, along; 4 × 32 × 14 give −15.58 mm, 6 × 40 × 20 give −15.52 mm
TENSION, PRESSURE, RATE = 60.0, 15.0, 10.0  # kPa of one head in a unit volume, kPa, 1/s


class Attach(ms.AbstractCycling):
    """Every head attaches at one rate wherever it is, and none lets go."""

    spacing: float = 4.0
    zone = (-2.0, 2.0)
    availability = ms.Availability.POOL

    def generator(self, x):
        return generator_of({(0, 1): jnp.where(jnp.abs(x) <= 2.0, RATE, 0.0), (1, 0): 0.0 * x}, 2)


class Tension(ms.AbstractBridge):
    """Heads that pull on x = λ²/2 with the same tension wherever it is."""

    tension: float
    mass: float = 0.0
    cycling: ms.AbstractCycling = Attach()

    def constraint(self, x, q):
        return x - 0.5 * q**2

    def energy(self, x):
        return self.tension * x[0]


tissue = ms.ContinuumTissue(
    ms.Ventricle(CELLS),
    ms.Guccione(c=2.0, bf=8.0, bt=2.0, bfs=4.0),  # kPa
    bulk=1e5,
    conditions=[ms.Clamp("base"), ms.Pressure("endocardium", lambda t: -PRESSURE * jnp.expm1(-RATE * t))],
)
model = ms.Model(tissue, Tension(TENSION))
run = ms.solve(model, ms.Kinetic(16, sites=2, dt=0.1), ms.Start(0.0), t1=1.0, save=21, drive=ms.QuasiStatic())

X = tissue.space.locations
x = X + run.y.reshape(len(run.ts), -1, 3)
walls = {name: np.asarray(tissue.space.facets[name].on) for name in ("endocardium", "epicardium")}
depth = {name: x[:, on[np.argmin(X[on, 2])], 2] for name, on in walls.items()}  # of the apex
end, attached = depth["epicardium"][-1], run.cycling.attached[-1]
print(f"apex of the epicardium {end:.2f} mm on {len(tissue.space.nodes)} cells, published −15.5 mm")
print(f"attached {attached.min():.4f}; the energy balance closes to {run.energy.drift:.0e}")
assert abs(end + 15.5) < 0.2 and np.allclose(attached, -np.expm1(-RATE), atol=1e-4)

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (cut, path) = plt.subplots(1, 2, figsize=(7.4, 3.9), width_ratios=(1, 1.3))
for place, colour, word in ((X, "#909090", "at rest"), (x[-1], "#D55E00", "contracted")):
    for on in walls.values():
        meridian = on[(np.abs(X[on, 1]) < 1e-9) & (X[on, 0] > -1e-9)]
        meridian = meridian[np.argsort(X[meridian, 2])]
        r, z = np.hypot(place[meridian, 0], place[meridian, 1]), place[meridian, 2]
        cut.plot(np.concatenate([-r[::-1], r]), np.concatenate([z[::-1], z]), color=colour, label=word)
        word = None
cut.set(aspect="equal", xlabel="radius [mm]", ylabel="height [mm]", title="The wall, cut along its axis")
cut.legend(loc="upper center")
for name, colour, above in (("endocardium", "#0072B2", 0.25), ("epicardium", "#009E73", -0.55)):
    path.plot(run.ts, depth[name], color=colour)
    path.text(1.0, depth[name][-1] + above, name, color=colour, ha="right")
path.axhline(-15.5, color="#909090", linewidth=0.8, linestyle=":")
path.text(1.0, -15.4, "published, epicardium", color="#909090", ha="right", va="bottom")
path.set(xlabel="time [s]", title="Height of the apex [mm]", ylim=(-20.5, None))
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "ventricle.svg")
