"""Runs the tutorials and takes them into the site; mkdocs calls it when it collects
files.

A tutorial is a script of cells, `docs/tutorials/*.py`, in jupytext's percent format.
It becomes a page with its outputs, and a notebook to download. A cell that draws says
in its metadata what is seen (`# %% alt="..."`). Cells with the tag "answer" are folded.
"""

import base64
import hashlib
import itertools
import logging
import os
import pathlib
import re
import tempfile
import textwrap
import time

import jupytext
import nbclient
import nbformat
from mkdocs.structure.files import File


REPOSITORY = pathlib.Path(__file__).parent.parent
# A run is kept until the tutorial or the library changes.
RUNS = REPOSITORY / "build" / "tutorials"
# These are links to other pages, which a notebook that was downloaded cannot follow.
LINK = re.compile(r"(?<!!)\[([^\]]+)\](?:\((?!https?:)[^)]*\)|\[(?:ngcx\.[\w.]*)?\])")
DOWNLOAD = "[Run it yourself: the notebook]({}.ipynb){{ .md-button download }}"
log = logging.getLogger("mkdocs.tutorials")


def on_files(files, config):
    library = [each.read_bytes() for each in sorted(REPOSITORY.glob("ngcx/**/*.py"))]
    tutorials = pathlib.Path(config["docs_dir"], "tutorials").glob("*.py")
    for path in sorted(tutorials):
        notebook = run(path, b"".join([path.read_bytes(), *library]))
        name = f"tutorials/{path.stem}"
        text, pictures = page(notebook, path.stem)
        contents = {f"{name}.md": text, f"{name}.ipynb": download(notebook)}
        contents |= {f"tutorials/{place}": png for place, png in pictures.items()}
        for place, content in contents.items():
            files.append(File.generated(config, place, content=content))
    return files


def run(path: pathlib.Path, key: bytes):
    """The notebook with its outputs."""
    kept = RUNS / f"{path.stem}_{hashlib.sha256(key).hexdigest()[:16]}.ipynb"
    if kept.exists():
        return nbformat.read(kept, as_version=4)
    notebook = jupytext.read(path)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        # Pictures are as sharp as screens are.
        pathlib.Path(folder, "matplotlibrc").write_text("figure.dpi: 180")
        client = nbclient.NotebookClient(
            notebook,
            timeout=600,
            coalesce_streams=True,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        # A backend without windows, as `nox -s docs` asks for, would show nothing.
        inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        client.execute(env=os.environ | inline)
    log.info(f"{path.name} ran in {time.perf_counter() - began:.0f} s")
    RUNS.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, kept)
    return notebook


def page(notebook, stem: str) -> tuple[str, dict[str, bytes]]:
    """The text of the page, and its pictures by their place."""
    parts, pictures = [], {}
    for folded, cells in itertools.groupby(notebook.cells, is_answer):
        texts = []
        for cell in cells:
            if cell.cell_type == "markdown":
                texts.append(cell.source)
                continue
            texts.append(f"```python\n{cell.source}\n```")
            for output in cell.outputs:
                data = output.get("data", {})
                if "image/png" in data:
                    place = f"{stem}_{len(pictures)}.png"
                    pictures[place] = base64.b64decode(data["image/png"])
                    texts.append(f"![{cell.metadata['alt']}]({place}){{ .plot }}")
                elif output.get("name") == "stdout" or data:
                    shown = output.get("text") or data["text/plain"]
                    texts.append(f"``` {{ .text .output }}\n{shown.rstrip()}\n```")
        text = "\n\n".join(texts)
        if folded:
            text = '??? success "Answer"\n\n' + textwrap.indent(text, "    ")
        parts.append(text)
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n{DOWNLOAD.format(stem)}\n{rest}", pictures


def is_answer(cell) -> bool:
    return "answer" in cell.metadata.get("tags", ())


def download(notebook) -> str:
    """The notebook without outputs, whose answers JupyterLab folds."""
    copy = nbformat.v4.new_notebook(metadata=notebook.metadata)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            copy.cells.append(
                nbformat.v4.new_markdown_cell(LINK.sub(r"\1", cell.source))
            )
        else:
            metadata = {"jupyter": {"source_hidden": True}} if is_answer(cell) else {}
            copy.cells.append(nbformat.v4.new_code_cell(cell.source, metadata=metadata))
    return nbformat.writes(copy)
