from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.core.prompts import Box, Prompt
from napari_octsam.models.architectures import ARCHITECTURES
from napari_octsam.models.checkpoints.colors import Colors
from napari_octsam.models.checkpoints.files import write_pickle, write_safetensors
from napari_octsam.models.checkpoints.load import load_model, read_checkpoint
from napari_octsam.models.checkpoints.recognise import expected_shapes
from napari_octsam.models.checkpoints.renaming import to_library
from napari_octsam.models.checkpoints.save import save_checkpoint
from napari_octsam.models.header import HEADER_KEY, Header
from napari_octsam.models.sam.transformers import TRANSFORMERS
from tests.small_sam import DIM, call_it_vit_b

State = dict[str, torch.Tensor]
SAMS = ("vit_b", "vit_l", "vit_h")


def constant_weights(architecture: str) -> State:
    """Weights of the right shapes that take no room, on the disk either: one number each."""
    shapes = expected_shapes(ARCHITECTURES[architecture]).items()
    return {key: torch.full((1,), i / 100).expand(shape) for i, (key, shape) in enumerate(shapes)}


@pytest.fixture
def vit_b(monkeypatch: pytest.MonkeyPatch) -> State:
    """Weights of a small SAM, which vit_b means in this test."""
    call_it_vit_b(monkeypatch)
    return constant_weights("vit_b")


