"""Pictures look as they did when somebody looked at them.

`NGCX_BASELINES=write` in the environment writes the expected pictures anew; look at
them before they are committed.
"""

import os
import pathlib

import matplotlib
from matplotlib.testing.compare import compare_images


BASELINES = pathlib.Path(__file__).parent / "baselines"
TOLERANCE = 5.0


def test_picture(request, draw, tmp_path):
    name = f"{request.node.callspec.params['draw']}.png"
    with matplotlib.rc_context(matplotlib.rcParamsDefault):
        picture = draw(None)
        figure = picture if hasattr(picture, "savefig") else picture.figure
        figure.savefig(tmp_path / name, dpi=40)
    if os.environ.get("NGCX_BASELINES") == "write":
        (BASELINES / name).write_bytes((tmp_path / name).read_bytes())
    problem = compare_images(str(BASELINES / name), str(tmp_path / name), TOLERANCE)
    assert problem is None, problem
