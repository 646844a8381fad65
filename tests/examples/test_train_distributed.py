import pytest


def test_two_processes_train_as_one_does(script, tmp_path, capsys):
    results = script.main(
        ["--processes", "2", "--epochs", "1", "--picture", str(tmp_path / "a.png")]
    )
    assert results[1]["losses"] == results[2]["losses"]
    assert results[2]["accuracy"] > 0.5
    assert "largest difference of the losses: 0.0e+00" in capsys.readouterr().out
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_bad_options_get_one_line(script, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main(["--processes", "3"])
    assert "must be 2 or more and divide 64" in capsys.readouterr().err
