"""The real lesions that octsam-tiny learns from: who trains, their classes, what is unsure."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from napari_octsam.core.classes import NOT_LABELLED
from napari_octsam.core.errors import UserError
from napari_octsam.data.pairs import LabelledBScan
from napari_octsam.models.tiny.encoder import FINE_CHANNELS
from napari_octsam.models.tiny.pixel_names import PixelNames
from napari_octsam.phantoms.bscan import Finding, Tissue
from recipes.octsam_tiny.augment import View
from recipes.octsam_tiny.beginning import begun_network
from recipes.octsam_tiny.lesions import LESIONS, by_lesion, lesion_sample
from recipes.octsam_tiny.naming import naming_loss
from recipes.octsam_tiny.objects import draw_objects
from recipes.octsam_tiny.recipe import DataShares
from recipes.octsam_tiny.samples import MixedSource
from recipes.octsam_tiny.sources import octsam_tiny_sources
from recipes.octsam_tiny.teacher import Teacher

ONLY_LESIONS = DataShares(layers=0, fluid=0, lesions=1, phantoms=0)


def drawn(name: str, *values: int) -> LabelledBScan:
    """A B-scan with two squares of each of these lesions."""
    labels = np.zeros((96, 120), np.uint8)
    for i, value in enumerate(values):
        labels[10 + 14 * i : 20 + 14 * i, 10:20] = labels[10 + 14 * i : 20 + 14 * i, 50:60] = value
    return LabelledBScan(name, np.where(labels, 20, 120).astype(np.uint8), labels)


def written(folder: Path, *bscans: LabelledBScan) -> Path:
    for bscan in bscans:
        for kind, pixels in (("images", bscan.image), ("masks", bscan.labels)):
            path = folder / "lesions" / kind / f"{bscan.name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            iio.imwrite(path, pixels)
    return folder


def test_patients_are_kept_apart_by_the_last_digit_of_their_number(tmp_path: Path) -> None:
    names = ["17_DME_5", "17_DME_8", "25_CNV_1", "140_DRUSEN_3", "9_CNV_10"]
    data = written(tmp_path, *(drawn(name, 1) for name in names))
    source = octsam_tiny_sources(data)(ONLY_LESIONS)
    rng = np.random.default_rng(0)
    assert {source(rng).name for _ in range(60)} == {"17_DME_5", "17_DME_8", "9_CNV_10"}


def test_values_that_are_no_lesion_are_named(tmp_path: Path) -> None:
    data = written(tmp_path, drawn("1_CNV_1", 7))
    with pytest.raises(UserError, match="1_CNV_1 has the value 7, which is no lesion"):
        octsam_tiny_sources(data)(ONLY_LESIONS)


def test_each_piece_of_a_lesion_is_an_object_with_its_class() -> None:
    sample = lesion_sample(drawn("1_CNV_1", 1, 2, 3, 4, 5, 6))
    rng = np.random.default_rng(0)
    objects = [each for _ in range(60) for each in draw_objects(sample.maps, 4, rng)]
    lesions = sample.maps[LESIONS]
    named = {int(lesions[each.mask][0]): each.named for each in objects}
    assert named == {
        1: ("oct14", Finding.INTRARETINAL_FLUID),
        2: ("oct14", Finding.SUBRETINAL_FLUID),
        3: ("oct14", Finding.PIGMENT_EPITHELIAL_DETACHMENT),
        4: ("oct14", Finding.SUBRETINAL_HYPERREFLECTIVE_MATERIAL),
        5: ("oct14", Finding.POSTERIOR_HYALOID_MEMBRANE),
        6: None,
    }
    assert all(each.mask.sum() == 100 and each.ignored is None for each in objects)


def test_only_what_is_drawn_has_a_class_and_white_corners_are_padding() -> None:
    bscan = drawn("1_CNV_1", 1, 6)
    bscan.image[80:84] = 255
    bscan.image[np.add.outer(np.arange(96), np.arange(120)) < 20] = 251
    classes = lesion_sample(bscan).maps["oct14"]
    assert (classes[bscan.labels == 1] == Finding.INTRARETINAL_FLUID).all()
    assert (classes[bscan.labels == 6] == NOT_LABELLED).all()
    assert classes[0, 0] == Finding.IMAGE_PADDING
    assert (classes[60:, 90] == NOT_LABELLED).all()


def test_a_lesion_of_few_patients_is_drawn_more_often_than_it_comes() -> None:
    often = [lesion_sample(drawn(f"{i}_DME_1", 1)) for i in range(9)]
    rare = [lesion_sample(drawn("99_CNV_1", 4))]
    groups = by_lesion(often + rare)
    assert [weight for weight, _ in groups] == pytest.approx([3 / 4, 1 / 4])
    assert groups[1][1] == rare
    source = MixedSource(groups, phantoms=0)
    rng = np.random.default_rng(0)
    assert 0.15 < np.mean([source(rng).name == "99_CNV_1" for _ in range(200)]) < 0.35


def test_where_no_lesion_is_drawn_naming_one_is_discouraged_and_nothing_else() -> None:
    lesions = np.zeros((8, 16), np.uint8)
    lesions[:4] = 1
    classes = np.where(lesions, np.uint8(Finding.INTRARETINAL_FLUID), NOT_LABELLED)
    view = View(torch.zeros(1, 8, 16), {LESIONS: lesions, "oct14": classes.astype(np.uint8)})
    names, fine = PixelNames(), torch.randn(1, FINE_CHANNELS, 8, 8)

    def of(named: int, absent: float) -> float:
        logits = torch.full((1, 14, 8, 4), -5.0)
        logits[:, Finding.INTRARETINAL_FLUID, :4] = 5.0
        logits[:, named, 4:] = 5.0
        names.forward = lambda *_: logits  # type: ignore[method-assign]
        return float(naming_loss(names, fine, [view], absent=absent))

    drusen, retina, vitreous = Finding.PIGMENT_EPITHELIAL_DETACHMENT, 2, 12
    assert of(drusen, 0.2) > of(drusen, 0.0) + 1
    assert of(Finding.INTRARETINAL_FLUID, 0.2) > of(Finding.INTRARETINAL_FLUID, 0.0) + 1
    assert of(retina, 0.2) == pytest.approx(of(vitreous, 0.2), abs=1e-5)
    assert of(retina, 0.2) == pytest.approx(of(retina, 0.0), abs=0.01)


def test_beside_lesions_the_network_is_taught_what_it_was_sure_of() -> None:
    sample = lesion_sample(drawn("1_CNV_1", 1, 6))
    network = begun_network(None)
    heads = network.pixel_names.heads
    for schema, value in (("layers7", 3), ("oct14", Tissue.NEUROSENSORY_RETINA)):
        heads[schema].bias.data[value] = 50
    maps = Teacher(network, sure=0.9)(sample).maps
    lesions = sample.maps[LESIONS] > 0
    assert (maps["layers7"][~lesions] == 3).all()
    assert (maps["layers7"][lesions] == NOT_LABELLED).all()
    assert (maps["oct14"][~lesions] == Tissue.NEUROSENSORY_RETINA).all()
    assert (maps["oct14"][lesions] == sample.maps["oct14"][lesions]).all()


def test_neither_unsure_names_nor_lesions_are_taught() -> None:
    sample = lesion_sample(drawn("1_CNV_1", 1))
    network = begun_network(None)
    for head in network.pixel_names.heads.values():
        head.weight.data.zero_()
        head.bias.data.zero_()
    network.pixel_names.heads["oct14"].bias.data[Finding.INTRARETINAL_FLUID] = 50
    maps = Teacher(network, sure=0.9)(sample).maps
    assert (maps["layers7"] == NOT_LABELLED).all()
    assert (maps["oct14"] == sample.maps["oct14"]).all()
