"""The mistakes that a user makes first, and what the errors say of them."""

# The mistakes are made on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false
# pyright: reportAttributeAccessIssue=false

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ngcx import (
    activations,
    data,
    density,
    feature_dictionaries,
    filters,
    init,
    losses,
    metrics,
    neurons,
    ops,
    optim,
    patches,
    process,
    surrogate,
)


ONES = jnp.ones((4, 3))


def leak(state):
    return 0.5 * state


# What is called, and words that the message must hold: the function, the argument, what
# was given, what is allowed, and the cure.
MISTAKES = {
    "integers where floats are due": (
        lambda: activations.Tanh()(jnp.arange(3)),
        ("`x` of `Tanh`", "floating-point array", "int32[3]", "`.astype(float)`"),
    ),
    "a list": (
        lambda: activations.Tanh().derivative([1.0, 2.0]),
        ("`x` of `Tanh.derivative`", "[1.0, 2.0]", "`jnp.asarray`"),
    ),
    "a string for an array": (
        lambda: metrics.sparsity("codes"),
        ("`codes` of `sparsity`", "floating-point array", "'codes'"),
    ),
    "complex numbers": (
        lambda: activations.ReLU()(jnp.ones(3, complex)),
        ("`x` of `ReLU`", "floating-point array", "complex64[3]"),
    ),
    "a key for an array": (
        lambda: activations.Softplus()(jr.key(0)),
        ("`x` of `Softplus`", "floating-point array", "key<fry>[]"),
    ),
    "a key for a field": (
        lambda: activations.Swish(jr.key(0)),
        ("`beta` of `Swish`", "an array of numbers", "key<fry>[]"),
    ),
    "bytes in the order of another machine": (
        lambda: activations.TeLU()(np.zeros(3, ">f4")),
        ("`x` of `TeLU`", ">f4[3]", "`.astype('float32')`"),
    ),
    "an integer for a float": (
        lambda: activations.Tanh()(3),
        ("`x` of `Tanh`", "floating-point array", "got 3", "Give it as 3.0"),
    ),
    "True for a number": (
        lambda: activations.ELU(True),
        ("`alpha` of `ELU`", "a number", "got True", "Give it as 1.0"),
    ),
    "True for a size": (
        lambda: filters.gaussian_blur(ONES, 1.0, radius=True),
        ("`radius` of `gaussian_blur`", "an integer", "got True"),
    ),
    "True for one size of several": (
        lambda: patches.extract_patches(ONES, (True, 2)),
        ("`patch_shape` of `extract_patches`", "an integer", "(True, 2)"),
    ),
    "text for a shape": (
        lambda: init.Gaussian()(jr.key(0), "23"),
        ("`shape` of `Gaussian`", "a sequence, each entry an integer;", "'23'"),
    ),
    "text for a sequence of texts": (
        lambda: feature_dictionaries.PolynomialLibrary(2).names("xy"),
        ("`variables` of `PolynomialLibrary.names`", "'xy'"),
    ),
    "an axis that there is not": (
        lambda: activations.Softmax(axis=2)(ONES),
        ("`axis` must be one of `x`", "float32[4, 3]", "from -2 to 1", "got 2"),
    ),
    "an axis of what has none": (
        lambda: ops.chebyshev_norm(1.0),
        ("`axis` must be one of `x`", "float32[]", "none", "got -1"),
    ),
    "a parameter that does not broadcast": (
        lambda: ops.clamp_min(ONES, jnp.ones(4)),
        ("`minimum` of `clamp_min`", "broadcast", "float32[4, 3]", "got float32[4]"),
    ),
    "a parameter of more axes than the array": (
        lambda: activations.ELU(jnp.ones((1, 4, 3)))(ONES),
        ("`alpha` of `ELU`", "broadcast", "float32[4, 3]", "got float32[1, 4, 3]"),
    ),
    "what is no name": (
        lambda: surrogate.create([]),
        ("`name` must be one of the surrogates", "got []"),
    ),
    "a tree of what is no array": (
        lambda: ops.tensor_stats({"a": np.array(["b"])}),
        ("`tree` of `tensor_stats`", "arrays and numbers", "<U1[1]"),
    ),
    "a key where labels are due": (
        lambda: metrics.accuracy(ONES, jr.key(0)),
        ("`targets` of `accuracy`", "key<fry>[]"),
    ),
    "no dtype": (
        lambda: neurons.LIF().init((3,), None),
        ("`dtype` of `LIF.init`", "a dtype", "None"),
    ),
    "a dtype that is none": (
        lambda: init.Gaussian()(jr.key(0), (2, 3), "flo"),
        ("`dtype` of `Gaussian`", "a dtype", "'flo'"),
    ),
    "text where any numbers may be": (
        lambda: patches.frame(np.array([["a"]]), 1),
        ("`images` of `frame`", "an array of shape (height, width)", "<U1[1, 1]"),
    ),
    "an array for a dtype": (
        lambda: neurons.LIF().init((3,), ONES),
        ("`dtype` of `LIF.init`", "a dtype", "float32[4, 3]"),
    ),
    "a class for a dtype": (
        lambda: metrics.Streaming.init(metrics.accuracy, dtype=activations.ELU),
        ("`dtype` of `Streaming.init`", "a dtype", "the class ELU"),
    ),
    "a missing batch axis": (
        lambda: density.GaussianMixture.fit(jr.key(0), jnp.ones(5), 2),
        ("`x` of", "(rows, features)", "float32[5]", "`x[None]`"),
    ),
    "shapes that do not agree": (
        lambda: metrics.mean_squared_error(ONES, jnp.ones((4, 1))),
        ("`targets`", "float32[4, 1]", "`predictions` is float32[4, 3]"),
    ),
    "a threshold that does not broadcast": (
        lambda: surrogate.Arctan()(jnp.ones(3), jnp.ones(2)),
        ("`threshold` of `Arctan`", "broadcasts", "float32[2]", "`v` is float32[3]"),
    ),
    "a forgotten key": (
        lambda: neurons.poisson(jnp.ones(3), steps=10),
        ("`key` of `poisson`", "float32[3]", "`jax.random.key(0)`"),
    ),
    "a forgotten key by name": (
        lambda: neurons.poisson(rates=jnp.ones(3), steps=10),
        ("`key` of `poisson` must be given", "`jax.random.key(0)`"),
    ),
    "a seed for a key": (
        lambda: init.Gaussian()(0, (2, 3)),
        ("`key` of `Gaussian`", "got 0", "`jax.random.key(0)`"),
    ),
    "several legacy keys for one": (
        lambda: next(
            data.DataLoader(np.arange(5), 2).epoch(jr.split(jr.PRNGKey(0), 3))
        ),
        ("`key` of `DataLoader.epoch`", "uint32[3, 2]", "`jax.random.key(0)`"),
    ),
    "a string for a surrogate": (
        lambda: neurons.LIF(surrogate="atan"),
        ("`surrogate` of `LIF`", "'atan'", "`ngcx.surrogate.create('atan')`"),
    ),
    "a class for a module": (
        lambda: neurons.LIF(surrogate=surrogate.Arctan),
        ("`surrogate` of `LIF`", "the class Arctan", "`Arctan()`"),
    ),
    "an unknown choice": (
        lambda: metrics.mean_squared_error(ONES, ONES, reduction="average"),
        ("`reduction` of", "'mean', 'sum' or 'none'", "'average'"),
    ),
    "a float for a number of things": (
        lambda: activations.KWTA(2.5),
        ("`k` of `KWTA`", "an integer", "2.5"),
    ),
    "an array for what decides the program": (
        lambda: neurons.latency(ONES, jnp.asarray(3)),
        ("`steps` of `latency`", "an integer", "int32[]"),
    ),
    "an argument by position that goes by its name": (
        lambda: patches.extract_patches(jnp.ones((4, 4)), (2, 2), 1),
        ("`stride` of `extract_patches`", "by its name", "`stride=1`"),
    ),
    "a misspelt argument": (
        lambda: filters.gaussian_blur(ONES, 1.0, radius=1, mod="edge"),
        ("`mod`", "`gaussian_blur`", "Did you mean `mode`?"),
    ),
    "too many arguments": (
        lambda: activations.Tanh().derivative(ONES, ONES),
        ("`Tanh.derivative` takes `x`", "float32[4, 3]"),
    ),
    "a forgotten argument": (
        lambda: ops.clamp_min(ONES),
        ("`minimum` of `clamp_min` must be given", "a number"),
    ),
    "one length for several samples": (
        lambda: neurons.LIF().run(ONES[None], batched=True, lengths=jnp.asarray(3)),
        ("`lengths` must be one for each sample, (4,)", "the shape ()"),
    ),
    "a number where one for each row is due": (
        lambda: losses.cross_entropy(ONES, labels=7),
        ("`labels` of `cross_entropy`", "got 7", "`logits` is float32[4, 3]"),
    ),
    "an array of numpy for fewer samples": (
        lambda: losses.spike_count(ONES[None], lengths=np.ones(2, int)),
        ("`lengths` of `spike_count`", "[2]", "`spikes` is float32[1, 4, 3]"),
    ),
    "a function in a state": (
        lambda: process.MethodProcess("model", leak).jaxpr(len, {}),
        ("`state`", "arrays", "builtin_function"),
    ),
    "a forgotten state": (
        lambda: neurons.LIF()(ONES),
        ("`state` of `LIF`", "a LIFState", "float32[4, 3]"),
    ),
    "scores where labels are due": (
        lambda: metrics.adjusted_rand_index(jnp.ones(3), jnp.ones(3)),
        ("`classes` of `adjusted_rand_index`", "array of integers", "float32[3]"),
    ),
    "a number out of its range": (
        lambda: surrogate.Arctan(alpha=-1.0),
        ("`alpha` must be positive", "-1.0"),
    ),
    "NaN for a number in a range": (
        lambda: filters.gaussian_blur(ONES, float("nan"), radius=1),
        ("`sigma` must be 0 or more", "nan"),
    ),
    "a name that nothing has": (
        lambda: activations.create("rleu"),
        ("`name`", "'rleu'", "'relu'"),
    ),
    "a rate as a string": (
        lambda: optim.sgd("0.1"),
        ("`eta` of `sgd`", "a number", "'0.1'"),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_error_is_short_and_says_what_to_do(mistake):
    call, words = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError)) as raised:
        call()
    message = str(raised.value)
    assert len(message.splitlines()) <= 3
    assert "jaxlib" not in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_error_is_the_same_inside_jit(mistake):
    """Except that values which are traced are not known."""
    call, words = MISTAKES[mistake]
    with pytest.raises((TypeError, ValueError)) as raised:
        jax.jit(call)()
    message = str(raised.value)
    assert len(message.splitlines()) <= 3
    assert words[0] in message


