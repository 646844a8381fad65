"""What is saved comes back; what is not what was saved is an error."""

import os
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import jax.tree_util as jtu
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ngcx.io import deserialize, inspect, make_directory, serialize


DTYPES = ["bool", "int8", "uint8", "int32", "uint32", "float16", "float32", "complex64"]
NARROW = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"]
SHAPES = st.sampled_from([(), (0,), (3,), (2, 0, 3), (2, 3)])
NUMBERS = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.none()
)


@st.composite
def leaves(draw):
    kind = draw(st.sampled_from(["number", "jax", "numpy", "half", "key"]))
    if kind == "number":
        return draw(NUMBERS)
    shape, seed = draw(SHAPES), draw(st.integers(0, 99))
    values = np.random.default_rng(seed).integers(0, 100, shape)
    if kind == "key":
        return jr.split(jr.key(seed), shape) if shape else jr.key(seed)
    if kind == "half":
        narrow = getattr(ml_dtypes, draw(st.sampled_from(NARROW)))
        array = np.asarray(values % 8, narrow)
        return array if draw(st.booleans()) else jnp.asarray(array)
    array = np.asarray(values, draw(st.sampled_from(DTYPES)))
    return array if kind == "numpy" else jnp.asarray(array)


TREES = st.recursive(
    leaves(),
    lambda trees: (
        st.lists(trees, max_size=3)
        | st.dictionaries(st.text(max_size=3), trees, max_size=3)
        | st.tuples(trees, trees)
    ),
    max_leaves=6,
)


def emptied(leaf):
    """Returns another value of the same kind."""
    if isinstance(leaf, np.ndarray):
        return np.zeros_like(leaf)
    if isinstance(leaf, jax.Array):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        return jnp.zeros_like(leaf)
    return type(leaf)()


def assert_same(got, expected):
    assert jtu.tree_structure(got) == jtu.tree_structure(expected)
    for one, other in zip(*map(jtu.tree_leaves, (got, expected)), strict=True):
        if isinstance(other, jax.Array | np.ndarray | np.generic):
            assert one.dtype == other.dtype and one.shape == other.shape
            assert isinstance(one, jax.Array) == isinstance(other, jax.Array)
            if jnp.issubdtype(other.dtype, jax.dtypes.prng_key):
                one, other = jr.key_data(one), jr.key_data(other)  # pyright: ignore[reportArgumentType]
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes()
        elif not callable(other):
            assert type(one) is type(other) and repr(one) == repr(other)


@given(tree=TREES)
@settings(deadline=None)
def test_what_is_saved_comes_back(path, tree):
    serialize(path, tree)
    assert_same(deserialize(path, jtu.tree_map(emptied, tree)), tree)
    assert os.listdir(path.parent) == ["file"]


def test_a_trained_module_gives_the_same_outputs(path):
    model = eqx.nn.MLP(3, 2, 8, 2, key=jr.key(0), activation=jax.nn.gelu)
    fresh = eqx.nn.MLP(3, 2, 8, 2, key=jr.key(1), activation=jax.nn.gelu)
    serialize(str(path), model)
    x = jnp.arange(3.0)
    loaded = deserialize(path, fresh)
    np.testing.assert_array_equal(loaded(x), model(x))
    shapes = eqx.filter_eval_shape(
        lambda key: eqx.nn.MLP(3, 2, 8, 2, key=key, activation=jax.nn.gelu), jr.key(0)
    )
    np.testing.assert_array_equal(deserialize(path, shapes)(x), model(x))


def test_numpy_scalars_long_integers_and_other_keys(path):
    tree = (np.float32(1.5), np.int64(7), 10**30, jr.key(3, impl="rbg"), -0.0)
    serialize(path, tree)
    like = (np.float32(0), np.int64(0), 0, jr.key(0, impl="rbg"), 1.0)
    got = deserialize(path, like)
    assert_same(got, tree)
    assert type(got[0]) is np.float32
    with pytest.raises(ValueError, match=r"`like\[3\]` must have the dtype of"):
        deserialize(path, (*like[:3], jr.key(0), 1.0))
    shape = jax.eval_shape(lambda: jr.key(0, impl="rbg"))
    assert_same(deserialize(path, (*like[:3], shape, 1.0)), tree)


def test_sharded_arrays_are_gathered_and_put_back(path):
    mesh = Mesh(np.asarray(jax.devices()), ("data",))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    array = jax.device_put(jnp.arange(16.0), sharding)
    serialize(path, array)
    np.testing.assert_array_equal(deserialize(path, np.zeros(16, "f4")), array)
    loaded = deserialize(path, jax.device_put(jnp.zeros(16), sharding))
    assert loaded.sharding == sharding
    np.testing.assert_array_equal(loaded, array)
    struct = jax.ShapeDtypeStruct((16,), jnp.float32, sharding=sharding)
    assert deserialize(path, struct).sharding == sharding


def test_64_bits_are_not_lost_without_x64(tmp_path):
    path = tmp_path / "file"
    array = np.arange(3) / 7
    serialize(path, [array])
    np.testing.assert_array_equal(deserialize(path, [np.zeros(3)])[0], array)
    struct = jax.ShapeDtypeStruct((3,), np.float64)
    with pytest.raises(ValueError, match=r"`like\[0\]`.*float64.*enable_x64"):
        deserialize(path, [struct])
    with jax.enable_x64(True):
        wide = deserialize(path, [struct])[0]
    np.testing.assert_array_equal(wide, array)
    with pytest.raises(ValueError, match="enable_x64"):
        deserialize(path, [wide])


