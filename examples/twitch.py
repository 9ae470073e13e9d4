"""A twitch, a tetanus, a quick release and a load clamp, in one run

One half-sarcomere with Huxley's heads goes through a `Protocol`. A short pulse of activation gives a twitch; kept up, it gives a tetanus.
Then the muscle is quickly released by 4 nm and recovers, a load of 0.4 P₀ is clamped and it shortens, and activation ends. Three numbers have
closed forms of 1957: the isometric force, the rate of ATP that holding it costs, and the velocity under the load.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

import myoscale as ms
from myoscale.protocol import Activate, Hold, Load, Release

h, f1, g1, g2, spacing, heads, kappa = 15.6, 0.0433, 0.010, 0.209, 36.0, 150.0, 1.0  # nm, 1/ms, pN
phi, alpha = (f1 + g1) * h / 2, f1 / (f1 + g1)
P0 = heads * kappa * alpha * h**2 / 2 / spacing  # pN
scheme = ms.Huxley1957(spacing=spacing, h=h, f1=f1, g1=g1, g2=g2)
bridge = ms.zoo.LinearBridge(mass=0.0, stiffness=kappa, gain=1.0, cycling=scheme)
model = ms.Model(ms.SpringMass(mass=1.0, stiffness=0.0, count=heads), bridge)

twitch = [Activate(1.0, 10.0), Activate(0.0, 20.0), Hold(370.0)]
tetanus = [Activate(1.0, 10.0), Hold(390.0), Release(by=-4.0, duration=1.0), Hold(99.0)]
clamp = [Load(0.4 * P0, duration=80.0, slow=True), Hold(20.0), Activate(0.0, 20.0), Hold(300.0)]
drive = ms.Protocol([*twitch, *tetanus, *clamp], activation=0.0)
run = ms.solve(model, ms.Kinetic(200), ms.Start(0.0), t1=1320.0, drive=drive, save=1321)  # at every ms
tension, attached, atp = -run.force[:, 0, 0], run.cycling.attached[:, 0], run.cycling.atp[:, 0]

# All three in the steady state: held since 390 ms, and after the first half of the clamp.
share = lambda v: v * -np.expm1(-1 / v)
velocity = phi * brentq(lambda v: 1 - share(v) * (1 + v / 2 * ((f1 + g1) / g2) ** 2) - 0.4, 0.01, 4)
found = [tension[799] / P0, (atp[799] - atp[779]) / 20.0, -(run.y[978, 0] - run.y[948, 0]) / 30.0]
truth = [1.0, f1 * g1 / (f1 + g1) * h / 2 / spacing, velocity]
says = ("isometric force / P₀", "ATP per head, held [1/ms]", "velocity at 0.4 P₀ [nm/ms]")
for name, one, other in zip(says, found, truth, strict=True):
    print(f"{name:28} {one:.5f}   closed form {other:.5f}")
print(f"a twitch reaches {tension[:400].max() / P0:.2f} P₀; the energy balance closes to {run.energy.drift:.0e}")
assert np.allclose(found, truth, rtol=5e-3)

plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, axes = plt.subplots(4, 1, figsize=(7.4, 6.2), sharex=True, height_ratios=(1.9, 1, 1, 1))
curves = {
    "force P/P₀": (tension / P0, "#000000"),
    "length [nm]": (run.y[:, 0], "#0072B2"),
    "attached": (attached, "#009E73"),
    "ATP/head [1/s]": (1e3 * run.cycling.atp_rate[:, 0], "#D55E00"),
}
for axis, (name, (values, colour)) in zip(axes, curves.items(), strict=True):
    axis.plot(run.ts, values, color=colour, linewidth=1.5)
    axis.set_ylabel(name)
    axis.margins(x=0.01)
top = axes[0]
top.set(xlim=(0, 1320), ylim=(0, 1.2))
top.axhline(1.0, color="#909090", linewidth=0.8, linestyle=":")
r = np.interp(run.ts, [0, 10, 30, 400, 410, 1000, 1020], [0, 1, 0, 0, 1, 1, 0])
top.fill_between(run.ts, 0.09 * r, color="#E69F00", alpha=0.45, linewidth=0)
for t, height, word in ((40, 0.42, "twitch"), (600, 0.9, "tetanus"), (690, 0.55, "release"), (905, 0.31, "load clamp")):
    top.text(t, height, word)
top.text(540, 0.11, "activation", color="#B07A00")
top.text(1310, 1.03, "P₀, closed form", color="#909090", ha="right", va="bottom")
axes[1].text(965, -20, f"{found[2]:.3f} nm/ms", color="#0072B2")
axes[2].set_ylim(0)
axes[3].set(xlabel="time [ms]", ylim=(0, None))
figure.align_ylabels()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "twitch.svg")
