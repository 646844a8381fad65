import pytest


@pytest.fixture(autouse=True, scope="module")
def programs_run_once(quick_to_compile):
    """Most programs here run once."""
