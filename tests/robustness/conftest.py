import jax
import pytest


@pytest.fixture(autouse=True, scope="module")
def quick_to_compile():
    """Most programs here run once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
