import jax.numpy as jnp
import numpy as np

from ngcx.feature_dictionaries import PolynomialLibrary

from ._entries import differs, equal, f32, ref


X = f32(np.random.default_rng(0).normal(size=(6, 3)))


def theirs(order, x, **keywords):
    library = ref.feature_dictionaries.PolynomialLibrary(order, **keywords)
    return library.fit(list(x.T))[0]


def in_order(features):
    """The columns, sorted by their first entry: the two order the monomials unlike."""
    return features[:, jnp.argsort(features[0])]


for variables in (1, 2, 3):
    for bias in (True, False):
        equal(
            lambda x, bias=bias: in_order(theirs(3, x, include_bias=bias)),
            lambda x, bias=bias: in_order(PolynomialLibrary(3, include_bias=bias)(x)),
            X[:, :variables],
        )

differs(
    "polynomials of more than three variables",
    lambda: theirs(1, jnp.ones((2, 4))).shape,
    lambda: PolynomialLibrary(1)(jnp.ones((2, 4))).shape,
    (2, 5),
)
differs(
    "order of the polynomials",
    lambda: theirs(2, f32([[2, 3]]))[0],
    lambda: PolynomialLibrary(2)(f32([2, 3])),
    [1, 2, 3, 4, 6, 9],
)
