"""The folded two-way transformer is segment_anything's, only bracketed otherwise."""

from __future__ import annotations

import pytest
import torch
from segment_anything.modeling import TwoWayTransformer

from napari_octsam.models.two_way import FoldedTwoWayTransformer


@pytest.mark.parametrize("tokens", [1, 7, 20])
def test_folding_changes_no_result_and_no_key(tokens: int) -> None:
    torch.manual_seed(tokens)
    original = TwoWayTransformer(depth=2, embedding_dim=64, mlp_dim=128, num_heads=8)
    folded = FoldedTwoWayTransformer(original)
    assert set(folded.state_dict()) == set(original.state_dict())
    for name, bias in original.named_parameters():
        if name.endswith("bias"):  # they start at 0, where a forgotten one would not be seen
            torch.nn.init.normal_(bias)
    image, places = torch.randn(2, 2, 64, 12, 10).unbind()
    prompt = torch.randn(2, tokens, 64)
    with torch.no_grad():
        for ours, theirs in zip(
            folded(image, places, prompt), original(image, places, prompt), strict=True
        ):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
