"""Independent answers about cross-bridge cycling, in NumPy and SciPy; nothing of `myoscale` and nothing of JAX is used here.

- Huxley (1957) at steady speed and from rest: closed forms of theory.md section 8, one-site availability.
- `steady` and `path`: the attached fraction n(x) with any two-state rates, at a steady speed and along a length history that is
  piecewise linear; sites `spacing` apart share one head, `spacing=None` is one-site availability. A head's sites move together, its
  equation is linear and at most one site is within reach of attachment: that one is integrated by variation of constants, the others
  only decay. Integrals are Gauss–Legendre, split wherever a rate has a kink, so errors are those of rounding.
- `moments`: the distribution-moment closure (Zahalak 1981) by a stiff integrator with split quadrature.
- More than two states: `cycling_master.py`.

Lengths, rates and times in any consistent units; x is the extension of a bridge and L(t) its displacement, so that ẋ = L̇.
Per unit of spacing and stiffness the force is Q₁ = ∫x n dx: force = N_h κ Q₁/ℓ_b.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import erf

Function = Callable[[np.ndarray], np.ndarray]


class Rates(NamedTuple):
    """Attachment f (zero outside `support`) and detachment g (1/s), smooth between the `breaks`, which contain the support's ends."""

    f: Function
    g: Function
    breaks: tuple[float, ...]
    support: tuple[float, float]


def huxley(f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, h: float = 15.6) -> Rates:
    """The rates of Huxley (1957), nm and seconds."""
    return zahalak(f1, g1, g2, 0.0, h)


def zahalak(f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, g3: float = 0.0, h: float = 15.6) -> Rates:
    """Zahalak (1981): Huxley's rates with g₁ξ + g₃(ξ − 1) for ξ = x/h > 1."""

    def f(x: np.ndarray) -> np.ndarray:
        return np.where((x > 0) & (x < h), f1 * x / h, 0.0)

    def g(x: np.ndarray) -> np.ndarray:
        return np.where(x <= 0, g2, g1 * x / h + g3 * np.maximum(x / h - 1, 0.0))

    return Rates(f, g, (0.0, h), (0.0, h))


# Huxley (1957) in closed form. Arguments as in `huxley`, V > 0 the speed, φ = (f₁ + g₁)h/2.


def huxley_shortening(
    x: np.ndarray, V: float, f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, h: float = 15.6
) -> np.ndarray:
    """n(x) at steady shortening."""
    ratio, alpha = (f1 + g1) * h / (2 * V), f1 / (f1 + g1)
    inside = -alpha * np.expm1((np.clip(x, 0, h) ** 2 / h**2 - 1) * ratio)
    return np.where(x < 0, -alpha * np.expm1(-ratio) * np.exp(g2 * np.minimum(x, 0) / V), np.where(x <= h, inside, 0.0))


def huxley_lengthening(
    x: np.ndarray, V: float, f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, h: float = 15.6
) -> np.ndarray:
    """n(x) at steady lengthening."""
    ratio, alpha = (f1 + g1) * h / (2 * V), f1 / (f1 + g1)
    inside = -alpha * np.expm1(-(np.clip(x, 0, h) ** 2) / h**2 * ratio)
    return inside * np.exp(-g1 * (np.maximum(x, h) ** 2 - h**2) / (2 * h * V))


def huxley_force(V: float, f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, h: float = 15.6) -> float:
    """P/P₀ at a steady speed, V > 0 shortening, V < 0 lengthening."""
    v = abs(V) / ((f1 + g1) * h / 2)
    if V == 0:
        return 1.0
    if V > 0:
        return float(1 + v * np.expm1(-1 / v) * (1 + 0.5 * ((f1 + g1) / g2) ** 2 * v))
    return float(1 - v * np.expm1(-1 / v) * f1 / g1)


def huxley_rise(
    x: np.ndarray, t: float, f1: float = 43.3, g1: float = 10.0, g2: float = 209.0, h: float = 15.6
) -> np.ndarray:
    """n(x, t) at constant length, from rest."""
    rates = huxley(f1, g1, g2, h)
    f, g = rates.f(x), rates.g(x)
    return -f / (f + g) * np.expm1(-(f + g) * t)