SAVED = {"a": jnp.ones(3), "b": [1, 2.0, jax.nn.relu]}


@pytest.mark.parametrize(
    ("like", "match"),
    [
        (
            {"a": jnp.ones(4), "b": [1, 2.0, jax.nn.relu]},
            r"`like\['a'\]` must have the shape of the file, \[3\]; got \[4\]",
        ),
        (
            {"a": jnp.ones(3, int), "b": [1, 2.0, jax.nn.relu]},
            "the dtype of the file, float32; got int32",
        ),
        (
            {"a": jnp.ones(3), "b": [1.0, 2.0, jax.nn.relu]},
            r"`like\['b'\]\[0\]` must be what the file has, int; got float",
        ),
        (
            {"a": jnp.ones(3), "b": [1, 2.0, 3]},
            "must be what the file has, jax.nn.relu; got int",
        ),
        (
            {"a": jnp.ones(3), "c": [1, 2.0, jax.nn.relu]},
            r"got `like\['c'\]` where the file has `\['b'\]`",
        ),
        ({"a": jnp.ones(3), "b": [1, 2.0]}, "number of children of the file, 3; got 2"),
        ({"a": jnp.ones(3), "b": (1, 2.0, jax.nn.relu)}, "has, list; got tuple"),
        (
            {"a": jnp.ones(3), "b": None},
            "must be what the file has, list; got NoneType",
        ),
        ([], "`like` must be what the file has, dict; got list"),
    ],
)
def test_another_structure_is_an_error(path, like, match):
    serialize(path, SAVED)
    with pytest.raises(ValueError, match=match):
        deserialize(path, like)


def test_what_cannot_be_saved_leaves_the_old_file(path):
    serialize(path, SAVED)
    for wrong, match in (
        ({"x": [1, np.array([object()])]}, r"`tree\['x'\]\[1\]` must be an array of"),
        (np.array([object()]), "`tree` must be an array of numbers or text"),
    ):
        with pytest.raises(TypeError, match=match):
            serialize(path, wrong)
    assert_same(deserialize(path, SAVED), SAVED)
    with pytest.raises(FileNotFoundError):
        serialize(path.parent / "nowhere" / "file", 1)
    with pytest.raises(FileNotFoundError):
        deserialize(path.parent / "nothing", 1)


def test_other_files_and_versions_are_errors(path, monkeypatch):
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="must be a file of ngcx.io.serialize"):
        deserialize(path, 1)
    monkeypatch.setattr("ngcx.io._file._VERSION", 3)
    serialize(path, 1)
    monkeypatch.undo()
    for read in (inspect, lambda path: deserialize(path, 1)):
        with pytest.raises(ValueError, match="of version 1 or 2; got version 3"):
            read(path)


def test_a_cut_off_file_is_an_error_at_any_length(path):
    serialize(path, SAVED)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="`path`"):
            deserialize(path, SAVED)


def test_links_stay_links(tmp_path):
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    serialize(tmp_path / "link", 3)
    assert (tmp_path / "link").is_symlink()
    assert deserialize(tmp_path / "target", 0) == 3


@pytest.mark.skipif(os.name != "posix", reason="needs modes of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
def test_the_mode_of_the_replaced_file_stays(tmp_path, mode):
    path = tmp_path / "file"
    serialize(path, 1)
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    path.chmod(mode)
    serialize(path, 2)
    assert path.stat().st_mode & 0o777 == mode
    (tmp_path / "link").symlink_to(path)
    serialize(tmp_path / "link", 3)
    assert path.stat().st_mode & 0o777 == mode


def test_make_directory(tmp_path, monkeypatch):
    for _ in range(2):
        assert make_directory(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    monkeypatch.chdir(tmp_path / "a")
    assert make_directory("p/../s") == pathlib.Path("p/../s")
    assert (tmp_path / "a" / "s").is_dir()
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            FileExistsError, match="`path` must not lead through a file"
        ):
            make_directory(wrong)
    with pytest.raises(TypeError, match="`path` of `"):
        make_directory(3)  # pyright: ignore[reportArgumentType]


def test_shapes_without_data_are_refused_and_replace_nothing(tmp_path):
    path, model = tmp_path / "a", {"weight": jnp.ones(3)}
    serialize(path, model)
    with pytest.raises(TypeError, match=r"`tree\['weight'\]` must be an array"):
        serialize(path, eqx.filter_eval_shape(lambda: model))
    np.testing.assert_array_equal(deserialize(path, model)["weight"], 1)


def test_arrays_come_back_to_their_device(tmp_path):
    path, device = tmp_path / "a", jax.devices()[3]
    array = jax.device_put(jnp.ones(3), device)
    serialize(path, array)
    shape = jax.ShapeDtypeStruct(
        (3,), jnp.float32, sharding=jax.sharding.SingleDeviceSharding(device)
    )
    for like in (array, shape):
        assert deserialize(path, like).devices() == {device}
    anywhere = deserialize(path, jnp.zeros(3))
    assert not anywhere.committed
