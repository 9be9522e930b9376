"""Folders of images: what is read, what is refused, and what is kept for the next call."""

import os
import shutil

import numpy as np
import PIL
import pytest
import torch
import torchvision.datasets as tv
from PIL import AvifImagePlugin, Image, features

from jhrun.data.image_folder import image_folder
from jhrun.errors import DataError

PARTS = ("train", "test")
CLASSES = ("cat", "dog")


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def write(root, classes=CLASSES, parts=PARTS, size=(6, 5), ending="png", **options):
    images = random_images(len(parts), len(classes), 5, *size, 3)
    for part, of_part in zip(parts, images, strict=True):
        for label, of_class in zip(classes, of_part, strict=True):
            (root / part / label).mkdir(parents=True)
            for i, image in enumerate(of_class):
                Image.fromarray(image).save(root / part / label / f"{i}.{ending}", **options)
    return images


@pytest.fixture
def root(tmp_path):
    write(tmp_path / "images")
    return tmp_path / "images"


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """The user's cache folder, as it will be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user" / "jhrun"


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def same(one, other):
    parts = [getattr(data, name) for name in ("train", "validation", "test") for data in (one, other)]
    return one.classes == other.classes and all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in zip(parts[::2], parts[1::2], strict=True)
    )


def test_folders_of_images(tmp_path):
    images = write(tmp_path, classes=("dog", "cat"))
    data = image_folder(root=str(tmp_path), validation=0.2, crop=1, flip=False)
    assert data.classes == ("cat", "dog")
    assert data.spec.shape == (3, 6, 5)
    assert (len(data.train), len(data.validation), len(data.test)) == (8, 2, 10)
    assert (data.crop, data.flip) == (1, False)
    expected = np.concatenate([images[1, 1], images[1, 0]])  # the test part, cats first
    assert np.array_equal(data.test.inputs.numpy(), expected.transpose(0, 3, 1, 2))
    assert data.test.targets.tolist() == [0] * 5 + [1] * 5


def test_order_and_pixels_are_those_of_torchvision(root):
    """Stored runs were made with its ``ImageFolder``: their validation split hangs on the order."""
    for nested in ("b", "a", "a-b", "a/b"):
        (root / "train" / "cat" / nested).mkdir(exist_ok=True)
        for i in range(3):
            Image.fromarray(random_images(6, 5, 3) // (i + 1)).save(
                root / "train" / "cat" / nested / f"{9 - i}.png"
            )
    Image.fromarray(random_images(6, 5, 3)[::-1]).save(root / "train" / "cat" / "z.png")
    data = image_folder(root=str(root), validation=0)
    reference = tv.ImageFolder(str(root / "train"))
    assert data.classes == tuple(reference.classes)
    assert data.train.targets.tolist() == reference.targets
    expected = np.stack([np.asarray(image) for image, _ in reference]).transpose(0, 3, 1, 2)
    assert np.array_equal(data.train.inputs.numpy(), expected)


def test_grey_images_get_three_channels(tmp_path):
    for part in PARTS:
        for name in ("one", "other"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(random_images(4, 4)).save(tmp_path / part / name / "0.png")
    data = image_folder(root=str(tmp_path), validation=0)
    assert torch.equal(data.test.inputs[0], torch.from_numpy(random_images(4, 4)).expand(3, 4, 4))


def test_what_pillow_warns_of_is_not_the_users_concern(tmp_path):
    """Its warning of a palette with an alpha channel, which is opaque here, so that nothing is lost."""
    for part in PARTS:
        image = Image.fromarray(random_images(4, 4, 3)).quantize(16)
        for name in ("one", "other"):
            (tmp_path / part / name).mkdir(parents=True)
            image.save(tmp_path / part / name / "0.png", transparency=bytes([255] * 16))
    assert len(image_folder(root=str(tmp_path), validation=0).test) == 2


def test_what_systems_leave_beside_images_is_no_image_and_no_class(root):
    before = image_folder(root=str(root))
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png"):
        (root / "train" / "cat" / name).write_bytes(b"\0\0\0\1Bud1")
    (root / "train" / ".ipynb_checkpoints").mkdir()
    (root / "train" / "cat" / ".thumbnails").mkdir()
    (root / "train" / "cat" / ".thumbnails" / "0.png").write_text("")
    (root / "train" / "labels.csv").write_text("0.png,cat")
    assert same(image_folder(root=str(root)), before)
    assert same(image_folder(root=str(root), cache=None), before)


def test_a_folder_below_home_is_found(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root.parent))
    assert len(image_folder(root="~/images").test) == 10


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")
def test_avif_is_read_as_any_other(tmp_path, monkeypatch):
    images = write(tmp_path, size=(16, 16), ending="avif", quality=100, subsampling="4:4:4")
    monkeypatch.setattr(AvifImagePlugin, "DEFAULT_MAX_THREADS", 7)
    data = image_folder(root=str(tmp_path), validation=0)
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 7
    expected = images[1].reshape(10, 16, 16, 3).transpose(0, 3, 1, 2)
    # lossy: the conversion to luma and chroma rounds
    assert np.abs(data.test.inputs.numpy().astype(int) - expected).max() <= 8


def nothing(root):
    shutil.rmtree(root)
    return str(root / "train"), "cannot be read (No such file or directory)"


def no_test(root):
    shutil.rmtree(root / "test")
    return str(root / "test"), "cannot be read (No such file or directory)"


def no_classes(root):
    for label in CLASSES:
        for image in files(root / "test" / label):
            image.rename(root / "test" / f"{label}{image.name}")
        (root / "test" / label).rmdir()
    return str(root / "test"), "there are no class folders"


def empty_class(root):
    for part in PARTS:
        (root / part / "emu").mkdir()
        (root / part / "emu" / ".DS_Store").write_text("")
    return str(root / "train"), "class folder without an image: emu"


def other_classes(root):
    (root / "test" / "dog").rename(root / "test" / "emu")
    return str(root), "train and test have different class folders (dog, emu)"


def two_sizes(root):
    path = root / "test" / "cat" / "large.png"
    Image.fromarray(random_images(9, 8, 3)).save(path)
    return str(path), "an image is 8×9 pixels in mode RGB, and another one, "


def two_modes(root):
    path = root / "train" / "dog" / "grey.png"
    Image.fromarray(random_images(6, 5)).save(path)
    return str(path), "an image is 5×6 pixels in mode L, and another one, "


def deep_images(root):
    for path in files(root):
        Image.fromarray(random_images(6, 5).astype(np.uint16) * 256).save(path)
    return str(root / "train" / "cat" / "0.png"), "pixels in mode I;16, of more than 8 bits"


def text(root):
    path = root / "train" / "cat" / "README.txt"
    path.write_text("these are cats")
    return str(path), "a file is not an image that Pillow knows"


def truncated(root):
    path = root / "train" / "cat" / "3.png"
    path.write_bytes(path.read_bytes()[:-40])
    return str(path), "an image cannot be read ("


def broken_inside(root):
    path = root / "train" / "cat" / "3.png"
    data = bytearray(path.read_bytes())
    data[33:60] = bytes(27)
    path.write_bytes(data)
    return str(path), "an image "


def dangling(root):
    path = root / "test" / "dog" / "link.png"
    path.symlink_to("nowhere.png")
    return str(path), "an image cannot be read ("


@pytest.mark.parametrize("cache", ["auto", None])
@pytest.mark.parametrize(
    "spoil",
    [
        *(nothing, no_test, no_classes, empty_class, other_classes),
        *(two_sizes, two_modes, deep_images, text, truncated, broken_inside, dangling),
    ],
)
def test_folders_that_are_no_data_set_are_refused_in_a_line(root, kept, spoil, cache):
    where, what = spoil(root)
    with pytest.raises(DataError) as caught:
        image_folder(root=str(root), cache=cache)
    assert caught.value.exit_code == 3
    assert what in str(caught.value)
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)
    assert files(kept) == []


def test_a_pillow_without_avif_is_named(tmp_path, monkeypatch):
    write(tmp_path)
    for path in files(tmp_path):
        # the first bytes by which AVIF is known
        path.write_bytes(b"\0\0\0\x20ftypavif" + bytes(20))
        path.rename(path.with_suffix(".avif"))
    with pytest.raises(DataError, match=r"0\.avif") as with_avif:
        image_folder(root=str(tmp_path))
    assert "without AVIF" not in str(with_avif.value)
    # what a Pillow that was built without it says of itself, and to whoever asks
    monkeypatch.setattr(AvifImagePlugin, "SUPPORTED", False)
    monkeypatch.setitem(features.modules, "avif", ("PIL._nothing", None))
    with pytest.raises(DataError, match=r"without AVIF, .*0\.avif, install one that has it: pip install"):
        image_folder(root=str(tmp_path))


def no_decoding(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("an image was opened")

    monkeypatch.setattr(Image, "open", refuse)


def test_a_second_call_opens_no_image(root, kept, monkeypatch):
    before = files(root)
    first = image_folder(root=str(root), seed=3)
    assert len(files(kept)) == 1
    assert files(root) == before
    no_decoding(monkeypatch)
    assert same(image_folder(root=str(root), seed=3), first)


def test_the_same_files_elsewhere_are_known(root, kept, monkeypatch):
    first = image_folder(root=str(root))
    shutil.copytree(root, root.with_name("copy"))  # keeps the times of change
    no_decoding(monkeypatch)
    assert same(image_folder(root=str(root.with_name("copy"))), first)


def test_a_folder_with_the_same_names_sizes_and_times_is_another_one(tmp_path):
    """A set and its corrupted copy, as uncompressed files: in a folder beside it, and then in its place."""
    clean, corrupted = tmp_path / "clean", tmp_path / "corrupted"
    write(clean, ending="bmp")
    shutil.copytree(clean, corrupted)
    for path in files(corrupted):
        content = bytearray(path.read_bytes())
        content[60:] = bytes(255 - byte for byte in content[60:])
        path.write_bytes(content)
        shutil.copystat(clean / path.relative_to(corrupted), path)
    stats = [[(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in files(r)] for r in (clean, corrupted)]
    assert stats[0] == stats[1]
    first, second = (image_folder(root=str(root)) for root in (clean, corrupted))
    assert not same(first, second)
    assert same(second, image_folder(root=str(corrupted), cache=None))
    clean.rename(tmp_path / "aside")
    corrupted.rename(clean)
    assert same(image_folder(root=str(clean)), second)
    assert same(image_folder(root=str(tmp_path / "aside")), first)


def test_files_that_were_only_touched_are_known(root, monkeypatch):
    first = image_folder(root=str(root))
    for path in files(root):
        os.utime(path, ns=(1, 1))
    no_decoding(monkeypatch)
    assert same(image_folder(root=str(root)), first)


def test_another_pillow_decodes_anew(root, kept, monkeypatch):
    image_folder(root=str(root))
    monkeypatch.setattr(PIL, "__version__", "0.1")
    image_folder(root=str(root))
    assert len(files(kept)) == 2


def another_content(root):
    """Of one file, for its time stays."""
    path = root / "train" / "cat" / "0.png"
    time = path.stat().st_mtime_ns
    Image.fromarray(255 - random_images(6, 5, 3)).save(path)
    os.utime(path, ns=(time, time))


def another_size(root):
    path = root / "train" / "cat" / "0.png"
    time = path.stat().st_mtime_ns
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(time, time))


def removed(root):
    (root / "test" / "dog" / "0.png").unlink()


def added(root):
    shutil.copy2(root / "test" / "dog" / "0.png", root / "test" / "dog" / "9.png")


def renamed(root):
    (root / "test" / "dog" / "0.png").rename(root / "test" / "dog" / "9.png")


def moved(root):
    (root / "test" / "dog" / "0.png").rename(root / "test" / "cat" / "9.png")


@pytest.mark.parametrize("change", [another_content, another_size, removed, added, renamed, moved])
def test_whatever_changes_is_decoded_anew(root, kept, change):
    image_folder(root=str(root))
    change(root)
    assert same(image_folder(root=str(root)), image_folder(root=str(root), cache=None))
    assert len(files(kept)) == 2


def test_a_damaged_cache_is_decoded_anew_with_a_warning(root, kept):
    first = image_folder(root=str(root))
    (path,) = files(kept)
    path.write_bytes(path.read_bytes()[:-1] + b"\7")
    with pytest.warns(UserWarning, match="damaged or foreign"):
        assert same(image_folder(root=str(root)), first)
    assert same(image_folder(root=str(root)), first)


def test_null_keeps_nothing_and_a_folder_is_taken(root, kept, tmp_path):
    image_folder(root=str(root), cache=None)
    image_folder(root=str(root), cache=str(tmp_path / "mine"))
    assert files(kept) == []
    assert len(files(tmp_path / "mine")) == 1


@pytest.mark.parametrize("given", [None, "", "relative/folder"])
def test_without_a_cache_folder_of_the_system_home_has_one(root, tmp_path, monkeypatch, given):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    if given is None:
        monkeypatch.delenv("XDG_CACHE_HOME")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", given)
    image_folder(root=str(root))
    assert len(files(tmp_path / ".cache" / "jhrun")) == 1
    assert not (tmp_path / "relative").exists()


def test_a_cache_of_a_user_who_does_not_exist_is_a_warning(root):
    with pytest.warns(UserWarning, match=r"not kept .* dataset\.cache"):
        image_folder(root=str(root), cache="~nobody-has-this-name/cache")


def test_a_read_only_image_folder_is_enough(root, kept):
    for path in (*root.rglob("*"), root):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        image_folder(root=str(root))
    finally:
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)
    assert len(files(kept)) == 1


def test_nothing_hangs_on_the_cache_once_it_is_read(root, kept):
    image_folder(root=str(root))
    data = image_folder(root=str(root))
    (path,) = files(kept)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    fresh = image_folder(root=str(root), cache=None)
    assert same(data, fresh)
