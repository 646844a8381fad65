def test_learns_to_reconstruct(run):
    errors, lines = run("--epochs", "4")
    assert errors[-1] < errors[0] / 2
    assert len(lines) == len(errors) + 2
