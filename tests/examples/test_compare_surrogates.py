import numpy as np
import pytest


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("Arctan", "Rectangular"), id="two"),
        # A program is compiled for each, which takes 20 seconds.
        pytest.param((), id="all", marks=pytest.mark.thorough),
    ],
)
def test_every_surrogate_learns(names, run, script):
    chosen = ("--surrogates", *names) if names else ()
    results, lines = run("--epochs", "2", "--slopes", "3", "--steps", "10", *chosen)
    assert set(results) >= set(names or script.SURROGATES)
    for result in results.values():
        # The middle one of the slopes suits all; chance is 0.1.
        assert result[len(result) // 2] > 0.8
        # Slopes matter: no surrogate is deaf to its own.
        assert np.ptp(result) > 0
    assert len(lines) == len(results) + 2
