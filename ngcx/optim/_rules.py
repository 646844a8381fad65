from typing import NamedTuple

import jax.numpy as jnp
import jax.tree_util as jtu
import optax
from jaxtyping import Array, Int, PyTree

from .._compiled import compiled
from .._registry import create as create_member
from .._typing import Scalar


# Rules are pairs of functions, which a program cannot return: nothing here is compiled.
@compiled(jit=False)
def sgd(eta: Scalar = 0.001) -> optax.GradientTransformation:
    r"""Gradient descent, $\theta - \eta g$: `optax.sgd`.

    What comes as gradients may be any updates to descend along, such as those of a
    local learning rule with their sign reversed.
    """
    return optax.sgd(eta)


@compiled(jit=False)
def adam(
    eta: Scalar = 0.001,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    eps: Scalar = 1e-8,
) -> optax.GradientTransformation:
    """Adam (Kingma and Ba, 2015): `optax.adam`."""
    return optax.adam(eta, beta1, beta2, eps)


class NagState(NamedTuple):
    """The momentum, and how many steps were taken."""

    momentum: PyTree
    steps: Int[Array, ""]


@compiled(jit=False)
def nag(eta: Scalar = 0.01, mu: Scalar = 0.9) -> optax.GradientTransformation:
    r"""Nesterov's accelerated gradient, as ngc-learn writes it.

    $$\varphi_t = \theta_{t-1} - \eta g_t, \qquad
    \theta_t = \varphi_t + \mu (\varphi_t - \varphi_{t-1})$$

    without the second term in the first step. From the second on this is `optax.sgd`
    with momentum $\mu$ and `nesterov=True`.

    **Arguments:**

    - `eta`: $\eta$, the learning rate.
    - `mu`: $\mu$, the momentum.
    """

    def init(params):
        momentum = jtu.tree_map(jnp.zeros_like, params)
        return NagState(momentum, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None):
        del params
        later = state.steps > 0

        def accumulated(m, g):
            # The momentum m is that of phi_t - phi_(t-1) = -eta m_t, at first 0.
            return jnp.where(later, jnp.asarray(mu, g.dtype) * m + g, 0)

        def moved(m, g):
            rate, decay = jnp.asarray(eta, g.dtype), jnp.asarray(mu, g.dtype)
            return -rate * (g + decay * m)

        momentum = jtu.tree_map(accumulated, state.momentum, updates)
        steps = jnp.asarray(optax.safe_increment(state.steps))
        return jtu.tree_map(moved, momentum, updates), NagState(momentum, steps)

    return optax.GradientTransformation(init, update)


@compiled(jit=False)
def create(name: str, **hyperparameters: Scalar) -> optax.GradientTransformation:
    """The rule of that name, `"sgd"`, `"nag"` or `"adam"`.

    **Raises:** `ValueError` for another name, with the nearest one.
    """
    return create_member("rules", _RULES, name, hyperparameters)


_RULES = {"sgd": sgd, "nag": nag, "adam": adam}
