"""The rules every test runs under.

Shapes and types are checked in tests only, by an import hook that must be in place before myoscale is
first imported. Warnings are errors (pyproject.toml), and so are implicit rank promotions. 64-bit mode
is left alone on purpose: myoscale must compute in float64 without it.
"""

import gc
import os
import sys
from importlib.metadata import version
from pathlib import Path

# Programs that call back into Python are never kept in JAX's cache; diffrax's checks of its arguments do. Before equinox is imported.
os.environ.setdefault("EQX_ON_ERROR", "off")

# Most of a test's time goes into compiling, and XLA's older emitter of loops takes two thirds of it; LLVM's first level of optimisation saves
# up to a quarter of that, its level zero more, but runs take three times as long. Whoever sets XLA_FLAGS, to an empty text too, decides
# otherwise. An XLA that does not know a flag refuses to start: later ones than this may not.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=1")

# One thread to a process, as there is a process to a core: waking others takes longer than the small sums that they would share.
os.environ.setdefault("NPROC", "1")  # XLA's name for it
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

ROOT = Path(__file__).resolve().parent.parent

if "myoscale" in sys.modules:
    raise RuntimeError("Expected to hook myoscale before its first import. Received it imported.")
install_import_hook("myoscale", "beartype.beartype")

jax.config.update("jax_numpy_rank_promotion", "raise")

# Compiled code is kept between runs, small programs too: workers and the many processes that tests start compile the same hundred.
CACHE = {
    "jax_compilation_cache_dir": str(ROOT / ".cache" / "jax"),
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
for name, value in CACHE.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)  # subprocesses share it

os.environ["MPLBACKEND"] = "Agg"

settings.register_profile("myoscale", deadline=None, derandomize=True, max_examples=20, database=None)
settings.load_profile("myoscale")


@pytest.fixture(scope="module", autouse=True)
def _few_programs():
    """Linux allows a process 65,530 mappings of memory, and each compiled program takes several: let go of them in time."""
    yield
    from myoscale.run import programs

    maps = Path("/proc/self/maps")
    if not maps.exists() or maps.read_bytes().count(b"\n") > 15_000:
        programs._programs.clear()
        jax.clear_caches()
        gc.collect()
