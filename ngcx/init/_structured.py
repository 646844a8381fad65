"""Weights of which most are 0 by intention."""

from typing import Any

import numpy as np

from .._typing import Count, NonNegative, Scalar
from ._base import AbstractInitializer
from ._constraints import check_matrix
from ._distributions import DiagOffDiag, Gaussian
from ._from_jax import Orthogonal
from ._source import Source


class Identity(AbstractInitializer):
    """The identity matrix times `scale`, at the centre of the receptive field: a
    convolution with such a kernel, of shape (*receptive field, in, out), returns its
    input. Inputs or outputs that have no partner get 0.

    **See also:** [`ngcx.init.Eye`][], a constraint that keeps the diagonal of what
    another law draws; [`ngcx.activations.Identity`][], the function.

    !!! example

        ```python
        >>> import jax
        >>> from ngcx.init import Identity
        >>> print(Identity()(jax.random.key(0), (3, 1, 1)).ravel())
        [0. 1. 0.]

        ```
    """

    scale: Scalar = 1.0

    def _sample(self, source, shape):
        check_matrix(shape)
        matrix = DiagOffDiag(self.scale, 0.0)._sample(source, shape[-2:])
        return _at_centre(source, matrix, shape)


class DeltaOrthogonal(AbstractInitializer):
    """An [`ngcx.init.Orthogonal`][] matrix at the centre of the receptive field, and 0
    elsewhere. A convolution with such a kernel, of shape (*receptive field, in, out),
    keeps the norm of its input, if there are no more inputs than outputs.

    **Arguments:**

    - `scale`: what the matrix is multiplied by.

    ??? cite "Reference"
        Xiao, Bahri, Sohl-Dickstein, Schoenholz and Pennington, *Dynamical isometry and
        a mean field theory of CNNs*, ICML 2018.

    !!! example

        ```python
        >>> import jax.numpy as jnp
        >>> import jax.random as jr
        >>> from ngcx.init import DeltaOrthogonal
        >>> kernel = DeltaOrthogonal()(jr.key(0), (3, 3, 2, 4))
        >>> print(jnp.abs(kernel).sum((2, 3)) > 0)
        [[False False False]
         [False  True False]
         [False False False]]

        ```
    """

    scale: Scalar = 1.0

    def _sample(self, source, shape):
        check_matrix(shape)
        matrix = Orthogonal(self.scale)._sample(source, shape[-2:])
        return _at_centre(source, matrix, shape)


class Sparse(AbstractInitializer):
    r"""Each output has `connections` inputs, chosen at random and different for each,
    with weights from $\mathcal{N}(0, \text{std}^2)$; the others are 0. The last axis is
    that of the outputs, and all axes before it are inputs. If there are fewer inputs,
    all are connected.

    **Arguments:**

    - `connections`: how many inputs each output has; 15 as in the article.
    - `std`: the standard deviation of the weights that are not 0.

    **See also:** [`ngcx.init.RowMask`][] and [`ngcx.init.ColumnMask`][], which drop
    whole rows or columns; [`ngcx.surrogate.Sparse`][], whose derivative is cut off far
    from the threshold.

    ??? cite "Reference"
        Martens, *Deep learning via Hessian-free optimization*, ICML 2010.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Sparse
        >>> weight = Sparse(connections=2)(jr.key(0), (6, 3))
        >>> print((weight != 0).sum(0))
        [2 2 2]

        ```
    """

    connections: Count = 15
    std: NonNegative[Scalar] = 1.0

    def _sample(self, source, shape):
        check_matrix(shape)
        xp, inputs = source.xp, int(np.prod(shape[:-1]))
        order = xp.argsort(source.child().uniform((inputs, shape[-1])), axis=0)
        chosen = xp.argsort(order, axis=0) < self.connections
        weights = Gaussian(std=self.std)._sample(source, shape)
        return xp.where(chosen.reshape(shape), weights, xp.zeros((), weights.dtype))


def _at_centre(source: Source, matrix: Any, shape: tuple[int, ...]):
    """A kernel that is that matrix at its centre, by which padding alike on both sides
    leaves a signal in its place.
    """
    inside = np.zeros((*shape[:-2], 1, 1), bool)
    inside[tuple((size - 1) // 2 for size in shape[:-2] if 0 not in shape)] = True
    matrix = source.xp.broadcast_to(matrix, shape)
    return source.xp.where(inside, matrix, source.xp.zeros((), matrix.dtype))
