from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import jax.tree_util as jtu
import optax
from jaxtyping import Array, Int, PyTree

from .._compiled import compiled
from .._numerics import rounded_like, widened_tree
from .._registry import create as create_member
from .._typing import Fraction, Must, NonNegative, Positive, Scalar


# A schedule is a function of the number of steps taken so far, as in optax.
Rate: TypeAlias = NonNegative[Scalar] | Callable[..., Any]
Decay: TypeAlias = Annotated[
    Scalar, Must("from 0 to less than 1", lambda value: 0 <= value < 1)
]


# Rules are pairs of functions, which a program cannot return: nothing here is compiled.
@compiled(jit=False)
def sgd(eta: Rate = 0.001) -> optax.GradientTransformation:
    r"""Gradient descent, $\theta - \eta g$: `optax.sgd`.

    The "gradients" may be any updates to descend along, such as those of a local
    learning rule with their sign reversed.

    **Arguments:**

    - `eta`: $\eta$, the learning rate, 0 or more; or a schedule of optax, a function of
        the number of steps taken.

    **Returns:** a gradient transformation of optax, with `init` and `update`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.optim import sgd
        >>> rule, weight = sgd(0.1), jnp.array(1.0)
        >>> state = rule.init(weight)
        >>> update, state = rule.update(jnp.array(2.0), state)
        >>> print((weight + update).round(3))
        0.8

        ```
    """
    return _in_float32(optax.sgd(eta))


@compiled(jit=False)
def adam(
    eta: Rate = 0.001,
    beta1: Decay = 0.9,
    beta2: Decay = 0.999,
    eps: Positive[Scalar] = 1e-8,
) -> optax.GradientTransformation:
    r"""Adam (Kingma and Ba, 2015): `optax.adam`, whose moments are in float32 where
    parameters have half precision.

    **Arguments:**

    - `eta`: the learning rate, as for [`ngcx.optim.sgd`][].
    - `beta1`, `beta2`: the decays of the moments, below 1.
    - `eps`: is added to the root of the second moment; it is positive, because a
        gradient of 0 would be divided by 0.

    **Returns:** a gradient transformation of optax, with `init` and `update`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import numpy as np
        >>> from ngcx.optim import adam
        >>> rule, weight = adam(0.1), jnp.array(1.0)
        >>> state = rule.init(weight)
        >>> update, state = rule.update(jnp.array(2.0), state)
        >>> print(np.asarray(weight + update).round(3))
        0.9

        ```
    """
    return _in_float32(optax.adam(eta, beta1, beta2, eps))


class NagState(NamedTuple):
    """The momentum, and how many steps were taken."""

    momentum: PyTree
    steps: Int[Array, ""]


@compiled(jit=False)
def nag(eta: Rate = 0.01, mu: Fraction[Scalar] = 0.9) -> optax.GradientTransformation:
    r"""Nesterov's accelerated gradient, as ngc-learn writes it.

    $$\varphi_t = \theta_{t-1} - \eta_t g_t, \qquad
    \theta_t = \varphi_t + \mu (\varphi_t - \varphi_{t-1})$$

    without the second term in the first step. From the second step on, and with a
    constant $\eta$, this is `optax.sgd` with momentum $\mu$ and `nesterov=True`. The
    momentum is in float32 where parameters have half precision.

    **Arguments:**

    - `eta`: $\eta$, the learning rate, as for [`ngcx.optim.sgd`][].
    - `mu`: $\mu$, the momentum, from 0 to 1.

    **Returns:** a gradient transformation of optax, with `init` and `update`.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.optim import nag
        >>> rule, weight = nag(0.1), jnp.array(1.0)
        >>> state = rule.init(weight)
        >>> update, state = rule.update(jnp.array(2.0), state)
        >>> print((weight + update).round(3))
        0.8

        ```
    """

    def init(params):
        momentum = jtu.tree_map(jnp.zeros_like, params)
        return NagState(momentum, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None):
        del params
        later = state.steps > 0
        rate = eta(state.steps) if callable(eta) else eta

        def accumulated(m, g):
            # The momentum m is phi_t - phi_(t-1), which counts as 0 in the first step.
            decay, step = jnp.asarray(mu, g.dtype), jnp.asarray(rate, g.dtype) * g
            return jnp.where(later, decay * m - step, 0)

        def moved(m, g):
            return jnp.asarray(mu, g.dtype) * m - jnp.asarray(rate, g.dtype) * g

        momentum = jtu.tree_map(accumulated, state.momentum, updates)
        steps = jnp.asarray(optax.safe_increment(state.steps))
        return jtu.tree_map(moved, momentum, updates), NagState(momentum, steps)

    return _in_float32(optax.GradientTransformation(init, update))


def _in_float32(rule: optax.GradientTransformation) -> optax.GradientTransformation:
    """A rule that sees float32 for half precisions, so that what it adds up over many
    steps loses nothing; its updates are rounded.
    """

    def init(params):
        return rule.init(widened_tree(params))

    def update(updates, state, params=None):
        wide, state = rule.update(widened_tree(updates), state, widened_tree(params))
        return rounded_like(wide, updates), state

    return optax.GradientTransformation(init, update)


@compiled(jit=False)
def create(name: str, **hyperparameters: Rate) -> optax.GradientTransformation:
    """Returns the rule of the given name, `"sgd"`, `"nag"` or `"adam"`.

    **Arguments:**

    - `name`: `"sgd"`, `"nag"` or `"adam"`.
    - `hyperparameters`: the arguments of [`ngcx.optim.sgd`][], [`ngcx.optim.nag`][] or
        [`ngcx.optim.adam`][].

    **Returns:** a gradient transformation of optax, with `init` and `update`.

    **Raises:** `ValueError` for any other name; the message says which one is nearest.

    **See also:** [`ngcx.activations.create`][], [`ngcx.surrogate.create`][] and
    [`ngcx.diffeq.create`][], which know the names of their own subpackages.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> from ngcx.optim import create
        >>> rule = create("nag", eta=0.1, mu=0.5)
        >>> update, state = rule.update(jnp.array(2.0), rule.init(jnp.array(1.0)))
        >>> print(update.round(3))
        -0.2

        ```
    """
    return create_member("rules", _RULES, name, hyperparameters)


_RULES = {"sgd": sgd, "nag": nag, "adam": adam}
