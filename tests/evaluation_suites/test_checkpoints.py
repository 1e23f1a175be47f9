"""Checkpoints of a training run: which are complete, what a trainer hears, and the whole way over HTTP."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest

from shipworthy.cli.main import main
from shipworthy.demo import story
from shipworthy.errors import BadInput
from shipworthy.evaluation import Surroundings
from shipworthy.evaluation.checkpoint_files import checkpoints, complete, kind_of
from shipworthy.evaluation.checkpoint_server import application, serving
from shipworthy.evaluation.checkpoints import (
    JUDGED,
    STOP,
    Examiner,
    Failed,
    Heard,
    Notice,
    history,
    watch,
    with_rule,
    with_weights,
)
from shipworthy.evaluation.prepare import read_protocol
from shipworthy.protocol.types import CheckpointRule
from shipworthy.store import RunFolder
from shipworthy.store.cache import Cache
from shipworthy.store.ledger import Ledger

PROTOCOL = """
shipworthy: 1
name: checkpoints
datasets:
  golden: {path: golden.jsonl, role: golden}
  slow: {path: golden.jsonl, role: test}
models:
  new: {role: candidate, backend: huggingface, path: base, options: {max_new_tokens: 8}}
  base: {role: pretrained, backend: huggingface, path: base, options: {max_new_tokens: 8}}
metrics:
  sums: {dataset: golden, metric: exact_match}
  slow_sums: {dataset: slow, metric: exact_match}
gates:
  - {metric: sums, at_least: 0.9}
  - {metric: slow_sums, at_least: 0.9}
