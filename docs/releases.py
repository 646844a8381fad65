"""Tells pages of the version and of what has changed with it, from the files that say
so first; mkdocs calls it for each page.
"""

import pathlib
import re


ROOT = pathlib.Path(__file__).parent.parent
# The versions, each with what the changelog says of it.
VERSIONS = re.compile(r"^## (.*)\n((?:(?!## ).*\n)*)", re.MULTILINE)
RENAMED = "### Changed: names, old and new\n"


def renamed(changelog: str) -> str:
    """What is called otherwise since the version before, for each version."""
    parts = []
    for version, changes in VERSIONS.findall(changelog):
        if RENAMED in changes:
            names, *_ = changes.partition(RENAMED)[2].partition("\n### ")
            parts.append(f"## {version}\n\n{names.strip()}\n")
    return "\n".join(parts)


def citation(cff: str) -> str:
    """The entry of the citation file, for BibTeX."""
    said = dict(re.findall(r'^([a-z-]+): "?(.*?)"?$', cff, re.MULTILINE))
    (author,) = re.findall("- name: (.*)", cff)
    return f"""```bibtex
@software{{ngcx,
  author  = {{{{{author}}}}},
  title   = {{{said["title"]}}},
  version = {{{said["version"]}}},
  date    = {{{said["date-released"]}}},
}}
```"""


def on_page_markdown(markdown, **_):
    for mark, make, source in (
        ("<!-- renamed -->", renamed, "CHANGELOG.md"),
        ("<!-- citation -->", citation, "CITATION.cff"),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, make((ROOT / source).read_text()))
    return markdown


def on_config(config):
    (version,) = re.findall("^version: (.*)", (ROOT / "CITATION.cff").read_text(), re.M)
    config.copyright = f"ngcx {version}"
    return config
