import contextlib
import os
import tempfile

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from ngcx import viz

from ._entries import differs, equal, f32, ref


theirs = ref.viz
RANDOM = np.random.default_rng(0)
SPIKES = f32(RANDOM.integers(0, 2, (30, 4)))
POTENTIAL, CURRENT = f32(RANDOM.uniform(size=(2, 30)))
POINTS = f32(RANDOM.normal(size=(40, 2)))
LABELS = jnp.arange(40) % 3
BANK = f32(RANDOM.normal(size=(16, 9)))  # There are nine fields of 4 × 4 pixels.
CONFUSION = jnp.array([[5, 1], [2, 7]])
LATENTS = f32(RANDOM.normal(size=(40, 5)) * [9, 4, 1, 1, 1])


def drawn(f):
    """Whether a file was written, or a figure was drawn or returned."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        returned = f()
        figures = plt.get_fignums()
        plt.close("all")
        return "drawn" if os.listdir() or figures or returned is not None else "nothing"


def both_draw(f, g):
    equal(lambda: drawn(f), lambda: drawn(g))


both_draw(
    lambda: theirs.compartment_raster.create_raster_plot(SPIKES),
    lambda: viz.raster(SPIKES),
)
both_draw(
    lambda: theirs.raster.create_raster_plot(SPIKES.T[:, None]),
    lambda: viz.raster(SPIKES),
)
both_draw(
    lambda: theirs.raster.create_overlay_raster_plot(
        SPIKES[:, None], SPIKES[::-1, None], jnp.eye(2)[:1], [0], plot_fname="file"
    ),
    lambda: viz.spike_comparison(SPIKES, SPIKES[::-1]),
)
both_draw(
    lambda: theirs.compartment_plot.create_plot(SPIKES), lambda: viz.traces(SPIKES)
)
both_draw(
    lambda: theirs.spike_plot.plot_spiking_neuron(
        CURRENT, POTENTIAL, SPIKES[:, 0], None, 1.0
    ),
    lambda: viz.membrane(POTENTIAL, current=CURRENT, spikes=SPIKES[:, 0]),
)
both_draw(
    lambda: theirs.dim_reduce.plot_latents(POINTS, jax.nn.one_hot(LABELS, 3)),
    lambda: viz.latents(POINTS, LABELS),
)
both_draw(
    lambda: theirs.classification_analysis.visualize_confusion_heatmap(
        CONFUSION, ["a", "b"], "file.png"
    ),
    lambda: viz.confusion(CONFUSION, names=["a", "b"]),
)
for name in ("visualize", "visualize_labels", "viz_block"):
    both_draw(
        lambda name=name: getattr(theirs.synapse_plot, name)([BANK], [(4, 4)], "file"),
        lambda: viz.receptive_fields(BANK.T, (4, 4)),
    )
both_draw(
    lambda: theirs.synapse_plot.visualize_macro_grid(
        [BANK, BANK], [(4, 4)] * 2, (1, 2), "file"
    ),
    lambda: viz.macro_grid([BANK.T, BANK.T], (4, 4)),
)


def their_video():
    frame = jnp.zeros((8, 8))
    for i in range(2):
        theirs.synapse_plot.visualize_frame(frame, name=f"frame{i}")
    theirs.synapse_plot.make_video(0, 1, ".", "frame")


both_draw(
    lambda: theirs.synapse_plot.visualize_gif([jnp.zeros((8, 8))] * 2),
    lambda: viz.animate_receptive_fields(jnp.stack([BANK.T] * 2), (4, 4)),
)
both_draw(
    their_video,
    lambda: viz.animate_receptive_fields(jnp.stack([BANK.T] * 2), (4, 4)),
)
# The sign of a principal component is arbitrary.
equal(
    lambda x: np.abs(theirs.dim_reduce.extract_pca_latents(x)),
    lambda x: jnp.abs(viz.pca(x)),
    LATENTS,
)
equal(
    lambda x: theirs.dim_reduce.extract_tsne_latents(x, perplexity=5, verbose=0).shape,
    lambda x: viz.tsne(jax.random.key(0), x, perplexity=5).shape,
    LATENTS,
)

differs(
    "`plot_spiking_neuron` with an array of refractory states",
    lambda: drawn(
        lambda: theirs.spike_plot.plot_spiking_neuron(
            CURRENT, POTENTIAL, SPIKES[:, 0], np.ones(30), 1.0
        )
    ),
    lambda: drawn(lambda: viz.membrane(POTENTIAL, refractory=np.ones(30))),
    "drawn",
)


def their_rows():
    _, axes = plt.subplots()
    theirs.raster.create_raster_plot(jnp.ones((2, 6)), axes)
    plt.close("all")
    return len(axes.collections)


differs(
    "`create_raster_plot` of 2 neurons and 6 steps, as (2, 6)",
    their_rows,
    lambda: len(viz.raster(jnp.ones((6, 2))).get_yticks()),
    2,
)
differs(
    "`plot_latents` with labels of shape (K,)",
    lambda: drawn(lambda: theirs.dim_reduce.plot_latents(POINTS, LABELS)),
    lambda: drawn(lambda: viz.latents(POINTS, LABELS)),
    "drawn",
)


def left_open(f):
    """How many figures there are after two plots."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        f(), f()
        figures = plt.get_fignums()
        plt.close("all")
        return len(figures)


differs(
    "figures left open by two plots of latents",
    lambda: left_open(
        lambda: theirs.dim_reduce.plot_latents(POINTS, jax.nn.one_hot(LABELS, 3))
    ),
    lambda: left_open(lambda: viz.latents(POINTS, LABELS)),
    0,
)
ZERO_ROW = np.array([[0, 0], [1, 3]])


def their_confusion():
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        theirs.classification_analysis.visualize_confusion_heatmap(
            ZERO_ROW, ["a", "b"], "file.png", norm_by="recall"
        )
        values = np.asarray(plt.gcf().axes[0].images[0].get_array().filled(np.nan))
        plt.close("all")
        return values[0]


def our_confusion():
    return np.asarray(viz.confusion(ZERO_ROW, normalize="row").images[0].get_array())[0]


differs(
    "confusion matrix with a row of zeros, by rows",
    their_confusion,
    our_confusion,
    [0, 0],
)


def components(x):
    """The oracle: principal components in float64, but for their signs."""
    x = np.asarray(x, float)
    _, _, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return np.abs((x - x.mean(0)) @ axes.T)


differs(
    "`extract_pca_latents` of points in the plane",
    lambda: np.abs(theirs.dim_reduce.extract_pca_latents(POINTS)),
    lambda: jnp.abs(viz.pca(POINTS)),
    components(POINTS),
    # The numbers are of order 1.
    within=16 * float(jnp.finfo("float32").eps),
)
differs(
    "`extract_pca_latents` of one feature",
    lambda: theirs.dim_reduce.extract_pca_latents(LATENTS[:, :1]),
    lambda: jnp.abs(viz.pca(LATENTS[:, :1])),
    np.pad(components(LATENTS[:, :1]), [(0, 0), (0, 1)]),
    # The numbers are of order 9.
    within=16 * 9 * float(jnp.finfo("float32").eps),
)
differs(
    "`extract_tsne_latents` of 20 samples",
    lambda: theirs.dim_reduce.extract_tsne_latents(LATENTS[:20], verbose=0).shape,
    lambda: viz.tsne(jax.random.key(0), LATENTS[:20]).shape,
    (20, 2),
)
