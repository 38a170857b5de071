"""The phantom generator: what its pictures and labels promise to training, sample and tests."""

from __future__ import annotations

import numpy as np
import pytest

from napari_octsam.core.classes import bundled_schema
from napari_octsam.core.errors import UserError
from napari_octsam.phantoms.bscan import Finding, demo_phantom, make_phantom

ALWAYS = {0, 2, 6, 12}
"""Classes of every phantom: background, neurosensory retina, RPE, vitreous."""


def test_findings_are_the_classes_of_the_schema() -> None:
    schema = bundled_schema("oct14")
    assert {f.value for f in Finding} | ALWAYS == {c.value for c in schema.classes}
    for finding in Finding:
        name = finding.name.replace("_", " ").lower()
        assert schema[finding].name.startswith(name)


def test_same_seed_gives_same_bytes() -> None:
    first, second, other = make_phantom(3), make_phantom(3), make_phantom(4)
    for name in ("image", "labels", "layers"):
        assert getattr(first, name).tobytes() == getattr(second, name).tobytes()
    assert (first.image != other.image).any()


@pytest.mark.parametrize("finding", Finding)
def test_a_requested_finding_shows_and_no_other(finding: Finding) -> None:
    for seed in range(8):
        labels = make_phantom(seed, (256, 320), [finding]).labels
        assert np.count_nonzero(labels == finding) >= 10
        assert set(np.unique(labels)) == ALWAYS | {finding}


@pytest.mark.parametrize("shape", [(200, 200), (200, 1024), (1024, 300), (1024, 1536)])
def test_all_classes_fit_in_any_shape(shape: tuple[int, int]) -> None:
    phantom = make_phantom(1, shape, tuple(Finding))
    for array in (phantom.image, phantom.labels, phantom.layers):
        assert array.shape == shape
        assert array.dtype == np.uint8
    assert set(np.unique(phantom.labels)) == set(range(14))


def test_drawn_findings_vary() -> None:
    seen = [frozenset(np.unique(make_phantom(s, (160, 160)).labels)) for s in range(60)]
    assert len(set(seen)) > 20
    assert frozenset.union(*seen) == set(range(14))


def test_layers_lie_in_order_without_gaps() -> None:
    for seed in range(6):
        layers = make_phantom(seed, findings=()).layers
        retina = layers > 0
        assert (np.maximum.accumulate(layers, axis=0) == layers)[retina].all()
        assert (np.count_nonzero(np.diff(retina, axis=0), axis=0) == 2).all()
        assert set(np.unique(layers)) == set(range(8))


def test_layers_agree_with_classes() -> None:
    for seed in range(12):
        phantom = make_phantom(seed, (320, 400))
        assert ((phantom.layers == 7) == (phantom.labels == 6)).all()
        assert (((phantom.layers >= 1) & (phantom.layers <= 6)) == (phantom.labels == 2)).all()


def test_grey_levels_rank_as_in_real_scans() -> None:
    for seed in range(8):
        phantom = make_phantom(seed, findings=())
        rnfl, _, inl, opl, onl, _, rpe = (
            phantom.image[phantom.layers == layer].mean() for layer in range(1, 8)
        )
        vitreous = phantom.image[phantom.labels == 12].mean()
        assert vitreous < onl < inl < opl < rpe
        assert onl < rnfl


def test_fluid_is_darker_than_the_retina_round_it() -> None:
    fluids = [Finding.INTRARETINAL_FLUID, Finding.SUBRETINAL_FLUID]
    for seed in range(6):
        phantom = make_phantom(seed, findings=fluids)
        retina = phantom.image[phantom.labels == 2].mean()
        for fluid in fluids:
            assert phantom.image[phantom.labels == fluid].mean() < 0.6 * retina


def test_padding_has_one_grey_level() -> None:
    for seed in range(8):
        phantom = make_phantom(seed, (256, 320), [Finding.IMAGE_PADDING])
        assert np.unique(phantom.image[phantom.labels == Finding.IMAGE_PADDING]).size == 1


def test_findings_leave_eye_and_device_alone() -> None:
    healthy = make_phantom(5, findings=())
    padded = make_phantom(5, findings=[Finding.IMAGE_PADDING])
    inside = padded.labels != Finding.IMAGE_PADDING
    assert (padded.image == healthy.image)[inside].all()


def test_demo_shows_its_findings() -> None:
    phantom = demo_phantom()
    assert phantom.image.shape == (496, 768)
    assert set(np.unique(phantom.labels)) == ALWAYS | {1, 3, 4, 7, 8, 9}


def test_bad_arguments_say_what_is_wrong() -> None:
    with pytest.raises(UserError, match="seed must not be negative"):
        make_phantom(-1)
    with pytest.raises(UserError, match=r"at least 128 x 128 pixels; 50 x 700"):
        make_phantom(0, (50, 700))
    with pytest.raises(UserError, match=r"cannot show this: 2 .*SUBRETINAL_FLUID"):
        make_phantom(0, findings=[2])  # type: ignore[list-item]
