"""What all scripts have in common: options, pictures, and how they end."""

import pathlib
import runpy
import signal
import subprocess
import sys
import time

import pytest


EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(
    path.stem for path in EXAMPLES.glob("*.py") if not path.stem.startswith("_")
)
each = pytest.mark.parametrize("name", SCRIPTS)


@pytest.fixture
def main(name, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


@each
def test_a_picture_is_checked_before_anything_else(main, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    for picture, message in {
        "x.foo": "Format 'foo' is not supported",
        "x": "needs a name such as picture.png",
        "folder.png": "needs a name",
        "none/x.png": "there is no folder none",
        "/dev/null/x.png": "there is no folder /dev/null",
    }.items():
        with pytest.raises(SystemExit) as stopped:
            main(["--picture", picture])
        assert stopped.value.code != 0
        (line,) = capsys.readouterr().err.splitlines()
        assert "cannot be written" in line and message in line
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@each
def test_reading_the_options_writes_nothing(main, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # The picture is read, and then something else is wrong.
    with pytest.raises(SystemExit):
        main(["--picture", "x.png", "--unknown"])
    assert not list(tmp_path.iterdir())
    assert "unrecognized arguments" in capsys.readouterr().err


@each
def test_interrupted_scripts_say_so_in_one_line(name, monkeypatch, capsys):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setattr(sys, "argv", [name])
    monkeypatch.setattr("_shared.Parser.parse_args", interrupt)
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="It reads /proc.")
@pytest.mark.thorough  # It starts three processes.
def test_interrupted_processes_say_so_in_one_line(tmp_path):
    command = [sys.executable, str(EXAMPLES / "train_distributed.py")]
    options = ["--processes", "2", "--epochs", "500"]
    script = subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Until all is imported, and workers are started, Ctrl-C ends Python itself.
    workers = pathlib.Path(f"/proc/{script.pid}/task/{script.pid}/children")
    while not workers.read_text():
        time.sleep(0.1)
    time.sleep(2)
    script.send_signal(signal.SIGINT)
    _, errors = script.communicate(timeout=30)
    assert script.returncode == 130 and errors.splitlines() == ["Interrupted."]
    assert not list(tmp_path.iterdir())
