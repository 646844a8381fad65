# %% [markdown]
# # 7. Data larger than memory, resumed exactly, on many hosts
#
# A training that takes days meets three nuisances that a training of minutes never
# meets. The data do not fit into memory. The machine stops in the middle. And one
# machine is not enough. Each has a usual cure, and the usual cures change the training:
# a shuffle that only mixes neighbours, a restart that sees some samples twice and
# others never, hosts that disagree.
#
# In this tutorial you will train from a file, pull the plug, go on as if nothing had
# happened, and then go on with two hosts instead of one. Each time you will compare
# with the training that was never disturbed.
#
# You should have trained a network before, as in the [first
# tutorial](first_spiking_network.md). It takes about 20 minutes. If your data fit into
# memory and your training ends before lunch, you need none of this.

# %%
import os


os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"  # explained below

import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import equinox as eqx
import jax
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

from ngcx import io
from ngcx.data import DataLoader, prefetch


folder = pathlib.Path(tempfile.mkdtemp())
sys.path.insert(0, str(folder))

# %% [markdown]
# ## A file
#
# We need a file that is too large. So that you do not have to wait, ours is a small one
# that we treat as if it were large: 24,000 digits, shifted at random in a frame of 12
# by 12 pixels, with noise. It is written a piece at a time, since the whole is never in
# memory.

# %%
COUNT = 24_000
bunch = load_digits()
rng = np.random.default_rng(0)
images = np.lib.format.open_memmap(
    folder / "images.npy", mode="w+", dtype=np.uint8, shape=(COUNT, 12, 12)
)
labels = np.empty(COUNT, np.int32)
for first in range(0, COUNT, 4000):
    piece = rng.integers(0, 60, (4000, 12, 12))
    for i, frame in enumerate(piece):
        one = rng.integers(len(bunch.target))
        y, x = rng.integers(0, 5, 2)
        frame[y : y + 8, x : x + 8] += (12 * bunch.images[one]).astype(int)
        labels[first + i] = bunch.target[one]
    images[first : first + 4000] = piece
images.flush()
np.save(folder / "labels.npy", labels)
del images

# %% [markdown]
# To read it, open it with `mmap_mode="r"`. That is a *memory map*: it looks like an
# array, but its rows stay on the disk until somebody asks for them. A
# [`DataLoader`][ngcx.data.DataLoader] takes it as it is, and asks for the rows of one
# batch at a time.

# %%
source = {
    "image": np.load(folder / "images.npy", mmap_mode="r"),
    "label": np.load(folder / "labels.npy", mmap_mode="r"),
}
loader = DataLoader(source, batch_size=240)
batch = loader.batch(jr.key(0), 0)
print({name: (each.shape, each.dtype) for name, each in batch.items()})

# %% [markdown]
# ## A shuffle without a list
#
# To go through the samples in random order, most loaders make a list of all row numbers
# and shuffle that. For a thousand million samples, the list alone takes 8 GB. Others
# keep a buffer of some thousand samples and draw from it, which mixes neighbours and
# nothing else: if the file is sorted by class, so are the batches.
#
# Here the order is neither stored nor computed. It is a *function*: given the key of
# the epoch, it says for any place in the order which row comes there. [How the shuffle
# works](../guides/how_the_shuffle_works.md) has the proof; here is a look at it. Each
# line is a batch, and each mark a row that it reads.

# %% alt="Rows of marks, one row for each of ten batches. The marks of each batch are spread over the whole file."
numbered = DataLoader(np.arange(COUNT), batch_size=240)  # its samples are row numbers
first_batches = [numbered.batch(jr.key(0), i) for i in range(10)]

figure, ax = plt.subplots(figsize=(9, 2.8), layout="constrained")
ax.eventplot(first_batches, linelengths=0.8, linewidths=0.5, colors="tab:blue")
ax.set(xlabel="row of the file", ylabel="batch", xlim=(0, COUNT))
plt.show()

# %% [markdown]
# Each batch reads from all over the file, and still in ascending order, which disks
# like. And as the order is a function, a thousand million samples are no more work than
# a thousand. Here is a source that makes them up, and batch number 2,345,678 of an
# epoch, without the 2,345,677 before it:


