"""Image files as 8-bit RGB, and the content that this form cannot hold."""

import io
import warnings
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import NamedTuple

import numpy as np
import PIL
import torch
from PIL import AvifImagePlugin, ExifTags, Image, ImageCms, ImageFile, features
from torch import Tensor

from jhrun.errors import DataError

LOSSES = {
    "alpha": "have transparent pixels: the alpha channel is dropped, and the colours below it are read",
    "depth": "have more than 8 bits per channel: the lower bits are dropped",
    "cmyk": "are in CMYK: they are converted to RGB without a colour profile",
    "profile": "have a colour profile other than sRGB: it is not applied",
    "frames": "have several frames: the first one is read, and no other",
    "orientation": "are to be turned or mirrored, by their EXIF orientation: they are read as they are stored",
}
"""What may be lost of an image, and how it is told."""

_SAME_COLOURS = 3
"""Levels of 255 by which a profile may move a colour and still count as sRGB's: its curve is often rounded."""

_HEAD = 4096
"""Bytes of a file in which its header is looked for."""

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class Decoded(NamedTuple):
    """One image file.

    Attributes:
        kind: width, height and mode.
        pixels: (h, w, 3).
        lost: of ``LOSSES``, in their order, whether the file had it.
    """

    kind: tuple[int, int, str]
    pixels: Pixels
    lost: list[bool]


def decoded_images(paths: Sequence[str]) -> dict[str, Tensor]:
    """Every file as an image in three channels.

    By one thread: two gained nothing, and a decoder of AVIF that starts threads of its own for each small image
    takes three times as long (``docs/measurements.md``).

    Args:
        paths: of the files.

    Returns:
        ``pixels`` (N, 3, h, w), uint8, and ``lost`` (N, len(LOSSES)), bool: which file lost what.

    Raises:
        DataError: a file is no image, or is unlike the first.
    """
    pixels, first = np.empty(0, dtype=np.uint8), None
    lost = np.zeros((len(paths), len(LOSSES)), dtype=bool)
    threads, AvifImagePlugin.DEFAULT_MAX_THREADS = AvifImagePlugin.DEFAULT_MAX_THREADS, 1
    try:
        with warnings.catch_warnings():
            # Pillow's, of odd metadata and, before it refuses a file, of formats that it was built without
            warnings.filterwarnings("ignore", module="PIL")
            for i, path in enumerate(paths):
                image = _image(path)
                if first is None:
                    first = image.kind
                    pixels = np.empty((len(paths), 3, *image.pixels.shape[:2]), dtype=np.uint8)
                if image.kind != first:
                    raise DataError(
                        f"an image is {_words(image.kind)}, and another one, {paths[0]}, {_words(first)}",
                        path,
                        "bring all images to one size and one mode",
                    )
                pixels[i], lost[i] = image.pixels.transpose(2, 0, 1), image.lost
    finally:
        AvifImagePlugin.DEFAULT_MAX_THREADS = threads
    return {"pixels": torch.from_numpy(pixels), "lost": torch.from_numpy(lost)}


def say_losses(paths: Sequence[str], lost: Tensor) -> None:
    """Warn of what the images lost: once for each kind of loss, with the number of files and the first of them.

    Args:
        paths: of the files.
        lost: as ``decoded_images`` gives it.
    """
    for text, of_kind in zip(LOSSES.values(), lost.T, strict=True):
        if of_kind.any():
            first = paths[int(of_kind.int().argmax())]
            many = f"{int(of_kind.sum()):,} of {len(paths):,} images"
            warnings.warn(f"{many} {text}, the first is {first}", stacklevel=4)


