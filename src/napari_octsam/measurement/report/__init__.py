"""What was measured of one scan as a page to print."""

from napari_octsam.measurement.report.page import BScanPicture, write_page

__all__ = ["BScanPicture", "write_page"]
