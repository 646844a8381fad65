import dataclasses
import re
from typing import Any

import equinox as eqx
import jax.tree_util as jtu


class Equations(dict[str, str]):
    """The equations of a model's parts, by path; see [`ngcx.ops.equations`][]."""

    def __repr__(self) -> str:
        return f"Equations({super().__repr__()})"

    @property
    def text(self) -> str:
        """The equations as text, one line per part: `path: equation`."""
        return "\n".join(
            f"{path}: {equation}" if path else equation
            for path, equation in self.items()
        )

    @property
    def latex(self) -> str:
        """An `aligned` environment with one row per part, for display mathematics."""
        rows = (
            rf"\texttt{{{_escaped(path)}}} &\quad {equation}"
            for path, equation in self.items()
        )
        return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _escaped(path):
    special = {"\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}"}
    return re.sub(
        r"[\\^~_#$%&{}]", lambda match: special.get(match[0], "\\" + match[0]), path
    )


def equations(model: Any) -> Equations:
    """Collects the equations of a model's parts.

    A part is an Equinox module with a string `equation`, such as any activation,
    surrogate or neuron of ngcx. It is found anywhere within modules, lists, tuples,
    dicts and other pytrees. A part may hold further parts.

    **Arguments:**

    - `model`: a model, or a part by itself.

    **Returns:** a mapping of each part's path, such as `.layers[0].activation`, to its
    equation in LaTeX. The path of `model` itself is `""`.

    **See also:** [`ngcx.ops.Equations`][], the class of the result.

    ```python
    >>> from ngcx.ops import equations
    >>> from ngcx.activations import ReLU, Tanh
    >>> print(equations({"hidden": Tanh(), "out": [ReLU()]}).text)
    ['hidden']: \\tanh x
    ['out'][0]: \\max(0, x)

    ```
    """
    return Equations(_walk("", model))


def _walk(path, node):
    if isinstance(node, eqx.Module):
        equation = getattr(node, "equation", None)
        if isinstance(equation, str):
            yield path, equation
        # A pytree does not show static fields, so the fields are walked one by one.
        for field in dataclasses.fields(node):
            yield from _walk(f"{path}.{field.name}", getattr(node, field.name, None))
        return
    children = jtu.tree_leaves_with_path(node, is_leaf=lambda child: child is not node)
    for key, child in children:
        if child is not node:
            yield from _walk(path + jtu.keystr(key), child)
