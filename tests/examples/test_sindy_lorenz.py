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


def test_recovers_the_equations(run):
    (coefficients, names), lines = run()
    expected = np.zeros_like(coefficients)
    for (name, variable), value in TRUE.items():
        expected[names.index(name), variable] = value
    # The true terms are found to within 2 %, and no others.
    np.testing.assert_allclose(coefficients, expected, rtol=0.02, atol=0)
    assert lines[0].startswith("x' = ")
