"""What is right although an invariant does not hold, and why."""

import math
import re
from typing import Any

import numpy as np


# The name, the invariant and the finding, as regular expressions; and the reason.
KNOWN = (
    (
        r"neurons\.BatchNorm\.init",
        "dtype",
        "in float32",
        "Statistics are kept in float32.",
    ),
    (
        r"activations\..*\.inverse$",
        "NaN",
        "",
        "No x has a value outside of the range of the activation, as is documented.",
    ),
    (
        r"density\..*(fit|marginal|conditional|sample)",
        "dtype",
        "in float32",
        "A mixture keeps its parameters in float32.",
    ),
    (
        r"analysis\.",
        "jit|vmap|shard_map|numpy",
        # Both begin with the same digits.
        r"float64\((-?\d\.\d{6})\d*\), eagerly np\.float64\(\1",
        "A fitted probe computes in the dtype of its parameters, float32.",
    ),
    (
        r"init\..*\.numpy$",
        "jit|vmap|shard_map",
        "TracerArrayConversionError",
        "It draws with numpy.",
    ),
    (
        r"process\..*\.pack$|init\.reinitialize$",
        "error",
        r"len\(\) ",
        "A function is that of the user, also `len`.",
    ),
    (
        r"data\.(DataLoader|BucketLoader)",
        "jit|vmap|shard_map",
        "eagerly (int|float)64",
        "The host keeps integers of 64 bits, which JAX may not hold; a program keeps "
        "what JAX 0.10 made of an array of numpy before x64 was switched on.",
    ),
    (
        r"ops\.decompose_to_mps",
        "jit|vmap|shard_map|numpy",
        "eagerly",
        "Cores are unique up to the sign of each bond, or a rotation among bonds of "
        "equal singular values; the tests compare products.",
    ),
    ("", "jit", "xla.sdy", "XLA compiles no sharded program without operands."),
)
# The range that is documented of an array, whose numbers are not judged when it is
# traced: the name, the argument, and the least and the largest number. Without one,
# every finite number is tried.
RANGES = (
    # Larger ones may overflow in what is the user's own.
    (r"diffeq\.solve", "dt", -1.0, 1.0),  # Larger steps are not stable.
    (r"diffeq\.", "", -1e4, 1e4),
    (r"process\.", "", -4.0, 4.0),
    (r"neurons\.BatchNorm\.", "state", 0.0, 1e30),  # It holds variances.
    # Larger ones may overflow when they are added up over time.
    (r"neurons\.", "", -1e30, 1e30),
    (r"(density|metrics)\.", "weights|sample_weight|counts", 0.0, 1e30),
    (r"density\.", "rates|covariances", 1e-30, 1e30),
    (r"density\.", "probabilities", 0.0, 1.0),
    # XLA computes the scores of few features twice, each time with a rounding of its
    # own, and the exponential of the difference of large ones is infinite.
    (r"analysis\.AttentiveProbe", "x", -1e6, 1e6),
    # It is the ratio of intensities. Where negative ones cancel it has no digits left.
    (r"filters\.ratio_of_gaussians", "images", 0.0, math.inf),
    (r"losses\.cross_entropy", "class_weights", 0.0, math.inf),
    (r"(losses|metrics)\.binary_cross_entropy", "targets", 0.0, 1.0),
)
# The name of a difference or a mean, and the scale of its terms: a number, or the
# argument whose largest number it is. Near 0 little of them is left, and how they were
# rounded is as large as their last places, not as those of the result.
SCALES = (
    (r"metrics\.(adjusted_\w+|v_measure|explained_variance|r_squared)", 1.0),
    (r"filters\.(cortical_)?difference_of_gaussians", "images"),
    (r"density\..*(em_step|fit|fit_more)$", "x"),
)


def is_known(name: str, invariant: str, text: str) -> bool:
    return any(
        re.match(names, name) and re.match(kinds, invariant) and re.search(words, text)
        for names, kinds, words, _ in KNOWN
    )


def bounds(name: str, argument: str) -> tuple[float, float]:
    for names, arguments, low, high in RANGES:
        if re.match(names, name) and re.match(arguments, argument):
            return low, high
    return -math.inf, math.inf


def scale_of(name: str, arguments: dict[Any, Any]) -> float:
    for names, scale in SCALES:
        if re.match(names, name):
            terms = np.asarray(arguments.get(scale, scale), float)
            return float(np.max(np.abs(terms), initial=0))
    return 0.0
