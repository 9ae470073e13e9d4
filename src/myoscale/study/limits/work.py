"""Parts of a study, done one after another here or side by side in a cluster, each kept as soon as it is there.

A part is a pure function of what it is given, so it has the same bits wherever it was computed (on machines of one kind), and a study that was
killed is the same study when it goes on. Large parts come first: the first one tells whether a cluster of processes on this machine pays. What it
took to compile does not count: the next parts here use the same programs, other processes would compile them again.
"""

import contextlib
import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import equinox as eqx
import numpy as np

from ...checkpoint import Checkpoint, cannot_keep
from ...errors import InputError, StoppedError
from ...fingerprint import software
from ...run.programs import Costs, compiling

_LONG = 20.0  # seconds of work left for which processes are worth starting
_PATIENCE = 10.0  # seconds for a scheduler to answer

Part = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Where:
    """Where parts are computed.

    **Arguments:** `scheduler`: address of a running dask scheduler, "tcp://host:8786" for instance; `workers`: processes on this machine, once
    the work left takes longer than starting them; 1 computes here. `fallback`: whether to compute here where the scheduler cannot be used.

    **Raises:** `InputError` for a number of workers that is none.
    """

    scheduler: str | None = None
    workers: int = 1
    fallback: bool = False

    def __post_init__(self):
        if not isinstance(self.workers, int) or isinstance(self.workers, bool) or self.workers < 1:
            raise InputError(f"Expected workers, a whole number of processes ≥ 1. Received {self.workers!r}.")


def parts(
    function: Callable[..., Part],
    shared: Any,
    tasks: Mapping[str, tuple],
    kept: Checkpoint | None,
    where: Where,
    report: Callable[[float], None],
) -> Iterator[tuple[str, Part]]:
    """`function(shared, *task)` for each of the tasks by name, in the order in which they are done; those kept come first.

    **Raises:** `InputError` if the scheduler cannot be used; `StoppedError` if a part can no longer be kept.
    """
    with contextlib.ExitStack() as stack:
        client = _reached(where, stack)
        left, done = dict(tasks), 0
        for name in list(left):
            if kept is not None and (part := kept.get(name)) is not None:
                del left[name]
                done += 1
                yield name, part
        report(done / len(tasks))
        while left:
            costs, some = Costs(), dict(left)
            if client is not None:
                found = _in_cluster(client, function, shared, left)
            else:
                found = _here(function, shared, left, costs)
            for name, part in found:
                if kept is not None:
                    try:
                        kept.put(name, part)
                    except OSError as error:
                        raise StoppedError(cannot_keep(kept.folder, error), None) from None
                del some[name]
                done += 1
                report(done / len(tasks))
                yield name, part
                if client is None and where.workers > 1 and len(some) > 1:
                    if costs.wall * len(some) / 2 > _LONG:
                        client = _cluster(where.workers, stack)
                        break
                    costs.restart()
            left = some


def _here(function, shared, tasks, costs: Costs) -> Iterator[tuple[str, Part]]:
    for name, task in tasks.items():
        with compiling(costs):
            part = function(shared, *task)
        yield name, part


def _in_cluster(client, function, shared, tasks) -> Iterator[tuple[str, Part]]:
    from distributed import as_completed

    by_value(shared)
    given = client.scatter(shared, broadcast=True, hash=False)
    futures = {client.submit(_timely, function, given, *task, pure=False): name for name, task in tasks.items()}
    try:
        for future in as_completed(list(futures), loop=client.loop):
            yield futures[future], future.result()
    finally:
        client.cancel(list(futures))


def _timely(function, shared, *task):
    """A part, in a process of a cluster."""
    return function(shared, *task)


def _reached(where: Where, stack: contextlib.ExitStack):
    """A client of the scheduler that was asked for, None if the work is done here."""
    if where.scheduler is None:
        return None
    from distributed import Client

    try:
        client = stack.enter_context(Client(where.scheduler, timeout=_PATIENCE, set_as_default=False))
        _same_software(client, where.scheduler)
    except (OSError, TimeoutError, ValueError, InputError) as error:
        if where.fallback:
            return None
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"No scheduler answers at '{where.scheduler}': start one ('dask scheduler', and 'dask worker ADDRESS' on each machine), "
            "or leave it out to compute on this machine."
        ) from None
    return client


def _same_software(client, address: str) -> None:
    found = client.run(software)
    if not found:
        raise InputError(
            f"The scheduler at '{address}' has no workers: start some, 'dask worker {address}' on each machine."
        )
    for worker, theirs in found.items():
        if different := [name for name, value in software().items() if theirs.get(name) != value]:
            raise InputError(
                f"The worker at '{worker}' computes with another {', '.join(different)}: bits would differ. Install the same there."
            )


def _cluster(workers: int, stack: contextlib.ExitStack):
    """Processes on this machine; they compute as this one does."""
    from distributed import Client, LocalCluster

    options: dict[str, Any] = {"dashboard_address": None, "silence_logs": 50, "env": dict(os.environ)}
    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, **options)
    return stack.enter_context(Client(stack.enter_context(cluster), set_as_default=False))


def by_value(tree: Any) -> None:
    """A user's own classes travel with their code: other processes cannot import a script."""
    import cloudpickle

    for name in _modules(tree, set()):
        module = sys.modules.get(name)
        if module is not None and name != "__main__" and not _installed(module):
            cloudpickle.register_pickle_by_value(module)


def _modules(value: Any, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if callable(value) or eqx.is_array(value) or dataclasses.is_dataclass(value):
        yield getattr(value, "__module__", None) or type(value).__module__
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for kind in type(value).__mro__:
            yield kind.__module__
        for field in dataclasses.fields(value):
            yield from _modules(getattr(value, field.name, None), seen)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _modules(item, seen)


def _installed(module: Any) -> bool:
    """Whether another process would import the same."""
    top = module.__name__.partition(".")[0]
    if top == "myoscale" or top in sys.stdlib_module_names:
        return True
    path = getattr(importlib.import_module(top), "__file__", None) or ""
    return not path or "site-packages" in path or "dist-packages" in path
