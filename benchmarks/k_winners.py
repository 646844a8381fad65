"""This finds the k winners of each of 128 rows of 4,096 float32 numbers, as a mask."""

import importlib.util

import jax
import jax.numpy as jnp
import jax.random as jr

from ngcx.activations import BinaryKWTA

from ._measure import scaling


ROWS, WIDTH = 128, 4096


def by_top_k(x, k):
    # The barrier keeps XLA from making a sort of it.
    largest = jax.lax.optimization_barrier(jax.lax.top_k(x, k)[0])
    return (x >= largest[..., -1:]).astype(x.dtype)


def by_sorting(x, k):
    return (x >= jnp.sort(x, axis=-1)[..., -k][..., None]).astype(x.dtype)


def contenders(k: int):
    x = jr.normal(jr.key(0), (ROWS, WIDTH))
    functions = {
        "lax.top_k": lambda x: by_top_k(x, k),
        "jnp.sort": lambda x: by_sorting(x, k),
        "ngcx BinaryKWTA": BinaryKWTA(k),
    }
    if importlib.util.find_spec("ngclearn"):
        from ngclearn.utils.model_utils import (  # pyright: ignore[reportMissingImports]
            bkwta,
        )

        functions["ngclearn bkwta"] = lambda x: bkwta(x, nWTA=k)
    compiled = {name: jax.jit(function) for name, function in functions.items()}
    return {
        name: lambda function=function: jax.block_until_ready(function(x))
        for name, function in compiled.items()
    }


def main():
    yield scaling(
        f"Winners among {WIDTH:,}",
        "winners",
        (1, 4, 16, 64, 256, 1024, 4095),
        contenders,
        rounds=9,
    )
