import importlib.util
import pathlib

import pytest


@pytest.fixture(scope="module")
def script(request):
    """The example that a test module is named after, `test_NAME.py` of `NAME.py`."""
    name = pathlib.Path(request.path).stem.removeprefix("test_")
    path = pathlib.Path(__file__).parents[2] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
