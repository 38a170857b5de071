"""Metrics of masks against the truth, and of a model's judgement of its own masks."""

from napari_octsam.evaluation.metrics.average_precision import Confidence, measure_confidence
from napari_octsam.evaluation.metrics.boundaries import (
    BoundaryError,
    SurfaceDistances,
    boundary_error,
    surface_distances,
)
from napari_octsam.evaluation.metrics.calibration import (
    THRESHOLDS,
    Calibration,
    ObjectCalibration,
    calibrate,
    measure_calibration,
)
from napari_octsam.evaluation.metrics.counts import PixelCounts, count_pixels, dice
from napari_octsam.evaluation.metrics.metric import (
    DICE,
    MICROMETRES,
    PIXEL_METRICS,
    SHAPE_METRICS,
    Metric,
    Metrics,
    mean_known,
)

__all__ = [
    "DICE",
    "MICROMETRES",
    "PIXEL_METRICS",
    "SHAPE_METRICS",
    "THRESHOLDS",
    "BoundaryError",
    "Calibration",
    "Confidence",
    "Metric",
    "Metrics",
    "ObjectCalibration",
    "PixelCounts",
    "SurfaceDistances",
    "boundary_error",
    "calibrate",
    "count_pixels",
    "dice",
    "mean_known",
    "measure_calibration",
    "measure_confidence",
    "surface_distances",
]
