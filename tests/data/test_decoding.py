"""Content of an image that 8-bit RGB cannot hold: told once for each kind."""

import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from jhrun.data.decoding import LOSSES, decoded_images, deep_header
from jhrun.data.image_folder import image_folder

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
OTHER = Image.fromarray(PIXELS[::-1])
EXIF = Image.Exif()
EXIF[0x0112] = 6


def image():
    return Image.fromarray(PIXELS)


def lost(path):
    """The kinds of loss of one file."""
    (found,) = decoded_images([str(path)])["lost"].tolist()
    return {kind for kind, was in zip(LOSSES, found, strict=True) if was}


def in_alpha(colours=3):
    """A black picture whose content is its alpha channel."""
    alpha = Image.fromarray(PIXELS[..., 0])
    return Image.merge("RGBA" if colours == 3 else "LA", [Image.new("L", (16, 16))] * colours + [alpha])


def png16(path, kind, channels):
    """A PNG of 16 bits per channel, which Pillow reads in colour and does not write."""
    rows = b"".join(b"\0" + bytes([255]) * 32 * channels for _ in range(16))

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 16, 16, 16, kind, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def tiff16(path):
    """A TIFF likewise: eight entries of one directory, three 16s, and the pixels."""
    first = 14 + 2 + 8 * 12 + 4
    entries = [(256, 3, 1, 16), (257, 3, 1, 16), (258, 3, 3, 8), (262, 3, 1, 2)]
    entries += [(273, 4, 1, first), (277, 3, 1, 3), (278, 3, 1, 16), (279, 4, 1, 1536)]
    head = b"II*\0" + struct.pack("<I4H", 14, 16, 16, 16, 8)
    path.write_bytes(head + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4 + 1536))


def jp2_16(path):
    """A JPEG 2000 file whose header announces 16 bits."""
    image().save(path)
    content = bytearray(path.read_bytes())
    size = content.index(b"\xff\x51")
    content[size + 40 : size + 49 : 3] = bytes([15] * 3)
    path.write_bytes(content)


