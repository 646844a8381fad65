import importlib.util
import pathlib

import numpy as np


SCRIPT = pathlib.Path(__file__).parents[2] / "examples" / "compare_surrogates.py"
SPEC = importlib.util.spec_from_file_location("compare_surrogates", SCRIPT)
assert SPEC is not None and SPEC.loader is not None
compare_surrogates = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(compare_surrogates)


def test_every_surrogate_learns(tmp_path, capsys, standard_promotion):
    picture = tmp_path / "a.png"
    results = compare_surrogates.main(
        ["--epochs", "2", "--slopes", "3", "--steps", "10", "--picture", str(picture)]
    )
    assert set(results) == set(compare_surrogates.SURROGATES)
    for result in results.values():
        # Slopes 0.1, 3.2 and 100; chance is 0.1.
        assert result.shape == (3,) and result[1] > 0.8
    # Slopes matter: no surrogate is deaf to its own.
    assert all(np.ptp(result) > 0 for result in results.values())
    assert len(capsys.readouterr().out.splitlines()) == len(results) + 2
    assert picture.stat().st_size > 10_000
