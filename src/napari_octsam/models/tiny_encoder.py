"""octsam-tiny's image encoder: a U-Net whose detailed maps reach the mask decoder."""

from __future__ import annotations

from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["UNetEncoder"]


class ConvBlock(nn.Module):
    """Two 3 x 3 convolutions around a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(8, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(y)))


class Down(nn.Module):
    """Halve the resolution, then `blocks` residual blocks."""

    def __init__(self, channels_in: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H/2, W/2)."""
        return self.blocks(F.relu(self.reduce(x)))  # type: ignore[no-any-return]


class Up(nn.Module):
    """Double the resolution, join the map of that resolution, then one residual block."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels_in, channels, 1)
        self.block = ConvBlock(channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C_in, H/2, W/2) and (B, C, H, W) -> (B, C, H, W)."""
        x = F.interpolate(self.reduce(x), size=skip.shape[-2:], mode="bilinear")
        return self.block(F.relu(x + skip))  # type: ignore[no-any-return]


class UNetEncoder(nn.Module):
    """Image encoder: down to 1/32 and up again to 1/2, with a map for each scale."""

    def __init__(self, widths: tuple[int, int, int, int, int], embed_dim: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth, lowest = widths
        self.down = nn.ModuleList(
            [
                Down(1, half, 1),
                Down(half, quarter, 1),
                Down(quarter, eighth, 2),
                Down(eighth, sixteenth, 2),
                Down(sixteenth, lowest, 2),
            ]
        )
        self.up = nn.ModuleList(
            [
                Up(lowest, sixteenth),
                Up(sixteenth, eighth),
                Up(eighth, quarter),
                Up(quarter, half),
            ]
        )
        self.neck = nn.Sequential(nn.Conv2d(sixteenth, embed_dim, 1), LayerNorm2d(embed_dim))
        self.detail = nn.ModuleDict(
            {
                "stride8": nn.Conv2d(eighth, embed_dim // 2, 1),
                "stride4": nn.Conv2d(quarter, embed_dim // 4, 1),
                "stride2": nn.Conv2d(half, embed_dim // 4, 1),
            }
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(B, 1, H, W) -> maps "image" (1/16), "stride8", "stride4" and "stride2"."""
        return self.project(self.pyramid(pixels))

    def project(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Bring the maps of `pyramid` to the channels that the decoder takes."""
        features = {name: project(maps[name]) for name, project in self.detail.items()}
        return {"image": self.neck(maps["stride16"]), **features}

    def pyramid(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the maps before they are projected for the decoder, coarse to fine."""
        skips = []
        x = pixels
        for down in self.down:
            x = down(x)
            skips.append(x)
        maps = {}
        names = ("stride16", "stride8", "stride4", "stride2")
        for name, up, skip in zip(names, self.up, reversed(skips[:-1]), strict=True):
            x = up(x, skip)
            maps[name] = x
        return maps
