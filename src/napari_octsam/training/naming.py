"""Pixels named without a prompt: what a network that can do so learns from each B-scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from napari_octsam.core.classes import ANOTHER_CLASS, NOT_LABELLED, LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.models.frames import make_frame
from napari_octsam.models.header import MOST_OWN_SCHEMAS
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Features
from napari_octsam.training.losses.named_shapes import logits_of, named_shapes, truth_of
from napari_octsam.training.losses.naming import pixel_loss
from napari_octsam.training.losses.topology import make_topology_loss, topology_loss

if TYPE_CHECKING:
    from napari_octsam.training.views import BScanView

__all__ = ["PixelNaming", "knowing"]


def knowing(model: Model, schema: LabelSchema) -> tuple[Model, list[nn.Parameter]]:
    """Return a model that names pixels that knows a schema; its network is changed in place.

    Returns
    -------
    The model, and the weights that it has got for that; none where it knew the schema.

    Raises
    ------
    UserError
        It has learnt too many others.
    """
    header = model.header
    if known_as(header, schema) is not None:
        return model, []
    if len(header.own_schemas) == MOST_OWN_SCHEMAS:
        raise UserError(
            f"{header.name} has learnt {MOST_OWN_SCHEMAS} schemas of yours already, and has no "
            "room for another one: begin from octsam-tiny."
        )
    begun = model.network.begin_schema(schema)
    own = (*header.own_schemas, schema)
    return replace(model, header=header.model_copy(update={"own_schemas": own})), begun


class PixelNaming:
    """The loss of naming the pixels of B-scans by the classes of a schema.

    Parameters
    ----------
    model
        That knows the schema: see `knowing`.
    schema
        Of the labels.
    config
        Says which topology loss there is: on each class and union that the schema has.
    """

    def __init__(self, model: Model, schema: LabelSchema, config: TrainConfig) -> None:
        known = known_as(model.header, schema)
        assert known is not None
        self._shapes = named_shapes(known)
        self._topology = make_topology_loss(config)
        self._network, self._profile = model.network, model.header.profile
        self._known = known
        self._place_of = np.full(256, NOT_LABELLED, np.uint8)
        self._place_of[ANOTHER_CLASS] = ANOTHER_CLASS
        for place, label in enumerate(known.classes):
            self._place_of[label.value] = place

    def losses(self, features: Features, view: BScanView, *, topology: bool) -> dict[str, Tensor]:
        """Return the losses of the features of a view; none where nothing in it is labelled.

        Parameters
        ----------
        topology
            Whether the topology loss counts, where the settings have one.
        """
        truth = self.places(view.labels)
        if (truth == NOT_LABELLED).all():
            return {}
        rows, cols = truth.shape
        logits = self._network.name_pixels(features, self._known)[:, :rows, :cols]
        truth_on = torch.from_numpy(truth).to(logits.device).long()
        losses = {"pixels": pixel_loss(logits, truth_on)}
        if topology and self._topology is not None:
            single, masks = logits_of(self._shapes, logits), truth_of(self._shapes, truth_on)
            found = topology_loss(self._topology, single, masks)
            losses |= {} if found is None else {"topology of names": found}
        return losses

    def places(self, labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return the place of the class at the middle of each cell of the logits.

        Or `NOT_LABELLED`, or `ANOTHER_CLASS`, which no class may have for its place.
        """
        network = self._network
        shape = (labels.shape[0], labels.shape[1])
        frame = make_frame(self._profile, shape, network.input_size)
        extent = frame.mask_grid(network.mask_size).extent
        rows, cols = (
            (np.arange(extent[axis]) + 0.5)
            * (network.input_size[axis] / network.mask_size[axis])
            * (shape[axis] / frame.content[axis])
            for axis in (0, 1)
        )
        at = np.ix_(
            rows.astype(int).clip(max=shape[0] - 1), cols.astype(int).clip(max=shape[1] - 1)
        )
        return self._place_of[labels[at]]
