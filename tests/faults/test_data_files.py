"""Files of a data set that are damaged, half there or malicious: told of, kept, and never fetched over."""

import functools
import gzip
import hashlib
import http.server
import io
import shlex
import shutil
import tarfile
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import torchvision.datasets as tv

from jhrun.data.torchvision import cifar10

QUICK = ["model=mlp", "model.widths=[8]", "train.epochs=1", "regularizer=none", "evaluate=false"]


class Server(http.server.SimpleHTTPRequestHandler):
    """A folder's files; those that are named in ``cut`` end half way."""

    def do_GET(self):
        self.server.asked.append(self.path)
        time.sleep(self.server.slow)
        if self.path.lstrip("/") not in self.server.cut:
            super().do_GET()
            return
        whole = self.server.folder.joinpath(self.path.lstrip("/")).read_bytes()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(whole[: len(whole) // 2])

    def log_message(self, *_):
        """Nothing is printed."""


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A server of this machine that stands for the publishers' own, with a folder to serve."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(urllib.request, "_opener", None)
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Server, directory=str(folder))
    ) as server:
        server.folder, server.asked, server.cut, server.slow = folder, [], set(), 0
        server.url = f"http://127.0.0.1:{server.server_port}/"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def published_mnist(mirror, write_mnist, tmp_path, monkeypatch):
    """MNIST in small, on the server and, unpacked, in a folder, which is given."""
    raw = write_mnist(tmp_path / "data")
    for file in raw.iterdir():
        (mirror.folder / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    monkeypatch.setattr(tv.MNIST, "mirrors", [mirror.url])
    monkeypatch.setattr(tv.MNIST, "resources", [(f.name, digest("md5", f)) for f in mirror.folder.iterdir()])
    return raw


@pytest.fixture
def published_cifar(mirror, write_cifar, tmp_path, monkeypatch):
    """CIFAR-10 in small, on the server and, unpacked, in a folder, which is given."""
    folder = write_cifar(tmp_path / "data", tv.CIFAR10)
    with tarfile.open(mirror.folder / "small.tar.gz", "w:gz") as tar:
        tar.add(folder, folder.name)
    offer(mirror, monkeypatch)
    return folder


def offer(mirror, monkeypatch):
    monkeypatch.setattr(tv.CIFAR10, "url", f"{mirror.url}small.tar.gz")
    monkeypatch.setattr(tv.CIFAR10, "filename", "small.tar.gz")
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", digest("md5", mirror.folder / "small.tar.gz"))


def digest(algorithm, path):
    return hashlib.new(algorithm, path.read_bytes(), usedforsecurity=False).hexdigest()


def held(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(path, how):
    whole = path.read_bytes()
    flipped = bytes([whole[-1] ^ 1])
    path.write_bytes({"a bit": whole[:-1] + flipped, "half": whole[: len(whole) // 2], "empty": b""}[how])


def check_refused_and_mended(jhrun, mirror, path, dataset, algorithm, expected, root):
    """The call says what is wrong and leaves everything as it is; what it says to do helps."""
    before = held(root)
    call = ["train", f"dataset={dataset}", f"dataset.root={root}", *QUICK]
    code, _, err = jhrun(*call, "hydra.run.dir=refused")
    assert code == 3
    assert err.count("\n") == 1
    assert f"{algorithm} expected {expected}, found {digest(algorithm, path)}, {path}, move it aside" in err
    assert (held(root), mirror.asked) == (before, [])
    _, here, aside = shlex.split(err[err.index("mv ") :])
    shutil.move(here, aside)
    code, _, err = jhrun(*call, "hydra.run.dir=mended")
    assert code == 0, err
    after = held(root)
    assert after.pop(path.with_name(f"{path.name}.old")) == before[path]
    if path in after:
        assert digest(algorithm, path) == expected
    assert before.keys() <= after.keys() | {path}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("train-images-idx3-ubyte", "a bit"),
        ("t10k-labels-idx1-ubyte", "half"),
        ("train-labels-idx1-ubyte", "empty"),
    ],
)
def test_a_damaged_file_of_mnist(name, how, jhrun, mirror, published_mnist):
    path = published_mnist / name
    expected = digest("sha256", path)
    damage(path, how)
    check_refused_and_mended(jhrun, mirror, path, "mnist", "sha256", expected, published_mnist.parent.parent)


def test_a_half_archive_of_mnist(jhrun, mirror, published_mnist):
    """Its file is not unpacked yet."""
    (published_mnist / "t10k-images-idx3-ubyte").unlink()
    whole = mirror.folder / "t10k-images-idx3-ubyte.gz"
    path = published_mnist / whole.name
    path.write_bytes(whole.read_bytes()[:100])
    check_refused_and_mended(
        jhrun, mirror, path, "mnist", "md5", digest("md5", whole), published_mnist.parent.parent
    )


@pytest.mark.parametrize("name", ["train", "test", "batches.meta"])
def test_a_damaged_file_of_cifar(name, jhrun, mirror, published_cifar):
    path = published_cifar / name
    expected = digest("md5", path)
    damage(path, "half")
    check_refused_and_mended(jhrun, mirror, path, "cifar10", "md5", expected, published_cifar.parent)


def test_a_half_archive_of_cifar(jhrun, mirror, published_cifar):
    shutil.rmtree(published_cifar)
    whole = mirror.folder / "small.tar.gz"
    path = published_cifar.with_name(whole.name)
    path.write_bytes(whole.read_bytes()[:100])
    check_refused_and_mended(jhrun, mirror, path, "cifar10", "md5", digest("md5", whole), published_cifar.parent)


def test_an_archive_that_nobody_needs_is_not_looked_at(jhrun, mirror, published_cifar):
    published_cifar.with_name("small.tar.gz").write_bytes(b"half")
    code, _, err = jhrun("train", "dataset=cifar10", f"dataset.root={published_cifar.parent}", *QUICK)
    assert (code, mirror.asked) == (0, []), err


def test_without_download_what_is_wrong_is_told_all_the_same(jhrun, published_mnist):
    path = published_mnist / "t10k-images-idx3-ubyte"
    damage(path, "half")
    root = published_mnist.parent.parent
    code, _, err = jhrun("train", "dataset=mnist", f"dataset.root={root}", "dataset.download=false", *QUICK)
    assert (code, "next call with dataset.download=true fetches it anew" in err) == (3, True)


def test_a_download_that_ends_half_way_leaves_nothing(jhrun, mirror, published_mnist):
    shutil.rmtree(published_mnist)
    (first, _), (name, expected), *_ = tv.MNIST.resources
    mirror.cut.add(name)
    call = ["train", "dataset=mnist", f"dataset.root={published_mnist.parent.parent}", *QUICK]
    code, _, err = jhrun(*call, "hydra.run.dir=half")
    line = err.splitlines()[-1]
    assert code == 3
    assert f"{name}: md5 expected {expected}, found" in line
    assert name not in {path.name for path in published_mnist.iterdir()}
    mirror.cut.clear()
    # the others are not fetched twice
    mirror.asked.clear()
    assert jhrun(*call, "hydra.run.dir=whole")[0] == 0
    assert f"/{first}" not in mirror.asked


def test_two_that_want_the_same_fetch_it_once(mirror, published_cifar):
    root = published_cifar.parent
    shutil.rmtree(published_cifar)
    mirror.slow = 0.2
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(cifar10, root=str(root), validation=0) for _ in range(2)]
        assert [len(data.result().train) for data in both] == [20, 20]
    # torchvision asks for an address before it fetches what is there
    assert len(mirror.asked) == 2


def unfiltered(path, to, compression):
    """As older versions of torchvision unpack."""
    with tarfile.open(path, f"r:{compression[1:]}") as tar:
        tar.extractall(to)


@pytest.mark.parametrize("asks", [True, False], ids=["torchvision filters", "torchvision does not"])
@pytest.mark.parametrize("how", ["a path", "a link"])
def test_a_member_that_leaves_the_folder(how, asks, jhrun, mirror, published_cifar, tmp_path, monkeypatch):
    member = tarfile.TarInfo("../evil" if how == "a path" else "inside")
    member.size = 4
    with tarfile.open(mirror.folder / "small.tar.gz", "w:gz") as tar:
        tar.add(published_cifar, published_cifar.name)
        if how == "a link":
            link = tarfile.TarInfo("inside")
            link.type, link.linkname = tarfile.SYMTYPE, "../evil"
            tar.addfile(link)
        tar.addfile(member, io.BytesIO(b"evil"))
    offer(mirror, monkeypatch)
    if not asks:
        monkeypatch.setitem(tv.utils._ARCHIVE_EXTRACTORS, ".tar", unfiltered)
    shutil.rmtree(published_cifar)
    before = dict(vars(tarfile.TarFile))
    root = published_cifar.parent
    outside = {path for path in tmp_path.iterdir() if path != root}
    code, _, err = jhrun("train", "dataset=cifar10", f"dataset.root={root}", "hydra.run.dir=run", *QUICK)
    line = err.splitlines()[-1]
    assert code == 7
    assert line.startswith("error: a member of the archive would leave its folder")
    assert str(root / "small.tar.gz") in line
    assert {path for path in tmp_path.iterdir() if path != root} == outside
    assert dict(vars(tarfile.TarFile)) == before
