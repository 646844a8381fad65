"""The epoch of `loader` in other libraries, as their documentation writes it.

Each function takes the arrays, and returns a function that runs through one epoch.
"""

# pyright: reportMissingImports=false

import importlib.util

import jax.random as jr
import numpy as np


BATCH = 128


def through(loader):
    def epoch():
        for _ in loader:
            pass

    return epoch


def torch(data):
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    dataset = TensorDataset(*map(from_numpy, data.values()))
    return through(DataLoader(dataset, BATCH, shuffle=True))


class Rows:
    """One sample at a time, for Grain."""

    def __init__(self, data):
        self._data = data

    def __len__(self):
        return len(self._data["label"])

    def __getitem__(self, row):
        return {name: array[row] for name, array in self._data.items()}


def grain(data):
    import grain

    dataset = grain.MapDataset.source(Rows(data)).shuffle(seed=0).batch(BATCH)
    return through(dataset)


def jax_dataloader(data):
    import jax_dataloader as jdl

    dataset = jdl.ArrayDataset(*data.values())
    return through(jdl.DataLoader(dataset, "jax", batch_size=BATCH, shuffle=True))


def ngclearn(data):
    from ngclearn.utils.data_loader import DataLoader

    matrices = [(name, np.asarray(array)) for name, array in data.items()]
    return through(DataLoader(matrices, BATCH, key=jr.PRNGKey(0)))


PEERS = {
    make.__name__: make
    for make in (torch, grain, jax_dataloader, ngclearn)
    if importlib.util.find_spec(make.__name__)
}