def other_profile():
    """sRGB's profile with the green primary for its red one: other colours."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    tags = {profile[132 + 12 * i : 136 + 12 * i].decode(): 136 + 12 * i for i in range(count)}
    profile[tags["rXYZ"] : tags["rXYZ"] + 8] = profile[tags["gXYZ"] : tags["gXYZ"] + 8]
    return bytes(profile)


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSY = {
    "alpha.png": ({"alpha"}, lambda path: in_alpha().save(path)),
    "grey_alpha.png": ({"alpha"}, lambda path: in_alpha(1).save(path)),
    "key.png": ({"alpha"}, lambda path: image().save(path, transparency=tuple(map(int, PIXELS[0, 0])))),
    "palette.png": ({"alpha"}, lambda path: image().quantize(16).save(path, transparency=bytes(range(16)))),
    "alpha.webp": ({"alpha"}, lambda path: in_alpha().save(path, lossless=True)),
    "deep.png": ({"depth"}, lambda path: png16(path, 2, 3)),
    "deep_alpha.png": ({"depth"}, lambda path: png16(path, 6, 4)),
    "deep_grey_alpha.png": ({"depth"}, lambda path: png16(path, 4, 2)),
    "deep.tif": ({"depth"}, tiff16),
    "deep.ppm": ({"depth"}, lambda path: path.write_bytes(b"P6 16 16 1023\n" + bytes(1536))),
    "deep.jp2": ({"depth"}, jp2_16),
    "cmyk.jpg": ({"cmyk"}, lambda path: image().convert("CMYK").save(path)),
    "cmyk.tif": ({"cmyk"}, lambda path: image().convert("CMYK").save(path)),
    "profile.png": ({"profile"}, lambda path: image().save(path, icc_profile=other_profile())),
    "profile.jpg": ({"profile"}, lambda path: image().save(path, icc_profile=other_profile())),
    "frames.gif": ({"frames"}, lambda path: image().save(path, save_all=True, append_images=[OTHER])),
    "frames.png": ({"frames"}, lambda path: image().save(path, save_all=True, append_images=[OTHER])),
    "frames.webp": ({"frames"}, lambda path: image().save(path, save_all=True, append_images=[OTHER])),
    "pages.tif": ({"frames"}, lambda path: image().save(path, save_all=True, append_images=[OTHER])),
    "turned.jpg": ({"orientation"}, lambda path: image().save(path, exif=EXIF)),
    "turned.png": ({"orientation"}, lambda path: image().save(path, exif=EXIF)),
    "several.png": (
        {"alpha", "orientation", "profile"},
        lambda path: in_alpha().save(path, exif=EXIF, icc_profile=other_profile()),
    ),
}
LOSSLESS = {
    "plain.png": lambda path: image().save(path),
    "opaque.png": lambda path: image().convert("RGBA").save(path),
    "opaque_palette.png": lambda path: image().quantize(16).save(path, transparency=bytes([255] * 16)),
    "grey.png": lambda path: image().convert("L").save(path),
    "one_bit.png": lambda path: image().convert("1").save(path),
    "one_frame.gif": lambda path: image().save(path),
    "plain.ppm": lambda path: image().save(path),
    "plain.jp2": lambda path: image().save(path),
    "plain.pbm": lambda path: path.write_bytes(b"P1 16 16\n" + b"1 " * 256),
    "srgb.png": lambda path: image().save(path, icc_profile=SRGB),
    "damaged_profile.png": lambda path: image().save(path, icc_profile=b"x" * 300),
    "damaged_exif.png": lambda path: image().save(path, exif=b"Exif\0\0II*\0\xff\xff"),
    # Pillow turns TIFF by itself
    "turned.tif": lambda path: image().save(path, exif=EXIF),
}


@pytest.mark.parametrize("name", LOSSY)
def test_what_is_lost_is_known(name, tmp_path):
    kinds, write = LOSSY[name]
    write(tmp_path / name)
    assert lost(tmp_path / name) == kinds


@pytest.mark.parametrize("name", LOSSLESS)
def test_nothing_is_told_where_nothing_is_lost(name, tmp_path):
    LOSSLESS[name](tmp_path / name)
    assert lost(tmp_path / name) == set()


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")
def test_the_bits_of_avif_are_read_from_its_header(tmp_path):
    """Pillow writes no other AVIF than one of 8 bits."""
    image().save(tmp_path / "plain.avif")
    assert lost(tmp_path / "plain.avif") == set()
    head = bytearray((tmp_path / "plain.avif").read_bytes())
    head[head.index(b"av1C") + 6] |= 0x40
    assert deep_header("AVIF", bytes(head))
    assert not deep_header("AVIF", b"nothing of the kind")


def folder(root, *names):
    """A folder of images of these kinds, one class after the other."""
    for part in ("train", "test"):
        for label in ("cat", "dog"):
            (root / part / label).mkdir(parents=True)
            for name in names:
                LOSSY[name][1](root / part / label / name)
    return root


def said(root, **options):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        data = image_folder(root=str(root), validation=0, **options)
    return data, [str(warning.message) for warning in found]


@pytest.mark.parametrize("cache", ["kept", None])
def test_each_kind_is_told_once_with_its_number_and_first_file(cache, tmp_path):
    """Also by the calls that read what is kept."""
    root = folder(tmp_path / "images", "alpha.png", "several.png")
    options = {"cache": None if cache is None else str(tmp_path / cache)}
    data, told = said(root, **options)
    assert [message.partition(":")[0] for message in told] == [
        "8 of 8 images have transparent pixels",
        "4 of 8 images have a colour profile other than sRGB",
        "4 of 8 images are to be turned or mirrored, by their EXIF orientation",
    ]
    assert told[0].endswith(f"the first is {root / 'train/cat/alpha.png'}")
    assert told[1].endswith(f"the first is {root / 'train/cat/several.png'}")
    again, told_again = said(root, **options)
    assert told_again == told
    assert torch.equal(again.train.inputs, data.train.inputs)
    assert not data.train.inputs.any()


def test_a_run_says_it_on_the_screen_and_in_its_log(jhrun, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    root = folder(tmp_path / "images", "turned.jpg")
    few = ["model=mlp", "model.widths=[4]", "train.epochs=1", "regularizer=none", "evaluate=false"]
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = jhrun(
            "train",
            "dataset=image_folder",
            f"dataset.root={root}",
            *few,
            "hydra.run.dir=run",
            "dataset.validation=0",
        )
    assert code == 0, err
    line = "warning: 4 of 4 images are to be turned or mirrored, by their EXIF orientation"
    assert out.count(line) == 1
    assert line in (tmp_path / "run/run.log").read_text()
