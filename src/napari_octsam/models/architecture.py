"""What there is to know of a network before it is built: one record each.

The napari side reads these records too, so what needs torch is named in them, and imported once it
is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_octsam.models.network import Network, Preprocess

__all__ = ["OWN", "Architecture", "Guess", "Names", "Profile", "imported"]


def imported(name: str) -> Callable[..., Any]:
    """Return what calls a function of the package, such as "tiny.network:TinyNetwork" in `models`.

    It is imported with the first call.
    """
    return lambda *arguments: resolve_name(f"napari_octsam.models.{name}")(*arguments)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """How a kind of checkpoint expects to see a B-scan.

    Feeding one kind with another's gives no error, only worse masks.

    Parameters
    ----------
    name
        As headers and options have it.
    preprocess
        Makes the network's input of a B-scan.
    letterboxed
        Whether the B-scan keeps its proportions and is padded, in SAM's own way; else it is
        stretched over the whole input.
    """

    name: str
    preprocess: Preprocess
    letterboxed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What a library calls the weights of a network.

    Parameters
    ----------
    library
        Such as "transformers".
    of
        Gives the name there of a weight by its name here.
    copies
        Further names there, of weights that the library keeps more than once -> names here.
    """

    library: str
    of: Callable[[str], str]
    copies: Mapping[str, str] = field(default_factory=dict)


OWN = Names("octsam", of=lambda name: name)
"""This package's names, which are segment_anything's where it has them."""


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What the header of a checkpoint without one is taken to say.

    Parameters
    ----------
    profile
        How B-scans are preprocessed for it.
    single_mask
        Whether only mask 0 is trained.
    note
        A sentence that the person should read, or "".
    """

    profile: Profile
    single_mask: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Architecture:
    """A network that checkpoints can be of.

    Parameters
    ----------
    name
        As headers have it.
    build
        Makes the network, with whatever weights; one that names pixels takes the schemas that it
        has learnt beside `named_schemas`.
    telltale
        Name of a weight that no other kind of network has.
    encoder_width
        Size of that weight's last axis, where there are networks of this kind in several sizes.
    earlier
        Names of weights that only an earlier version had -> what that version is called.
    begins_at_zero
        Names of weights that older files lack: zeros, which change nothing, stand in for them.
    names
        The names under which its weights may stand in a file.
    profiles
        The ways of preprocessing that it can take.
    guess
        Gives what the header would say by a file's name and the names of the weights in it.
    takes_colors
        Whether it can see B-scans in a colour map.
    no_adapters
        Why low-rank adapters cannot go on it, such as "is convolutional"; "" where they can.
    gains_by_16_bit
        Whether its encoder is enough faster in 16 bit to try what that does to the masks.
    named_schemas
        Bundled label schemas by whose classes it names pixels, in the order of its heads; a network
        that names any can learn others.
    """

    name: str
    build: Callable[..., Network]
    telltale: str
    encoder_width: int | None = None
    earlier: Mapping[str, str] = field(default_factory=dict)
    begins_at_zero: tuple[str, ...] = ()
    names: tuple[Names, ...] = (OWN,)
    profiles: tuple[Profile, ...]
    guess: Callable[[str, Names], Guess]
    takes_colors: bool
    no_adapters: str
    gains_by_16_bit: bool
    named_schemas: tuple[str, ...] = ()
