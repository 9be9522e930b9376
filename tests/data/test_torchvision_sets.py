"""Files in torchvision's layouts, written small; and what happens where they are missing or damaged."""

import socket
import threading
import time
import urllib.request

import numpy as np
import pytest
import torch
import torchvision.datasets as tv

from jhrun.data.torchvision import cifar10, cifar100, mnist
from jhrun.errors import DataError

LOADERS = {"MNIST": mnist, "CIFAR10": cifar10, "CIFAR100": cifar100}


def random_images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def proxies(monkeypatch):
    """Send every connection of urllib, by its scheme, to a port of this machine."""

    def through(**ports):
        for scheme, port in ports.items():
            for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
                monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        # urllib reads them once and keeps what it made of them
        monkeypatch.setattr(urllib.request, "_opener", None)

    return through


@pytest.fixture
def closed_port():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@pytest.fixture
def no_network(proxies, closed_port):
    proxies(http=closed_port, https=closed_port)


def test_mnist_reads_the_idx_files(tmp_path, write_mnist):
    write_mnist(tmp_path)
    data = mnist(root=str(tmp_path), download=False, validation=0.25, seed=3)
    # 4 of each class: 1 to validate with
    assert (len(data.train), len(data.validation), len(data.test)) == (30, 10, 10)
    assert data.spec.shape == (1, 28, 28)
    assert (data.mean, data.std, len(data.classes)) == ((0.1307,), (0.3081,), 10)
    assert (data.crop, data.flip) == (0, False)
    assert data.test.inputs.dtype == torch.uint8
    assert np.array_equal(data.test.inputs[:, 0].numpy(), random_images(10, 28, 28))
    assert data.test.targets.tolist() == list(range(10))
    assert data.validation.targets.tolist().count(7) == 1


@pytest.mark.parametrize(
    ("loader", "source", "mean", "std"),
    [
        (cifar10, tv.CIFAR10, (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)),
        (cifar100, tv.CIFAR100, (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)),
    ],
)
def test_cifar_keeps_channels_rows_and_columns_apart(tmp_path, write_cifar, loader, source, mean, std):
    write_cifar(tmp_path, source)
    data = loader(root=str(tmp_path), download=False, validation=0)
    assert data.spec.shape == (3, 32, 32)
    assert (data.mean, data.std) == (mean, std)
    assert (data.crop, data.flip) == (4, True)
    # the files hold red, green and blue planes, each row by row
    assert np.array_equal(data.train.inputs.numpy(), random_images(20, 3072).reshape(20, 3, 32, 32))
    assert data.train.targets.tolist() == [i * 5 % len(data.classes) for i in range(20)]
    assert data.classes[:2] == ("class 0", "class 1")


def check_message(error, name, root):
    assert error.exit_code == 3
    message = str(error)
    assert "\n" not in message
    assert f"folder {root}" in message
    assert f"torchvision.datasets.{name}({str(root)!r}, download=True)" in message
    assert "dataset.root" in message


@pytest.mark.parametrize("name", LOADERS)
def test_missing_data_names_its_folder_and_what_fetches_it(tmp_path, name):
    with pytest.raises(DataError) as caught:
        LOADERS[name](root=str(tmp_path), download=False)
    check_message(caught.value, name, tmp_path)


def test_a_relative_folder_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"folder {tmp_path}/data"):
        mnist(root="data", download=False)


def test_a_folder_below_home_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DataError, match=f"folder {tmp_path}/data"):
        mnist(root="~/data", download=False)


@pytest.mark.parametrize("name", LOADERS)
def test_no_network_is_a_data_error_within_seconds(tmp_path, no_network, name):
    begun = time.perf_counter()
    with pytest.raises(DataError) as caught:
        LOADERS[name](root=str(tmp_path), download=True)
    check_message(caught.value, name, tmp_path)
    assert time.perf_counter() - begun < 5


def test_data_that_is_there_needs_no_network(tmp_path, no_network, write_mnist):
    write_mnist(tmp_path)
    assert len(mnist(root=str(tmp_path), download=True).test) == 10


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ntoo short",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_server_that_misbehaves_is_a_data_error(tmp_path, proxies, closed_port, reply):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(reply)

        threading.Thread(target=answer, daemon=True).start()
        # MNIST's second mirror is the one without TLS
        proxies(http=server.getsockname()[1], https=closed_port)
        try:
            with pytest.raises(DataError) as caught:
                mnist(root=str(tmp_path), download=True)
        finally:
            server.shutdown(socket.SHUT_RDWR)
    check_message(caught.value, "MNIST", tmp_path)


def test_damaged_files_of_an_old_torchvision_are_a_data_error(tmp_path):
    (tmp_path / "MNIST" / "processed").mkdir(parents=True)
    for name in ("training.pt", "test.pt"):
        (tmp_path / "MNIST" / "processed" / name).write_bytes(b"junk")
    with pytest.raises(DataError) as caught:
        mnist(root=str(tmp_path), download=False)
    check_message(caught.value, "MNIST", tmp_path)


@pytest.mark.parametrize("there", [True, False])
def test_the_default_timeout_of_sockets_is_put_back(tmp_path, there, write_mnist):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(3.25)
    try:
        if there:
            write_mnist(tmp_path)
            mnist(root=str(tmp_path), download=True)
        else:
            with pytest.raises(DataError):
                mnist(root=str(tmp_path), download=False)
        assert socket.getdefaulttimeout() == 3.25
    finally:
        socket.setdefaulttimeout(before)


@pytest.mark.parametrize("validation", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(tmp_path, validation, write_mnist):
    write_mnist(tmp_path)
    with pytest.raises(ValueError, match="validation="):
        mnist(root=str(tmp_path), download=False, validation=validation)
