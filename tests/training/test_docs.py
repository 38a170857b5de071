"""docs/training.md says what the settings are."""

from __future__ import annotations

from tools.docs.training_options import PAGE, with_table


def test_the_table_of_settings_is_that_of_the_code() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page) == page, "run: python -m tools.docs.training_options"
