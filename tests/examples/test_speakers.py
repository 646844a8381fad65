import importlib.util

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tqdm import tqdm

from ngcx.data import BucketLoader, PaddedSource

from .conftest import FULL


needs_data = pytest.mark.skipif(
    importlib.util.find_spec("sktime") is None, reason="the data are in sktime"
)


def generated(rng, lengths):
    """Utterances of the form of the real ones: each speaker has a tone."""
    speakers = np.arange(len(lengths), dtype=np.int32) % 9
    tones = np.random.default_rng(0).normal(size=(9, 12))
    sound = [
        (tones[speaker] + rng.normal(size=(n, 12))).astype(np.float32)
        for speaker, n in zip(speakers, lengths, strict=True)
    ]
    return sound, speakers


@pytest.fixture
def without_data(script, monkeypatch):
    """Utterances that are drawn, where sktime is not here."""

    def standardised():
        rng = np.random.default_rng(1)
        sets = [generated(rng, rng.integers(7, 30, number)) for number in (90, 45)]
        return [script.Utterances(*each) for each in sets]

    monkeypatch.setattr(script, "standardised", standardised)


SHORT = ("--epochs", "12", "--seeds", "1", "--hidden", "32", "--buckets", "1")


def last_table(lines):
    (start,) = (i for i, line in enumerate(lines) if line.startswith("model "))
    return {line.split()[0]: float(line.split()[1]) for line in lines[start + 1 :]}


@pytest.mark.thorough
def test_learns_prints_and_draws(script, tmp_path, capsys, monkeypatch, without_data):
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        results = script.main([*SHORT, "--picture", str(tmp_path / "a.png")])
    lines = capsys.readouterr().out.splitlines()
    table = last_table(lines)
    assert list(table) == ["spiking", "GRU", "linear"]
    assert table["spiking"] == pytest.approx(
        100 * np.mean(results["spiking"]), abs=0.01
    )
    assert table["spiking"] > 60
    assert any("synaptic operations" in line for line in lines)
    assert (tmp_path / "a.png").stat().st_size > 10_000


@needs_data
@pytest.mark.thorough  # It trains for some minutes.
def test_accuracy_of_real_speakers(run):
    results, lines = run("--epochs", "40", "--seeds", "1")
    spiking = results["spiking"]
    assert np.mean(spiking) >= (0.965 if FULL else 0.94) and min(spiking) > 0.94
    assert last_table(lines)["spiking"] == pytest.approx(
        100 * np.mean(spiking), abs=0.01
    )


def predictions(script, stack, sound, lengths):
    logits, _ = script.scores(script.MODELS["spiking"], stack, sound, lengths)
    return np.argmax(np.asarray(logits), axis=-1)


def test_each_utterance_alone_has_the_prediction_of_the_padded_batch(
    script, standard_promotion
):
    lengths = np.tile([7, 12, 29], 6)
    sound, _ = generated(np.random.default_rng(2), lengths)
    utterances = script.Utterances(sound, lengths)
    stack = script.spiking(32, jr.key(0))
    together = predictions(script, stack, *script.padded(utterances))
    assert len(set(together)) > 1
    for each, expected in zip(sound, together, strict=True):
        alone = jnp.asarray(each)[None], jnp.array([len(each)])
        assert predictions(script, stack, *alone) == expected


@needs_data
@pytest.mark.thorough  # It compiles a program for each of twenty lengths.
def test_each_real_utterance_alone_has_the_prediction_of_the_padded_batch(
    script, standard_promotion
):
    train, test = script.standardised()
    assert len(train.sound) == 270 and len(test.sound) == 370
    assert {each.shape[1] for each in test.sound} == {12}
    data = {"sound": PaddedSource(train.sound), "speaker": train.speaker}
    options = script.parse(["--epochs", "20"])
    with tqdm(disable=True) as progress:
        stack = script.train(
            script.MODELS["spiking"], BucketLoader(data, 30, 1), options, 0, progress
        )
    together = predictions(script, stack, *script.padded(test))
    assert np.mean(together == test.speaker) > 0.9
    for each, expected in zip(test.sound, together, strict=True):
        alone = jnp.asarray(each)[None], jnp.array([len(each)])
        assert predictions(script, stack, *alone) == expected


def test_missing_data_are_said_in_one_line(script, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="python -m pip install --no-deps sktime"):
        script.main([])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seeds", "0"], "must be a positive integer; got 0"),
        (["--dropped", "1"], "must be from 0 to below 1; got 1"),
        (["--noise", "-1"], "must be a positive number; got -1"),
        (["--hidden", "many"], "invalid positive value: 'many'"),
    ],
)
def test_bad_options_get_one_line_and_a_non_zero_exit(
    script, arguments, message, capsys
):
    with pytest.raises(SystemExit) as stopped:
        script.main(arguments)
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
