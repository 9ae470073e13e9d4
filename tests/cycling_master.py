"""Independent answers about cross-bridge cycling with any number of states, by SciPy's integrators and `expm`.

The master equation of one head with periodic sites: detached states, and attached states of each of its sites. A detached head sees the
site in [−ℓ_b/2, ℓ_b/2) only; an attached one keeps its site until it lets go. `path`, `steady`, `isometric`, and `power_stroke`: a scheme
of three states that obeys detailed balance. Nothing of `myoscale` and nothing of JAX is used here.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from cycling_oracle import NODE, WEIGHT, Rates, cells
from scipy.integrate import solve_ivp
from scipy.linalg import expm


class Scheme(NamedTuple):
    """Any number of states: `generator(x)` (…, S, S) holds the rate from row to column, rows sum to 0, the first `detached` states
    are detached (rates among them do not depend on x); smooth between the `breaks`. A detached head sees the site in
    [−spacing/2, spacing/2) only."""

    generator: Callable[[np.ndarray], np.ndarray]
    detached: int
    breaks: tuple[float, ...]
    spacing: float


def assemble(scheme: Scheme, x: np.ndarray, home: int) -> np.ndarray:
    """The generator of one head and its sites at x (K,): detached states, then the attached states of each site."""
    R = scheme.generator(x)
    D, A = scheme.detached, R.shape[-1] - scheme.detached
    M = np.zeros((D + len(x) * A,) * 2)
    M[:D, :D] = R[home, :D, :D]
    for k in range(len(x)):
        own = slice(D + k * A, D + (k + 1) * A)
        M[own, own], M[own, :D] = R[k, D:, D:], R[k, D:, :D]
        if k == home:
            M[:D, own] = R[k, :D, D:]
    np.fill_diagonal(M, 0.0)
    np.fill_diagonal(M, -M.sum(1))
    return M


def path(
    scheme: Scheme,
    phase: float,
    knots: Sequence[float] | np.ndarray,
    lengths: Sequence[float] | np.ndarray,
    times: Sequence[float] | np.ndarray,
    start: np.ndarray,
    sites: int = 3,
) -> tuple[np.ndarray, np.ndarray]:
    """States of one head along L(t), linear between the knots, at the times (T, D + K·A), and its sites' labels (K,).

    A site's extension is label + L(t). Sites −sites … sites about those that come home on the way; `start` (D,) are the detached states.
    """
    knots, lengths, times = (np.asarray(v, float) for v in (knots, lengths, times))
    marks = np.unique(np.concatenate([knots, times]))
    L = np.interp(marks, knots, lengths)
    ell = scheme.spacing
    ks = np.arange(
        np.floor((-phase - L.max()) / ell + 0.5) - sites, np.ceil((-phase - L.min()) / ell - 0.5) + sites + 1
    )
    label = phase + ks * ell
    A = scheme.generator(label[:1]).shape[-1] - scheme.detached
    p = np.concatenate([start, np.zeros(len(label) * A)])
    answers = [p] if times[0] == marks[0] else []
    kinks = np.array([*scheme.breaks, -ell / 2, ell / 2])
    for i in range(len(marks) - 1):
        span, travel = marks[i + 1] - marks[i], L[i + 1] - L[i]
        cuts = np.array([0.0, 1.0])
        if travel != 0:
            cross = (np.subtract.outer(label, kinks) + L[i]).ravel() / -travel
            cuts = np.unique(np.concatenate([cuts, cross[(cross > 0) & (cross < 1)]]))
        for a, b in itertools.pairwise(cuts):
            middle = label + L[i] + (a + b) / 2 * travel
            home = int(np.argmin(np.abs(middle)))
            if travel == 0:
                p = p @ expm(assemble(scheme, middle, home) * (b - a) * span)
                continue

            def slope(
                s: float, p: np.ndarray, i: int = i, span: float = span, travel: float = travel, home: int = home
            ) -> np.ndarray:
                return span * (p @ assemble(scheme, label + L[i] + s * travel, home))

            p = solve_ivp(slope, (a, b), p, method="LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
        if np.isin(marks[i + 1], times):
            answers.append(p)
    return np.array(answers), label


class Cycle(NamedTuple):
    """Averages over all phases: the fraction of heads in each state (S,), and of each `observable`."""

    states: np.ndarray
    averages: np.ndarray


Observable = Callable[[np.ndarray], np.ndarray]  # x (K,) ↦ a value for each state (K, S)


def isometric(scheme: Scheme, observables: Sequence[Observable], panels: int = 36) -> Cycle:
    """The steady state at constant length: each phase by itself; only the home site can be attached to."""
    kinks = [b for b in scheme.breaks if abs(b) < scheme.spacing / 2]
    edges = cells([-scheme.spacing / 2, scheme.spacing / 2, *kinks], scheme.spacing / panels)
    x = (edges[:-1, None] + np.diff(edges)[:, None] * NODE).ravel()
    weight = (np.diff(edges)[:, None] * WEIGHT).ravel() / scheme.spacing
    R = scheme.generator(x)
    system = np.swapaxes(R, 1, 2).copy()
    system[:, -1] = 1.0
    right = np.zeros((len(x), R.shape[-1], 1))
    right[:, -1] = 1.0
    p = np.linalg.solve(system, right)[..., 0]
    return Cycle(weight @ p, np.array([weight @ (o(x) * p).sum(1) for o in observables]))


def steady(scheme: Scheme, u: float, observables: Sequence[Observable], sites: int = 2, tol: float = 1e-11) -> Cycle:
    """The periodic state at velocity u ≠ 0: one head over one period of sliding, handed on to the next site until it repeats.

    All phases pass through the same orbit, so averages over phases are averages over the period.
    """
    ell, sign = scheme.spacing, np.sign(u)
    ks = np.arange(-sites, sites + 1)
    T = ell / abs(u)
    D = scheme.detached
    S = scheme.generator(np.zeros(1)).shape[-1]
    A, K = S - D, len(ks)
    kinks = np.array(scheme.breaks)
    cuts = np.mod(sign * (kinks + sign * ell / 2), ell) / ell  # where in the period some site stands at a breakpoint
    cuts = np.unique(np.concatenate([[0.0, 1.0], cuts]))

    def where(s: float) -> np.ndarray:
        return sign * ell * (s - 0.5) + ks * ell

    def slope(s: float, y: np.ndarray) -> np.ndarray:
        x = where(s)
        p = y[: D + K * A]
        rows = np.concatenate([np.broadcast_to(p[:D] * (ks == 0)[:, None], (K, D)), p[D:].reshape(K, A)], axis=1)
        gained = [(o(x) * rows).sum() for o in observables]
        return np.concatenate([T * (p @ assemble(scheme, x, sites)), p[:D], rows[:, D:].sum(0), gained])

    p = np.concatenate([np.ones(D) / D, np.zeros(K * A)])
    for _ in range(500):
        y = np.concatenate([p, np.zeros(S + len(observables))])
        for a, b in itertools.pairwise(cuts):
            y = solve_ivp(slope, (a, b), y, method="LSODA", rtol=1e-10, atol=1e-13).y[:, -1]
        end = y[: D + K * A]
        attached = np.roll(end[D:].reshape(K, A), int(sign), axis=0)
        attached[0 if sign > 0 else -1] = 0.0
        after = np.concatenate([end[:D], attached.ravel()])
        after[:D] *= (1 - attached.sum()) / after[:D].sum()
        if np.abs(after - p).max() < tol:
            return Cycle(y[D + K * A : D + K * A + S], y[D + K * A + S :])
        p = after
    raise ArithmeticError("The periodic state was not reached.")


def two_states(rates: Rates, spacing: float) -> Scheme:
    """Attachment and detachment alone."""

    def generator(x: np.ndarray) -> np.ndarray:
        f, g = rates.f(x), rates.g(x)
        return np.stack([np.stack([-f, f], -1), np.stack([g, -g], -1)], -2)

    return Scheme(generator, 1, rates.breaks, spacing)


class PowerStroke(NamedTuple):
    """Three states after Duke (1999): detached, attached before the stroke (1), attached after it (2); pN, nm, s, energies in kT.

    U₁ = G₁ + κ(x − d/2)²/2kT, U₂ = G₁ + G_s + κ(x + d/2)²/2kT, U₀ = 0 and, with the ATP spent, −G_ATP. Each pair of rates has the
    ratio of its energies: attachment k₀₁ = k_on(1 + w)e^{−w}, k₁₀ = k_on e^{G₁}(1 + w), w = κ(x − d/2)²/2kT; the stroke shares
    k_s as a two-level system does; release of ADP, slowed by the work of a further δ, and binding of ATP follow each other in k₂₀.
    """

    kappa: float = 1.3
    d: float = 9.0
    k_on: float = 100.0
    G1: float = -3.0
    G_s: float = -15.0
    k_s: float = 1000.0
    k_ADP: float = 80.0
    delta: float = 1.0
    k_ATP: float = 5000.0
    G_ATP: float = 24.0
    kT: float = 4.1
    spacing: float = 36.0

    def energies(self, x: np.ndarray) -> np.ndarray:
        """U of the three states (…, 3), in kT."""
        spring = self.kappa / (2 * self.kT)
        first, second = spring * (x - self.d / 2) ** 2, spring * (x + self.d / 2) ** 2
        return np.stack([0 * x, self.G1 + first, self.G1 + self.G_s + second], -1)

    def generator(self, x: np.ndarray) -> np.ndarray:
        """Rates from row to column (…, 3, 3)."""
        U = self.energies(x)
        w = U[..., 1] - self.G1
        R = np.zeros((*np.shape(x), 3, 3))
        R[..., 0, 1] = self.k_on * (1 + w) * np.exp(-w)
        R[..., 1, 0] = self.k_on * (1 + w) * np.exp(self.G1)
        R[..., 1, 2] = self.k_s / (1 + np.exp(U[..., 2] - U[..., 1]))
        R[..., 2, 1] = self.k_s / (1 + np.exp(U[..., 1] - U[..., 2]))
        strain = self.kappa * (x + self.d / 2) * self.delta / self.kT
        R[..., 2, 0] = 1 / (np.exp(strain) / self.k_ADP + 1 / self.k_ATP)
        R[..., 0, 2] = R[..., 2, 0] * np.exp(-U[..., 2] - self.G_ATP)
        R[..., range(3), range(3)] = -R.sum(-1)
        return R

    def scheme(self) -> Scheme:
        """For the solvers above."""
        return Scheme(self.generator, 1, (), self.spacing)

    def force(self, x: np.ndarray) -> np.ndarray:
        """pN in each state (…, 3)."""
        return self.kappa * np.stack([0 * x, x - self.d / 2, x + self.d / 2], -1)

    def ATP(self, x: np.ndarray) -> np.ndarray:
        """ATP split per second in each state, net (…, 3)."""
        R = self.generator(x)
        return np.stack([-R[..., 0, 2], 0 * x, R[..., 2, 0]], -1)