def _image(path: str) -> Decoded:
    try:
        with Image.open(path) as image:
            kind = (*image.size, image.mode)
            # the tiles are gone once the pixels are loaded
            deep = _deep(image)
            several = getattr(image, "n_frames", 1) > 1
            pixels = np.asarray(image.convert("RGB"))
            lost = [_transparent(image), deep, image.mode == "CMYK", _profiled(image), several, _turned(image)]
    except MemoryError:
        raise
    except Exception as error:
        # on files that are damaged, Pillow fails in every way there is
        raise unreadable(path, error) from error
    if kind[2].startswith(("I", "F")):
        raise DataError(f"an image is {_words(kind)}, of more than 8 bits", path, "convert the images to 8 bits")
    return Decoded(kind, pixels, lost)


def _transparent(image: Image.Image) -> bool:
    """Whether some pixel is not opaque; an alpha channel that says nothing is no loss."""
    if not image.has_transparency_data or image.mode.startswith(("I", "F")):
        return False
    return image.convert("RGBA").getchannel("A").getextrema()[0] != 255


def _deep(image: ImageFile.ImageFile) -> bool:
    """Whether a channel has more than 8 bits, of which Pillow gives the upper ones without a word."""
    for tile in image.tile:
        # "RGB;16B" of PNG, TIFF and SGI; of PPM, the mode and the largest value
        large = tile.codec_name.startswith("ppm") and isinstance(tile.args, tuple) and tile.args[1] > 255
        if large or ";16" in str(tile.args):
            return True
    if image.format not in {"AVIF", "JPEG2000"} or image.fp is None:
        return False
    image.fp.seek(0)
    return deep_header(image.format, image.fp.read(_HEAD))


def deep_header(kind: str, head: bytes) -> bool:
    """Whether the first bytes of a file of which Pillow does not tell it announce more than 8 bits per channel.

    Args:
        kind: ``AVIF`` or ``JPEG2000``.
        head: the first bytes of the file.

    Returns:
        Yes or no; no where nothing is announced.
    """
    # AVIF: the third byte of AV1CodecConfigurationRecord holds tier, high_bitdepth, twelve_bit, …; JPEG 2000: of
    # the first component, the segment of marker SIZ holds the number of bits less one, and their sign in bit 7
    mark, place, bits, least = (b"av1C", 2, 0x40, 0x40) if kind == "AVIF" else (b"\xff\x51", 38, 0x7F, 8)
    segment = head.partition(mark)[2]
    return len(segment) > place and segment[place] & bits >= least


def _profiled(image: Image.Image) -> bool:
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "CMYK" or not features.check("littlecms2"):
        return False
    return _moves_colours(profile, "L" if image.mode in {"1", "L", "LA"} else "RGB")


@cache
def _moves_colours(profile: bytes, mode: str) -> bool:
    """Whether a profile gives other colours than sRGB; one that cannot be used gives none."""
    levels = np.linspace(0, 255, 6).astype(np.uint8)
    colours = levels[None] if mode == "L" else np.stack(np.meshgrid(levels, levels, levels), -1).reshape(1, -1, 3)
    patches = Image.fromarray(colours)
    try:
        found = ImageCms.profileToProfile(
            patches, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return False
    before = np.asarray(patches.convert("RGB"), dtype=int)
    return bool(np.abs(np.asarray(found, dtype=int) - before).max() > _SAME_COLOURS)


def _turned(image: Image.Image) -> bool:
    # EXIF that is damaged turns nothing
    with suppress(Exception):
        return image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    return False


def unreadable(path: str, error: Exception) -> DataError:
    """What to say of a file that cannot be read.

    Args:
        path: of the file.
        error: what its reading raised.

    Returns:
        The failure to raise.
    """
    if path.lower().endswith((".avif", ".avifs")) and not features.check("avif"):
        what = f"Pillow {PIL.__version__} is here without AVIF"
        return DataError(what, path, "install one that has it: pip install --upgrade --force-reinstall pillow")
    if isinstance(error, PIL.UnidentifiedImageError):
        return DataError("a file is not an image that Pillow knows", path, "remove it, or move it elsewhere")
    return DataError(f"an image cannot be read ({error})", path, "restore it, or remove it")


def _words(kind: tuple[int, int, str]) -> str:
    return f"{kind[0]}×{kind[1]} pixels in mode {kind[2]}"
