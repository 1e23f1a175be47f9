"""Peak memory and energy of what runs here."""

import asyncio
import sys

import pytest

from shipworthy import metrics
from shipworthy.models import _meter
from shipworthy.models._hf import HuggingFaceBackend
from shipworthy.models._hf_engine import Completion, Engine, Settings
from shipworthy.models._meter import Meter, visible
from shipworthy.records import Example, Message, Prompt, Response

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not _meter._set_back(), reason="the kernel does not set a peak back"
)


@linux
def test_the_peak_of_a_batch_holds_what_was_given_back_before_its_end():
    before = Meter.start().stop(1)["memory_peak_bytes"]
    meter = Meter.start()
    passing = bytearray(b"x") * (64 * 2**20)
    del passing

    assert 60 * 2**20 < meter.stop(1)["memory_peak_bytes"] - before


@linux
def test_the_peak_of_an_earlier_batch_does_not_stand_in_a_later_one():
    meter = Meter.start()
    passing = bytearray(b"x") * (64 * 2**20)
    del passing
    earlier = meter.stop(1)["memory_peak_bytes"]

    assert 40 * 2**20 < earlier - Meter.start().stop(1)["memory_peak_bytes"]


def test_the_answers_of_a_batch_share_its_energy_alike():
    counter = iter([1_000, 7_000])
    meter = Meter.start(lambda: next(counter))

    assert 1.5 == meter.stop(4)["energy_j"]


def test_where_nobody_counts_no_energy_is_told():
    assert "energy_j" not in Meter.start(lambda: None).stop(1)


def test_a_counter_that_went_backwards_tells_nothing():
    counter = iter([7_000, 1_000])
    meter = Meter.start(lambda: next(counter))

    assert "energy_j" not in meter.stop(1)


def test_only_the_gpus_that_the_process_may_use_are_counted():
    assert [0, 1] == visible(None, 2)
    assert [1, "GPU-ab"] == visible(" 1, GPU-ab,MIG-x", 2)
    assert [] == visible("", 2)


def _answered() -> Response:
    """One answer of a local backend whose network is a function."""
    engine = Engine(
        render=lambda messages: messages[-1].content,
        count=len,
        generate=lambda texts, _: [Completion(text=text, input_tokens=1, output_tokens=1) for text in texts],
        context=100,
    )
    backend = HuggingFaceBackend(engine, {"name": "local"}, Settings())
    prompt = Prompt(example_id="e", dataset="d", messages=(Message(role="user", content="hello"),))

    async def first() -> Response:
        return await anext(backend.answer([prompt], seed=0))

    return asyncio.run(first())


@linux
def test_memory_peak_reads_what_a_local_backend_reports():
    example = Example(id="e", dataset="d", messages=())
    mib, weight = metrics.build("m", "memory_peak", {}).observe(example, _answered())

    assert 1.0 == weight
    assert 5 < mib < 100_000
