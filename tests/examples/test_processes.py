def test_learns_to_reconstruct(script, tmp_path, capsys, standard_promotion):
    path = tmp_path / "a.png"
    errors = script.main(["--epochs", "4", "--picture", str(path)])
    assert errors[-1] < errors[0] / 2
    assert len(capsys.readouterr().out.splitlines()) == 6
    assert path.stat().st_size > 10_000