# %%
class Squares:
    def __len__(self):
        return 10**9

    def __getitem__(self, rows):
        return {"root": rows, "square": rows.astype(np.int64) ** 2}


huge = DataLoader(Squares(), batch_size=4)
huge.batch(jr.key(0), 0)  # compiles
began = time.perf_counter()
print(huge.batch(jr.key(0), 2_345_678)["root"])
print(f"{1000 * (time.perf_counter() - began):.1f} ms")

# %% [markdown]
# Anything with rows may be a source: HDF5, Zarr, a class of your own, or a dataset that
# gives one item at a time. [Data larger than
# memory](../guides/data_larger_than_memory.md) has all of them.
#
# ## Reading while computing
#
# A disk takes its time, and a step of training too. It would be a pity if they took
# turns. [`prefetch`][ngcx.data.prefetch] reads the next batches in a thread of its own
# while the current one is used. Let each take 20 milliseconds:


# %%
class SlowDisk:
    def __len__(self):
        return 1000

    def __getitem__(self, rows):
        time.sleep(0.02)
        return rows


def use(batches):
    began = time.perf_counter()
    for _ in batches:
        time.sleep(0.02)  # a step of training
    return time.perf_counter() - began


slow = DataLoader(SlowDisk(), batch_size=20)
use(slow.epoch(jr.key(0)))  # compiles
print(f"in turns:   {use(slow.epoch(jr.key(0))):.2f} s for 50 batches")
print(f"prefetched: {use(prefetch(slow.epoch(jr.key(0)))):.2f} s")

# %% [markdown]
# ## The training is a script
#
# What is to run on other machines must be a file. So we write the training into one,
# and import it here. There is nothing special in it. Everything that changes during the
# training is in *one* dictionary: the network, the state of the optimiser, and the
# place in the data, which is a [`LoaderState`][ngcx.data.LoaderState] of three small
# arrays.

# %%
(folder / "training.py").write_text("""
import equinox as eqx
import jax.random as jr
import optax
from ngcx.losses import cross_entropy, mean_over_time
from ngcx.neurons import LIF, LeakyIntegrator, Stack

optimizer = optax.adam(2e-3)


def start(loader):
    first, last = jr.split(jr.key(0))
    network = Stack(
        eqx.nn.Linear(144, 100, use_bias=False, key=first),
        LIF(0.9),
        eqx.nn.Linear(100, 10, use_bias=False, key=last),
        LeakyIntegrator(0.9),
    )
    state = optimizer.init(eqx.filter(network, eqx.is_inexact_array))
    return {"network": network, "optimizer": state, "loader": loader.init(jr.key(1))}


@eqx.filter_jit
def step(network, state, batch):
    images = batch["image"].reshape(-1, 144) / 255

    def loss(network):
        _, potentials = network.run(images, steps=20, batched=True)
        return cross_entropy(mean_over_time(potentials), batch["label"])

    value, gradients = eqx.filter_value_and_grad(loss)(network)
    updates, state = optimizer.update(gradients, state)
    return eqx.apply_updates(network, updates), state, value


def train(training, loader, steps):
    losses = []
    for _ in range(steps):
        batch, place = loader.next(training["loader"])
        network, state, loss = step(
            training["network"], training["optimizer"], batch
        )
        training = {"network": network, "optimizer": state, "loader": place}
        losses.append(float(loss))
    return training, losses
""")

import training as job


_, undisturbed = job.train(job.start(loader), loader, 160)
print(
    f"{len(loader)} batches are an epoch; loss {undisturbed[0]:.3f} to {undisturbed[-1]:.3f}"
)

# %% [markdown]
# ## Pulling the plug
#
# Now we run the same training again, and save it after 60 steps.
# [`io.serialize`][ngcx.io.serialize] writes the whole dictionary into one file, so that
# all of it is of the same step. It goes on for some steps more. Then the power fails,
# and what was not saved is lost.

