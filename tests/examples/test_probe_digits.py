def test_probes_tell_what_was_learnt(script, tmp_path, capsys, standard_promotion):
    path = tmp_path / "a.png"
    results = script.main(["--picture", str(path)])
    pixels, trained = results["pixels"], results["trained network"]
    assert pixels["linear"] > 0.96 and pixels["3 neighbours"] > 0.98
    assert pixels["attentive"] > 0.8 and pixels["30 clusters"] > 0.85
    # Two groups of digits were learnt, at the expense of the ten.
    assert trained["3 neighbours"] < pixels["3 neighbours"] - 0.05
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5 and "RankMe" in lines[0]
    assert path.stat().st_size > 10_000
