"""Confusion heat maps, scatter plots, and the projections that are drawn in them."""

import functools as ft
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import sklearn.manifold
import threadpoolctl
from hypothesis import given, strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from sklearn.decomposition import PCA

from ngcx import activations, metrics, surrogate, viz
from ngcx.testing import tolerance


pytestmark = pytest.mark.in_turn(3)


def draws(seed, shape, dtype=jnp.float32):
    return jr.normal(jr.key(seed), shape, dtype)


# Confusion


@given(
    counts=st.lists(st.integers(0, 50), min_size=16, max_size=16),
    normalize=st.sampled_from((None, "row", "column")),
)
def test_cells_are_counts_or_fractions(counts, normalize):
    matrix = np.reshape(counts, (4, 4))
    ax: Any = viz.confusion(matrix, normalize=normalize)
    cells = np.asarray(ax.images[0].get_array())
    if normalize is None:
        np.testing.assert_array_equal(cells, matrix)
    else:
        axis = 1 if normalize == "row" else 0
        filled = matrix.sum(axis=axis) > 0
        np.testing.assert_allclose(cells.sum(axis=axis), filled, atol=1e-12)
        assert ax.images[0].get_clim() == (0, 1)
    for text in ax.texts:
        column, row = text.get_position()
        assert float(text.get_text()) == pytest.approx(cells[row, column], abs=0.0051)
    assert len(ax.texts) == 16


