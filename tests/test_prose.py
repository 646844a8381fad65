"""The prose of pages, docstrings and comments is made of sentences: none begins with a
bare preposition, and each has a verb.
"""

import ast
import io
import pathlib
import re
import tokenize

import pytest


ROOT = pathlib.Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SOURCES = sorted(ROOT.glob("ngcx/**/*.py"))
EVERYWHERE = SOURCES + sorted(
    path
    for folder in ("tests", "examples", "benchmarks", "parity")
    for path in (ROOT / folder).glob("**/*.py")
)

PREPOSITION = r"(Of|With|Without|From|As|By|Within|Into|Than)\b"

# The forms that a verb has between its subject and its object. One that is missing is
# added to the file; the regular forms of each follow.
VERBS = (ROOT / "tests" / "verbs.txt").read_text().split()
# Those that are nouns as often would hide what lacks a verb.
NOUNS = {
    "code",
    "group",
    "label",
    "model",
    "name",
    "process",
    "result",
    "state",
    "step",
}


def forms(verb: str) -> set[str]:
    if verb[-1] == "y" and verb[-2] not in "aeiou":
        return {verb, verb[:-1] + "ies", verb[:-1] + "ied"}
    sibilant = verb.endswith(("s", "sh", "ch", "x", "z"))
    past = "d" if verb[-1] == "e" else "ed"
    return {verb, verb + ("es" if sibilant else "s"), verb + past}


FINITE = set().union(*(forms(verb) for verb in VERBS if verb not in NOUNS))


def paragraphs(markdown: str) -> list[str]:
    """Paragraphs and items of lists, without code, formulas, tables, headings, captions
    and references.
    """
    code = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
    cite = re.compile(r"^ *\?\?\? cite.*\n(?:\n| {4,}.*\n?)*", re.MULTILINE)
    text = cite.sub("", code.sub("", markdown))
    text = re.sub(r"\s*\$\$[^$]*\$\$\s*(?=[a-z])", " $x = y$ ", text)
    text = re.sub(r"\$\$[^$]*\$\$", "", text)
    found = []
    for block in re.split(r"\n\s*\n|\n(?= *(?:[-*]|\d+\.) )", text):
        lines = [line.strip() for line in block.split("\n")]
        no_prose = ("#", "|", ":::", "!!!", "???", "<", "![")
        lines = [line for line in lines if not line.startswith(no_prose)]
        found.append(" ".join(lines).strip())
    return [each for each in found if each]


def sentences(paragraph: str) -> list[str]:
    """Those after a title in bold, or from a word in bold on, which they define. A
    formula is as good as a verb, as in "a = b".
    """
    text = re.sub(r"^(?:[-*] |\d+\. )?\*\*[^*]+[.?!]\*\* *", "", paragraph)
    text = re.sub(r"^(?:[-*] |\d+\. )?\*\*[^*]+\*\*", "It is", text)
    text = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"\$[^$]*(=|[<>]|\\le|\\ge|\\in|arrow)[^$]*\$", "X is X", text)
    text = re.sub(r"`+[^`]*`+|\$[^$]*\$", "X", text)
    return re.split(r"(?<=[.!?])\s+(?=[A-Z\"(*])", text)


def lacks_a_verb(sentence: str) -> bool:
    words = re.findall(r"[a-z']+", sentence.lower())
    return len(words) > 1 and words[0] != "it" and not FINITE & set(words)


def fragments(markdown: str, *, summary: bool = False) -> list[str]:
    """What is no sentence. The first of a docstring is its title, and its lists say
    what words mean.
    """
    found, first = [], summary
    for paragraph in paragraphs(markdown):
        if re.match("(?:- )?" + PREPOSITION, paragraph):
            found.append(paragraph)
        if summary and re.match(r"- |\*\*", paragraph):
            continue
        said = sentences(paragraph)[first:]
        first = False
        found += filter(lacks_a_verb, said)
    return found


def test_what_lacks_a_verb_is_found():
    good = (
        "It runs. This is [a link](x.md), with `code`.\n\n| a | table |\n\n**Caption**"
    )
    assert fragments(good) == []
    assert fragments("A fast one. It runs.") == ["A fast one."]
    assert fragments("With an array, it is learnt.") != []
    assert fragments("The mean of it.\n\n- `x`: an array.", summary=True) == []
    assert fragments("The mean.\n\nAlways the largest of all.", summary=True) != []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_are_made_of_sentences(page):
    if page.stem == "CHANGELOG":  # a list of what there is
        pytest.skip("It is a list.")
    assert not fragments(page.read_text())


def docstrings(path: pathlib.Path):
    for node in ast.walk(ast.parse(path.read_text())):
        is_private = isinstance(node, ast.FunctionDef) and node.name[0] == "_"
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not is_private:
            yield ast.get_docstring(node) or ""


def test_docstrings_are_made_of_sentences():
    found = [
        f"{path.relative_to(ROOT)}: {fragment}"
        for path in SOURCES
        for text in docstrings(path)
        for fragment in fragments(text, summary=True)
    ]
    assert not found, "\n".join(found)


def comments(path: pathlib.Path):
    """The comments and docstrings of a file, lines that follow each other as one."""
    source, last = path.read_text(), -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield token.string
            last = token.start[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def test_comments_begin_as_sentences():
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in EVERYWHERE
        for text in comments(path)
        if re.match(r"\W*" + PREPOSITION, text)
    ]
    assert not found, "\n".join(found)
