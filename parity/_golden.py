"""Runs the cells of the libraries that are installed, and keeps what came of it in
`tests/neurons/golden_cells.npz` and on the page; with `--check`, fails if that would
change. `nox -s cells` checks, and `nox -s cells -- --write` keeps.
"""

import argparse
import json
import pathlib

import numpy as np

from ._cell import SHOWN, SIGNS, Cell
from ._cells import CELLS


FILE = pathlib.Path(__file__).parents[1] / "tests/neurons/golden_cells.npz"


def name(cell: Cell) -> str:
    return f"{cell.peer} {cell.theirs}"


def kept(gradients: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gradients, that of the input as sums over time."""
    summed = {"x": np.sum(SIGNS * gradients["x"], axis=0)} if gradients else {}
    return gradients | summed


def load() -> tuple[dict[str, str], dict[str, dict[str, np.ndarray]]]:
    """The versions of the peers, and for each cell its `spikes`, `potentials` and, by
    their names, its gradients.
    """
    if not FILE.exists():
        return {}, {}
    with np.load(FILE) as file:
        index = json.loads(str(file["index"]))
        spikes = np.unpackbits(file["spikes"], axis=1).reshape(-1, *SIGNS.shape)
        potentials, gradients = file["potentials"], file["gradients"]
    cells, place = {}, 0
    for i, (cell, shapes) in enumerate(index["cells"].items()):
        cells[cell] = {"spikes": spikes[i], "potentials": potentials[i]}
        for gradient, shape in shapes.items():
            size = int(np.prod(shape))
            cells[cell][gradient] = gradients[place : place + size].reshape(shape)
            place += size
    return index["versions"], cells


def save(versions: dict[str, str], cells: dict[str, dict[str, np.ndarray]]) -> None:
    gradients = {
        cell: {k: v for k, v in found.items() if k not in ("spikes", "potentials")}
        for cell, found in cells.items()
    }
    index = {
        "versions": versions,
        "cells": {
            cell: {k: v.shape for k, v in found.items()}
            for cell, found in gradients.items()
        },
    }
    flat = [np.ravel(v) for found in gradients.values() for v in found.values()]
    np.savez_compressed(
        FILE,
        index=np.array(json.dumps(index)),
        spikes=np.packbits(
            [np.ravel(found["spikes"]) for found in cells.values()], axis=1
        ),
        potentials=np.stack([found["potentials"] for found in cells.values()]),
        gradients=np.concatenate(flat),
    )


def run(cell: Cell) -> dict[str, np.ndarray]:
    from ._peers import RUN

    spikes, potentials, gradients = RUN[cell.peer](cell)
    found = {"potentials": potentials[SHOWN], **kept(gradients)}
    found = {k: np.asarray(v, np.float32) for k, v in found.items()}
    compared = ("potentials", *cell.compared)
    return {"spikes": spikes.astype(np.uint8)} | {k: found[k] for k in compared}


def changes(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> list[str]:
    """What differs by more than the rounding of float32."""
    if old.keys() != new.keys():
        return [f"{[*old]} are kept, and not {[*new]}"]
    return [
        key
        for key, value in new.items()
        if not np.allclose(old[key], value, 1e-5, 1e-5 * np.max(np.abs(value)))
    ]


def main() -> None:
    from ._peers import installed, version
    from ._your_cell import PAGE, page

    parser = argparse.ArgumentParser(description=__doc__)
    modes = parser.add_mutually_exclusive_group(required=True)
    modes.add_argument("--check", action="store_true")
    modes.add_argument("--write", action="store_true")
    check = parser.parse_args().check
    versions, before = load()
    cells, wrong = {}, []
    for cell in CELLS:
        if not installed(cell.peer):
            if name(cell) in before:
                cells[name(cell)] = before[name(cell)]
            continue
        cells[name(cell)] = found = run(cell)
        versions[cell.peer] = version(cell.peer)
        if changed := changes(before.get(name(cell), {}), found):
            wrong.append(f"{name(cell)}: {'; '.join(changed)}")
    print(*wrong or [f"{len(cells)} cells, and nothing changed."], sep="\n")
    if check:
        raise SystemExit(bool(wrong))
    save(versions, cells)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