# %%
before, losses = job.train(job.start(loader), loader, 60)
io.serialize(folder / "checkpoint", before)
job.train(before, loader, 7)  # These steps are lost.
del before

# %% [markdown]
# The next morning, a new process goes on from the file. `like` is a training built by
# the same code; it tells what the file must contain.

# %% alt="The loss over 160 steps. The curve of the resumed training lies exactly on that of the undisturbed one from step 60 on."
resumed = io.deserialize(folder / "checkpoint", like=job.start(loader))
_, after = job.train(resumed, loader, 100)

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(undisturbed, linewidth=4, color="0.8", label="undisturbed")
ax.plot(range(60), losses, color="tab:blue", linewidth=1, label="before the plug")
ax.plot(range(60, 160), after, color="tab:red", linewidth=1, label="resumed")
ax.axvline(60, color="black", linestyle=":", linewidth=1)
ax.set(xlabel="training step", ylabel="loss (nats)", yscale="log")
ax.legend()
plt.show()
assert losses + after == undisturbed

# %% [markdown]
# The assertion compares floating-point numbers with `==`, and it holds. The resumed
# training is not *like* the other one; it *is* the other one.
#
# ## What happens otherwise
#
# Many trainings save the network and the optimiser, and start the epoch again after a
# crash, with another shuffle. The loss looks harmless. But count how often each sample
# has been seen by the time at which the epoch should be over:

# %% alt="Two bar charts. Resumed exactly, each sample was seen once. With a new shuffle, about a quarter of the samples were never seen, and as many twice."
exact = np.concatenate(list(numbered.epoch(jr.key(1))))
lost = [numbered.batch(jr.key(1), i) for i in range(60)]
lost += [numbered.batch(jr.key(2), i) for i in range(40)]

figure, panels = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True, layout="constrained")
titles = ("resumed exactly", "a new shuffle after step 60")
for ax, rows, title in zip(panels, (exact, np.concatenate(lost)), titles, strict=True):
    seen = np.bincount(np.bincount(rows, minlength=COUNT), minlength=3) / COUNT
    ax.bar(range(3), 100 * seen)
    ax.set(title=title, xlabel="times seen in the epoch", xticks=range(3))
panels[0].set_ylabel("samples (%)")
plt.show()

# %% [markdown]
# With the new shuffle, a quarter of the samples was never seen, and another quarter was
# seen twice. If that happens every night, you no longer know what the network was
# trained on. [Resume exactly](../guides/resume_exactly.md) says what may change between
# two runs, and what may not.
#
# ## Many devices
#
# The line at the very top of this notebook made XLA pretend that this computer has four
# devices. They share its cores, so nothing gets faster; but all that is about to happen
# would happen in the same way with four accelerators.
#
# JAX arranges the devices as a *mesh*, an array of devices whose axes have names. A
# [sharding](../glossary.md#sharding) says which axis of an array is split along which
# axis of the mesh. The loader only needs to know the sharding of a batch.

# %%
mesh = Mesh(np.asarray(jax.devices()), ("data",))
by_sample = NamedSharding(mesh, PartitionSpec("data"))
everywhere = NamedSharding(mesh, PartitionSpec())

sharded = DataLoader(source, batch_size=240, sharding=by_sample)
batch = sharded.batch(jr.key(0), 0)
for shard in batch["label"].addressable_shards:
    print(shard.device, shard.data.shape, shard.data[:6])

# %% [markdown]
# Each device holds 60 samples of the 240, and the 240 are the same as without a mesh.
# The network is copied *everywhere*: each device has all of it. Nothing else in the
# training changes. The loss is a mean over all samples, so JAX makes the devices add
# their gradients.


# %%
def onto(mesh_sharding, training):
    """Lays out the network and its optimiser; the place in the data stays as it is."""
    laid_out = {name: training[name] for name in ("network", "optimizer")}
    return training | eqx.filter_shard(laid_out, mesh_sharding)


resumed = onto(everywhere, io.deserialize(folder / "checkpoint", job.start(loader)))
_, on_devices = job.train(resumed, sharded, 100)


