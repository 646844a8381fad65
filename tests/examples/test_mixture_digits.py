import numpy as np


def test_finds_prototypes(script, tmp_path, capsys, standard_promotion):
    path = tmp_path / "a.png"
    mixture, agreement = script.main(["--starts", "2", "--picture", str(path)])
    # Chance is 0.
    assert agreement > 0.4
    assert mixture.components.probabilities.shape == (20, 64)
    assert np.all(np.isfinite(mixture.components.probabilities))
    assert "adjusted Rand index" in capsys.readouterr().out
    assert path.stat().st_size > 10_000
