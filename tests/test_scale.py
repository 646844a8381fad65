"""Operations and memory keep to their order, and the page of scaling shows what was
measured.
"""

import math
import re

import equinox as eqx
import jax
import pytest

from benchmarks.scale import _meshes, _page
from benchmarks.scale._cases import CASES, spiking
from benchmarks.scale._work import slope


# A logarithm, from the smallest to the next size, adds as much to a slope.
LOGARITHM = 0.15
OURS = [
    (title, name)
    for title, measured in _page.tables().items()
    for name in _page.slopes(measured)
    if "ngcx" in name
]


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("title", CASES)
def test_operations_and_memory_keep_to_their_order(title):
    case = CASES[title]
    sizes = case.sizes[:2]
    small, large = map(case.works, sizes)
    ours = [name for name in large if "ngcx" in name]
    assert ours
    for name in ours:
        one, other = small[name], large[name]
        assert slope(sizes, [one.peak(), other.peak()]) <= case.memory + LOGARITHM
        if one.operations and other.operations:
            counted = [one.operations, other.operations]
            assert slope(sizes, counted) <= case.order + LOGARITHM


@pytest.mark.parametrize(("title", "name"), OURS)
def test_what_was_measured_keeps_to_its_order(title, name):
    found, case = _page.slopes(_page.tables()[title])[name], CASES[title]
    assert found["Memory"] <= case.memory + LOGARITHM
    assert found.get("Operations", 0) <= case.order + LOGARITHM


def test_a_slope_is_a_power_of_the_large_sizes():
    sizes = [1, 10, 100, 1000]
    assert slope(sizes, [1e9, *(size**1.5 for size in sizes[1:])]) == pytest.approx(1.5)


def test_the_page_is_that_of_the_results():
    assert list(_page.tables()) == list(CASES)
    assert _page.PAGE.read_text() == _page.page()


@pytest.mark.thorough
def test_pictures_are_those_of_the_page(tmp_path):
    _page.draw(tmp_path, layout=None)
    shown = re.findall(r"\(images/(\S+\.png)\)", _page.PAGE.read_text())
    assert sorted(shown) == sorted(path.name for path in tmp_path.iterdir())


def test_exchanges_are_read_from_a_program():
    text = """HloModule jit_step

%rare.1 (p: f32[4]) -> f32[32] {
  ROOT %all-gather.2 = f32[32]{0} all-gather(%p), dimensions={0}
}

%never.1 (p: f32[4]) -> f32[32] {
  ROOT %broadcast.1 = f32[32]{0} broadcast(%p), dimensions={0}
}

ENTRY %main (p: f32[4]) -> f32[32] {
  %all-reduce.5 = (f32[], bf16[2,3]{1,0}) all-reduce(%a, %b), to_apply=%sum
  %all-to-all.1 = s32[10]{0} all-to-all-start(%c), dimensions={0}
  ROOT %choice = f32[32]{0} conditional(%d, %e), branch_computations={%rare.1, %never.1}
}
"""
    always, seldom = _meshes.exchanges(text)
    assert always == {"all-reduce": 4 + 12, "all-to-all": 40}
    assert seldom == {"all-gather": 128}


@pytest.mark.thorough
def test_a_stack_exchanges_its_gradient_once():
    found = _meshes.shards()["Stack: a training step of 50 time steps"]
    weights = jax.tree.leaves(eqx.filter(spiking(64, 128), eqx.is_array))
    numbers = sum(math.prod(leaf.shape) for leaf in weights) + 1  # the loss
    assert found.sent == {"all-reduce": 4 * numbers}
    assert not found.seldom
