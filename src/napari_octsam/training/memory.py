"""What a network named before it learnt something else, kept while it learns."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_octsam.core.classes import ANOTHER_CLASS, LabelSchema
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Features
from napari_octsam.training.views import BScanView

__all__ = ["Memory"]


class Memory:
    """The network as it was, which says how it would name each view.

    The loss is how far the names of now are from its, for all schemas but that which is learnt
    (Li and Hoiem 2016, arXiv:1606.09282); for that one, where labels do not say which class it is.

    Parameters
    ----------
    model
        Before it learns.
    schema
        That it is to learn.
    """

    def __init__(self, model: Model, schema: LabelSchema) -> None:
        network: Any = copy.deepcopy(model.network)
        self._before = Model(
            network.eval().requires_grad_(False), model.header, model.device, model.precision
        )
        self._now = model.network
        self._learnt = known_as(model.header, schema)
        self._kept = [known for known in model.header.naming if known is not self._learnt]

    def losses(
        self, features: Features, view: BScanView, places: npt.NDArray[np.uint8]
    ) -> dict[str, Tensor]:
        """Return the loss of the features of a view, summed over schemas, a mean over pixels.

        Parameters
        ----------
        places
            Of `PixelNaming.places`.
        """
        with torch.no_grad():
            before = self._before.features(view.image)

        def distance(schema: LabelSchema) -> Tensor:
            then = self._before.network.name_pixels(before, schema).log_softmax(0)
            now = self._now.name_pixels(features, schema).log_softmax(0)
            return (then.exp() * (then - now)).sum(0)

        distances = [distance(schema).mean() for schema in self._kept]
        unsaid = torch.from_numpy(places == ANOTHER_CLASS)
        if self._learnt is not None and unsaid.any():
            rows, cols = unsaid.shape
            found = distance(self._learnt)[:rows, :cols]
            distances.append((found * unsaid.to(found.device)).mean())
        return {"memory": torch.stack(distances).sum()} if distances else {}
