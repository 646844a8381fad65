import pytest


@pytest.fixture
def probe(script, tmp_path, capsys, standard_promotion):
    """Runs the script, and returns its scores of the pixels and of the network."""

    def probe(*arguments: str):
        path = tmp_path / "a.png"
        results = script.main([*arguments, "--picture", str(path)])
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 5 and "RankMe" in lines[0]
        assert path.stat().st_size > 10_000
        return results["pixels"], results["trained network"]

    return probe


@pytest.mark.thorough
def test_two_probes_tell_what_was_learnt(probe):
    pixels, trained = probe("--beside", "3 neighbours")
    assert pixels["linear"] > 0.96 and pixels["3 neighbours"] > 0.98
    # The network has learnt two groups of digits, at the expense of the ten.
    assert trained["3 neighbours"] < pixels["3 neighbours"] - 0.05


@pytest.mark.thorough  # The attentive probe compiles for ten seconds.
def test_four_probes_tell_what_was_learnt(probe):
    pixels, trained = probe()
    assert pixels["linear"] > 0.96 and pixels["3 neighbours"] > 0.98
    assert pixels["attentive"] > 0.8 and pixels["30 clusters"] > 0.85
    assert trained["3 neighbours"] < pixels["3 neighbours"] - 0.05
