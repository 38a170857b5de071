"""What the engine does for each request: the model in use, and the embeddings at hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.decoded import DecodedObject
from napari_octsam.core.errors import UserError
from napari_octsam.core.labelling import Labelling, NamedPixels
from napari_octsam.core.layer_prompts import names_layer, refined
from napari_octsam.engine.predict.messages import (
    Answer,
    BScan,
    Decode,
    Download,
    Encode,
    Encoded,
    Label,
    Labelled,
    LoadedModel,
    LoadModel,
    Name,
    Prediction,
    Request,
    Stage,
)
from napari_octsam.engine.predict.recent_models import RecentModels
from napari_octsam.models.checkpoints.load import load_model
from napari_octsam.models.checkpoints.registry import REGISTRY, fetch
from napari_octsam.models.embeddings import (
    EmbeddingCache,
    RecentEmbeddings,
    embedding_form,
    embedding_key,
)
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as, named_schema
from napari_octsam.models.network import Embedding
from napari_octsam.models.prompted_labels import label_prompted

__all__ = ["Service", "Tell"]

_MEMORY_BYTES = 512 << 20
_SIDE_BY_SIDE = 2


class Tell(Protocol):
    """Told what is being done for a request; raises where it must not go on."""

    def __call__(self, stage: Stage, done: int = 0, total: int = 0, subject: str = "") -> None:
        """Take the parts of a `Progress`."""


class Service:
    """One model, and the embeddings that were made of late.

    Labels can be asked for in several threads at a time, all else in one.

    Torch computes on all cores where there are up to three, and leaves one to napari beyond: of
    two, giving one away would cost up to half of the speed, and the system shares them well.

    Parameters
    ----------
    folder
        Cache folder; embeddings go to its `embeddings`.
    cache_bytes
        Most bytes that they take there.
    warn
        Called with a sentence for the person that is no failure of a request.
    """

    def __init__(self, folder: Path, cache_bytes: int, warn: Callable[[str], object]) -> None:
        cores = torch.get_num_threads()
        torch.set_num_threads(cores if cores < 4 else cores - 1)
        self._disk = EmbeddingCache(folder / "embeddings", cache_bytes, warn)
        self._recent = RecentEmbeddings(_MEMORY_BYTES)
        self._model: Model | None = None
        self._models = RecentModels()
        self._labelled: tuple[tuple[str, str], Labelling] | None = None  # of the last B-scan

    @property
    def side_by_side(self) -> int:
        """How many B-scans are labelled at a time, each with its share of the cores.

        Two cores that compute one B-scan wait for one another, all the more where napari wants
        one of them: then they take longer than one of them alone.
        """
        on_cpu = self._model is not None and self._model.device.type == "cpu"
        return min(_SIDE_BY_SIDE, torch.get_num_threads()) if on_cpu else 1

    def answer(self, request: Request, tell: Tell) -> Answer:
        """Do what a request asks.

        Raises
        ------
        UserError
            The request cannot be met, and the person can mend it; the model in use stays.
        """
        match request:
            case LoadModel():
                return self._load(request, tell)
            case Download(name):
                return str(_download(name, tell))
            case Encode(bscan):
                return self._embedding(self._model_in_use(), bscan, tell)[1]
            case Decode():
                return self._decode(request, tell)
            case Label():
                return self._label(request, tell)
            case Name():
                return self._named(self._model_in_use(), request, tell).lightened

    def _load(self, request: LoadModel, tell: Tell) -> LoadedModel:
        source = request.source
        if source in REGISTRY:
            _download(source, tell)
        tell("loading", subject=source)
        model = self._models.get(request) or load_model(
            source,
            request.profile,
            request.device,
            lambda done, total: tell("checking", done, total, source),
        )
        tell("loading", subject=source)  # a cancel still leaves the old model in use
        self._model, self._labelled = model, None
        self._models.put(request, model)
        return LoadedModel(
            name=model.header.name,
            architecture=model.header.architecture,
            profile=model.header.profile,
            device=str(model.device),
            precision=model.precision,
            note=model.note,
            named_schemas=model.header.naming,
        )

    def _decode(self, request: Decode, tell: Tell) -> Prediction:
        model = self._model_in_use()
        embedding, encoded = self._embedding(model, request.bscan, tell)
        tell("decoding", subject=request.bscan.name)
        started = time.perf_counter()
        objects = model.decode(embedding, request.prompts, request.schema)
        if request.schema is not None:
            objects = self._refined(objects, request, request.schema, embedding)
        return Prediction(
            shape=embedding.shape,
            objects=tuple(objects),
            encode_seconds=0.0 if encoded.origin == "memory" else encoded.seconds,
            decode_seconds=time.perf_counter() - started,
        )

    def _refined(
        self,
        objects: Sequence[DecodedObject],
        request: Decode,
        schema: LabelSchema,
        embedding: Embedding,
    ) -> list[DecodedObject]:
        """Return the objects, those of layers as labelling finds them."""
        model = self._model_in_use()
        is_known = known_as(model.header, schema) is not None
        if not (is_known and any(names_layer(each, schema) for each in request.prompts)):
            return list(objects)
        key = embedding_key(model, request.bscan.pixels), schema.name
        if self._labelled is None or key != self._labelled[0]:
            self._labelled = key, model.label(embedding, schema).best
        labelling = self._labelled[1]
        return [
            refined(found, prompt, labelling) if names_layer(prompt, schema) else found
            for found, prompt in zip(objects, request.prompts, strict=True)
        ]

    def _label(self, request: Label, tell: Tell) -> Labelled:
        model, bscan = self._model_in_use(), request.bscan
        namer = self._namer(request)
        named = self._named(namer, request, tell)
        if namer is model:
            found = named.best
        else:
            embedding, _ = self._embedding(model, bscan, tell, in_memory=False)
            tell("decoding", subject=bscan.name)
            found = label_prompted(model, embedding, named)
        return Labelled(
            model=model.header.name,
            labels=found.labels,
            confidence=np.rint(100 * found.confidence).astype(np.uint8),
            boundaries=found.boundaries,
            boundary_confidence=found.boundary_confidence,
            mean_confidence=found.mean_confidence,
        )

    def _namer(self, request: Label) -> Model:
        """Return the model that names the pixels: that in use, where it can or no other may."""
        model = self._model_in_use()
        if not request.namer or known_as(model.header, request.schema) is not None:
            return model
        wanted = LoadModel(request.namer)
        namer = self._models.get(wanted) or load_model(request.namer)
        self._models.put(wanted, namer)
        return namer

    def _named(self, namer: Model, request: Label | Name, tell: Tell) -> NamedPixels:
        named_schema(namer.header, request.schema)  # before it is encoded in vain
        embedding, _ = self._embedding(namer, request.bscan, tell, in_memory=False)
        tell("labelling", subject=request.bscan.name)
        named = namer.label(embedding, request.schema)
        tell("labelling", subject=request.bscan.name)
        return named

    def _embedding(
        self, model: Model, bscan: BScan, tell: Tell, *, in_memory: bool = True
    ) -> tuple[Embedding, Encoded]:
        """Return a B-scan's embedding from memory, else the disk, else the encoder.

        Parameters
        ----------
        in_memory
            Keep it in memory: not, where a volume would push out those that are prompted.
        """
        started = time.perf_counter()
        key = embedding_key(model, bscan.pixels)
        origin: Literal["memory", "disk", "encoder"] = "memory"
        embedding = self._recent.get(key)
        if embedding is None:
            origin = "disk"
            embedding = self._disk.get(key, embedding_form(model, bscan.pixels))
        if embedding is None:
            origin = "encoder"
            tell("encoding", subject=bscan.name)
            embedding = model.encode(
                bscan.pixels, lambda done, total: tell("encoding", done, total, bscan.name)
            ).to("cpu")  # a GPU's memory is for computing
            self._disk.put(key, embedding)
        if in_memory:
            self._recent.put(key, embedding)
        return embedding, Encoded(origin, time.perf_counter() - started)

    def _model_in_use(self) -> Model:
        if self._model is None:
            raise UserError("No model is loaded: choose one first.")
        return self._model


def _download(name: str, tell: Tell) -> Path:
    return fetch(name, progress=lambda done, total: tell("downloading", done, total, name))
