"""B-scans that nobody labelled: what anatomy says about the shapes of their named pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

from napari_octsam.core.classes import LabelSchema
from napari_octsam.core.config import TrainConfig
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.frames import make_frame
from napari_octsam.models.model import Model
from napari_octsam.models.named_schemas import known_as
from napari_octsam.models.network import Features
from napari_octsam.topology.losses import BettiPriorLoss
from napari_octsam.topology.persistence.backends import quickest_backend
from napari_octsam.training.losses.named_shapes import logits_of, named_shapes, priors_of
from napari_octsam.training.views import BScanView, random_view

__all__ = ["ShapePrior"]

_STREAM = 1  # of random numbers, beside that of the step itself


class ShapePrior:
    """The loss of pieces and holes that the classes and unions of a schema do not have.

    Parameters
    ----------
    model
        That knows the schema.
    schema
        Says how many pieces and holes a B-scan shows of a class or a union.
    config
        Has the weight of the loss and the seed of the views.
    images
        (H, W) uint8 B-scans.

    Raises
    ------
    UserError
        The schema says of no class how many pieces or holes it has.
    """

    def __init__(
        self,
        model: Model,
        schema: LabelSchema,
        config: TrainConfig,
        images: Sequence[npt.NDArray[np.uint8]],
    ) -> None:
        # what a person says of the classes; the places are those of the model's heads
        known = known_as(model.header, schema)
        assert known is not None
        ordered = [schema[label.value] for label in known.classes]
        self._known = known
        self._shapes = named_shapes(schema.model_copy(update={"classes": tuple(ordered)}))
        priors = priors_of(self._shapes)
        if not priors:
            raise UserError(
                f"The schema {schema.name} says of no class how many components or holes a B-scan "
                "shows of it, which topology_prior goes by: say so in its file, or leave it out."
            )
        self._loss = BettiPriorLoss(priors, config.topology_prior, backend=quickest_backend())
        self._network, self._profile = model.network, model.header.profile
        self._seed, self._images = config.seed, images

    def drawn(self, epoch: int, step: int) -> BScanView:
        """Return the view that a step looks at; epoch and step are counted from 0."""
        random = np.random.default_rng((self._seed, epoch, step, _STREAM))
        image = self._images[int(random.integers(len(self._images)))]
        return random_view(LabelledBScan("", image, np.zeros_like(image)), random)

    def losses(self, features: Features, view: BScanView) -> dict[str, Tensor]:
        """Return the loss of the features of a view, a mean over classes and unions.

        There is none where a logit is not finite: the other losses tell of it.
        """
        network = self._network
        frame = make_frame(self._profile, view.shape, network.input_size)
        rows, cols = frame.mask_grid(network.mask_size).extent
        logits = network.name_pixels(features, self._known)[:, :rows, :cols]
        if not logits.isfinite().all():
            return {}
        return {"topology prior": self._loss(logits_of(self._shapes, logits)[None])}
