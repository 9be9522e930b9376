"""One thread: the networks of the tests are tiny, and on busy cores a second thread costs ten times the work."""

import struct

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)


@pytest.fixture
def tiny_mnist(tmp_path):
    """A root folder with MNIST's files in MNIST's format: 100 + 20 random images."""
    raw = tmp_path / "mnist root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for part, n in (("train", 100), ("t10k", 20)):
        images = random.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, n, 28, 28) + images.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, n) + labels.tobytes())
    return raw.parent.parent


@pytest.fixture
def tiny_image_folder(tmp_path, monkeypatch):
    """Random colour images of 8×8 pixels: two classes, 20 + 5 of each; and a user's cache folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user's cache"))
    root = tmp_path / "images"
    random = np.random.default_rng(0)
    for part, n in (("train", 20), ("test", 5)):
        for name in ("cat", "dog"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root
