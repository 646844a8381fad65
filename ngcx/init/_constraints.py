"""What may be asked of the entries of a matrix, whatever law they are drawn from."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import numpy as np

from .._module import Module
from .._trees import of_python
from .._typing import Natural, Scalar
from ._source import Source, diagonal


class AbstractConstraint(Module):
    """Changes the weights that an initializer draws. The last two axes are matrices."""

    random: ClassVar[bool] = False

    @abc.abstractmethod
    def _apply(self, draw: Any, source: Source) -> Any:
        """The array with the constraint; `source` says JAX or numpy."""


class Clip(AbstractConstraint):
    """Entries below `amin` become `amin`, and those above `amax` become `amax`.

    **Arguments:**

    - `amin`: the smallest number, or None for no bound.
    - `amax`: the largest number, or None for no bound.

    **Raises:** `ValueError` if `amin > amax`.

    **See also:** [`ngcx.activations.Clip`][], which bounds the output of a layer.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Clip, Uniform
        >>> weight = Uniform().constrain(Clip(0.2, 0.8))(jr.key(0), (400, 100))
        >>> print(weight.min(), weight.max())
        0.2 0.8

        ```
    """

    amin: Scalar | None = None
    amax: Scalar | None = None

    def __check_init__(self):
        low, high = self.amin, self.amax
        if not isinstance(low, int | float) or not isinstance(high, int | float):
            return
        if not low <= high:
            raise ValueError(
                f"`amin` must not exceed `amax`; got amin={low}, amax={high}."
            )

    def _apply(self, draw, source):
        xp = source.xp
        if self.amin is not None:
            draw = xp.maximum(draw, xp.asarray(self.amin, draw.dtype))
        if self.amax is not None:
            draw = xp.minimum(draw, xp.asarray(self.amax, draw.dtype))
        return draw


class LowerTriangle(AbstractConstraint):
    """Entries above the diagonal become 0.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, LowerTriangle
        >>> print(Constant(1.0).constrain(LowerTriangle())(jr.key(0), (2, 3)))
        [[1. 0. 0.]
         [1. 1. 0.]]

        ```
    """

    def _apply(self, draw, source):
        check_matrix(draw.shape)
        return source.xp.tril(draw)


class UpperTriangle(AbstractConstraint):
    """Entries below the diagonal become 0.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, UpperTriangle
        >>> print(Constant(1.0).constrain(UpperTriangle())(jr.key(0), (2, 3)))
        [[1. 1. 1.]
         [0. 1. 1.]]

        ```
    """

    def _apply(self, draw, source):
        check_matrix(draw.shape)
        return source.xp.triu(draw)


class Hollow(AbstractConstraint):
    """The diagonal becomes 0.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, Hollow
        >>> print(Constant(1.0).constrain(Hollow())(jr.key(0), (2, 3)))
        [[0. 1. 1.]
         [1. 0. 1.]]

        ```
    """

    def _apply(self, draw, source):
        check_matrix(draw.shape)
        return _keep(~diagonal(source, draw.shape), draw, source)


class Eye(AbstractConstraint):
    """Entries off the diagonal become 0.

    **See also:** [`ngcx.init.Identity`][], which draws ones on the diagonal;
    [`ngcx.init.Hollow`][], which keeps everything but the diagonal.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, Eye
        >>> print(Constant(1.0).constrain(Eye())(jr.key(0), (2, 3)))
        [[1. 0. 0.]
         [0. 1. 0.]]

        ```
    """

    def _apply(self, draw, source):
        check_matrix(draw.shape)
        return _keep(diagonal(source, draw.shape), draw, source)


def _number_or_indices(keep: Any) -> Any:
    """A number as that of Python, and indices as a tuple; what is neither of them fails
    the check of the field.
    """
    if isinstance(keep, bool):
        raise ValueError(f"`keep` must be a number or indices; got {keep}.")
    if isinstance(keep, np.integer | np.ndarray):
        keep = keep.tolist()
    return of_python(tuple(keep)) if isinstance(keep, list | tuple) else keep


class _AbstractMask(AbstractConstraint):
    """Keeps some columns or rows."""

    keep: Natural | tuple[int, ...] = eqx.field(
        static=True, converter=_number_or_indices
    )
    """How many to keep, or which ones."""
    axis: ClassVar[int]
    name: ClassVar[str]

    def __check_init__(self):
        indices = () if isinstance(self.keep, int) else self.keep
        if len(set(indices)) < len(indices):
            raise ValueError(f"`keep` must name no {self.name} twice; got {self.keep}.")

    def _apply(self, draw, source):
        check_matrix(draw.shape)
        size = draw.shape[self.axis]
        if isinstance(self.keep, int):
            if self.keep > size:
                raise ValueError(
                    f"`keep` must not exceed the {size} {self.name}s; got {self.keep}."
                )
            kept = source.permutation(size) < self.keep
        else:
            unknown = [each for each in self.keep if not 0 <= each < size]
            if unknown:
                raise ValueError(
                    f"`keep` must name {self.name}s from 0 to {size - 1}; got "
                    f"{unknown}."
                )
            kept = source.xp.asarray(np.isin(np.arange(size), self.keep))
        shape = [1] * draw.ndim
        shape[self.axis] = size
        return _keep(
            source.xp.broadcast_to(kept.reshape(shape), draw.shape), draw, source
        )


class ColumnMask(_AbstractMask):
    """Keeps the given columns, or a given number of random ones, the same in every
    matrix of a batch. All other columns become 0.

    **Arguments:**

    - `keep`: the indices of the columns, or how many to choose at random.

    **Raises:** `ValueError` for columns named twice, unknown ones and too many.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import ColumnMask, Constant
        >>> print(Constant(1.0).constrain(ColumnMask((0, 2)))(jr.key(0), (2, 3)))
        [[1. 0. 1.]
         [1. 0. 1.]]

        ```
    """

    random = True
    axis = -1
    name = "column"


class RowMask(_AbstractMask):
    """Keeps the given rows, or a given number of random ones, the same in every matrix
    of a batch. All other rows become 0.

    **Arguments:**

    - `keep`: the indices of the rows, or how many to choose at random.

    **Raises:** `ValueError` for rows named twice, unknown ones and too many.

    !!! example

        ```python
        >>> import jax.random as jr
        >>> from ngcx.init import Constant, RowMask
        >>> print(Constant(1.0).constrain(RowMask((0,)))(jr.key(0), (2, 3)))
        [[1. 1. 1.]
         [0. 0. 0.]]

        ```
    """

    random = True
    axis = -2
    name = "row"


def check_matrix(shape: tuple[int, ...]):
    if len(shape) < 2:
        raise ValueError(f"`shape` must have rows and columns; got {shape}.")


def _keep(mask, draw, source):
    # Entries are chosen and not multiplied, since infinity times 0 is NaN.
    return source.xp.where(mask, draw, source.xp.zeros((), draw.dtype))
