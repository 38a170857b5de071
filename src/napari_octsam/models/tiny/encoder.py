"""octsam-tiny's image encoder: a U-Net that keeps every row, and half of the columns.

A layer is 5 to 8 rows high and hundreds of columns wide, so that its maps have twice as many rows
as columns at every scale.
"""

from __future__ import annotations

from segment_anything.modeling.common import LayerNorm2d
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FINE_CHANNELS", "STRIDES", "UNetEncoder"]

STRIDES = {"fine": (1, 2), "stride4": (4, 8), "stride8": (8, 16), "image": (16, 32)}
"""Rows and columns of the input that one place of each map stands for."""

FINE_CHANNELS = 24


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
    """A step to fewer places, then `blocks` residual blocks."""

    def __init__(
        self, channels_in: int, channels: int, blocks: int, stride: tuple[int, int] = (2, 2)
    ) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1)
        self.blocks = nn.Sequential(*(ConvBlock(channels) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C, H / stride, W / stride)."""
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
    """Image encoder: down to 1/16 of the rows and 1/32 of the columns, and up again.

    Parameters
    ----------
    widths
        Channels at each scale, fine to coarse.
    embed_dim
        Channels of the map "image"; "stride8" has half of them, "stride4" a quarter.

    Attributes
    ----------
    channels : dict[str, int]
        Of each map.
    """

    def __init__(self, widths: tuple[int, int, int, int, int], embed_dim: int) -> None:
        super().__init__()
        finest, second, third, fourth, lowest = widths
        self.down = nn.ModuleList(
            [
                Down(1, finest, 0, stride=(1, 2)),
                Down(finest, second, 1),
                Down(second, third, 2),
                Down(third, fourth, 2),
                Down(fourth, lowest, 2),
            ]
        )
        self.up = nn.ModuleList(
            [Up(lowest, fourth), Up(fourth, third), Up(third, second), Up(second, finest)]
        )
        self.neck = nn.Sequential(nn.Conv2d(lowest, embed_dim, 1), LayerNorm2d(embed_dim))
        self.channels = {
            "fine": FINE_CHANNELS,
            "stride4": embed_dim // 4,
            "stride8": embed_dim // 2,
            "image": embed_dim,
        }
        self.detail = nn.ModuleDict(
            {
                name: nn.Conv2d(width, self.channels[name], 1)
                for name, width in (("stride8", fourth), ("stride4", third), ("fine", finest))
            }
        )

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """(B, 1, H, W) -> the maps of `STRIDES`."""
        skips = []
        x = pixels
        for down in self.down:
            x = down(x)
            skips.append(x)
        maps = {"image": self.neck(x)}
        for name, up, skip in zip(
            ("stride8", "stride4", "", "fine"), self.up, reversed(skips[:-1]), strict=True
        ):
            x = up(x, skip)
            if name:
                maps[name] = self.detail[name](x)
        return maps