def compare(losses):
    """The first loss after the checkpoint, and how far the curve leads away."""
    apart = np.max(np.abs(np.subtract(losses, undisturbed[60:])))
    print(f"first loss {losses[0]:.6f}; at most {apart:.4f} from the undisturbed")


compare(undisturbed[60:])
compare(on_devices)

# %% [markdown]
# The training was saved on one device and went on with four. The first loss is the
# same. The curve then drifts away by some thousandths, although the batches are the
# same: four partial sums add up in another order than one sum, which changes the last
# digit of a gradient, and once in a while that carries a potential over its threshold.
# One more spike is not a small thing. Only the same arrangement of devices reproduces a
# training to the last bit ([how](../how/reproducible_runs.md)).
#
# ## Many hosts
#
# A host is a computer of its own, with its own process, its own devices and its own
# Python. On a cluster, the same script is started on each host, and
# `jax.distributed.initialize()` tells the processes of each other. After that,
# `jax.devices()` is the list of *all* devices, those of the others too. Each process
# runs the same lines in the same order, and each works on its own shards.
#
# So what changes in the script? It makes the mesh of all devices, and that is all. Each
# process computes, from the key alone, which rows belong to its own devices, and reads
# those. No process tells another one what to read, and none hands out the data.
#
# We can try this without a cluster. Two processes on this computer, with two devices
# each, talk to each other through the loopback interface. They go on from the
# checkpoint that one process has written, and note down what they read.

# %%
(folder / "host.py").write_text('''
import json
import sys

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ngcx import io
from ngcx.data import DataLoader

address, hosts, rank, folder = sys.argv[1:]
jax.config.update("jax_cpu_collectives_implementation", "gloo")  # for processors only
jax.distributed.initialize(address, int(hosts), int(rank))  # without arguments on Slurm

import training as job


class Watched:
    """Notes down which rows are asked for."""

    def __init__(self, rows):
        self.rows, self.read = rows, []

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, rows):
        self.read.append(np.asarray(rows).tolist())
        return self.rows[rows]


mesh = Mesh(np.asarray(jax.devices()), ("data",))  # of all hosts
everywhere = NamedSharding(mesh, PartitionSpec())
images = Watched(np.load(folder + "/images.npy", mmap_mode="r"))
source = {"image": images, "label": np.load(folder + "/labels.npy", mmap_mode="r")}
loader = DataLoader(source, 240, sharding=NamedSharding(mesh, PartitionSpec("data")))

training = io.deserialize(folder + "/checkpoint", like=job.start(loader))
names = ("network", "optimizer")
training |= eqx.filter_shard({name: training[name] for name in names}, everywhere)
training, losses = job.train(training, loader, 100)
with open(f"{folder}/host_{rank}.json", "w") as file:
    json.dump({"losses": losses, "read": images.read}, file)
jax.distributed.shutdown()
''')


