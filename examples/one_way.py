"""One-way or two-way: what the mass of the bridges does

The classical model lets the tissue move the bridges but not the bridges' inertia act on the tissue: m = 0 in the equation. In the
linear example the two are oscillators of angular frequency √(2/M₀) and √(2/(M₀ + m)), so that the two-way period is longer by
√(1 + m/M₀). Counting the bridges' kinetic energy in the one-way model, where it does not belong, leaves the energy off by m ẏ²/2, up
to m/(4M₀) on top of the 3 that are there at the start. `compare` measures both for any model.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import myoscale as ms

M0 = 20.0
ratios = np.array([0.125, 0.25, 0.5, 1.0])
plt.style.use(Path(__file__).with_name("gallery.mplstyle"))
figure, (motion, effect) = plt.subplots(1, 2, width_ratios=(1.4, 1))
wrong, periods, ledgers = 0.0, [], []
for ratio in ratios:
    model, start = ms.zoo.linear(M0=M0, m=ratio * M0)
    study = ms.compare(
        model, start, t1=60.0, levels=[ms.MomentClosure()], reference=ms.MomentClosure(), tolerance=1e-10
    )
    two_way, one_way = study.solutions["moments"], study.one_way.solution
    for run, mass in ((two_way, M0 * (1 + ratio)), (one_way, M0)):
        wrong = max(wrong, np.abs(run.y[:, 0] - (1.5 - 0.5 * np.cos(np.sqrt(2 / mass) * run.ts))).max())
    # From ẏ = A ω sin ωt: the frequency as the ratio of two ranges.
    omega = [np.ptp(run.v) / np.ptp(run.y) for run in (one_way, two_way)]
    periods.append(omega[0] / omega[1])
    ledgers.append(study.one_way.ledger_error)
    print(
        f"m/M₀ = {ratio:5.3f}   period × {periods[-1]:.4f}   y differs by {100 * study.one_way.relative_y:5.1f}% of the amplitude"
        f"   ledger off by {100 * ledgers[-1]:.2f}%"
    )
    if ratio == 0.5:
        motion.plot(one_way.ts, one_way.y, color="C1", label="one-way, m = 0")
        motion.plot(two_way.ts, two_way.y, color="C0", label="two-way, m = M₀/2")
print(f"greatest distance of any run to its closed form: {wrong:.1e}")
assert wrong < 1e-8 and np.allclose(ledgers, ratios / 4 / (3 + ratios / 4), rtol=1e-3)

motion.set(title="Motion of the tissue", xlabel="t", ylabel="y", ylim=(0.9, 2.35))
motion.legend(loc="upper center", ncols=2)
fine = np.linspace(0, 1.05, 100)
effect.plot(fine, np.sqrt(1 + fine), color="#909090", linewidth=1, label="√(1 + m/M₀)")
effect.plot(ratios, periods, "o", label="runs")
effect.set(title="Period, two-way over one-way", xlabel="m/M₀", ylabel="ratio")
effect.legend()
if len(sys.argv) > 1:
    figure.savefig(Path(sys.argv[1]) / "one_way.svg")
