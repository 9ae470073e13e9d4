"""Symmetric compositions: steps of γ₁h, γ₂h, … of a symmetric method of order 2 make one step of a higher order.

Coefficients: order 4 with five stages from Suzuki (1990), whose error is far below that of the shortest composition; order 6
with nine stages from Kahan and Li (1997), as in Hairer, Lubich and Wanner, Geometric Numerical Integration, V.3.2.
"""

_FOUR = 1.0 / (4.0 - 4.0 ** (1.0 / 3.0))
_SIX = (
    *(0.39216144400731413927925056, 0.33259913678935943859974864),
    *(-0.70624617255763935980996482, 0.08221359629355080023149045),
)

STAGES: dict[int, tuple[float, ...]] = {
    2: (1.0,),
    4: (_FOUR, _FOUR, 1.0 - 4.0 * _FOUR, _FOUR, _FOUR),
    6: (*_SIX, 1.0 - 2.0 * sum(_SIX), *reversed(_SIX)),
}
"""γ by order; each sums to 1 and reads the same from both ends."""
