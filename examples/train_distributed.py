"""Trains the spiking network of `train_snn.py` on several processes at once.

Every process has one device and reads its own rows of each batch alone, as the hosts of
a cluster would. One process with as many devices does the same work for comparison: the
batches are the same, and so is the loss curve. Prints both, and draws them.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from _shared import Parser, digits, positive, until_interrupted
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from train_snn import ARCHITECTURES, evaluate, train_step

from ngcx.data import DataLoader, prefetch


BATCH_SIZE, STEPS, HIDDEN = 64, 25, 128
DENSE = ARCHITECTURES["dense"]


def train(epochs: int, seed: int) -> dict:
    """The losses of all steps and the test accuracy, from the devices of all."""
    mesh = Mesh(np.asarray(jax.devices()), ("data",))
    everywhere = NamedSharding(mesh, PartitionSpec())
    split_key, model_key, order_key, key = jr.split(jr.key(seed), 4)
    data, test = digits(split_key)
    loader = DataLoader(
        data, BATCH_SIZE, sharding=NamedSharding(mesh, PartitionSpec("data"))
    )
    stack = DENSE.make(HIDDEN, model_key)
    optimizer = optax.adam(2e-3)
    state = optimizer.init(eqx.filter(stack, eqx.is_inexact_array))
    stack, state, test = eqx.filter_shard((stack, state, test), everywhere)

    losses, running = [], None
    for epoch in range(epochs):
        for batch in prefetch(loader.epoch(jr.fold_in(order_key, epoch))):
            stack, state, running, loss = train_step(
                DENSE, stack, optimizer, state, running, batch, key, STEPS
            )
            losses.append(loss)
    score, _ = evaluate(DENSE, stack, running, test["image"], test["label"], STEPS)
    return {"losses": [float(loss) for loss in losses], "accuracy": float(score)}


def work(address: str, processes: int, rank: int, epochs: int, seed: int):
    """What one process does; the first one prints the result."""
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, processes, rank)
    result = train(epochs, seed)
    if rank == 0:
        print(json.dumps(result))
    jax.distributed.shutdown()


def launch(processes: int, devices: int, epochs: int, seed: int) -> dict:
    """Trains in so many processes on this machine, with so many devices together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    flags = f"--xla_force_host_platform_device_count={devices // processes}"
    workers = []
    try:
        for rank in range(processes):
            arguments = map(str, (processes, rank, epochs, seed))
            worker = subprocess.Popen(
                [sys.executable, __file__, "--worker", address, *arguments],
                env=os.environ | {"XLA_FLAGS": flags},
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for the process that started them
            )
            workers.append(worker)
        outputs = [worker.communicate()[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    if any(worker.returncode for worker in workers):
        raise RuntimeError("A worker failed; its error stands above.")
    return json.loads(outputs[0].splitlines()[-1])


def draw(path: Path, results: dict[int, dict]):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    one, many = results
    axes.plot(results[one]["losses"], linewidth=3, color="0.75", label="1 process")
    axes.plot(
        results[many]["losses"],
        linewidth=1,
        color="tab:blue",
        label=f"{many} processes",
    )
    axes.set(
        title="Loss of the spiking network",
        xlabel="training step",
        ylabel="nats",
        yscale="log",
    )
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> dict[int, dict]:
    """Trains with one process and with several; returns the results of both."""
    parser = Parser(__doc__, "distributed.png")
    parser.add_argument("--processes", type=positive, default=4)
    parser.add_argument("--epochs", type=positive, default=5, help="passes of the data")
    parser.add_argument("--seed", type=int, default=0, help="decides every random draw")
    options = parser.parse_args(arguments)
    if options.processes < 2 or BATCH_SIZE % options.processes:
        parser.error(f"--processes must be 2 or more and divide {BATCH_SIZE}")

    results = {
        processes: launch(processes, options.processes, options.epochs, options.seed)
        for processes in (1, options.processes)
    }
    print("processes  first loss  last loss  test accuracy")
    for processes, result in results.items():
        losses = result["losses"]
        print(
            f"{processes:9d}  {losses[0]:10.6f}  {losses[-1]:9.6f}"
            f"  {result['accuracy']:13.2%}"
        )
    one, many = (jnp.asarray(result["losses"]) for result in results.values())
    print(f"largest difference of the losses: {jnp.max(jnp.abs(one - many)):.1e}")
    draw(options.picture, results)
    print(f"{options.picture} drawn")
    return results


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], *map(int, sys.argv[3:]))
    else:
        until_interrupted(main)
