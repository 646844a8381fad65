import pathlib
import statistics
import time
from collections.abc import Callable

from tqdm import tqdm


def compare(
    contenders: dict[str, Callable[[], object]], *, rounds: int, repeats: int = 1
) -> dict[str, float]:
    """Prints the median seconds of each contender, and its ratio to the first.

    Every round runs all contenders in turn, so that what else the machine does falls
    on all of them; a ratio is the median of the ratios within the rounds.

    Returns: the ratios.
    """
    for contender in contenders.values():
        contender()
    seconds = {name: [] for name in contenders}
    for _ in tqdm(range(rounds), disable=None, leave=False):
        for name, contender in contenders.items():
            began = time.perf_counter()
            for _ in range(repeats):
                contender()
            seconds[name].append((time.perf_counter() - began) / repeats)
    first = next(iter(seconds.values()))
    ratios = {}
    print("| contender | median (µs) | ratio | spread |\n| --- | ---: | ---: | ---: |")
    for name, times in seconds.items():
        each = [one / other for one, other in zip(times, first, strict=True)]
        low, ratios[name], high = statistics.quantiles(each, n=4)
        median = statistics.median(times) * 1e6
        print(f"| {name} | {median:,.1f} | {ratios[name]:.2f} | {low:.2f}-{high:.2f} |")
    return ratios


def resident(what: str) -> float:
    """MiB of this process, from Linux: "VmRSS" now, "VmHWM" at the peak."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(what))
    return int(line.split()[1]) / 1024


def forget_peak():
    """Lets "VmHWM" begin again from what is resident now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
