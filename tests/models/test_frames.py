from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from segment_anything import SamPredictor
from segment_anything.build_sam import _build_sam
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from skimage import transform

from napari_octsam.core.decoded import CoarseMask, LogitWindow
from napari_octsam.core.resampling import interpolation
from napari_octsam.models.frames import MASK_PROMPT_LOGIT, Frame, make_frame
from napari_octsam.models.profiles import preprocess

SHAPES = [(496, 768), (768, 496), (1024, 1024), (8, 8), (37, 1500), (2000, 1100)]
FLOOR = np.log(0.01 / 0.99)


@pytest.fixture(scope="module")
def sam() -> Sam:
    return _build_sam(32, 1, 2, [0])


def random_bscan(shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
def test_sam_sees_what_sam_predictor_shows_it(sam: Sam, shape: tuple[int, int]) -> None:
    grey = random_bscan(shape)
    resized = SamPredictor(sam).transform.apply_image(np.stack([grey] * 3, axis=-1))
    expected = sam.preprocess(torch.as_tensor(resized).permute(2, 0, 1)[None])

    torch.testing.assert_close(preprocess(grey, "sam", (1024, 1024)), expected, rtol=0, atol=0)


def test_medsam_sees_what_its_inference_script_shows_it() -> None:
    grey = (random_bscan((62, 96)) * 0.6 + 40).astype(np.uint8)
    colour = np.stack([grey] * 3, axis=-1)
    stretched = transform.resize(
        colour, (1024, 1024), order=3, preserve_range=True, anti_aliasing=True
    ).astype(np.uint8)
    expected = (stretched - stretched.min()) / (stretched.max() - stretched.min())

    pixels = preprocess(grey, "medsam", (1024, 1024))[0].permute(1, 2, 0).numpy()

    # cutting off to 8 bit turns the last digit of a float into a whole grey level here and there
    wrong = np.abs(pixels - expected) > 1e-6
    assert wrong.mean() < 1e-3
    assert np.abs(pixels - expected).max() < 0.01
    assert pixels.min() == 0
    assert pixels.max() == 1


def test_octsam_sees_the_bscan_without_its_brightness_and_contrast() -> None:
    grey = random_bscan((100, 150))
    pixels = preprocess(grey, "octsam-tiny", (512, 384))
    darker = preprocess((grey // 2).astype(np.uint8), "octsam-tiny", (512, 384))

    assert pixels.shape == (1, 1, 512, 384)
    assert abs(float(pixels.mean())) < 0.05
    torch.testing.assert_close(darker, pixels, atol=0.05, rtol=0)
    flat = preprocess(np.full((50, 50), 7, np.uint8), "octsam-tiny", (512, 384))
    torch.testing.assert_close(flat, torch.zeros_like(flat))


def letterboxed(grey: npt.NDArray[np.uint8], shade: int) -> npt.NDArray[np.uint8]:
    return np.pad(grey, ((20, 40), (30, 10)), constant_values=shade)


@pytest.mark.parametrize("shade", [128, 255])
def test_octsam_tiny_sees_every_letterbox_as_a_dark_one(shade: int) -> None:
    dim = np.random.default_rng(0).integers(5, 90, (60, 80)).astype(np.uint8)
    dim[0, 0] = 0
    seen = preprocess(letterboxed(dim, shade), "octsam-tiny", (64, 64))
    torch.testing.assert_close(seen, preprocess(letterboxed(dim, 0), "octsam-tiny", (64, 64)))


def test_an_inverted_b_scan_keeps_its_white() -> None:
    dim = np.random.default_rng(0).integers(0, 60, (60, 80)).astype(np.uint8)
    pixels = preprocess(255 - letterboxed(dim, 0), "octsam-tiny", (64, 64))[0, 0]
    assert pixels[0, 0] > pixels.mean()


@given(
    shape=st.sampled_from(SHAPES),
    row=st.floats(-0.5, 2000),
    col=st.floats(-0.5, 2000),
)
def test_sam_gets_the_coordinates_that_sam_predictor_gives_it(
    shape: tuple[int, int], row: float, col: float
) -> None:
    expected = ResizeLongestSide(1024).apply_coords(np.array([[col, row]]), shape)

    x_y = make_frame("sam", shape, (1024, 1024)).to_input(np.array([[row, col]]))

    np.testing.assert_array_equal(x_y, expected)


@pytest.mark.parametrize("profile", ["medsam", "octsam-tiny"])
def test_a_prompt_goes_where_stretching_puts_its_pixel(profile: str) -> None:
    bscan = np.zeros((64, 96))
    bscan[20, 70] = 1
    stretched = transform.resize(bscan, (256, 512), order=1)
    ys, xs = np.indices(stretched.shape)
    centroid = [(xs * stretched).sum(), (ys * stretched).sum()] / stretched.sum()

    x_y = make_frame(profile, (64, 96), (256, 512)).to_input(np.array([20.0, 70.0]))

    np.testing.assert_allclose(x_y, centroid, atol=1e-6)


def test_a_mask_prompt_lies_where_the_bscan_lies_in_the_input() -> None:
    frame = make_frame("sam", (496, 768), (1024, 1024))
    mask = np.zeros((496, 768), bool)
    mask[120:240, 96:480] = True
    on_input = np.zeros((1024, 1024), np.float32)
    rows, cols = frame.content
    on_input[:rows, :cols] = transform.resize(mask.astype(float), frame.content, order=1)
    expected = F.avg_pool2d(torch.from_numpy(on_input)[None, None], 4)[0, 0].numpy()

    logits = frame.to_mask_prompt(mask, (256, 256))

    covered = (logits / MASK_PROMPT_LOGIT + 1) / 2
    assert covered.sum() == pytest.approx(mask.sum() * (1024 / 768 / 4) ** 2, rel=1e-3)
    np.testing.assert_allclose(covered, expected, atol=0.13)  # it is sharper at the edges
    np.testing.assert_array_equal(logits[170:], -MASK_PROMPT_LOGIT)


def blobs(size: int) -> torch.Tensor:
    """Masks as SAM makes them: large, thin, in a corner, at the padding, none at all."""
    rows, cols = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    noise = torch.randn(size, size, generator=torch.Generator().manual_seed(0))
    return torch.stack(
        [
            noise * 3,
            8 - 6 * (rows - 0.3 * size - cols * 0.05).abs() + noise,
            6 - (rows + cols) / 4.0 + noise,
            6 - (rows - size).abs() / 2.0 + noise,
            torch.full((size, size), -20.0) + noise,
        ]
    )[None]


def windows(logits: torch.Tensor, frame: Frame) -> list[LogitWindow]:
    grid = frame.mask_grid((256, 256))
    return [CoarseMask.cut(mask, grid).window for mask in logits[0].numpy()]


@pytest.mark.parametrize("shape", SHAPES)
def test_windows_hold_the_logits_of_sams_postprocessing(sam: Sam, shape: tuple[int, int]) -> None:
    frame = make_frame("sam", shape, (1024, 1024))
    logits = blobs(256)
    expected = sam.postprocess_masks(logits, frame.content, shape)[0].numpy()

    for window, full in zip(windows(logits, frame), expected, strict=True):
        np.testing.assert_allclose(window.logits, full[window.window], rtol=1e-3, atol=1e-3)
        outside = np.ones(shape, bool)
        outside[window.window] = False
        assert not (full[outside] > FLOOR + 1e-3).any()
        if (full > FLOOR).any():
            edges = (window.logits[i] for i in ([0], [-1], np.s_[:, [0]], np.s_[:, [-1]]))
            assert all((edge > FLOOR - 1e-2).any() for edge in edges)
        else:
            assert window.logits.shape == (1, 1)


def test_windows_of_a_stretched_bscan_are_interpolated_once() -> None:
    frame = make_frame("octsam-tiny", (496, 768), (512, 512))
    logits = blobs(256)
    expected = F.interpolate(logits, (496, 768), mode="bilinear", align_corners=False)[0].numpy()

    for window, full in zip(windows(logits, frame), expected, strict=True):
        np.testing.assert_allclose(window.logits, full[window.window], rtol=1e-3, atol=1e-3)


def test_logits_of_the_padding_do_not_count() -> None:
    frame = make_frame("sam", (496, 768), (1024, 1024))
    rows, cols = frame.mask_grid((256, 256)).extent
    assert (rows, cols) == (166, 256)
    logits = blobs(256)
    padded = logits.clone()
    padded[..., rows:, :] = 50

    for window, other in zip(windows(logits, frame), windows(padded, frame), strict=True):
        np.testing.assert_array_equal(window.mask(frame.shape), other.mask(frame.shape))


@pytest.mark.parametrize("thin", [(1, 5), (5, 1), (1, 1), (3, 7)])
def test_interpolation_is_torchs(thin: tuple[int, int]) -> None:
    old, new = thin
    values = torch.arange(old, dtype=torch.float32)[:, None] ** 2
    expected = F.interpolate(values[None, None], (new, 1), mode="bilinear")[0, 0]

    axis = interpolation(old, ((new, new),))

    taken = axis.apply(values.numpy(), 0, slice(0, new))
    np.testing.assert_allclose(taken, expected, rtol=1e-5)
