import pytest


@pytest.mark.thorough  # It starts three processes.
def test_many_processes_train_as_one_does(run):
    results, lines = run("--processes", "2", "--epochs", "1")
    (one, many) = (results[number] for number in sorted(results))
    assert one["losses"] == many["losses"]
    assert many["accuracy"] > 0.5
    assert any("largest difference of the losses: 0.0e+00" in line for line in lines)


@pytest.mark.thorough
def test_one_process_trains_on_all_of_its_devices(script, standard_promotion):
    result = script.train(epochs=1, seed=0)
    assert result["losses"][-1] < result["losses"][0]
    assert result["accuracy"] > 0.5


def test_bad_options_get_one_line(script, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main(["--processes", "3"])
    assert "must be 2 or more and divide 64" in capsys.readouterr().err