def test_rows_are_true_classes():
    report = metrics.classification_report(
        jnp.array([1, 1, 0]), jnp.array([0, 0, 0]), num_classes=2
    )
    ax: Any = viz.confusion(report.confusion, normalize="row", names=["no", "yes"])
    np.testing.assert_allclose(ax.images[0].get_array(), [[1 / 3, 2 / 3], [0, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Predicted class", "True class")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["no", "yes"]


def test_many_classes_have_no_numbers():
    ax: Any = viz.confusion(np.eye(21))
    ax.get_figure().draw_without_rendering()
    assert not ax.texts and len(ax.get_xticklabels()) <= 11


def test_numbers_stand_out_from_their_cells():
    ax: Any = viz.confusion(np.array([[100, 0], [0, 100]]))
    colors = [to_hex(text.get_color()) for text in ax.texts]
    assert colors == [to_hex(name) for name in ("white", "black", "black", "white")]


def test_a_confusion_matrix_is_square_and_its_names_are_complete():
    with pytest.raises(TypeError):
        viz.confusion(np.zeros((2, 3)))
    with pytest.raises(
        ValueError, match="`names` must have one entry for each of the 2 classes"
    ):
        viz.confusion(np.eye(2), names=["a"])


# Latents


def test_labels_of_one_axis_and_one_hot_rows_are_the_same():
    points, classes = draws(0, (40, 2)), np.arange(40) % 4
    pictures = [
        viz.latents(points, labels)
        for labels in (classes, jnp.asarray(classes), jax.nn.one_hot(classes, 4))
    ]
    for ax in pictures:
        legend = ax.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2", "3"]
        (drawn,) = ax.collections
        colors = [handle.get_color() for handle in legend.get_lines()]
        faces: Any = drawn.get_facecolor()
        for place, color in zip(np.asarray(drawn.get_offsets()), faces, strict=True):
            (sample,) = np.flatnonzero((np.asarray(points) == place).all(axis=1))
            assert to_hex(color) == to_hex(colors[classes[sample]])


def test_a_column_of_labels_is_read_as_labels():
    points = draws(0, (40, 2))
    for values in (np.arange(40) % 2, np.linspace(0, 1, 40), np.arange(40) > 20):
        one, column = (viz.latents(points, each) for each in (values, values[:, None]))
        for name in ("get_facecolor", "get_array", "get_offsets"):
            np.testing.assert_array_equal(
                getattr(column.collections[0], name)(),
                getattr(one.collections[0], name)(),
            )


@pytest.mark.parametrize("classes", [20, 42])
def test_many_classes_look_different(classes):
    names = [f"name {i}" for i in range(classes)]
    ax: Any = viz.latents(draws(0, (classes, 2)), np.arange(classes), names=names)
    (drawn,) = ax.collections
    looks = {
        (to_hex(color), path.vertices.tobytes())
        for color, path in zip(drawn.get_facecolor(), drawn.get_paths(), strict=True)
    }
    assert len(looks) == classes
    legend = {
        (each.get_color(), each.get_marker()) for each in ax.get_legend().get_lines()
    }
    assert len(legend) == classes


def test_no_class_covers_another():
    points = np.random.default_rng(0).normal(size=(20_000, 2))
    ax: Any = viz.latents(points, np.repeat([0, 1], 10_000))
    image = pixels(ax.figure)
    blue, orange = (
        (image[..., 2] > image[..., 0] + 50),
        image[..., 0] > image[..., 2] + 50,
    )
    # A circle has half as much ink again as a triangle.
    assert 0.5 < blue.sum() / orange.sum() < 2


def pixels(figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize("labels", [np.linspace(0, 1, 30), np.arange(30)])
def test_numbers_and_many_classes_have_a_color_bar(labels):
    ax: Any = viz.latents(draws(0, (30, 2)), labels)
    assert ax.get_legend() is None
    (points,) = ax.collections
    np.testing.assert_array_equal(np.sort(points.get_array()), labels)
    assert ax.get_figure().axes[1].get_ylabel() == (
        "Class" if labels.dtype == int else "Label"
    )


@pytest.mark.parametrize("kind", ["none", "classes", "numbers"])
def test_many_points_are_a_picture_of_their_density(kind):
    rng, size = np.random.default_rng(0), 30_000
    points = rng.uniform(size=(size, 2)).astype(np.float32)
    points[: size // 2] *= 0.1
    classes = (points[:, 0] > 0.5).astype(int)
    labels = {"none": None, "classes": classes, "numbers": points[:, 0]}[kind]
    ax: Any = viz.latents(points, labels)
    image = np.asarray(ax.images[0].get_array(), float)
    assert len(ax.collections[0].get_offsets()) == 0
    np.testing.assert_allclose(ax.images[0].get_extent(), [0, 1, 0, 1], atol=1e-3)
    depth = image[..., 3]
    assert depth[:20, :20].mean() > 2 * depth[20:, 20:].mean() > 0
    if kind == "classes":
        left, right = image[30:, 30:90, :3], image[30:, 110:, :3]
        first, second = left[left.sum(-1) > 0], right[right.sum(-1) > 0]
        assert np.ptp(first, 0).max() < 1e-6 and np.ptp(second, 0).max() < 1e-6
        assert np.abs(first[0] - second[0]).max() > 0.1


def test_names_of_classes():
    points, labels = draws(0, (3, 2)), np.array([0, 2, 2])
    legend = viz.latents(points, labels, names=["a", "b", "c"]).get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "c"]
    with pytest.raises(ValueError, match="`names` must name the classes 0 to 2; got 2"):
        viz.latents(points, labels, names=["a", "b"])


def test_points_lie_in_the_plane_and_have_a_label_each():
    with pytest.raises(TypeError):
        viz.latents(np.zeros((5, 3)))
    with pytest.raises(TypeError):
        viz.latents(np.zeros((5, 2)), np.zeros(4, int))


# Projections


def planted(dtype, samples=12, features=5):
    """Samples whose principal components are known, and these."""
    rng = np.random.default_rng(0)
    ones = np.ones((samples, 1))
    scores = np.linalg.qr(np.hstack([ones, rng.normal(size=(samples, 3))]))[0][:, 1:]
    scores = scores * [5.0, 3.0, 1.0]
    directions = np.linalg.qr(rng.normal(size=(features, 3)))[0].T
    peaks = np.argmax(np.abs(directions), axis=1)
    signs = np.sign(directions[np.arange(3), peaks])
    x = scores @ directions + rng.normal(size=features)
    return jnp.asarray(x, dtype), scores * signs


def test_pca_finds_the_components(dtype):
    x, scores = planted(dtype)
    # Rounding moves each entry by this, and a component by no more than a few of them.
    error = 8 * tolerance(dtype)["rtol"] * float(jnp.max(jnp.abs(x)))
    mapped = jax.jit(jax.vmap(viz.pca))(jnp.stack([x, x[::-1]]))
    for got in (viz.pca(x), mapped[0], mapped[1][::-1]):
        assert got.dtype == dtype
        np.testing.assert_allclose(
            np.asarray(got, np.float64), scores[:, :2], rtol=0, atol=error
        )


@given(seed=st.integers(0, 1000))
def test_pca_has_the_variances_of_scikit_learn(seed):
    x = draws(seed, (12, 5))
    expected = PCA(2).fit(np.asarray(x, np.float64)).explained_variance_
    np.testing.assert_allclose(np.var(viz.pca(x), axis=0, ddof=1), expected, rtol=1e-5)


def test_pca_of_points_in_the_plane_rotates_them():
    x = jnp.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    root = np.sqrt(2)
    np.testing.assert_allclose(viz.pca(x), [[-root, 0], [0, 0], [root, 0]], atol=1e-6)


def test_pca_fills_up_with_zeros():
    np.testing.assert_allclose(viz.pca(jnp.array([[1.0], [3.0]])), [[-1, 0], [1, 0]])
    assert viz.pca(jnp.ones((1, 3)), 4).shape == (1, 4)
    assert not viz.pca(jnp.ones((5, 3))).any()


def test_pca_of_the_largest_numbers_is_finite(dtype):
    largest = float(jnp.finfo(dtype).max) / 4
    shares = np.random.default_rng(0).choice([1, -1, 0.5], size=(12, 5))
    x = jnp.asarray(shares * largest, dtype)
    assert jnp.all(jnp.isfinite(viz.pca(x)))


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, -1e6])
def test_pca_of_samples_far_from_0(offset):
    x = np.random.default_rng(0).normal(size=(200, 6)) * [3, 2, 1, 0.5, 0.3, 0.1]
    x = np.asarray(jnp.asarray(x + offset, jnp.float32), float)
    scores = x - x.mean(axis=0)
    directions = np.linalg.svd(scores, full_matrices=False)[2][:2]
    got = np.asarray(viz.pca(jnp.asarray(x, jnp.float32)), float)
    for column, direction in enumerate(directions):
        sign = np.sign(direction[np.argmax(np.abs(direction))])
        right = sign * scores @ direction
        error = 3e-6 * np.max(np.abs(right))
        np.testing.assert_allclose(got[:, column], right, rtol=0, atol=error)


def test_pca_needs_a_dimension():
    with pytest.raises(ValueError, match="`dimensions` must be 1 or more; got 0"):
        viz.pca(jnp.ones((4, 3)), 0)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads would wait for each other longer than they work."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture
def few_steps(monkeypatch):
    """t-SNE stops after the least number of steps that scikit-learn takes."""
    short = ft.partial(sklearn.manifold.TSNE, max_iter=250)
    monkeypatch.setattr("sklearn.manifold.TSNE", short)


def test_tsne_of_few_samples_finds_the_clusters_and_prints_nothing(capfd):
    labels = np.arange(20) % 2
    x = draws(0, (20, 50)) + 10 * jnp.asarray(labels, jnp.float32)[:, None]
    embedding = viz.tsne(jr.key(1), x)
    assert embedding.shape == (20, 2) and embedding.dtype == x.dtype
    assert capfd.readouterr() == ("", "")
    distances = np.linalg.norm(embedding[:, None] - embedding[None], axis=-1)
    same = labels[:, None] == labels
    assert distances[same].max() < distances[~same].min()
    np.testing.assert_array_equal(viz.tsne(jr.key(1), x), embedding)


@pytest.mark.parametrize("shape", [(2, 3), (5, 1), (3, 40)])
def test_tsne_of_little_data(shape, few_steps):
    embedding = viz.tsne(jr.key(0), draws(0, shape))
    assert embedding.shape == (shape[0], 2) and jnp.all(jnp.isfinite(embedding))


def test_tsne_says_what_is_wrong():
    with pytest.raises(ValueError, match="`x` must have two samples or more; got 1"):
        viz.tsne(jr.key(0), jnp.ones((1, 3)))
    with pytest.raises(ValueError, match="`perplexity` must be positive; got 0"):
        viz.tsne(jr.key(0), jnp.ones((9, 3)), perplexity=0)


# Galleries


def test_galleries_draw_values_and_derivatives():
    x = jnp.linspace(-1, 1, 11)
    tanh, softmax = activations.Tanh(), activations.Softmax()
    figure: Any = viz.activation_gallery({"tanh": tanh, "softmax": softmax}, x=x)
    (_, value, slope), (_, first, _) = (ax.lines for ax in figure.axes)
    np.testing.assert_array_equal(value.get_ydata(), tanh(x))
    np.testing.assert_array_equal(slope.get_ydata(), tanh.derivative(x))
    np.testing.assert_allclose(first.get_ydata(), jax.nn.sigmoid(x), rtol=1e-5)
    arctan = surrogate.Arctan()
    (ax,) = viz.surrogate_gallery({"arctan": arctan}, x=x).axes
    spike, primitive, slope = (line.get_ydata() for line in ax.lines)
    np.testing.assert_array_equal(spike, arctan(x))
    np.testing.assert_array_equal(primitive, arctan.primitive(x))
    np.testing.assert_array_equal(slope, arctan.derivative(x))


@pytest.mark.parametrize("gallery", [viz.activation_gallery, viz.surrogate_gallery])
def test_a_gallery_is_of_something(gallery):
    with pytest.raises(ValueError, match="must have one entry or more; got 0"):
        gallery({})


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_samples_that_coincide_or_are_of_any_size(scale, few_steps):
    x = 1 + jnp.zeros((8, 3)) if scale == 0 else scale * jr.normal(jr.key(0), (8, 3))
    embedding = viz.tsne(jr.key(0), x)
    assert np.all(np.isfinite(embedding)) and np.any(embedding != 0)


@pytest.mark.parametrize("scale", ["equal", "largest", "tiny"])
def test_projections_of_samples_of_any_size(scale, dtype):
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (5, 3))
    info = jnp.finfo(dtype)
    size = {"equal": 0.3, "largest": float(info.max), "tiny": float(info.tiny)}[scale]
    x = jnp.asarray(np.ones((5, 3)) if scale == "equal" else signs, dtype)
    x = x * jnp.asarray(size, dtype)
    # A projection may be beyond all numbers, but none is NaN.
    assert not jnp.any(jnp.isnan(viz.pca(x)))
    assert jnp.all(jnp.isfinite(viz.tsne(jax.random.key(0), x, pca_dimensions=2)))
