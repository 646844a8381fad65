"""Batches that eight devices share stay where they are."""

import re

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.patches import PatchGenerator, extract_patches, reconstruct, sample_patches


pytestmark = pytest.mark.in_turn(3)


IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(16, 6, 7)), "f4")


def energy(images):
    return jnp.sum(extract_patches(images, (3, 2), stride=1, center=True) ** 2)


def put(images):
    patches = extract_patches(images, (3, 2), stride=(1, 1), padding=1)
    return reconstruct(jnp.sin(patches), images.shape, stride=(1, 1), padding=1)


@pytest.mark.parametrize(
    "function",
    [
        lambda images: extract_patches(images, (3, 2), stride=1, center=True),
        lambda images: extract_patches(images, (2, 3)),
        PatchGenerator(2, 2, "fit"),
        lambda images: sample_patches(jr.key(0), images, (3, 2), 5),
        lambda images: sample_patches(jr.key(0), images, (3, 2), 5, replace=False),
        put,
        jax.grad(energy),
        jax.grad(lambda images: jnp.sum(put(images) ** 2)),
    ],
    ids=[
        "extract",
        "tiles",
        "generator",
        "sample",
        "sample once",
        "reconstruct",
        "grad extract",
        "grad reconstruct",
    ],
)
def test_batches_on_eight_devices(function):
    sharding = NamedSharding(Mesh(jax.devices(), "batch"), PartitionSpec("batch"))
    images = jax.device_put(IMAGES, sharding)
    compiled = jax.jit(function).lower(images).compile()
    got = compiled(images)
    assert got.sharding.is_equivalent_to(sharding, got.ndim)
    np.testing.assert_allclose(got, function(IMAGES), rtol=1e-5, atol=1e-5)
    # Devices may exchange one bit: whether all are done.
    traffic = r"= (?!pred\[\])\S+ (all-gather|all-to-all|all-reduce|collective-permute)"
    assert not re.search(traffic, str(compiled.as_text()))