def on_hosts(hosts, devices_each):
    """Starts the script once for each host, and collects what they have written."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = f"--xla_force_host_platform_device_count={devices_each}"
    workers = [
        subprocess.Popen(
            [
                sys.executable,
                folder / "host.py",
                address,
                str(hosts),
                str(rank),
                folder,
            ],
            env=os.environ | {"XLA_FLAGS": flags},
            stdout=subprocess.DEVNULL,  # they tell how they found each other
        )
        for rank in range(hosts)
    ]
    assert not any(worker.wait() for worker in workers)
    files = [folder / f"host_{rank}.json" for rank in range(hosts)]
    return [json.loads(file.read_text()) for file in files]


results = on_hosts(2, devices_each=2)
for rank, result in enumerate(results):
    print(f"host {rank} has read {sum(map(len, result['read'])):,} rows: ", end="")
    compare(result["losses"])
halves = zip(*(result["read"] for result in results), strict=True)
assert not any(set(one) & set(other) for one, other in halves)

# %% alt="Rows of marks, one for each of eight batches. Half of the marks of each batch are of one colour, and half of the other: the rows that the two hosts read."
figure, ax = plt.subplots(figsize=(9, 2.6), layout="constrained")
for result, color in zip(results, ("tab:blue", "tab:orange"), strict=True):
    ax.eventplot(result["read"][:8], linelengths=0.8, linewidths=0.6, colors=color)
ax.set(xlabel="row of the file", ylabel="batch", xlim=(0, 6000))
ax.set_title(
    "What host 0 (blue) and host 1 (orange) read of the first quarter of the file"
)
plt.show()

# %% [markdown]
# Each host has read half of each batch, and none of the rows that the other one has
# read. Both hosts report the same losses, which are the same as before, up to rounding.
# So a job that began on one host can go on with two, and back.
#
# One thing is left for a real cluster: who writes the checkpoint? The network is whole
# on each host, so let one of them do it, `if jax.process_index() == 0`. Only if the
# network itself is split between hosts do you need a library that collects the pieces,
# such as [orbax](../how/orbax.md).
#
# ## What to take with you
#
# - A memory map is a source, and so is anything with rows. The order of an epoch is a
#   function, and takes no memory.
# - Put everything that changes into one dictionary, the place in the data too, and save
#   it whole. Then a resumed training is the same training.
# - A sharding in the loader is all that it takes for many devices. Many hosts take
#   `jax.distributed.initialize()` besides.
# - The batches depend on the key and on nothing else: not on devices, hosts, or
#   crashes.
#
# ## Exercises
#
# **1.** You resume with a batch size of 120 instead of 240. Is it an error? What goes
# wrong, and how is it put right?


# %% tags=["answer"]
def rows_of(loader, place, batches):
    """The rows of so many batches, and the place after them."""
    rows = []
    for _ in range(batches):
        batch, place = loader.next(place)
        rows.append(batch)
    return np.concatenate(rows), place


whole, half = (DataLoader(np.arange(COUNT), size) for size in (240, 120))
used, place = rows_of(whole, whole.init(jr.key(1)), 60)
next_rows, _ = rows_of(half, place, 60)
print(
    f"step {place.step}: {len(np.intersect1d(used, next_rows))} of 7200 rows a second time"
)

place = eqx.tree_at(lambda place: place.step, place, 2 * place.step)
next_rows, _ = rows_of(half, place, 60)
print(
    f"step {place.step}: {len(np.intersect1d(used, next_rows))} of 7200 rows a second time"
)

# %% [markdown] tags=["answer"]
# It is not an error, since a place is a key, an epoch and a step, whatever the batch
# size is. But 60 steps of 120 samples are half as many samples as 60 steps of 240.
# Twice the steps are the same place. So save the batch size with the training, and
# compare it.

# %% [markdown]
# **2.** With `prefetch`, the loader is some batches ahead of the training. What is
# wrong with saving the state of the loader then, and how do you do it right?

# %% [markdown] tags=["answer"]
# The state would say that batches were used which were only read; after a crash they
# would be skipped. Let each state travel with its batch, and save the one that belongs
# to the batch that was used.


# %% tags=["answer"]
def with_places(loader, place):
    while True:
        batch, place = loader.next(place)
        yield batch, place


ahead = prefetch(with_places(numbered, numbered.init(jr.key(1))), size=4)
for _ in range(3):
    rows, place = next(ahead)  # here would be a step of training
following, _ = numbered.next(place)
first_epoch = jr.fold_in(jr.key(1), 0)
assert (following == numbered.batch(first_epoch, 3)).all()
ahead.close()

# %% [markdown]
# **3.** The cluster gives you seven devices. What does the loader say to a batch of
# 240? Which sizes are possible?

# %% tags=["answer"]
three = NamedSharding(
    Mesh(np.asarray(jax.devices()[:3]), ("data",)), PartitionSpec("data")
)
print(len(DataLoader(source, 240, sharding=three)), "batches for three devices")
try:
    DataLoader(source, 242, sharding=by_sample)
except ValueError as error:
    print(error)

# %% [markdown] tags=["answer"]
# A batch is cut into equal parts, so its size must be a multiple of the number of
# devices: 238 or 245 for seven. Another size gives other batches, so choose one at the
# beginning that is a multiple of every number of devices that you may get. 240 is a
# multiple of 1 to 6, 8, 10 and 12.
