"""Arrow-shaped linear systems: many small blocks that meet in a few common unknowns, eliminated block by block.

    M a − Σ_p Lᵀ_p Σ_i W_{p,i} left_{p,i}ᵀ κ_{p,i} = b,        right_{p,i} R_p a + K_{p,i} κ_{p,i} = e_{p,i}

with a of size ny and N blocks of k rows at each of P points. Eliminating the blocks costs O(N k³ + ny³) and inverts every K.
A few blocks whose K may be singular are kept in the system instead (`kept`): it stays regular as long as the rows that their K
does not fill are independent in a (theory.md section 11).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from ..types import Array, Float, Int
from . import small


class Blocks(NamedTuple):
    """What the blocks bring in; `left` holds the weights W."""

    left: Float[Array, "P N k nq"]
    right: Float[Array, "P N k nq"]
    K: Float[Array, "P N k k"]


class Kept(NamedTuple):
    """Blocks that are not eliminated: their place among all P·N, and as a mask."""

    index: Int[Array, " S"]
    mask: Array  # (P, N)


class Reduced(NamedTuple):
    """The common unknowns, and the blocks' as a function of them: κ = alpha − beta R a."""

    a: Float[Array, " ny"]
    alpha: Float[Array, "P N k"]
    beta: Float[Array, "P N k nq"]

    def unknowns(self, along: Float[Array, "P nq"]) -> Float[Array, "P N k"]:
        """κ for R a = `along`."""
        return self.alpha - jnp.einsum("pnkj,pj->pnk", self.beta, along)


def weakest(size: Float[Array, "P N"], count: int) -> Kept:
    """The `count` blocks of the smallest size."""
    flat = size.ravel()
    count = min(count, flat.size)
    if count == 1:  # on a CPU a fifth of the time of argmin
        index = jnp.max(jnp.where(flat == jnp.min(flat), jnp.arange(flat.size), 0))[None]
    else:
        index = jax.lax.top_k(-flat, count)[1]
    return Kept(index, jnp.zeros(flat.size, bool).at[index].set(True).reshape(size.shape))


def eliminate(
    M: Float[Array, "ny ny"],
    b: Float[Array, " ny"],
    L: Float[Array, "P nq ny"],
    R: Float[Array, "P nq ny"],
    blocks: Blocks,
    e: Float[Array, "P N k"],
    kept: Kept,
    held: tuple[int, ...] = (),
    given: Float[Array, " held"] | None = None,
) -> Reduced:
    """Solve; the entries `held` of a are `given`, and their rows of the first equation are left out."""
    points, count, k, _ = blocks.right.shape
    chosen = kept.index.size
    inverse = jax.vmap(jax.vmap(small.inverse))(jnp.where(kept.mask[..., None, None], jnp.eye(k), blocks.K))
    rest = ~kept.mask[..., None]
    alpha = jnp.where(rest, jnp.einsum("pnij,pnj->pni", inverse, e), 0.0)
    beta = jnp.where(rest[..., None], jnp.einsum("pnij,pnjq->pniq", inverse, blocks.right), 0.0)
    # What follows reads alpha and beta more than once: or the inverses would be computed for each.
    alpha, beta = jax.lax.optimization_barrier((alpha, beta))
    squared = jnp.einsum("pnki,pnkj->pij", blocks.left, beta)
    matrix = M + jnp.einsum("pia,pij,pjb->ab", L, squared, R)
    right = b + jnp.einsum("pia,pi->a", L, jnp.einsum("pnki,pnk->pi", blocks.left, alpha))
    take = lambda a: a.reshape(points * count, *a.shape[2:])[kept.index]
    point = kept.index // count
    columns = -jnp.einsum("ski,sia->ask", take(blocks.left), L[point]).reshape(-1, chosen * k)
    rows = jnp.einsum("ski,sia->ska", take(blocks.right), R[point]).reshape(chosen * k, -1)
    corner = jnp.einsum("sij,st->sitj", take(blocks.K), jnp.eye(chosen)).reshape(chosen * k, chosen * k)
    whole = jnp.block([[matrix, columns], [rows, corner]])
    whole_right = jnp.concatenate([right, take(e).ravel()])
    if held:
        index = jnp.array(held)
        whole = whole.at[index].set(jnp.eye(whole.shape[0])[index])
        whole_right = whole_right.at[index].set(given)
    found = small.solve(whole, whole_right)
    singular = found[b.size :].reshape(chosen, k)
    alpha = alpha.reshape(-1, k).at[kept.index].set(singular).reshape(alpha.shape)
    return Reduced(found[: b.size], alpha, beta)
