import jax.numpy as jnp
import numpy as np
import pytest

from ngcx.neurons import LIF, SoftReset, TimeConstant


def test_learns_and_repeats_itself(run):
    short = ("--epochs", "4", "--hidden", "64")
    accuracy, lines = run(*short)
    assert accuracy > 0.9
    assert any("firing rate" in line for line in lines)
    assert run(*short)[0] == accuracy


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


@pytest.mark.thorough  # It trains six networks in full.
def test_a_delayed_reset_learns_as_well(
    script, tmp_path, monkeypatch, standard_promotion
):
    def accuracy():
        picture = str(tmp_path / "a.png")
        return np.mean(
            [
                script.main(["--seed", str(seed), "--picture", picture])
                for seed in range(3)
            ]
        )

    at_once = accuracy()
    delayed = LIF(TimeConstant(jnp.array(10.0)), reset=SoftReset(delayed=True))
    monkeypatch.setattr(script, "lif", lambda: delayed)
    assert abs(accuracy() - at_once) < 0.01
