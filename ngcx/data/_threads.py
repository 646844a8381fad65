"""What a thread must be told to compute as the thread that started it would."""

from collections.abc import Callable
from contextlib import ExitStack

import jax


def settings_here() -> Callable[[], ExitStack]:
    """The settings of JAX and the mesh, which JAX keeps for each thread, as they are
    here: a function that takes them over in another thread.

    It returns what ends that. Context variables, such as numpy's error state, are not
    among them; `contextvars.copy_context` has those.
    """
    values = jax.config.values
    # This one sets all kinds of transfers at once, and each of them has its own value.
    values.pop("jax_transfer_guard", None)
    named = {name: getattr(jax, name.removeprefix("jax_"), None) for name in values}
    contexts = {name: each for name, each in named.items() if each is not None}
    try:
        mesh, abstract = jax.sharding.get_mesh(), jax.sharding.get_abstract_mesh()
    except ValueError:  # JAX says neither while it traces, when nothing needs them.
        mesh, abstract = None, None

    def take_over() -> ExitStack:
        stack, own = ExitStack(), jax.config.values
        for name, context in contexts.items():
            if values[name] != own[name]:
                stack.enter_context(context(values[name]))
        if mesh is not None and not mesh.empty:
            stack.enter_context(jax.set_mesh(mesh))
        elif abstract is not None and not abstract.empty:
            stack.enter_context(jax.sharding.use_abstract_mesh(abstract))
        return stack

    return take_over
