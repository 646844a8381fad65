"""What holds of every picture: no state is changed, and everything is labelled."""

import importlib
import os
import subprocess
import sys
from typing import Any

import jax
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ngcx import viz


pytestmark = pytest.mark.in_turn(3)


def all_axes(picture) -> list[Axes]:
    axes = [picture] if isinstance(picture, Axes) else picture.axes
    return [ax for ax in axes if ax.axison]


@pytest.fixture
def own():
    """The figure of a user of pyplot, with its axes."""
    figure, axes = plt.subplots(1, 2)
    yield figure, axes
    plt.close(figure)


def test_nothing_global_changes(draw, own, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    figure, axes = own
    plt.sca(axes[0])

    def state():
        parameters = dict(matplotlib.rcParams)
        colormaps = sorted(matplotlib.colormaps)
        return plt.get_fignums(), matplotlib.get_backend(), parameters, colormaps

    before = state()
    draw(None)
    draw(axes[1])
    assert state() == before
    assert plt.gcf() is figure and plt.gca() is axes[0]
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_a_new_figure_is_made_without_axes_and_without_pyplot(draw, monkeypatch):
    # It cannot be imported.
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    first, second = draw(None), draw(None)
    assert isinstance(first, Axes | Figure)
    figure: Any = first.figure if isinstance(first, Axes) else first
    figure.draw_without_rendering()
    assert first is not second and all_axes(first)[0] is not all_axes(second)[0]


def test_axes_that_are_given_are_drawn_in(draw):
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    picture = draw(right)
    assert picture is right or picture is figure
    figure.draw_without_rendering()
    assert not left.has_data()
    middle = 0.45
    for ax in figure.axes:
        assert ax is left or ax.get_position().x0 > middle


def test_axes_of_a_subfigure_do(draw):
    figure = Figure(figsize=(8, 8), layout="constrained")
    subfigures: Any = figure.subfigures(2)
    upper, lower = subfigures
    picture = draw(lower.subplots())
    assert picture is figure or picture.figure is lower
    assert not upper.axes
    figure.draw_without_rendering()


def test_every_outer_axis_is_labelled(draw):
    axes = all_axes(draw(None))
    assert axes[-1].get_xlabel() or axes[-1].get_ylabel()
    for ax in axes:
        for axis in (ax.xaxis, ax.yaxis):
            label = axis.get_label_text()
            # Times, potentials and weights have a unit.
            if label.startswith(("Time", "Membrane", "Current", "Weight", "Component")):
                assert "(" in label or "/" in label


def test_panels_take_the_place_of_axes_in_a_grid_alone():
    ax = Figure().add_axes((0.1, 0.1, 0.8, 0.8))
    with pytest.raises(ValueError, match="`ax` must have a place in a grid"):
        viz.membrane(np.zeros(5), ax=ax)


@pytest.mark.thorough
def test_pyplot_is_never_loaded():
    program = (
        "import sys; import numpy as np; from ngcx import viz;"
        "viz.membrane(np.zeros((9, 2))).draw_without_rendering();"
        "viz.animate_receptive_fields(np.ones((2, 3, 4)), (2, 2)).pause();"
        "print('matplotlib.pyplot' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_says_which_extra_is_missing(monkeypatch):
    # It looks as if it were not installed.
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    message = r"`ngcx.viz` needs matplotlib: .*ngcx\[viz\]"
    with pytest.raises(ImportError, match=message):
        importlib.reload(viz)


def test_tsne_says_which_package_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ImportError, match="`ngcx.viz.tsne` needs scikit-learn"):
        viz.tsne(jax.random.key(0), np.zeros((4, 3), np.float32))