def test_arrays_of_numpy_and_python_numbers_are_arguments_too():
    tanh = activations.Tanh()
    assert tanh(np.ones(3, np.float32)).dtype == jnp.float32
    # The mistake of another argument is not blamed on an array of numpy.
    with pytest.raises(ValueError, match="`k` must be at most"):
        activations.KWTA(5)(np.ones(3, np.float32))
    assert surrogate.Arctan()(1.5, 1).dtype == jnp.float32


def test_errors_of_the_user_pass_unchanged():
    class Broken(activations.AbstractElementwise):
        equation = ""

        def _value(self, x):
            raise TypeError("This is mine.")

        def _derivative(self, x):
            return x.no_such_attribute

    with pytest.raises(TypeError, match="This is mine"):
        Broken()(jnp.ones(3))
    with pytest.raises(AttributeError, match="no_such_attribute"):
        Broken().derivative(jnp.ones(3))


def test_methods_are_pytrees_of_their_module():
    arctan = surrogate.Arctan(jnp.asarray(2.0))
    assert jax.tree.leaves(arctan.derivative) == jax.tree.leaves(arctan)
    gradient = eqx.filter_grad(lambda method: method(jnp.asarray(0.3)))
    assert jnp.isfinite(gradient(arctan.derivative).__self__.alpha)
    assert arctan.derivative == arctan.derivative
    assert activations.Tanh().derivative == activations.Tanh().derivative
    assert activations.Tanh().derivative != activations.Tanh()
    assert hash(activations.Tanh().derivative) == hash(activations.Tanh().derivative)
