"""`python -m tests.fuzz --minutes 10 --seed 0 --only neurons`."""

import os
import pathlib


# JAX reads these when it is imported; the conftest of the tests says why.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
)
CACHE = pathlib.Path(__file__).parents[2] / ".pytest_cache" / "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("MPLBACKEND", "agg")

if __name__ == "__main__":
    from ._run import main

    raise SystemExit(main())
