"""Losses of one row of numbers for each sample, and of potentials over time."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Integer

from .._compiled import compiled
from .._numerics import power_of_two, ratio, widened
from .._reduction import Reduction, filled, reduce
from .._typing import Fraction, Scalar
from ..activations import LogSoftmax
from ._readouts import time_mask


@compiled(static=("reduction",))
def cross_entropy(
    logits: Float[Array, "*batch classes"],
    labels: Integer[Array, "*batch"] | Float[Array, "*batch classes"],
    *,
    label_smoothing: Fraction[Scalar] = 0.0,
    class_weights: Float[Array, " classes"] | None = None,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The cross-entropy between the labels and the softmax of the logits, in nats:

    $$-\sum_c w_c \, p_c \ln \operatorname{softmax}(z)_c, \qquad
    p_c = (1 - \varepsilon) \, t_c + \frac{\varepsilon}{C}$$

    For class indices it is the negative log-likelihood of the right class. It takes
    logits $z$ instead of probabilities, since a softmax that is rounded to 0 has no
    finite logarithm and no gradient.

    **Arguments:**

    - `logits`: any numbers, such as potentials, spike counts or minus the time of the
        first spike.
    - `labels`: $t$, class indices, or distributions over the classes. A row whose index
        is not a class, such as -1, does not count.
    - `label_smoothing`: $\varepsilon$, how much of each label is spread evenly over all
        $C$ classes.
    - `class_weights`: $w$, how much each class counts, 0 or more; 1 if not given. The
        mean is then divided by the sum of $w_c \, p_c$ over all rows, not by their
        number.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of `logits`.

    **Raises:** `ValueError` for logits of a single class.

    **See also:** [`ngcx.metrics.categorical_nll`][], which takes probabilities;
    [`ngcx.losses.binary_cross_entropy`][] for yes-or-no answers.

    ??? cite "Reference"
        Label smoothing: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the
        Inception architecture for computer vision*, CVPR 2016.

    ```python
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import cross_entropy
    >>> logits, label = jnp.array([0.0, 1e4]), jnp.array(0)
    >>> jax.value_and_grad(cross_entropy)(logits, label)
    (Array(10000., dtype=float32), Array([-1.,  1.], dtype=float32))

    ```
    """
    classes = logits.shape[-1]
    if classes == 1:
        raise ValueError(
            "`logits` must hold one number for each class; got one column, of shape "
            f"{logits.shape}.\nThat of a yes-or-no answer is for "
            "`binary_cross_entropy`."
        )
    if jnp.issubdtype(labels.dtype, jnp.integer):
        is_class = (labels >= 0) & (labels < classes)
        where = is_class if where is None else where & is_class
        labels = jax.nn.one_hot(labels, classes, dtype=logits.dtype)
    z = filled(widened(logits), where)
    weights = filled(labels.astype(z.dtype), where)
    weights = optax.smooth_labels(weights, jnp.asarray(label_smoothing, z.dtype))
    if class_weights is not None:
        weights *= jnp.broadcast_to(class_weights.astype(z.dtype), weights.shape)
        if reduction == "mean":
            # The unit of the weights cancels. In this one, no sum overflows; being a
            # power of 2, it rounds nothing.
            unit = power_of_two(jnp.max(jnp.abs(weights), initial=0))
            weights = (weights * unit) * 0.5 ** weights.size.bit_length()
    # A class of probability 0 adds nothing, also where its logarithm is infinite.
    counts = weights != 0
    logarithms = jnp.where(counts, LogSoftmax()(z), 0)
    rows = -jnp.sum(weights * logarithms, axis=-1)
    if class_weights is None or reduction != "mean":
        return reduce(rows, reduction, where).astype(logits.dtype)
    total = reduce(jnp.sum(weights, axis=-1), "sum", where)
    return ratio(reduce(rows, "sum", where), total).astype(logits.dtype)


@compiled(static=("reduction",))
def binary_cross_entropy(
    logits: Float[Array, "*shape"],
    targets: Float[Array, "*shape"],
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*shape"] | None = None,
) -> Float[Array, "..."]:
    r"""The cross-entropy of independent yes-or-no answers, in nats:

    $$-p \ln \sigma(z) - (1 - p) \ln(1 - \sigma(z))$$

    where $\sigma$ is the logistic sigmoid. It is the same as in optax, with a mask and
    a reduction. [`ngcx.metrics.binary_cross_entropy`][] takes probabilities instead.

    **Arguments:**

    - `logits`: $z$, any numbers.
    - `targets`: $p$, probabilities from 0 to 1.
    - `reduction`: over all entries: `"mean"`, `"sum"` or `"none"`.
    - `where`: the entries that count.

    **Returns:** a scalar, or with `"none"` one value per entry, in the dtype of
    `logits`.

    **See also:** [`ngcx.losses.cross_entropy`][] for one of several classes.

    ??? cite "Reference"
        Cox, *The regression analysis of binary sequences*, Journal of the Royal
        Statistical Society B 1958.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import binary_cross_entropy
    >>> binary_cross_entropy(jnp.array([0.0, 100.0]), jnp.array([1.0, 1.0]))
    Array(0.3465736, dtype=float32)

    ```
    """
    z = filled(widened(logits), where, ())
    p = filled(targets.astype(z.dtype), where, ())
    entries = optax.sigmoid_binary_cross_entropy(z, p)
    return reduce(entries, reduction, where).astype(logits.dtype)


