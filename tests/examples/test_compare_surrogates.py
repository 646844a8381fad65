import numpy as np


def test_every_surrogate_learns(script, tmp_path, capsys, standard_promotion):
    picture = tmp_path / "a.png"
    results = script.main(
        ["--epochs", "2", "--slopes", "3", "--steps", "10", "--picture", str(picture)]
    )
    assert set(results) == set(script.SURROGATES)
    for result in results.values():
        # Slopes 0.1, 3.2 and 100; chance is 0.1.
        assert result.shape == (3,) and result[1] > 0.8
    # Slopes matter: no surrogate is deaf to its own.
    assert all(np.ptp(result) > 0 for result in results.values())
    assert len(capsys.readouterr().out.splitlines()) == len(results) + 2
    assert picture.stat().st_size > 10_000
