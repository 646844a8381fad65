"""Lets the search of the site find a name that is typed as one word, "leakyrelu": the
search splits names into words, and so knows LeakyReLU as "leaky" and "relu" alone.
mkdocs calls it for each page.
"""

import re


HEADING = re.compile(r'<h3 id="ngcx\.[\w.]*?(\w+)" class="doc.*?</h3>', re.DOTALL)
IS_COMPOUND = re.compile("[a-z][A-Z]|_")


def on_page_content(html, **_):
    return HEADING.sub(_with_one_word, html)


def _with_one_word(heading):
    name = heading[1]
    if not IS_COMPOUND.search(name):
        return heading[0]
    word = name.replace("_", "").lower()
    return f"{heading[0]}<span hidden>{word}</span>"
