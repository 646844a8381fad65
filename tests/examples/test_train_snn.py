import pytest


def test_learns_and_repeats_itself(script, tmp_path, capsys, standard_promotion):
    arguments = [
        "--epochs",
        "4",
        "--hidden",
        "64",
        "--picture",
        str(tmp_path / "a.png"),
    ]
    first = script.main(arguments)
    table = capsys.readouterr().out
    assert first > 0.9
    assert "firing rate" in table and len(table.splitlines()) == 6
    assert (tmp_path / "a.png").stat().st_size > 10_000
    assert script.main(arguments) == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "0"], "must be a positive integer; got 0"),
        (["--steps", "many"], "invalid positive value: 'many'"),
        (["--learning-rate", "-1"], "must be a positive number; got -1"),
        (["--picture", "/dev/null/snn.png"], "cannot be written"),
        (["--colour"], "unrecognized arguments"),
    ],
)
def test_bad_options_get_one_line_and_a_non_zero_exit(
    script, arguments, message, capsys
):
    with pytest.raises(SystemExit) as stopped:
        script.main(arguments)
    assert stopped.value.code != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_help_names_every_option(script, capsys):
    with pytest.raises(SystemExit) as stopped:
        script.main(["--help"])
    assert stopped.value.code == 0
    assert "--picture" in capsys.readouterr().out
