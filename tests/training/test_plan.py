import pytest

from shipworthy.errors import BadInput
from shipworthy.training import Recipe, Shape, plan
from shipworthy.training.plan import Machine, shape_from_config, trainable_parameters

DEMO = Shape(
    vocabulary=768, hidden=128, feed_forward=384, layers=4, heads=4, key_value_heads=4, head_size=32, tied=True
)


def _recipe(**changes: object) -> Recipe:
    values = {"base": "b", "method": "lora", "data": ("d",), "output": "o", "rank": 8, "epochs": 2.0, "batch_size": 4}
    return Recipe(**(values | changes))  # type: ignore[arg-type]


def test_the_parameters_of_the_demo_model_are_counted_by_hand() -> None:
    layer = 4 * 128 * 128 + 3 * 128 * 384 + 2 * 128

    assert 768 * 128 + 4 * layer + 128 == DEMO.parameters


def test_an_adapter_trains_rank_times_inputs_and_outputs() -> None:
    assert 4 * 8 * (4 * 256 + 3 * 512) == trainable_parameters(_recipe(), DEMO)
    assert DEMO.parameters == trainable_parameters(_recipe(method="full"), DEMO)


def test_steps_cover_every_row_in_every_epoch() -> None:
    assert 6 == plan(_recipe(), DEMO, [10] * 9).steps


def test_rows_are_counted_no_longer_than_they_will_be_cut() -> None:
    assert 2 * (10 + 512) == plan(_recipe(), DEMO, [10, 9_000]).tokens


def test_a_faster_and_dearer_machine_takes_less_time_and_costs_by_the_hour() -> None:
    slow = plan(_recipe(), DEMO, [100] * 50, Machine(flops_per_s=1e9, usd_per_hour=3.6))
    fast = plan(_recipe(), DEMO, [100] * 50, Machine(flops_per_s=1e12))

    assert pytest.approx(1000 * fast.seconds) == slow.seconds
    assert pytest.approx(slow.seconds / 1000) == slow.cost_usd


def test_memory_falls_from_full_to_galore_to_lora_to_qlora_on_a_large_model() -> None:
    large = Shape(
        vocabulary=32_000,
        hidden=4096,
        feed_forward=11_008,
        layers=32,
        heads=32,
        key_value_heads=32,
        head_size=128,
        tied=False,
    )
    sizes = [plan(_recipe(method=m), large, [64]).memory_bytes for m in ("full", "galore", "lora", "qlora")]

    assert sizes == sorted(sizes, reverse=True)
    assert 6.7e9 < large.parameters < 6.8e9


def test_a_config_without_dimensions_is_refused() -> None:
    with pytest.raises(BadInput, match=r"config\.json: names no 'num_attention_heads'"):
        shape_from_config({"model_type": "mystery"}, "config.json")
