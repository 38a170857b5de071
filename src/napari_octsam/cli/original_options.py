"""Options of the original project's training: what they are called here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_octsam.cli.commands import Command
from napari_octsam.core.errors import UserError

__all__ = ["CALLED_HERE", "TrainCommand"]

CALLED_HERE = {
    "--project_name": "--project",
    "--base_model": "--base-model",
    "--dataset": "the folder of the data, as the first argument",
    "--data_directory": "the folder of the data, as the first argument",
    "--dataset_name": "the folder of the data, as the first argument",
    "--weight_decay": "--weight-decay",
    "--bs": "--batch-size",
    "--display_mode": "--display-samples, --display-train or --display-index",
    "--display_idx": "--display-index",
    "--display_val_nr": "--display-samples",
    "--display_train_nr": "--display-train",
    "--mode": "--classes, or --separate for a model each",
    "--seg_nr": "--classes",
    "--display_name": "--display-name",
    "--evaluate": "left out: the best model is always judged",
    "--top": "--topology octsam, or --topology none",
}
"""Option of the original's -> what it is here; others have one name in both."""


class TrainCommand(Command):
    """`octsam train`, which knows the original's options by name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments; one of the original's is told by its name here."""
        _check_originals(args, {name for each in self.params for name in each.opts})
        return super().parse_args(ctx, args)


def _check_originals(arguments: Iterable[str], known: Iterable[str]) -> None:
    names = [argument.partition("=")[0] for argument in arguments]
    for name in names:
        if name in CALLED_HERE and name not in known:
            raise UserError(f"{name} is {CALLED_HERE[name]} here.")