"""
NOW = datetime.now(UTC) + timedelta(minutes=5)


def checkpoint(folder: Path, name: str, *, spoilt: bool = False) -> Path:
    """A copy of the project's model; spoilt: its embeddings are noise, so that it can answer nothing."""
    made = folder / "out" / name
    shutil.copytree(story.MODEL, made)
    if spoilt:
        import torch
        from safetensors.torch import load_file, save_file

        torch.manual_seed(0)
        weights = load_file(made / "model.safetensors")
        key = "model.embed_tokens.weight"
        save_file(
            {**weights, key: torch.randn_like(weights[key].float())}, made / "model.safetensors", {"format": "pt"}
        )
    (made / "trainer_state.json").write_text("{}")
    return made


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    shutil.copytree(story.MODEL, tmp_path / "base")
    rows = [{"id": at, "input": f"What is {at} plus 3?", "reference": str(at + 3)} for at in range(11, 21)]
    (tmp_path / "golden.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "p.yaml").write_text(PROTOCOL)
    within = Surroundings(ledger=Ledger(tmp_path / "home"), now=lambda: NOW)
    return Examiner(protocol=tmp_path / "p.yaml", out=tmp_path / "out" / "shipworthy", within=within)


# --- Which are complete ----------------------------------------------------------------------------------------------


def test_a_checkpoint_is_complete_with_its_marker_or_when_it_has_settled(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-1")
    (made / "config.json").touch()
    now_s = (made / "config.json").stat().st_mtime

    assert complete(made, now_s=now_s)
    (made / "trainer_state.json").unlink()
    assert not complete(made, now_s=now_s, settle_s=10)
    assert complete(made, now_s=now_s + 11, settle_s=10)


def test_weights_that_lack_their_last_bytes_are_not_complete(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-1")
    whole = (made / "model.safetensors").read_bytes()
    for length in (0, 5, 200, len(whole) - 1):
        (made / "model.safetensors").write_bytes(whole[:length])

        assert not complete(made, now_s=2e9)


def test_a_shard_that_the_index_names_and_nobody_wrote_yet_is_waited_for(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-1")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (made / "model.safetensors.index.json").write_text(json.dumps(index))

    assert not complete(made, now_s=2e9)
    shutil.copy(made / "model.safetensors", made / "model-2.safetensors")
    assert complete(made, now_s=2e9)


def test_checkpoints_are_found_by_step_and_other_folders_are_not(tmp_path: Path) -> None:
    for name in ("checkpoint-100", "checkpoint-20"):
        checkpoint(tmp_path, name)
    (tmp_path / "out" / "runs").mkdir()

    assert ["checkpoint-20", "checkpoint-100"] == [path.name for path in checkpoints(tmp_path / "out")]


def test_a_checkpoint_without_a_tokenizer_says_how_to_save_one(tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-1")
    (made / "tokenizer.json").unlink()

    with pytest.raises(BadInput, match="processing_class"):
        kind_of(made)


# --- What is judged --------------------------------------------------------------------------------------------------


def test_whole_weights_replace_the_candidate_and_an_adapter_goes_over_its_base(
    examiner: Examiner, tmp_path: Path
) -> None:
    promised = read_protocol(examiner.protocol)
    shutil.copytree(story.PRODUCTION_ADAPTER, tmp_path / "out" / "checkpoint-3")
    whole = with_weights(promised, checkpoint(tmp_path, "checkpoint-2")).models["new"]
    adapted = with_weights(promised, tmp_path / "out" / "checkpoint-3").models["new"]

    assert (str(tmp_path / "out/checkpoint-2"), None) == (whole.path, whole.adapter)
    assert ("base", str(tmp_path / "out/checkpoint-3")) == (adapted.path, adapted.adapter)
    assert promised.models["base"] == with_weights(promised, tmp_path / "out/checkpoint-3").models["base"]


@pytest.mark.train
def test_a_good_checkpoint_goes_on_and_a_spoilt_one_stops(examiner: Examiner, tmp_path: Path) -> None:
    checkpoint(tmp_path, "checkpoint-2")
    checkpoint(tmp_path, "checkpoint-4", spoilt=True)
    told: list[tuple[str, Heard]] = []
    last = watch(
        examiner, tmp_path / "out", tell=lambda path, heard: told.append((path.name, heard)), wait=lambda: False
    )

    assert [("checkpoint-2", "promote", False), ("checkpoint-4", "block", True)] == [
        (name, heard.verdict, heard.stop) for name, heard in told
    ]
    assert {"sums": 1.0} == told[0][1].metrics, "on a checkpoint, golden and safety sets run, and nothing else"
    assert last == msgspec.json.decode((tmp_path / "out" / STOP).read_bytes(), type=Heard)
    assert [2, 4] == [kept.heard.step for kept in history(examiner.out)]
    assert examiner.within.ledger is not None
    assert ["promote", "block"] == [one.payload["verdict"] for one in examiner.within.ledger.entries(kind=JUDGED)]
    with RunFolder.open(examiner.out / "step-4") as folder:
        assert "tune" == folder.manifest.settings["purpose"]


def _without_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    kept = {name: one for name, one in weights.items() if ".layers.2." not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def _with_half_a_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _without_a_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.train
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (_without_a_layer, "9 tensors without weights here"),
        (_with_half_a_config, "cannot be read as JSON"),
        (_without_a_tokenizer, "holds no tokenizer"),
    ],
)
def test_a_broken_checkpoint_is_named_and_the_next_one_judged(
    examiner: Examiner, tmp_path: Path, broken: Callable[[Path], None], said: str
) -> None:
    broken(checkpoint(tmp_path, "checkpoint-2"))
    checkpoint(tmp_path, "checkpoint-4")
    told: list[tuple[str, Heard | Failed]] = []
    looks = iter((True, True, False))

    def wait() -> bool:
        if len(told) == 2 and not (tmp_path / "out" / "checkpoint-6").exists():
            broken(checkpoint(tmp_path, "checkpoint-6"))
        return next(looks)

    last = watch(examiner, tmp_path / "out", tell=lambda path, heard: told.append((path.name, heard)), wait=wait)

    assert ["checkpoint-2", "checkpoint-4", "checkpoint-6"] == [name for name, _ in told], "each is told once"
    assert isinstance(told[0][1], Failed) and said in told[0][1].error and not told[0][1].stop
    assert isinstance(told[1][1], Heard) and "promote" == told[1][1].verdict
    assert last == told[2][1] and isinstance(last, Failed)
    assert [4] == [kept.heard.step for kept in history(examiner.out)]


@pytest.mark.train
def test_a_broken_checkpoint_is_judged_when_it_is_written_again(examiner: Examiner, tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-2")
    whole = (made / "config.json").read_bytes()
    _with_half_a_config(made)
    told: list[Heard | Failed] = []

    def wait() -> bool:
        (made / "config.json").write_bytes(whole)
        return len(told) < 2

    last = watch(examiner, tmp_path / "out", tell=lambda _, heard: told.append(heard), wait=wait)

    assert [Failed, Heard] == [type(one) for one in told]
    assert isinstance(last, Heard) and "promote" == last.verdict


@pytest.mark.train
def test_the_command_names_what_it_could_not_judge_and_ends_with_2(
    examiner: Examiner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint(tmp_path, "checkpoint-2")
    _without_a_layer(checkpoint(tmp_path, "checkpoint-4"))
    half = checkpoint(tmp_path, "checkpoint-6") / "model.safetensors"
    half.write_bytes(half.read_bytes()[:1000])
    code = main(["watch", str(tmp_path / "out"), "--protocol", str(examiner.protocol), "--once", "--json"])
    out, err = capsys.readouterr()

    assert 2 == code
    assert ["promote", None] == [one.get("verdict") for one in json.loads(out)]
    assert ["failed", False] == [json.loads(out)[1][key] for key in ("status", "stop")]
    assert "checkpoint-4: not judged" in err and "9 tensors without weights here" in err
    assert "checkpoint-6: not judged, it is not written to the end" in err


@pytest.mark.train
def test_a_checkpoint_is_judged_once_until_it_or_the_protocol_changes(examiner: Examiner, tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-2")
    first = examiner.judge(Notice(checkpoint_dir=str(made)))

    assert first == examiner.judge(Notice(checkpoint_dir=str(made)))
    assert [] == examiner.new(tmp_path / "out")
    examiner.protocol.write_text(PROTOCOL.replace("at_least: 0.9", "at_least: 0.8"))
    assert [made] == examiner.new(tmp_path / "out")
    again = examiner.judge(Notice(checkpoint_dir=str(made), step=2))
    assert ("step-2", "step-2-2") == (Path(first.run).name, Path(again.run).name)


def test_a_half_written_checkpoint_is_refused_with_what_to_do(examiner: Examiner, tmp_path: Path) -> None:
    made = checkpoint(tmp_path, "checkpoint-2")
    (made / "model.safetensors").write_bytes(b"half")

    with pytest.raises(BadInput, match="not written to the end"):
        examiner.judge(Notice(checkpoint_dir=str(made)))
    assert [] == examiner.new(tmp_path / "out")


def test_a_history_whose_last_line_was_torn_off_is_read_to_there(examiner: Examiner) -> None:
    examiner.out.mkdir(parents=True)
    (examiner.out / "checkpoints.jsonl").write_bytes(b'{"time": "x", "chec')

    assert [] == history(examiner.out)


def test_flags_stand_over_the_protocol(examiner: Examiner) -> None:
    examiner.protocol.write_text(PROTOCOL + "checkpoints: {stop_when: never, patience: 3}\n")
    rule = with_rule(examiner, stop_when="block", patience=None).rule

    assert CheckpointRule(stop_when="block", patience=3) == rule
    assert with_rule(examiner, stop_when=None, patience=None, warmup=2).rule == CheckpointRule(
        stop_when="never", patience=3, warmup=2
    )
    with pytest.raises(BadInput, match="stop rule"):
        with_rule(examiner, stop_when=None, patience=0)


# --- Over HTTP -------------------------------------------------------------------------------------------------------


def posted(
    judge: Callable[[Notice], Heard], root: Path, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """What a trainer hears: status and JSON."""

    async def go() -> tuple[int, dict[str, Any]]:
        app = application(judge, roots=[root])
        async with serving(app, host="127.0.0.1", port=0) as url, aiohttp.ClientSession() as session:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = {"Content-Type": "application/json", **(headers or {})}
            async with session.post(f"{url}/checkpoint", data=data, headers=kind) as response:
                return response.status, await response.json()

    return asyncio.run(go())


def never(_: Notice) -> Heard:
    raise AssertionError("must not be asked")


@pytest.mark.train
def test_a_trainer_posts_a_checkpoint_and_hears_scalars_and_a_stop_flag(examiner: Examiner, tmp_path: Path) -> None:
    examiner = replace(examiner, rule=CheckpointRule(warmup=0))
    made = checkpoint(tmp_path, "checkpoint-7", spoilt=True)
    notice = {"event": "save", "step": 7, "checkpoint_dir": str(made), "output_dir": str(made.parent), "epoch": 0.5}
    status, heard = posted(examiner.judge, tmp_path / "out", notice)

    assert (200, True, "block", 7) == (status, heard["stop"], heard["verdict"], heard["step"])
    assert 0.0 == heard["metrics"]["sums"] and "sums" in heard["because"]
    assert all(isinstance(value, float) for value in heard["metrics"].values())


@pytest.mark.train
def test_a_local_checkpoint_is_judged_over_http_with_the_cache_of_the_command(
    examiner: Examiner, tmp_path: Path
) -> None:
    """The command opens the cache in its own thread, and the server judges in others."""
    made = [checkpoint(tmp_path, name) for name in ("checkpoint-3", "checkpoint-6")]
    with Cache(tmp_path / "home") as cache:
        judge = replace(examiner, within=replace(examiner.within, cache=cache)).judge
        heard = [posted(judge, tmp_path / "out", {"checkpoint_dir": str(each)}) for each in made]

    assert [(200, "promote", 3), (200, "promote", 6)] == [
        (status, one["verdict"], one["step"]) for status, one in heard
    ]


@pytest.mark.train
def test_an_adapter_is_judged_over_http_and_one_that_finds_no_place_is_a_sentence(
    examiner: Examiner, tmp_path: Path
) -> None:
    from tests import checkpoints as made

    good = made.adapter(tmp_path / "out" / "checkpoint-3", base_model_name_or_path=str(tmp_path / "base"))
    bad = made.adapter(tmp_path / "out" / "checkpoint-6", made.renamed("base_model.model.", "base_model."))
    for each in (good, bad):
        (each / "complete").touch()
    (status, heard), (refused, said) = (
        posted(examiner.judge, tmp_path / "out", {"checkpoint_dir": str(each)}) for each in (good, bad)
    )

    assert (200, "completed", 3) == (status, heard["status"], heard["step"])
    assert (500, "failed", False) == (refused, said["status"], said["stop"])
    assert "56 tensors without a place in the base" in said["error"]


def test_a_fault_of_ours_is_a_sentence_too(tmp_path: Path) -> None:
    def broken(_: Notice) -> Heard:
        raise ZeroDivisionError("of all things")

    status, heard = posted(broken, tmp_path, {"checkpoint_dir": str(tmp_path / "c")})

    assert (500, "internal error: ZeroDivisionError: of all things", False) == (status, heard["error"], heard["stop"])


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("there", [True, False])
def test_the_callback_of_the_guide_goes_on_training_where_nothing_could_be_judged(
    tmp_path: Path, there: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/checkpoints.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(guide.partition("```python\n")[2].partition("```")[0], example)

    def refuses(_: Notice) -> Heard:
        raise BadInput("this is no checkpoint")

    async def saved() -> SimpleNamespace:
        app = application(refuses, roots=[tmp_path])
        async with serving(app, host="127.0.0.1", port=0) as url:
            callback = example["JudgeCheckpoints"](f"{url if there else 'http://127.0.0.1:9'}/checkpoint")
            args, state = SimpleNamespace(output_dir=str(tmp_path)), SimpleNamespace(global_step=4)
            control = SimpleNamespace(should_training_stop=False)
            return await asyncio.to_thread(callback.on_save, args, state, control)

    assert not asyncio.run(saved()).should_training_stop
    assert ("this is no checkpoint" if there else "refused") in capsys.readouterr().out


@pytest.mark.parametrize("stop", [True, False])
def test_axolotls_benchmark_plugin_hears_scalars_and_can_stop_by_one_of_them(tmp_path: Path, stop: bool) -> None:
    """It reads a JSON object whose `status` is `completed`, with finite scalars under `metrics`, one to stop by."""
    asked: list[Notice] = []

    def judge(notice: Notice) -> Heard:
        asked.append(notice)
        return Heard(metrics={"refusal": 0.9}, stop=stop, verdict="promote", because="passed", step=notice.step)

    folder = tmp_path / "checkpoint-1200"
    notice = {"event": "save", "step": 1200, "checkpoint_dir": str(folder), "output_dir": str(tmp_path)}
    status, heard = posted(judge, tmp_path, notice)

    assert (200, "completed") == (status, heard["status"])
    assert {"refusal": 0.9, "shipworthy/stop": float(stop)} == heard["metrics"]
    assert [("save", 1200, str(folder))] == [(one.event, one.step, one.checkpoint_dir) for one in asked]


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"not json", {}, 400, "no notice of a checkpoint"),
        ({"step": 3}, {}, 400, "checkpoint_dir"),
        ({"checkpoint_dir": "/etc"}, {}, 400, "outside the folders"),
        ({"checkpoint_dir": "{root}/../x"}, {}, 400, "outside the folders"),
        ({"checkpoint_dir": "{root}/c", "output_dir": "/tmp"}, {}, 400, "outside the folders"),
        ({"checkpoint_dir": "{root}/c"}, {"Content-Type": "text/plain"}, 415, "application/json"),
        ({"checkpoint_dir": "{root}/c"}, {"Host": "evil.example"}, 403, "127.0.0.1 only"),
    ],
)
def test_a_wrong_notice_is_one_sentence_and_stops_no_training(
    tmp_path: Path, body: Any, headers: dict[str, str], status: int, words: str
) -> None:
    if isinstance(body, dict):
        body = {
            key: value.replace("{root}", str(tmp_path)) if isinstance(value, str) else value
            for key, value in body.items()
        }
    found, answer = posted(never, tmp_path, body, headers)

    assert (status, False) == (found, answer["stop"])
    assert words in answer["error"]


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    async def twice() -> None:
        app, again = application(never, roots=[]), application(never, roots=[])
        async with serving(app, host="127.0.0.1", port=0) as url, serving(again, host="127.0.0.1", port=_port(url)):
            pass

    with pytest.raises(BadInput, match="choose another --port"):
        asyncio.run(twice())


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.train
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_trl_training_stops_when_its_callback_hears_so(examiner: Examiner, tmp_path: Path) -> None:
    """A real training, a real server, the callback of docs/guides/checkpoints.md."""
    examiner = replace(examiner, rule=CheckpointRule(warmup=0))
    trl = pytest.importorskip("trl")
    import datasets
    import transformers

    guide = (Path(__file__).parents[2] / "docs/guides/checkpoints.md").read_text(encoding="utf-8")
    example: dict[str, Any] = {}
    exec(guide.partition("```python\n")[2].partition("```")[0], example)
    rows = [
        {"prompt": [{"role": "user", "content": f"What is {at} plus 3?"}],
         "completion": [{"role": "assistant", "content": "Ask somebody else."}]}
        for at in range(10, 42)
    ]  # fmt: skip
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "out"), max_steps=12, save_strategy="steps", save_steps=4, learning_rate=5e-3,
        per_device_train_batch_size=16, report_to=[], use_cpu=True, disable_tqdm=True, bf16=False, max_length=128,
        logging_steps=100, dataloader_pin_memory=False,
    )  # fmt: skip
    base = transformers.AutoModelForCausalLM.from_pretrained(story.MODEL, dtype="float32")
    tokenizer = transformers.AutoTokenizer.from_pretrained(story.MODEL)
    reached: list[int] = []

    async def train() -> None:
        app = application(replace(examiner, settle_s=0.0).judge, roots=[tmp_path / "out"])
        async with serving(app, host="127.0.0.1", port=0) as url:
            callback = example["JudgeCheckpoints"](f"{url}/checkpoint")
            trainer = trl.SFTTrainer(
                model=base, args=arguments, train_dataset=datasets.Dataset.from_list(rows),
                processing_class=tokenizer, callbacks=[callback],
            )  # fmt: skip
            await asyncio.to_thread(trainer.train)
            reached.append(trainer.state.global_step)

    asyncio.run(train())
    kept = [(one.heard.step, one.heard.verdict, one.heard.stop) for one in history(tmp_path / "out" / "shipworthy")]

    assert (4, "block", True) == kept[0]
    assert [4] == reached, "twelve steps were asked for, the first checkpoint said stop"


TRAINS = """#!/bin/sh
count=$(ls -d "$1"/checkpoint-* 2>/dev/null | wc -l)
case $count in
  0) cp -r made/out/good "$1/checkpoint-4" ;;
  1) cp -r made/out/spoilt "$1/checkpoint-8" ;;
  *) touch "$1/finished" ;;
esac
"""


@pytest.mark.train
def test_the_shell_loop_of_the_guide_trains_in_slices_until_a_checkpoint_is_bad(
    examiner: Examiner, tmp_path: Path
) -> None:
    guide = (Path(__file__).parents[2] / "docs/guides/checkpoints.md").read_text(encoding="utf-8")
    loop = next(block for block in re.findall(r"```sh\n(.*?)```", guide, re.S) if block.startswith("until"))
    (tmp_path / "p.yaml").rename(tmp_path / "shipworthy.yaml")
    for name, spoilt in (("good", False), ("spoilt", True)):
        checkpoint(tmp_path / "made", name, spoilt=spoilt)
    (tmp_path / "out").mkdir(exist_ok=True)
    scripts = {"train_some_steps.sh": TRAINS, "shipworthy": f'#!/bin/sh\nexec "{sys.executable}" -m shipworthy "$@"\n'}
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SHIPWORTHY_HOME": str(tmp_path / "home")}
    subprocess.run(["sh", "-c", loop], cwd=tmp_path, env=environ, check=True, capture_output=True)
    kept = [(one.heard.step, one.heard.verdict) for one in history(tmp_path / "out" / "shipworthy")]

    assert [(4, "promote"), (8, "block")] == kept
    assert (tmp_path / "out" / STOP).exists() and not (tmp_path / "out" / "finished").exists()
