"""Run folders of strangers: nothing of theirs is imported or executed, and nothing elsewhere is read or told."""

import io
import os
import pickle
import shutil
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from jhrun.config import stored
from jhrun.jsonio import read_json, write_json

COMMANDS = {
    "eval": ["eval", "run=run", "attack=fgsm"],
    "resume": ["train", "resume=run", "train.epochs=3"],
    "report": ["report", "run"],
}
BUILDING = ["eval", "resume"]
"""Those that build objects of the stored configuration."""


class Evil:
    """Executed by whoever unpickles it."""

    def __reduce__(self):
        return os.mkdir, (str(Path("canary").absolute()),)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from jhrun.cli import main

    folder = tmp_path_factory.mktemp("trained") / "run"
    tiny = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=tracked", "attack=fgsm", "subset=20"]
    assert main(["train", *tiny, f"hydra.run.dir={folder}"]) == 0
    return folder


@pytest.fixture
def run(trained):
    return Path(shutil.copytree(trained, "run"))


@pytest.fixture
def refused(jhrun):
    """Call a command that must be refused; gives its one line."""

    def call(command):
        code, out, err = jhrun(*COMMANDS[command])
        assert (code, err.count("\n"), out) == (7, 1, ""), out + err
        assert not Path("canary").exists()
        return err

    return call


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def of_torch() -> bytes:
    buffer = io.BytesIO()
    torch.save(Evil(), buffer)
    return buffer.getvalue()


def without_mark() -> bytes:
    """Protocol 4's instructions alone, which are loaded all the same."""
    begin = pickle.dumps(Evil(), 4)
    assert begin[:3] == pickle.PROTO + b"\x04" + pickle.FRAME
    return begin[2 + 1 + 8 :]


