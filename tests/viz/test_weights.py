"""Receptive fields are where the axes say, in grids, grids of grids and animations."""

from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import PIL.Image
import pytest
from hypothesis import given, strategies as st

from ngcx import viz


FLOATS = st.floats(-1, 1, width=32)


@given(
    weights=hnp.arrays(
        np.float32, st.tuples(st.integers(1, 10), st.just(6)), elements=FLOATS
    ),
    columns=st.sampled_from((None, 1, 2, 5)),
    order=st.sampled_from(("C", "F")),
    normalize=st.booleans(),
)
def test_each_field_is_in_its_place(weights, columns, order, normalize):
    ax: Any = viz.receptive_fields(
        weights, (2, 3), columns=columns, order=order, normalize=normalize
    )
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    # The numbers that stand beside a field add up to that of the neuron.
    seen = 0
    for y, down in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
        for x, across in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True):
            neuron = int(down.get_text()) + int(across.get_text())
            if neuron >= len(weights):
                continue
            top, left = round(y - 0.5), round(x - 1)
            field = np.reshape(weights[neuron].astype(float), (2, 3), order=order)
            if normalize:
                field = field / (np.abs(field).max() or 1)
            np.testing.assert_allclose(
                image[top : top + 2, left : left + 3], field, rtol=1e-6
            )
            seen += 1
    assert seen == len(weights)
    # All else lies between the fields.
    assert np.isfinite(image).sum() == weights.size
    low, high = ax.images[0].get_clim()
    assert low == -high and high >= np.nanmax(np.abs(image))


def test_a_thousand_fields_have_few_ticks():
    ax = viz.receptive_fields(np.ones((1000, 4)), (2, 2))
    assert len(ax.get_xticks()) <= 10 and len(ax.get_yticks()) <= 10


def test_weights_that_are_not_finite_do_not_spoil_the_scale():
    weights = np.array([[1.0, np.nan], [np.inf, -2.0]])
    ax: Any = viz.receptive_fields(weights, (1, 2))
    assert ax.images[0].get_clim() == (-2, 2)
    ax.get_figure().draw_without_rendering()


def test_coloured_fields_are_drawn_in_colour():
    weights = np.random.default_rng(0).normal(size=(3, 2 * 3 * 3))
    weights[1, 0] = np.nan
    ax: Any = viz.receptive_fields(weights, (2, 3, 3), columns=2)
    image, limit = np.asarray(ax.images[0].get_array()), np.nanmax(np.abs(weights))
    assert image.shape == (5, 7, 3)
    expected = 0.5 + weights.reshape(3, 2, 3, 3) / (2 * limit)
    np.testing.assert_allclose(image[:2, :3], expected[0])
    np.testing.assert_allclose(image[3:, :3], expected[2])
    assert (image[2] == 1).all() and (image[3:, 4:] == 1).all()
    assert image[0, 4].tolist() == [1, *expected[1, 0, 0, 1:]]
    bar = ax.figure.axes[-1]
    assert bar.get_ylim() == (-limit, limit) and "1 of 54" in bar.get_ylabel()
    figure = viz.macro_grid([weights, 2 * weights], (2, 3, 3))
    first, second = (np.asarray(each.images[0].get_array()) for each in figure.axes[:2])
    np.testing.assert_allclose(2 * first[:2, :3] - 0.5, second[:2, :3])
    animation = viz.animate_receptive_fields(np.stack([weights, -weights]), (2, 3, 3))
    (picture,) = animation._func(1)  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(picture.get_array()[:2, :3], 1 - expected[0])
    animation._draw_was_started = True  # pyright: ignore[reportAttributeAccessIssue]


def test_banks_share_one_scale():
    small, large = np.full((2, 4), 0.5), np.full((3, 6), -4.0)
    figure = viz.macro_grid([small, large], [(2, 2), (2, 3)], names=["V1", "V2"])
    first, second, bar = figure.axes
    assert first.images[0].get_clim() == second.images[0].get_clim() == (-4, 4)
    assert [first.get_title(), second.get_title()] == ["V1", "V2"]
    assert bar.get_ylabel() == "Weight (a.u.)"


def test_banks_as_one_array():
    figure = viz.macro_grid(np.ones((5, 3, 4)), (2, 2), columns=3)
    assert sum(bool(ax.images) for ax in figure.axes) == 5
    assert [ax.get_title() for ax in figure.axes[:2]] == ["Bank 0", "Bank 1"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda w: viz.receptive_fields(w, (2, 3)), r"4 pixels .* got \(2, 3\)"),
        (lambda w: viz.receptive_fields(w[:0], (2, 2)), "one neuron or more"),
        (lambda w: viz.receptive_fields(w, (2, 2), columns=0), "`columns` must be"),
        (lambda w: viz.macro_grid([w], (2, 2), names=[]), "`names` must .* 1 banks"),
        (lambda w: viz.macro_grid([w], [(2, 2)] * 2), "`patch_shape` must .* got 2"),
        (lambda w: viz.macro_grid([], (2, 2)), "`banks` must be one or more"),
        (lambda w: viz.animate_receptive_fields(w[None][:0], (2, 2)), "`history` must"),
    ],
)
def test_wrong_arguments(draw, message):
    with pytest.raises(ValueError, match=message):
        draw(np.ones((3, 4)))


def test_wrong_shapes():
    with pytest.raises(TypeError):
        viz.receptive_fields(np.ones((2, 2, 2)), (2, 2))


def test_an_animation_is_saved_as_a_gif(tmp_path):
    history = np.linspace(-1, 2, 5)[:, None, None] * np.ones((5, 4, 6))
    animation = viz.animate_receptive_fields(history, (2, 3), interval=100)
    path = tmp_path / "fields.gif"
    animation.save(path, writer="pillow", dpi=40)
    with PIL.Image.open(path) as gif:
        assert getattr(gif, "n_frames") == 5  # noqa: B009
        assert gif.info["duration"] == 100
        frames = []
        for i in range(5):
            gif.seek(i)
            frames.append(np.asarray(gif.convert("RGB"), float).mean(axis=(0, 1)))
    # The frames go from blue to red, on one scale.
    assert [red > blue for red, _, blue in frames] == [False, False, True, True, True]
    assert len({tuple(frame) for frame in frames}) == 5
