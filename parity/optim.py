import jax.numpy as jnp
import optax

from ngcx import optim

from ._entries import bf16, differs, equal, f32, ref


START = f32([1, -2, 0.5])


def theirs(name, start, **hyperparameters):
    """The parameters after each of five steps down a bowl."""
    state = ref.optim.get_opt_init_fn(name)([start])
    step = ref.optim.get_opt_step_fn(name, **hyperparameters)
    parameters, path = [start], []
    for _ in range(5):
        state, parameters = step(state, parameters, [2 * parameters[0]])
        path.append(parameters[0])
    return jnp.stack(path)


def ours(rule, start):
    state, parameters, path = rule.init(start), start, []
    for _ in range(5):
        updates, state = rule.update(2 * parameters, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        path.append(parameters)
    return jnp.stack(path)


for name in ("sgd", "nag", "adam"):
    equal(
        lambda x, name=name: theirs(name, x, eta=0.1),
        lambda x, name=name: ours(optim.create(name, eta=0.1), x),
        START,
        ulps=16 * 5,
    )
    # Each module has names of its own, too.
    module = getattr(ref.optim, name)
    equal(
        lambda x, m=module, n=name: getattr(m, f"{n}_step")(
            getattr(m, f"{n}_init")([x]), [x], [x], 0.1
        )[1][0],
        lambda x, n=name: optax.apply_updates(
            x,
            optim.create(n, eta=0.1).update(x, optim.create(n, eta=0.1).init(x), x)[0],
        ),
        START,
    )

differs(
    "parameters in bfloat16 after `nag`",
    lambda: theirs("nag", bf16([1])).dtype.name,
    lambda: ours(optim.nag(), bf16([1])).dtype.name,
    "bfloat16",
)


def one_step(tree):
    rule = optim.sgd(0.5)
    updates, _ = rule.update(tree, rule.init(tree), tree)
    return optax.apply_updates(tree, updates)["w"]


def their_step(tree):
    state = ref.optim.get_opt_init_fn("adam")(tree)
    return ref.optim.get_opt_step_fn("adam")(state, tree, tree)[1]["w"]


differs(
    "parameters as a dictionary",
    lambda: their_step({"w": jnp.ones(())}),
    lambda: one_step({"w": jnp.ones(())}),
    0.5,
)