PICKLES = {f"protocol {n}": partial(pickle.dumps, Evil(), n) for n in range(pickle.HIGHEST_PROTOCOL + 1)}
PICKLES |= {"no mark": without_mark, "torch": of_torch}
NAMES = [
    *("checkpoints/last/weights.safetensors", "checkpoints/last/state.json", "metrics.jsonl", "status.json"),
    *("config.yaml", "eval/fgsm/results.json", "eval/fgsm/per_example.npz", "eval/fgsm/images.npz", "notes.txt"),
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", PICKLES)
def test_a_pickle_under_any_name_is_not_opened(run, refused, name, kind):
    content = PICKLES[kind]()
    (run / name).write_bytes(content)
    for command in COMMANDS:
        assert f"is a pickle, which could execute code, {(run / name).absolute()}" in refused(command)
    # it is one
    if kind != "torch":
        pickle.loads(content)
        assert Path("canary").exists()


@pytest.mark.parametrize(
    "text", ["", ".", "cat\ndog\nbird\n", "N.", "(I1\nl.", "S'\\q'\n.", "copper\nzinc\nRust.\n"]
)
def test_a_users_note_is_none(run, jhrun, text):
    (run / "notes.txt").write_text(text)
    code, _, err = jhrun("report", "run")
    assert code == 0, err


def test_an_array_of_objects_is_not_unpickled(run, jhrun):
    """It is no pickle to look at: NumPy refuses it, and nothing of it is executed."""
    with np.load(run / "eval/fgsm/images.npz") as file:
        arrays = dict(file)
    arrays["clean"] = np.array([Evil()], dtype=object)
    np.savez(run / "eval/fgsm/images.npz", **arrays)
    code, _, err = jhrun("report", "run")
    assert code in {4, 7}, err
    assert err.count("\n") == 1
    assert not Path("canary").exists()


FOREIGN = [
    "torch.load",
    "pathlib.Path.unlink",
    "numpy.load",
    "os.mkdir",
    "evil.canary",
    "jhrun.models.evil.canary",
]


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize(
    "keys",
    [("model",), ("dataset",), ("regularizer", "penalties", 0), ("note", "deep", 0, "deeper"), ("attack", "x")],
)
def test_a_foreign_target_is_refused_wherever_it_stands(run, refused, name, keys):
    Path("evil.py").write_text("import os\nos.mkdir('canary')\ndef canary(**_): pass\n")
    values = stored.read(run / "config.yaml")
    node = values
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        if isinstance(node, dict) and key not in node:
            node[key] = [{}] if following == 0 else {}
        node = node[key]
    node.update({"_target_": name, "file": "canary", "allow_pickle": True})
    stored.write(run / "config.yaml", values)
    dotted = ".".join(map(str, keys))
    for command in BUILDING:
        said = refused(command)
        assert f"key '{dotted}._target_'" in said
        assert name in said


LOGGING = {"version": 1, "handlers": {"h": {"()": "os.mkdir", "path": "canary"}}, "root": {"handlers": ["h"]}}


@pytest.mark.parametrize(
    ("extra", "key"),
    [
        ({"hydra": {"job_logging": LOGGING}}, "hydra.job_logging.handlers.h.()"),
        ({"logging": LOGGING}, "logging.handlers.h.()"),
        ({"model": {"_partial_": True}}, "model._partial_"),
        ({"model": {"_args_": [1]}}, "model._args_.0"),
        ({"note": "${oc.env:SECRET}"}, "note"),
        ({"note": [{"deep": "a${oc.env:SECRET}b"}]}, "note.0.deep"),
        ({"${oc.env:SECRET}": 1}, "${oc.env:SECRET}"),
    ],
)
def test_what_could_build_objects_or_read_the_environment_is_refused(run, refused, monkeypatch, extra, key):
    monkeypatch.setenv("SECRET", "hunter2")
    values = stored.read(run / "config.yaml")
    for name, node in extra.items():
        values[name] = {**values.get(name, {}), **node} if isinstance(node, dict) else node
    # as text: OmegaConf would look at what it is given
    stored.write(run / "config.yaml", values)
    for command in COMMANDS:
        said = refused(command)
        assert f"key '{key}'" in said
        assert "hunter2" not in said
    assert "hunter2" not in "".join(p.read_text(errors="ignore") for p in run.rglob("*") if p.is_file())


def test_an_alias_is_refused(run, refused):
    text = OmegaConf.to_yaml(OmegaConf.create(stored.read(run / "config.yaml")))
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    (run / "config.yaml").write_text(text + bomb)
    for command in COMMANDS:
        assert "alias" in refused(command)


def test_a_link_that_leaves_the_folder_is_refused_and_one_that_stays_is_not(run, refused, jhrun):
    Path("secret.json").write_text('{"secret": "hunter2"}')
    places = {"status.json": "../secret.json", "figures": "..", "eval/x": "/", "a.txt": "../../../etc/hostname"}
    for name, target in places.items():
        backup = Path("backup")
        if (run / name).exists():
            shutil.move(run / name, backup)
        (run / name).symlink_to(target)
        for command in COMMANDS:
            said = refused(command)
            assert "a symbolic link leaves the folder" in said
            assert str((run / name).absolute()) in said
        (run / name).unlink()
        if backup.exists():
            shutil.move(backup, run / name)
    shutil.move(run / "metrics.jsonl", run / "lines.jsonl")
    (run / "metrics.jsonl").symlink_to("lines.jsonl")
    Path("link").symlink_to(run)
    assert jhrun("report", "link")[0] == 0
    # a device or a pipe would be waited for
    os.mkfifo(run / "pipe")
    assert "neither a file nor a folder" in refused("report")


def test_a_leaderboard_reads_and_writes_nothing_through_a_link(run, jhrun):
    Path("many").mkdir()
    shutil.copytree(run, "many/good")
    shutil.copytree(run, "many/bad")
    shutil.move("many/bad/status.json", "status.json")
    Path("many/bad/status.json").symlink_to("../../status.json")
    code, out, err = jhrun("report", "many")
    assert code == 0, err
    assert "a symbolic link leaves the folder" in Path("many/leaderboard.md").read_text()
    assert "1 finished" in out
    shutil.rmtree("many/figures")
    Path("many/figures").symlink_to("..")
    before = {p: p.read_bytes() for p in Path().iterdir() if p.is_file()}
    code, _, err = jhrun("report", "many")
    assert (code, err.count("\n")) == (7, 1)
    assert {p: p.read_bytes() for p in Path().iterdir() if p.is_file()} == before


def lock_of_brackets(run):
    (run / ".jhrun.lock").write_text("[" * 200_000)


def ring(run):
    (run / "ring").symlink_to("ring")


def folder_for(name):
    def make(run):
        if (run / name).is_file():
            (run / name).unlink()
        (run / name).mkdir()

    return make


ODDITIES = {
    "a length without end": (lambda run: (run / "x").write_bytes(b"\x8e" + (2**62).to_bytes(8, "little")), {0}),
    "brackets": (lock_of_brackets, {0}),
    "a ring of links": (ring, {4, 7}),
    "a folder for a temporary": (folder_for(".a.tmp"), {0}),
    "a folder for the log": (folder_for("run.log"), {4}),
    "a folder for the report": (folder_for("report.html"), {4}),
}


@pytest.mark.parametrize("what", ODDITIES)
def test_odd_things_in_a_run_are_told(run, jhrun, what):
    make, codes = ODDITIES[what]
    make(run)
    for command in ("report", "eval"):
        code, _, err = jhrun(*COMMANDS[command])
        assert code in codes, err
        assert err.count("\n") == (code > 0)


def encrypted(content):
    """Its flag set in every header."""
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        places = [at for at in range(len(content)) if content[at : at + 4] == mark]
        for at in places:
            content = content[: at + offset] + bytes([content[at + offset] | 1]) + content[at + offset + 1 :]
    return content


def of_header(shape):
    """An archive of one array whose header says so."""
    buffer, array = io.BytesIO(), io.BytesIO()
    np.save(array, np.zeros(3))
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("clean.npy", array.getvalue().replace(b"(3,), }           ", shape.ljust(18)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "made", [encrypted, lambda _: of_header(b"((3,), }"), lambda _: of_header(b"(10000000000000,)}")]
)
def test_an_archive_that_cannot_be_read_is_told(run, jhrun, made):
    path = run / "eval/fgsm/images.npz"
    path.write_bytes(made(path.read_bytes()))
    code, _, err = jhrun("report", "run")
    assert (code, err.count("\n")) == (4, 1)
    assert str(path) in err


def test_a_sweeps_records_are_not_read_through_a_link_or_waited_for(run, jhrun):
    shutil.copytree(run, "many/one")
    Path("many/jobs").mkdir()
    Path("secret.json").write_text("{}")
    for name, make in {"fifo": os.mkfifo, "link": lambda path: path.symlink_to("../../secret.json")}.items():
        path = Path(f"many/jobs/{name}.json")
        make(path)
        code, _, err = jhrun("report", "many")
        assert (code, err.count("\n")) == (7, 1)
        assert str(path) in err
        path.unlink()
    Path("many/jobs").rmdir()
    Path("jobs").mkdir()
    Path("jobs/x.json").write_text("{}")
    Path("many/jobs").symlink_to("../jobs")
    code, _, err = jhrun("report", "many")
    assert (code, err.count("\n")) == (7, 1)


@pytest.mark.parametrize("record", ["eval/fgsm/results.json", "checkpoints/last/state.json"])
def test_a_whole_record_of_another_form_is_told(run, jhrun, record):
    found = read_json(run / record)
    wrong = {"clean": 5} if record.startswith("eval") else {"data": 5}
    write_json(run / record, found | wrong)
    calls = [["eval", "run=run", "attack=fgsm", "subset=20"], ["train", "resume=run", "train.epochs=3"]]
    for call in calls if "state" in record else calls[:1]:
        code, _, err = jhrun(*call)
        assert (code, err.count("\n")) == (4, 1)


def test_a_record_cannot_name_a_place_elsewhere(run, jhrun):
    """Paths are made of the folder's own names alone."""
    shutil.copytree(run / "eval/fgsm", "elsewhere")
    record = read_json(run / "eval/fgsm/results.json")
    write_json(run / "eval/fgsm/results.json", record | {"name": "../../elsewhere"})
    code, out, err = jhrun("report", "run")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "is of an evaluation called '../../elsewhere'" in err


def test_a_run_of_a_strangers_configuration_fetches_and_keeps_nothing(run, jhrun):
    values = stored.read(run / "config.yaml")
    mnist = {"_target_": "jhrun.data.torchvision.mnist", "download": True}
    values["dataset"] = {**mnist, "root": str(Path("loot").absolute())}
    stored.write(run / "config.yaml", values)
    code, _, err = jhrun("eval", "run=run", "attack=fgsm")
    assert (code, err.count("\n")) == (3, 1)
    assert not Path("loot").exists()


def test_what_a_terminal_would_obey_is_not_printed(run, jhrun):
    values = stored.read(run / "config.yaml")
    values["dataset"]["root"] = "\x1b]0;owned\x07"
    values["train"]["epochs"] = "\x1b[2J"
    stored.write(run / "config.yaml", values)
    code, out, err = jhrun("report", "run")
    assert code == 4
    assert "\x1b" not in out + err