def saved(path: Path, content: Any, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


def refusal(path: Path, profile: str | None = None) -> str:
    """Return the sentence with which a checkpoint is refused."""
    with pytest.raises(UserError) as caught:
        read_checkpoint(path, profile)
    sentence = str(caught.value)
    assert path.name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("architecture", SAMS)
def test_segment_anythings_checkpoints_are_recognised(tmp_path: Path, architecture: str) -> None:
    path = saved(tmp_path / "model.pth", constant_weights(architecture))

    checkpoint = read_checkpoint(path)

    assert checkpoint.header == Header(name="model", architecture=architecture, profile="sam")
    assert checkpoint.note == ""
    assert len(checkpoint.state_dict) == len(expected_shapes(ARCHITECTURES[architecture]))


WRAPPED: dict[str, Callable[[State], Any]] = {
    "model": lambda state: {"model": state, "optimizer": {"lr": 1e-4}, "epoch": 3},
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "model_state": lambda state: {"model_state": state, "best": torch.tensor(1.0).item()},
    "beside a tensor": lambda state: {"loss": torch.tensor(0.3), "model": state},
    "module.": lambda state: {f"module.{key}": weights for key, weights in state.items()},
    "both": lambda state: {"model": {f"module.{key}": w for key, w in state.items()}},
    "pixel_mean": lambda state: {**state, "pixel_mean": torch.ones(3, 1, 1)},
    "model.": lambda state: {f"model.{key}": weights for key, weights in state.items()},
    "sam.": lambda state: {f"sam.{key}": weights for key, weights in state.items()},
    "around it": lambda state: {f"module.model.sam.{key}": w for key, w in state.items()},
    "sam. of transformers": lambda state: {
        f"sam.{key}": weights for key, weights in to_library(state, TRANSFORMERS).items()
    },
    "transformers": lambda state: {"model": to_library(state, TRANSFORMERS)},
}


@pytest.mark.parametrize("wrapping", WRAPPED)
def test_wrappings_are_taken_off(tmp_path: Path, vit_b: State, wrapping: str) -> None:
    path = saved(tmp_path / "wrapped.pt", WRAPPED[wrapping](vit_b))

    state = read_checkpoint(path).state_dict

    assert state.keys() == vit_b.keys()
    for key in ("image_encoder.neck.0.weight", "mask_decoder.iou_token.weight"):
        assert torch.equal(state[key], vit_b[key])


def test_the_older_format_of_torch_is_read(tmp_path: Path, vit_b: State) -> None:
    path = saved(tmp_path / "old.pth", vit_b, _use_new_zipfile_serialization=False)

    assert read_checkpoint(path).state_dict.keys() == vit_b.keys()


@pytest.mark.parametrize("name", ["medsam_vit_b.pth", "MedSAM-finetuned.pt"])
def test_medsam_is_guessed_from_the_name_and_can_be_set(
    tmp_path: Path, vit_b: State, name: str
) -> None:
    path = saved(tmp_path / name, vit_b)

    guessed = read_checkpoint(path)
    assert guessed.header.profile == "medsam"
    assert guessed.header.single_mask
    assert name in guessed.note
    assert "preprocessing sam" in guessed.note

    chosen = read_checkpoint(path, "sam")
    assert chosen.header.profile == "sam"
    assert chosen.note == ""

    other = saved(tmp_path / "retina.pth", vit_b)
    assert read_checkpoint(other, "medsam").header.profile == "medsam"


@pytest.mark.parametrize("profile", ["octsam-tiny", "imagenet"])
def test_a_profile_that_does_not_fit_is_refused(tmp_path: Path, vit_b: State, profile: str) -> None:
    path = saved(tmp_path / "model.pth", vit_b)

    with pytest.raises(UserError, match="use sam or medsam"):
        read_checkpoint(path, profile)


def test_our_own_checkpoint_keeps_its_header(tmp_path: Path, tiny_checkpoint: Path) -> None:
    state = read_checkpoint(tiny_checkpoint).state_dict
    header = Header(
        name="ours",
        architecture="octsam-tiny",
        profile="octsam-tiny",
        single_mask=True,
        label_schema=bundled_schema("layers7"),
        training={"steps": 3, "data": ["a", "b"], "dice": 0.5},
    )
    path = tmp_path / "ours.safetensors"
    save_checkpoint(path, state, header)

    again = read_checkpoint(path)

    assert again.header == header
    assert all(torch.equal(again.state_dict[key], state[key]) for key in state)


def test_a_header_that_is_not_ours_is_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    state = read_checkpoint(tiny_checkpoint).state_dict
    path = tmp_path / "bad.safetensors"

    safetensors.torch.save_file(state, path, {HEADER_KEY: '{"name": "x"}'})
    assert "header" in refusal(path)

    header = Header(name="x", architecture="vit_b", profile="sam")
    safetensors.torch.save_file(state, path, {HEADER_KEY: header.model_dump_json()})
    assert "octsam-tiny" in refusal(path)

    header = Header(name="x", architecture="octsam-tiny", profile="sam")
    safetensors.torch.save_file(state, path, {HEADER_KEY: header.model_dump_json()})
    assert "preprocessing 'sam' does not fit octsam-tiny" in refusal(path)


def test_octsam_tiny_is_recognised_without_a_header(tmp_path: Path, tiny_checkpoint: Path) -> None:
    path = saved(tmp_path / "state.pt", read_checkpoint(tiny_checkpoint).state_dict)

    assert read_checkpoint(path).header.architecture == "octsam-tiny"


def test_a_fine_tuned_first_version_of_octsam_tiny_is_named(
    tmp_path: Path, tiny_checkpoint: Path
) -> None:
    state = read_checkpoint(tiny_checkpoint).state_dict
    old = state | {"image_encoder.detail.stride2.weight": torch.ones(1)}
    said = refusal(saved(tmp_path / "mine.pt", old))
    assert "mine.pt was made with version 1 of octsam-tiny" in said
    assert "fine-tune octsam-tiny again" in said


@pytest.mark.parametrize("name", ["older.safetensors", "older.pt"])
def test_weights_that_an_older_file_lacks_begin_at_zero_and_are_saved(
    tmp_path: Path, tiny_checkpoint: Path, name: str
) -> None:
    checkpoint = read_checkpoint(tiny_checkpoint)
    lacking = ARCHITECTURES["octsam-tiny"].begins_at_zero
    older = {key: part for key, part in checkpoint.state_dict.items() if key not in lacking}
    assert len(older) == len(checkpoint.state_dict) - len(lacking) > 0
    if name.endswith(".pt"):
        saved(tmp_path / name, older)
    else:
        save_checkpoint(tmp_path / name, older, checkpoint.header)

    again = read_checkpoint(tmp_path / name)
    save_checkpoint(tmp_path / "newer.safetensors", again.state_dict, again.header)

    assert again.note == ""
    assert load_model(tmp_path / name, device="cpu").note == ""
    newer = safetensors.torch.load_file(tmp_path / "newer.safetensors")
    assert newer.keys() == checkpoint.state_dict.keys()
    assert not any(newer[key].any() for key in lacking)


FAULTS: dict[str, tuple[Callable[[State], Any], str]] = {
    "missing": (
        lambda state: {k: w for k, w in state.items() if "neck" not in k},
        "6 weights are missing: the first of them image_encoder.neck.0.weight",
    ),
    "surplus": (
        lambda state: {**state, "extra.bias": torch.ones(2)},
        "1 weight is too many: extra.bias",
    ),
    "shape": (
        lambda state: state | {"mask_decoder.iou_token.weight": torch.ones(2, DIM)},
        "1 weight is of another shape: mask_decoder.iou_token.weight",
    ),
    "NaN": (
        lambda state: state | {"mask_decoder.iou_token.weight": torch.full((1, DIM), torch.nan)},
        "1 weight is NaN or infinite: mask_decoder.iou_token.weight",
    ),
    "missing of transformers": (
        lambda state: {
            k: w for k, w in to_library(state, TRANSFORMERS).items() if "neck.conv1" not in k
        },
        "1 weight is missing: vision_encoder.neck.conv1.weight",
    ),
    "a resnet": (
        lambda _: {"layer1.0.conv1.weight": torch.ones(1)},
        "ResNet",
    ),
    "mobile sam": (
        lambda _: {"image_encoder.patch_embed.seq.0.c.weight": torch.ones(1)},
        "MobileSAM",
    ),
    "sam 2": (lambda _: {"image_encoder.trunk.pos_embed": torch.ones(1)}, "SAM 2"),
    "some other model": (
        lambda _: {"fc.weight": torch.ones(1)},
        "other weights, such as fc.weight",
    ),
    "a narrow sam": (
        lambda state: state | {"image_encoder.pos_embed": torch.ones(1, 64, 64, 384)},
        "384 wide",
    ),
    "names that are numbers": (
        lambda state: {1: torch.ones(2), **state},
        "1 weight is too many: 1",
    ),
    "sparse": (
        lambda state: state | {"mask_decoder.iou_token.weight": torch.ones(1, DIM).to_sparse()},
        "1 weight is not a dense tensor of 16, 32 or 64 bit floating-point numbers: "
        "mask_decoder.iou_token.weight",
    ),
    "whole numbers": (
        lambda state: state | {"mask_decoder.iou_token.weight": torch.ones(1, DIM).char()},
        "1 weight is not a dense tensor of 16, 32 or 64 bit floating-point numbers: "
        "mask_decoder.iou_token.weight",
    ),
    "no weights": (lambda _: {}, "holds no weights"),
    "no state dict": (lambda _: {"model": [1, 2]}, "holds no weights"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_do_not_fit_are_refused_in_a_sentence(
    tmp_path: Path, vit_b: State, fault: str
) -> None:
    spoil, sentence = FAULTS[fault]

    assert sentence in refusal(saved(tmp_path / "model.pth", spoil(vit_b)))


class Payload:
    """Runs code when a careless loader unpickles it."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


@pytest.mark.parametrize("kind", ["zip", "old", "bare pickle"])
def test_code_in_a_checkpoint_is_named_and_not_run(tmp_path: Path, vit_b: State, kind: str) -> None:
    witness = tmp_path / "the code ran"
    path = tmp_path / "evil.pth"
    content = {"model": vit_b, "note": Payload(witness)}
    if kind == "bare pickle":
        path.write_bytes(pickle.dumps(Payload(witness)))
    else:
        saved(path, content, _use_new_zipfile_serialization=kind == "zip")

    sentence = refusal(path)

    assert "carries code" in sentence
    assert "not run" in sentence
    assert not witness.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_model_saved_whole_is_refused_with_what_makes_a_state_dict_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zipped: bool
) -> None:
    call_it_vit_b(monkeypatch)
    with torch.device("meta"):
        network = ARCHITECTURES["vit_b"].build()
    model: Any = network
    model.to_empty(device="cpu").load_state_dict(constant_weights("vit_b"))
    path = saved(tmp_path / "it's whole.pth", model, _use_new_zipfile_serialization=zipped)

    with pytest.raises(UserError) as caught:
        read_checkpoint(path)
    sentence, *lines = str(caught.value).splitlines()

    assert "it's whole.pth is a model saved whole: it carries code (napari_octsam." in sentence
    assert "was not run" in sentence
    monkeypatch.chdir(tmp_path)
    exec("\n".join(["import torch", *lines]))
    state = read_checkpoint(tmp_path / "it's whole_state_dict.pth").state_dict
    assert state.keys() == constant_weights("vit_b").keys()


OF_THE_ORIGINAL = "0.001 lr,0 wd,2 bs, diceCE loss, {}, 24-01-07_12.00.00.pt"


@pytest.mark.parametrize(
    ("name", "colors"),
    [
        (OF_THE_ORIGINAL.format("Jet"), "jet"),
        (OF_THE_ORIGINAL.format("Twilight shifted"), "twilight_shifted"),
        (OF_THE_ORIGINAL.format("Bone"), "bone"),
        ("sam_viridis_3.pth", "viridis"),
        ("TWILIGHT-SHIFTED.pth", "twilight_shifted"),
        (OF_THE_ORIGINAL.format("grayscale"), None),
        ("spring_2024.pth", None),
        ("jetson.pth", None),
    ],
)
def test_a_name_with_a_colour_map_asks_for_it(
    tmp_path: Path, vit_b: State, name: str, colors: str | None
) -> None:
    path = saved(tmp_path / name, to_library(vit_b, TRANSFORMERS))
    if colors is None:
        assert read_checkpoint(path).header.pseudocolor == "grayscale"
        return

    assert f"was trained on B-scans in {colors}. Say in which colours" in refusal(path)
    for said, blue_first in ((colors, False), (f"{colors}:bgr", True), ("grayscale", False)):
        header = read_checkpoint(path, colors=Colors.parse(said)).header
        assert header.pseudocolor == said.partition(":")[0]
        assert header.blue_first is blue_first

    written = tmp_path / "jet.safetensors"
    save_checkpoint(written, vit_b, header)
    assert read_checkpoint(written).header == header


@pytest.mark.parametrize("text", ["jett", "jet:rgb", "", "jet:"])
def test_colours_that_there_are_not_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=f"There are no colours '{text}': use one of grayscale"):
        Colors.parse(text)


def test_octsam_tiny_takes_no_colours(tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match="octsam-tiny sees grey B-scans only, not jet"):
        read_checkpoint(tiny_checkpoint, colors=Colors("jet"))


def cut(path: Path, share: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_truncated_file_is_said_to_be_cut_short(
    tmp_path: Path, tiny_checkpoint: Path, kind: str, share: float
) -> None:
    if kind == "safetensors":
        path = tmp_path / "model.safetensors"
        path.write_bytes(tiny_checkpoint.read_bytes())
    else:
        state = read_checkpoint(tiny_checkpoint).state_dict
        path = saved(tmp_path / "m.pth", state, _use_new_zipfile_serialization=kind == "zip")

    assert "cut short" in refusal(cut(path, share))


NO_CHECKPOINTS = {
    "page.pth": (b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
    "page3.pth": (b"\xef\xbb\xbf<!-- moved --><html>", "web page"),
    "page2.pth": (b"<HTML><head></head></HTML>", "web page"),
    "empty.pth": (b"", "is empty"),
    "noise.pth": (np.random.default_rng(0).bytes(5000), "not a checkpoint"),
    "text.pth": (b"Not Found: the model has moved", "not a checkpoint"),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(200), "not a checkpoint"),
    "zeros.pth": (bytes(4096), "not a checkpoint"),
    "list.pkl": (pickle.dumps([1, 2, 3], protocol=2), "not a checkpoint"),
}


@pytest.mark.parametrize("name", NO_CHECKPOINTS)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, name: str) -> None:
    content, sentence = NO_CHECKPOINTS[name]
    path = tmp_path / name
    path.write_bytes(content)

    assert sentence in refusal(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "no checkpoint" in refusal(tmp_path / "gone.pth")
    assert "folder" in refusal(tmp_path)


def test_a_name_that_is_neither_model_nor_file_lists_the_models() -> None:
    with pytest.raises(UserError, match=r"vit-b, and no model of that name: there are .*vit_b"):
        load_model("vit-b")


@pytest.mark.skipif(sys.platform == "win32", reason="no such rights there")
def test_a_written_checkpoint_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    write_safetensors(tmp_path / "new.safetensors", {"a": torch.zeros(3)}, {})
    (tmp_path / "plain").touch()

    assert len({path.stat().st_mode for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize("name", ["gone/new.safetensors", "gone/new.pt"])
def test_a_folder_that_is_not_there_is_told_in_plain_words(tmp_path: Path, name: str) -> None:
    path, weights = tmp_path / name, {"a": torch.zeros(3)}
    with pytest.raises(UserError, match=r"new\.\w+: No such file or directory\.$"):
        write_pickle(path, weights) if path.suffix == ".pt" else write_safetensors(
            path, weights, {}
        )


def test_a_model_is_loaded_and_predicts(tiny_checkpoint: Path) -> None:
    model = load_model(tiny_checkpoint, device="cpu")
    bscan = np.random.default_rng(0).integers(0, 256, (60, 90), np.uint8)

    (decoded,) = model.decode(model.encode(bscan), [Prompt(1, box=Box(10, 10, 40, 60))])

    assert model.header.name == "random tiny"
    assert decoded.candidates[0].window.mask((60, 90)).shape == (60, 90)


def test_a_model_outlives_its_file(tmp_path: Path, tiny_checkpoint: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(tiny_checkpoint.read_bytes())
    model = load_model(path, device="cpu")
    with path.open("r+b") as file:
        file.truncate(1000)

    assert all(weights.isfinite().all() for weights in model.network.state_dict().values())


def test_a_registered_model_that_is_not_here_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCTSAM_HOME", str(tmp_path))

    with pytest.raises(UserError, match="download it first"):
        load_model("vit_l")


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
@pytest.mark.parametrize("name", ["new.safetensors", "new.pt"])
def test_a_full_disk_leaves_no_half_file(tmp_path: Path, name: str) -> None:
    script = f"""
import resource, torch
from pathlib import Path
from napari_octsam.core.errors import UserError
from napari_octsam.models.checkpoints.files import write_pickle, write_safetensors
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
path = Path({str(tmp_path / name)!r})
weights = {{"a": torch.zeros(100_000)}}
try:
    write_pickle(path, weights) if path.suffix == ".pt" else write_safetensors(path, weights, {{}})
except UserError as error:
    print(error)
"""
    (tmp_path / name).write_bytes(b"what stood there")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert done.stdout.startswith("Cannot write"), done.stderr
    assert name in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_bytes() == b"what stood there"
