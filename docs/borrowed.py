"""Takes into the site what lies elsewhere; mkdocs calls it when it collects files.

These are pages of the repository, and MathJax, so that the site needs no other one.
"""

import importlib.resources
import pathlib

from mkdocs.structure.files import File


REPOSITORY = pathlib.Path(__file__).parent.parent
PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
MATHJAX = pathlib.Path(str(importlib.resources.files("mathjax"))) / "static/mathjax/es5"
SCRIPT = MATHJAX / "tex-chtml.js"
FONTS = MATHJAX.glob("output/chtml/fonts/woff-v2/*.woff")


def on_files(files, config):
    sources = {page: REPOSITORY / source for page, source in PAGES.items()}
    for file in (SCRIPT, *FONTS):
        sources[f"mathjax/{file.relative_to(MATHJAX).as_posix()}"] = file
    for place, source in sources.items():
        files.append(File.generated(config, place, abs_src_path=str(source)))
    return files