def huxley_isometric(f1: float = 43.3, g1: float = 10.0, h: float = 15.6) -> float:
    """∫x n dx at rest: P₀ per κN_h/ℓ_b."""
    return f1 / (f1 + g1) * h**2 / 2


# Gauss–Legendre on [0, 1], and the integrals from 0 to each node of a function given at the nodes.
ORDER = 16
NODE, WEIGHT = np.polynomial.legendre.leggauss(ORDER)
NODE, WEIGHT = (NODE + 1) / 2, WEIGHT / 2
_basis = np.polynomial.legendre.legvander(2 * NODE - 1, ORDER - 1)
_primitive = np.stack(
    [
        np.polynomial.legendre.legval(2 * NODE - 1, np.polynomial.legendre.legint(unit, lbnd=-1)) / 2
        for unit in np.eye(ORDER)
    ],
    axis=1,
)
RUNNING = _primitive @ np.linalg.inv(_basis)
STIFF = 4.0  # the greatest hazard that one rule is trusted with


def relax(start: np.ndarray, gain: np.ndarray, loss: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ṅ = gain − loss·n over one rule: n at the nodes (last axis) and at the end; gain and loss at the nodes, loss·step ≤ `STIFF`."""
    hazard = step[..., None] * (loss @ RUNNING.T)
    whole = step * (loss @ WEIGHT)
    source = gain * np.exp(hazard)
    inside = np.exp(-hazard) * (start[..., None] + step[..., None] * (source @ RUNNING.T))
    return inside, np.exp(-whole) * (start + step * (source @ WEIGHT))


def cells(edges: Sequence[float] | np.ndarray, longest: float) -> np.ndarray:
    """Edges in order, repeated ones dropped, and none further apart than `longest`."""
    edges = np.unique(np.asarray(edges, float))
    parts = [np.linspace(a, b, int(np.ceil((b - a) / longest)) + 1)[:-1] for a, b in itertools.pairwise(edges)]
    return np.append(np.concatenate(parts), edges[-1])


class Steady(NamedTuple):
    """A steady profile: n(x) anywhere, Q_λ = ∫x^λ n dx for λ = 0, 1, 2, and the attachments ∫ r f (1 − Σn) dx per time."""

    n: Callable[[np.ndarray], np.ndarray]
    moments: np.ndarray
    attachments: float


def steady(rates: Rates, u: float, spacing: float | None, activation: float = 1.0) -> Steady:
    """The steady state at velocity u = ẋ ≠ 0 (u < 0 shortens).

    A head comes to the support empty at its entry and leaves it attached with probability N. Everything beyond is N times a survival
    function, so that n = A − N B within, A without and B the response to what the other sites hold; n = N at the exit gives N.
    """
    V, sign = abs(u), float(np.sign(u))
    entry, leave = rates.support if sign > 0 else rates.support[::-1]
    width, breaks = abs(leave - entry), np.array(rates.breaks)

    def hazard(x: np.ndarray) -> np.ndarray:
        """∫g dx/V from the exit to x, downstream; integrated piece by piece."""
        edges = np.concatenate([[0.0], np.sort(((breaks - leave) * sign)[(breaks - leave) * sign > 0]), [np.inf]])
        z, total = (x - leave) * sign, np.zeros_like(x)
        for a, b in itertools.pairwise(edges):
            span = np.clip(z, a, b) - a
            total += span * (rates.g(leave + sign * (a + span[..., None] * NODE)) @ WEIGHT)
        return total / V

    def others(x: np.ndarray) -> np.ndarray:
        total = np.zeros_like(x)
        if spacing is not None:
            for k in range(1, 10_000):
                more = np.exp(-hazard(x + sign * k * spacing))
                total += more
                if more.max() < 1e-18:
                    break
        return total

    def march(start: np.ndarray, z0: np.ndarray, step: np.ndarray) -> tuple[np.ndarray, ...]:
        """A and B (last axis of `start`) at the nodes and at the end of stretches [z0, z0 + step] within the support."""
        x = entry + sign * (z0[..., None] + step[..., None] * NODE)
        f = activation * rates.f(x)
        loss = (f + rates.g(x)) / V
        a, a1 = relax(start[..., 0], f / V, loss, step)
        b, b1 = relax(start[..., 1], f / V * others(x), loss, step)
        return x, f, a, b, np.stack([a1, b1], axis=-1)

    kinks = [0.0, width, *((breaks - entry) * sign)]
    if spacing is not None:
        far = int(np.ceil((width + np.ptp(breaks)) / spacing)) + 1
        kinks += [z for k in range(1, far + 1) for z in (breaks - sign * k * spacing - entry) * sign]
    edges = np.array([z for z in kinks if 0 <= z <= width])
    fastest = max((activation * rates.f(x) + rates.g(x)).max() for x in [np.linspace(*rates.support, 400)])
    edges = cells(edges, min(width / 4, STIFF * V / fastest))
    starts, moments, inflow = [np.zeros(2)], np.zeros((2, 3)), np.zeros(2)
    offered = 0.0
    for a, b in itertools.pairwise(edges):
        x, f, na, nb, end = (v[0] for v in march(starts[-1][None], np.array([a]), np.array([b - a])))
        powers = x ** np.arange(3)[:, None] * WEIGHT * (b - a)
        moments += [powers @ na, powers @ nb]
        offered += (b - a) * (f @ WEIGHT)
        inflow += [(b - a) * (f * na) @ WEIGHT, (b - a) * (f * (others(x) - nb)) @ WEIGHT]
        starts.append(end)
    N = starts[-1][0] / (1 + starts[-1][1])
    Q = moments[0] - N * moments[1]
    z = 0.0  # what lies beyond the exit
    beyond = np.sort(((breaks - leave) * sign)[(breaks - leave) * sign > 0])
    while (seen := float(hazard(np.array([leave + sign * z]))[0])) < 45:
        ahead = beyond[beyond > z + 1e-12 * width]
        stop = min([z + width, *ahead[:1]])
        rate = rates.g(leave + sign * (z + (stop - z) * NODE)).max()
        stop = min(stop, z + STIFF * V / rate)
        x = leave + sign * (z + (stop - z) * NODE)
        Q = Q + N * (stop - z) * (x ** np.arange(3)[:, None] @ (WEIGHT * np.exp(-hazard(x))))
        if seen > 45:
            break
        z = stop

    def n(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, float)
        z = (x - entry) * sign
        where = np.clip(np.searchsorted(edges, z, side="right") - 1, 0, len(edges) - 2)
        inside = march(np.array(starts)[where], edges[where], np.clip(z, 0, width) - edges[where])[-1]
        value = inside[..., 0] - N * inside[..., 1]
        return np.where(z < 0, 0.0, np.where(z <= width, value, N * np.exp(-hazard(np.where(z > width, x, leave)))))

    return Steady(n, Q, float(offered - inflow[0] - N * inflow[1]))


class Path(NamedTuple):
    """What `path` returns: at each time, extensions x and fractions n of all sites of all phases (T, P, K), one phase's weight (P,).

    Q_λ = Σ weight x^λ n (T, 3); `attached` and `detached` are ∫∫b x^λ dx dt and ∫∫g n x^λ dx dt since the start (T, 3).
    """

    times: np.ndarray
    x: np.ndarray
    n: np.ndarray
    weight: np.ndarray
    moments: np.ndarray
    attached: np.ndarray
    detached: np.ndarray


def path(
    rates: Rates,
    spacing: float | None,
    knots: Sequence[float] | np.ndarray,
    lengths: Sequence[float] | np.ndarray,
    times: Sequence[float] | np.ndarray,
    activation: Callable[[np.ndarray], np.ndarray] | float = 1.0,
    panel: float = 0.15,
    nodes: int = 16,
) -> Path:
    """n(x, t) from rest along L(t), linear between the `knots`; `times` from the first knot to the last.

    `activation` is constant, or a function that is smooth between the knots and times. Phases are Gauss nodes between the labels that
    stood at a breakpoint when the velocity changed or an answer was asked for, no further apart than `panel` supports: n is smooth
    between them, so Q_λ converges as fast as n does.
    """
    lo, hi = rates.support
    knots, lengths, times = (np.asarray(v, float) for v in (knots, lengths, times))
    marks = np.unique(np.concatenate([knots, times]))
    L = np.interp(marks, knots, lengths)
    stood = np.subtract.outer(np.array(rates.breaks), L).ravel()
    if spacing is None:
        shifts, ends = np.zeros(1), (lo - L.max(), hi - L.min())
        stood = stood[(stood > ends[0]) & (stood < ends[1])]
    else:
        if hi - lo > spacing:
            raise ValueError("the support must fit between two sites")
        ends = (-spacing / 2, spacing / 2)
        first, last = np.ceil((lo - L.max() - ends[1]) / spacing), np.floor((hi - L.min() - ends[0]) / spacing)
        shifts = spacing * np.arange(first, last + 1)
        stood = np.mod(stood + spacing / 2, spacing) - spacing / 2
    edges = np.unique(np.concatenate([ends, stood]))
    edges = cells(np.append(edges[:-1][np.diff(edges) > 1e-10 * (hi - lo)], edges[-1]), panel * (hi - lo))
    point, share = np.polynomial.legendre.leggauss(nodes)
    label = (edges[:-1, None] + np.diff(edges)[:, None] * (point + 1) / 2).ravel()
    weight = (np.diff(edges)[:, None] * share / 2).ravel()
    place = label[:, None] + shifts
    n = np.zeros_like(place)
    flux = np.zeros((2, 3))
    records = []

    def record(length: float) -> None:
        x = place + length
        Q = [float(weight @ (x**p * n).sum(1)) for p in range(3)]
        records.append((x, n.copy(), Q, flux.copy()))

    def advance(t0: np.ndarray, step: np.ndarray, x0: np.ndarray, u: float) -> None:
        nonlocal n, flux
        x = x0[..., None] + u * (step[:, None] * NODE)[:, None, :]
        r = activation(t0[:, None] + step[:, None] * NODE) if callable(activation) else activation
        f, g = rates.f(x), rates.g(x)
        reach = np.any(f > 0, axis=-1, keepdims=True)
        near = np.squeeze(reach, axis=-1)
        decay = n[..., None] * np.exp(-step[:, None, None] * (g @ RUNNING.T))
        held = np.where(reach | (spacing is None), 0.0, decay).sum(1)
        gain = r * np.where(reach, f, 0.0).sum(1)
        start = np.where(near, n, 0.0).sum(1)
        inside, end = relax(start, gain * (1 - held), gain + np.where(reach, g, 0.0).sum(1), step)
        n = np.where(near, end[:, None], n * np.exp(-step[:, None] * (g @ WEIGHT)))
        there = np.where(reach, x, 0.0).sum(1)
        every = np.where(reach, inside[:, None, :], decay)
        rule = (weight * step)[:, None] * WEIGHT
        for p in range(3):
            flux[0, p] += (rule * gain * (1 - held - inside) * there**p).sum()
            flux[1, p] += (rule[:, None, :] * g * every * x**p).sum()

    if times[0] == marks[0]:
        record(L[0])
    for i in range(len(marks) - 1):
        span, travel = marks[i + 1] - marks[i], L[i + 1] - L[i]
        u = travel / span
        # Crossings in the order in which each phase meets them, as parts of the segment; those outside become stretches of length 0.
        cross = np.zeros((len(label), 0))
        if travel != 0:
            cross = (np.subtract.outer(place, np.array(rates.breaks)) + L[i]).reshape(len(label), -1) / -travel
        cross = np.sort(np.clip(cross, 0.0, 1.0), axis=1)
        cross = np.concatenate([np.zeros((len(label), 1)), cross, np.ones((len(label), 1))], axis=1)
        for a, b in zip(cross.T[:-1], cross.T[1:], strict=True):
            if (step := (b - a) * span).max() <= 0:
                continue
            x0 = place + L[i] + a[:, None] * travel
            x1 = x0 + u * step[:, None]
            fastest = np.max([rates.f(x) + rates.g(x) for x in (x0, (x0 + x1) / 2, x1)], axis=(0, 2))
            parts = int(np.ceil((fastest * step).max() / STIFF))
            for j in range(parts):
                done = step * j / parts
                advance(marks[i] + a * span + done, step / parts, x0 + u * done[:, None], u)
        if np.isin(marks[i + 1], times):
            record(L[i + 1])
    x, fractions, Q, flows = (np.array(v) for v in zip(*records, strict=True))
    return Path(np.unique(times), x, fractions, weight, Q, flows[:, 0], flows[:, 1])


def partial_moments(rates: Rates, Q: np.ndarray, activation: float) -> tuple[np.ndarray, np.ndarray]:
    """∫x^λ r f (1 − n) dx and ∫x^λ g n dx of the Gaussian n with moments Q, by quadrature split at the breakpoints."""
    p = Q[1] / Q[0]
    q = np.sqrt(Q[2] / Q[0] - p**2)
    reach = 9 * q
    lo, hi = rates.support

    def integral(function: Function, a: float, b: float) -> np.ndarray:
        kinks = [v for v in (*rates.breaks, p - reach, p, p + reach) if a < v < b]
        edges = cells([a, *kinks, b], 1.5 * q if b - a < 40 * q else (b - a) / 20)
        x = edges[:-1, None] + np.diff(edges)[:, None] * NODE
        return np.einsum("cm,c,m,pcm->p", function(x), np.diff(edges), WEIGHT, x ** np.arange(3)[:, None, None])

    def n(x: np.ndarray) -> np.ndarray:
        return Q[0] / (np.sqrt(2 * np.pi) * q) * np.exp(-((x - p) ** 2) / (2 * q**2))

    gain = integral(rates.f, lo, hi)
    a, b = max(lo, p - reach), min(hi, p + reach)
    if a < b:
        gain = gain - integral(lambda x: rates.f(x) * n(x), a, b)
    return activation * gain, integral(lambda x: rates.g(x) * n(x), p - reach, p + reach)


def moments(
    rates: Rates,
    knots: Sequence[float] | np.ndarray,
    lengths: Sequence[float] | np.ndarray,
    times: Sequence[float] | np.ndarray,
    activation: float = 1.0,
    start: np.ndarray | None = None,
    rtol: float = 1e-9,
) -> np.ndarray:
    """Q_λ (T, 3) of the distribution-moment closure along L(t), linear between the knots, one-site availability.

    From rest Q_λ = ε∫x^λ r f dx at ε = 1e-6 s after the first knot, which is exact to O(ε²). Raises where the variance is lost.
    """
    knots, lengths, times = (np.asarray(v, float) for v in (knots, lengths, times))
    lo, hi = rates.support
    scale = (hi - lo) ** np.arange(3) * (hi - lo)
    t = float(knots[0])
    if start is None:
        x = lo + (hi - lo) * NODE
        t += 1e-6
        start = 1e-6 * activation * (hi - lo) * (x ** np.arange(3)[:, None] @ (WEIGHT * rates.f(x)))
    marks = np.unique(np.concatenate([knots[knots > t], times[times > t]]))
    answers = {float(t0): np.zeros(3) for t0 in times if t0 <= t}
    Q = start / scale
    for end in marks:
        piece = np.searchsorted(knots, (t + end) / 2) - 1
        u = float((lengths[piece + 1] - lengths[piece]) / (knots[piece + 1] - knots[piece]))

        def slope(_: float, s: np.ndarray, u: float = u) -> np.ndarray:
            raw = s * scale
            if not raw[0] * raw[2] > raw[1] ** 2:
                return np.full(3, np.nan)
            gain, loss = partial_moments(rates, raw, activation)
            return (gain - loss + u * np.array([0.0, raw[0], 2 * raw[1]])) / scale

        run = solve_ivp(slope, (t, end), Q, method="DOP853", rtol=rtol, atol=1e-12)
        if not run.success or not np.isfinite(run.y).all():
            raise ArithmeticError(f"The closure lost its variance between {t} and {end}.")
        Q, t = run.y[:, -1], float(end)
        if end in times:
            answers[t] = Q * scale
    return np.array([answers[float(v)] for v in times])


def gaussian_partial(power: int, a: float, b: float, p: float, q: float) -> float:
    """∫ₐᵇ x^power N(p, q²) dx for power ≤ 3, by erf: to check quadrature against."""

    def density(x: float) -> float:
        return float(np.exp(-((x - p) ** 2) / (2 * q**2)) / (np.sqrt(2 * np.pi) * q))

    total = [0.5 * float(erf((b - p) / (np.sqrt(2) * q)) - erf((a - p) / (np.sqrt(2) * q)))]
    for k in range(1, power + 1):
        lower = total[k - 2] * (k - 1) * q**2 if k > 1 else 0.0
        total.append(p * total[k - 1] + lower - q**2 * (b ** (k - 1) * density(b) - a ** (k - 1) * density(a)))
    return total[power]
