"""A model ready for use: encode a B-scan once, then decode prompts on it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import CoarseMask, DecodedObject, LogitGrid
from napari_octsam.core.errors import UserError
from napari_octsam.core.images import as_grey, normalised
from napari_octsam.core.labelling import NamedPixels
from napari_octsam.core.prompts import Prompt
from napari_octsam.models.cores import sharing_the_cores
from napari_octsam.models.devices import explaining_memory
from napari_octsam.models.frames import make_frame
from napari_octsam.models.header import Header
from napari_octsam.models.named_classes import named_classes
from napari_octsam.models.named_schemas import named_schema
from napari_octsam.models.network import Embedding, Features, Network
from napari_octsam.models.profiles import preprocess
from napari_octsam.models.prompt_batches import PromptBatch, prompt_batches, quickest_batch

__all__ = ["EncodeProgress", "Model", "NoNumbersError"]

_SIDE_BY_SIDE = 2  # batches that are decoded at a time on a CPU
_MANY = 4  # prompts, from which that is quicker

EncodeProgress = Callable[[int, int], None]
"""Called with (blocks done, blocks in all) after each block of the encoder; may raise to cancel."""


class NoNumbersError(UserError):
    """What a model predicts is NaN or infinite."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network with what is needed to use it rightly.

    Parameters
    ----------
    network
        On `device`, with weights for inference.
    header
        Of the checkpoint.
    device
        Where it computes.
    precision
        "float32", "bfloat16" or "float16": of the encoder. The decoder computes in float32.
    note
        A sentence about the checkpoint that the person should read, or "".
    """

    network: Network
    header: Header
    device: torch.device
    precision: str = "float32"
    note: str = ""

    def encode(
        self, grey: npt.NDArray[np.uint8], progress: EncodeProgress | None = None
    ) -> Embedding:
        """Encode an (H, W) uint8 B-scan, from `core.images.normalised`.

        Raises
        ------
        UserError
            Memory ran out.
        """
        with (
            torch.inference_mode(),
            explaining_memory(self.device),
            _reporting(self.network.encoder_blocks, progress),
        ):
            features = self.features(grey)
        rows, cols = grey.shape
        return Embedding(features, (rows, cols))

    def features(self, grey: npt.NDArray[np.uint8]) -> Features:
        """Return what the encoder makes of an (H, W) uint8 B-scan, each (1, ...) float32.

        Gradients reach the encoder where the caller and its weights let them.
        """
        header, dtype = self.header, getattr(torch, self.precision)
        size, colors = self.network.input_size, header.pseudocolor
        pixels = preprocess(grey, header.profile, size, colors, blue_first=header.blue_first)
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            features = self.network.encode_image(pixels.to(self.device))
        return {name: part.float() for name, part in features.items()}

    def decode(
        self,
        embedding: Embedding,
        prompts: Sequence[Prompt],
        schema: LabelSchema | None = None,
    ) -> list[DecodedObject]:
        """Predict the masks of each prompt on an encoded B-scan.

        Parameters
        ----------
        embedding
            From `encode` of this model.
        prompts
            Checked prompts (`core.prompts.check_prompt`) of that B-scan.
        schema
            Of their class values: a network that knows a class looks for it. By default each
            object is asked for by its place alone.

        Raises
        ------
        NoNumbersError
            The masks are no numbers.
        UserError
            Memory ran out.
        """
        frame = make_frame(self.header.profile, embedding.shape, self.network.input_size)
        size = self.network.mask_input_size
        side_by_side = self._side_by_side(len(prompts))
        share = math.ceil(len(prompts) / side_by_side)
        most = min(quickest_batch(self.network, self.device), share)
        classes = named_classes(self.network.known_schemas, schema, prompts)
        batches = prompt_batches(prompts, frame, size, self.device, most, classes)
        with torch.inference_mode(), explaining_memory(self.device):
            image = self.network.prepare(embedding.to(self.device).features)
            decode = partial(self._decode, image, frame.mask_grid(self.network.mask_size), prompts)
            if side_by_side == 1:
                found = list(map(decode, batches))
            else:
                with sharing_the_cores(side_by_side) as threads:
                    found = list(threads.map(decode, batches))
        decoded = {i: each for part in found for i, each in part.items()}
        return [decoded[i] for i in range(len(prompts))]

    def label(
        self, bscan: Embedding | npt.NDArray[Any], schema: LabelSchema | str = "layers7"
    ) -> NamedPixels:
        """Name each pixel of a B-scan, without any prompt.

        `labels` of what is returned are (H, W) label values, `probabilities` those of the classes
        at the model's own resolution, `layered` and `plain` the labels by ordered boundaries and
        by the names alone, with their confidence. They are made when they are first asked for.

        Parameters
        ----------
        bscan
            From `encode` of this model, or an (H, W) image, grey or in colour; see
            `core.images.as_grey`.
        schema
            One of `header.naming`, by name, or one whose values have the same names.

        Raises
        ------
        UserError
            The model names no pixels, or not by this schema; the image is no B-scan; or memory ran
            out.
        """
        wanted, known = named_schema(self.header, schema)
        if not isinstance(bscan, Embedding):
            bscan = self.encode(normalised(as_grey(bscan)))
        with torch.inference_mode(), explaining_memory(self.device):
            features = bscan.to(self.device).features
            found = self.network.name_pixels(features, known).softmax(0).cpu().numpy()
        frame = make_frame(self.header.profile, bscan.shape, self.network.input_size)
        place_of = {c.value: place for place, c in enumerate(known.classes)}
        in_order = found[[place_of[c.value] for c in wanted.classes]]
        return NamedPixels(wanted, in_order, frame.mask_grid(self.network.mask_size))

    def _side_by_side(self, prompts: int) -> int:
        """Return how many batches of prompts to decode at a time."""
        if self.device.type != "cpu" or prompts < _MANY:
            return 1
        return min(_SIDE_BY_SIDE, torch.get_num_threads())

    def _decode(
        self, image: Any, grid: LogitGrid, prompts: Sequence[Prompt], batch: PromptBatch
    ) -> dict[int, DecodedObject]:
        """Decode a batch of the prompts, by their positions."""
        with torch.inference_mode():
            encoded = self.network.encode_prompts(
                batch.points, batch.boxes, batch.masks, batch.classes
            )
            logits, scores = self.network.decode_masks(image, encoded, grid.extent)
        if not (logits.isfinite().all() and scores.isfinite().all()):
            raise NoNumbersError(
                f"The masks of the model {self.header.name} are no numbers: its weights are "
                "damaged or badly trained. Choose another model."
            )
        return {
            i: self._ranked(prompts[i], masks, ious, grid)
            for i, masks, ious in zip(
                batch.indices, logits.cpu().numpy(), scores.tolist(), strict=True
            )
        }

    def _ranked(
        self, prompt: Prompt, logits: npt.NDArray[np.float32], ious: list[float], grid: LogitGrid
    ) -> DecodedObject:
        """Put the candidates' best first, and choose as segment_anything's ONNX model does.

        One click is ambiguous: the best of the candidates answers it. Anything more says which
        object is meant: that is the single mask's task. A mask without foreground is no answer:
        where another has some, the first of those is chosen.
        """
        order = [0]
        if not self.header.single_mask:
            order += sorted(range(1, len(ious)), key=lambda i: -ious[i])
        one_click = len(prompt.points) == 1 and prompt.box is None and prompt.mask is None
        preferred = [*range(1, len(order)), 0] if one_click else [*range(len(order))]
        found = (i for i in preferred if logits[order[i]].max() > 0)
        return DecodedObject(
            candidates=tuple(CoarseMask.cut(logits[i], grid) for i in order),
            scores=tuple(min(max(ious[i], 0.0), 1.0) for i in order),
            chosen=next(found, preferred[0]),
        )


@contextmanager
def _reporting(blocks: Sequence[nn.Module], progress: EncodeProgress | None) -> Iterator[None]:
    """Call `progress` after each of the blocks that this thread computes in the context."""
    if progress is None:
        yield
        return
    done, here = 0, threading.get_ident()

    def count(*_: object) -> None:
        nonlocal done
        if threading.get_ident() == here:  # another may encode another B-scan meanwhile
            done += 1
            progress(done, len(blocks))

    hooks = [block.register_forward_hook(count) for block in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
