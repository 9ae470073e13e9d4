"""Probability laws μ of the initial cross-bridge extension X on R^nx, nx = 1, 2, 3 (theory.md 5: μ^in).

A law is the image of the uniform law of the open unit cube under the inverse Rosenblatt transform T, the
quantile function where nx = 1, and it is what its Gauss rules integrate:

    ∫φ dμ = ∫φ(T(u)) du ≈ Σ_i w_i φ(x_i).

T makes quantile and low-discrepancy points, (x_i, w_i) the labels of the characteristics, the distribution
function the masses of the cells of a grid. All of it is differentiable in the parameters; the fixed rules are
numpy constants. Calls belong inside `jax.enable_x64(True)`; nothing here sets it. Not here: laws that move
(populations do), fits to data.

References: M. Rosenblatt, Ann. Math. Stat. 23 (1952) 470; G. H. Golub & J. H. Welsch, Math. Comp. 23
(1969) 221.
"""

from .base import AbstractLaw as AbstractLaw
from .gaussian import MultivariateNormal as MultivariateNormal
from .gaussian import Normal as Normal
from .mixture import Mixture as Mixture
from .tabulated import Tabulated as Tabulated
from .uniform import Uniform as Uniform
