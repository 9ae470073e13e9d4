"""Programs compiled once a process, so that compiling is timed and its memory known.

JAX's own cache of compiled functions tells neither; `eqx.filter_jit` on a method would compile anew for each model.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax


@dataclasses.dataclass
class Costs:
    """What a run has cost so far, all its parts together."""

    began: float = dataclasses.field(default_factory=time.perf_counter)
    compile: float = 0.0  # s
    memory: int = 0  # bytes

    @property
    def wall(self) -> float:
        """Seconds, without compilation."""
        return time.perf_counter() - self.began - self.compile

    def restart(self) -> None:
        """Count from here."""
        self.began, self.compile = time.perf_counter(), 0.0

    def add(self, wall: float, compile: float, memory: int) -> None:
        """Count an earlier part of the run."""
        self.began -= wall + compile
        self.compile += compile
        self.memory = max(self.memory, memory)


@contextlib.contextmanager
def compiling(costs: Costs) -> Iterator[None]:
    """Count what JAX itself says of compiling in here: for programs that are not compiled ahead."""

    def heard(event: str, duration_secs: float, **kwargs: Any) -> None:
        if event in _COMPILING:
            costs.compile += duration_secs

    jax.monitoring.register_event_duration_secs_listener(heard)
    try:
        yield
    finally:
        jax.monitoring.unregister_event_duration_listener(heard)


_COMPILING = tuple(
    f"/jax/core/compile/{step}_duration" for step in ("jaxpr_trace", "jaxpr_to_mlir_module", "backend_compile")
)
_programs: dict[Any, Any] = {}


def compiled(function: Callable[..., Any], costs: Costs) -> Callable[..., Any]:
    """`function`, compiled ahead for each new structure of its arguments; arrays that it passes on as they are are not copied."""

    def call(*arguments):
        dynamic, static = eqx.partition(arguments, eqx.is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        fixed, fixed_structure = jax.tree.flatten(static)
        key = (function, structure, fixed_structure, tuple(fixed), tuple((a.shape, a.dtype) for a in leaves))
        if key not in _programs:
            began = time.perf_counter()
            shape = {}

            def run(leaves):
                given = {id(leaf): k for k, leaf in enumerate(leaves)}
                dynamic = jax.tree.unflatten(structure, leaves)
                result, shape["static"] = eqx.partition(function(*eqx.combine(dynamic, static)), eqx.is_array)
                results, shape["result"] = jax.tree.flatten(result)
                shape["given"] = [given.get(id(leaf)) for leaf in results]
                return [leaf for leaf, k in zip(results, shape["given"], strict=True) if k is None]

            program = jax.jit(run).lower(leaves).compile()
            sizes = program.memory_analysis()
            memory = (
                sizes.argument_size_in_bytes + sizes.output_size_in_bytes + sizes.temp_size_in_bytes if sizes else 0
            )
            _programs[key] = program, shape, memory
            costs.compile += time.perf_counter() - began
        program, shape, memory = _programs[key]
        costs.memory = max(costs.memory, memory)
        computed = iter(jax.block_until_ready(program(leaves)))
        results = [next(computed) if k is None else leaves[k] for k in shape["given"]]
        return eqx.combine(jax.tree.unflatten(shape["result"], results), shape["static"])

    return call
