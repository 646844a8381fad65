import numpy as np


TRUE = {
    ("x", 0): -10,
    ("y", 0): 10,
    ("x", 1): 28,
    ("y", 1): -1,
    ("x z", 1): -1,
    ("z", 2): -8 / 3,
    ("x y", 2): 1,
}


def test_recovers_the_equations(script, tmp_path, capsys, standard_promotion):
    path = tmp_path / "a.png"
    coefficients, names = script.main(["--picture", str(path)])
    expected = np.zeros_like(coefficients)
    for (name, variable), value in TRUE.items():
        expected[names.index(name), variable] = value
    # Within 2 %, and nothing else.
    np.testing.assert_allclose(coefficients, expected, rtol=0.02, atol=0)
    assert "x' = " in capsys.readouterr().out
    assert path.stat().st_size > 10_000
