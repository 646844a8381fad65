import numpy as np


def test_every_surrogate_learns(run, script):
    results, lines = run("--epochs", "2", "--slopes", "3", "--steps", "10")
    assert set(results) == set(script.SURROGATES)
    for result in results.values():
        # In the middle of the slopes; chance is 0.1.
        assert result[len(result) // 2] > 0.8
        # Slopes matter: no surrogate is deaf to its own.
        assert np.ptp(result) > 0
    assert len(lines) == len(results) + 2
