import importlib.util
import os
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


FULL = os.environ.get("NGCX_EXAMPLES") == "full"


@pytest.fixture
def run(script, tmp_path, capsys, standard_promotion):
    """Runs an example, in a short form unless all are run in full, and looks at what it
    draws. Returns its result and the lines that it printed.
    """

    def run(*short: str):
        picture = tmp_path / "a.png"
        result = script.main([*(() if FULL else short), "--picture", str(picture)])
        assert picture.stat().st_size > 10_000
        return result, capsys.readouterr().out.splitlines()

    return run