@compiled(static=("reduction",))
def squared_error_to_targets(
    values: Float[Array, "*batch classes"],
    labels: Integer[Array, "*batch"],
    right: Scalar = 1.0,
    wrong: Scalar = 0.0,
    *,
    reduction: Reduction = "mean",
    where: Bool[Array, "*batch"] | None = None,
) -> Float[Array, "..."]:
    r"""The mean over the classes of the squared distance from a target,
    $\frac{1}{C} \sum_c (x_c - y_c)^2$, where $y_c$ is `right` for the class of the
    label and `wrong` for all others.

    It is the squared error of spike counts and rates ([`ngcx.losses.spike_count`][],
    [`ngcx.losses.spike_rate`][]), so it asks each neuron for an amount of activity,
    while a cross-entropy only asks for differences between neurons. For other targets,
    use [`ngcx.metrics.mean_squared_error`][].

    **Arguments:**

    - `values`: rates, counts or potentials.
    - `labels`: class indices. A row whose index is not a class has no right class.
    - `right`, `wrong`: the targets, in the unit of the values. With 0.8 and 0.2 of the
        steps, all neurons stay active and so can learn.
    - `reduction`: over the rows: `"mean"`, `"sum"` or `"none"`.
    - `where`: the rows that count.

    **Returns:** a scalar, or with `"none"` one value per row, in the dtype of `values`.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import squared_error_to_targets
    >>> squared_error_to_targets(jnp.array([[8.0, 2.0]]), jnp.array([0]), right=10.0)
    Array(4., dtype=float32)

    ```
    """
    wide = filled(widened(values), where)
    is_right = jax.nn.one_hot(labels, values.shape[-1], dtype=bool)
    targets = jnp.where(
        is_right, jnp.asarray(right, wide.dtype), jnp.asarray(wrong, wide.dtype)
    )
    rows = jnp.sum(jnp.square(wide - targets), axis=-1) / max(values.shape[-1], 1)
    return reduce(rows, reduction, where).astype(values.dtype)


@compiled
def membrane_loss(
    potentials: Float[Array, "time *batch classes"],
    labels: Integer[Array, "*batch"],
    right: Scalar = 1.0,
    wrong: Scalar = 0.0,
    *,
    lengths: Integer[Array, "*batch"] | None = None,
) -> Float[Array, ""]:
    r"""[`ngcx.losses.squared_error_to_targets`][] of the potential in every step,
    $\frac{1}{T C} \sum_t \sum_c (v_{tc} - y_c)^2$. It drives the right neuron to its
    threshold and keeps the others away from theirs.

    It has a gradient even where no neuron spikes. Give it the potential before the
    reset, `watch=("3.u",)`, which shows how far a neuron is above its threshold.

    **Arguments:**

    - `potentials`: the potentials of the output neurons, time first.
    - `labels`: class indices.
    - `right`, `wrong`: the targets, in the unit of the potentials.
    - `lengths`: how many steps each sample has; all if not given.

    **Returns:** the mean over all steps of all samples, in the dtype of `potentials`.

    ??? cite "Reference"
        Eshraghian, Ward, Neftci, Wang, Lenz, Dwivedi, Bennamoun, Jeong and Lu,
        *Training spiking neural networks using lessons from deep learning*, Proceedings
        of the IEEE 2023.

    ```python
    >>> import jax.numpy as jnp
    >>> from ngcx.losses import membrane_loss
    >>> potentials = jnp.array([[[0.0, 0.0]], [[1.0, 0.0]], [[9.0, 9.0]]])
    >>> membrane_loss(potentials, jnp.array([0]), lengths=jnp.array([2]))
    Array(0.25, dtype=float32)

    ```
    """
    steps = len(potentials)
    where = None if lengths is None else time_mask(lengths, steps)
    labels = jnp.broadcast_to(labels, (steps, *labels.shape))
    return squared_error_to_targets(potentials, labels, right, wrong, where=where)
