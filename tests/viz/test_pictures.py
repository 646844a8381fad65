"""Pictures look as they did when somebody looked at them.

`NGCX_BASELINES=write` in the environment writes the expected pictures anew; look at
them before they are committed.
"""

import os
import pathlib

import matplotlib
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text


BASELINES = pathlib.Path(__file__).parent / "baselines"
# The root mean square of the differences, of 255, may be this. Versions 3.10 and 3.11
# of matplotlib differ by less, and errors make more.
TOLERANCE = 1.0
# The versions place the images in these by a pixel differently. Fields that are upside
# down, or of the wrong sign, or in another order, make 23 or more.
TOLERANCE_OF_IMAGES = {"membrane": 3.0, "receptive_fields": 20.0, "macro_grid": 20.0}


def without_text(figure: Figure) -> Figure:
    """Versions of matplotlib set text differently; other tests read it."""
    figure.set_layout_engine("none")
    for ax in figure.axes:
        ax.tick_params(labelbottom=False, labelleft=False, labelright=False)
    for artist in (*figure.findobj(Text), *figure.findobj(Legend)):
        artist.set_visible(False)
    return figure


def test_picture(request, draw, tmp_path, optimized):
    name = request.node.callspec.params["draw"]
    expected, actual = BASELINES / f"{name}.png", tmp_path / f"{name}.png"
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        picture = draw(None)
        figure = picture if isinstance(picture, Figure) else picture.figure
        without_text(figure).savefig(actual, dpi=40)
    if os.environ.get("NGCX_BASELINES") == "write":
        expected.write_bytes(actual.read_bytes())
    tolerance = TOLERANCE_OF_IMAGES.get(name, TOLERANCE)
    problem = compare_images(str(expected), str(actual), tolerance)
    assert problem is None, problem
