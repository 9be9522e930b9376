"""jhrun train: what it writes, refuses, keeps and resumes."""

import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import forked
import pytest
import torch
from forked import Forked
from safetensors.torch import load_file

from jhrun.config import stored
from jhrun.jsonio import as_line, read_json, read_lines

TINY = ["model=mlp", "model.widths=[16]", "train.epochs=2", "solver=lanczos", "solver.iterations=2"]


def read(path: Path):
    return list(read_lines(path)) if path.suffix == ".jsonl" else read_json(path)


def without_times(lines):
    return [
        {key: value for key, value in line.items() if key not in {"seconds", "memory", "cost"}} for line in lines
    ]


def contents(folder: Path):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def assert_same_training(one: Path, other: Path):
    """Weights, optimizer state and records of two runs agree bit for bit, timings apart."""
    for name in ("last", "best"):
        for file in ("weights", "state"):
            a, b = (load_file(run / f"checkpoints/{name}/{file}.safetensors") for run in (one, other))
            assert a.keys() == b.keys()
            assert all(torch.equal(a[key], b[key]) for key in a), (name, file)
    lines = [without_times(read(run / "metrics.jsonl")) for run in (one, other)]
    assert lines[0] == lines[1]


@pytest.mark.rendered
@pytest.mark.quick
def test_a_run_holds_what_the_readme_says(tiny, tmp_path):
    run = tiny()
    assert run == tmp_path / "run"
    expected = {
        "config.yaml",
        "overrides.yaml",
        "status.json",
        "environment.json",
        "metrics.jsonl",
        "run.log",
        "report.html",
        "report.md",
        "report.json",
        "checkpoints/last/weights.safetensors",
        "checkpoints/best/state.json",
        "eval/fgsm+pgd20/results.json",
        "eval/fgsm+pgd20/per_example.npz",
        "figures/accuracy.svg",
        "figures/accuracy.pdf",
        "background.json",
        "methods.tex",
        "references.bib",
        "table.tex",
    }
    assert {name for name in expected if not (run / name).is_file()} == set()
    assert read(run / "status.json")["state"] == "finished"
    assert "model.widths=[16]" in (run / "overrides.yaml").read_text()
    assert "jhrun train" in read(run / "environment.json")["command"]
    assert not list(run.rglob("*.tmp")) + list(run.rglob(".*"))


def test_the_report_for_programs_has_its_promised_keys(tiny):
    report = read(tiny() / "report.json")
    promised = {
        "schema_version",
        "run",
        "config",
        "environment",
        "seconds",
        "clean",
        "attacks",
        "worst_case",
        "epochs",
    }
    assert promised <= report.keys()
    assert report["schema_version"] == 2
    assert report["attacks"].keys() == {"fgsm", "pgd20"}
    for figure in (report["clean"], report["worst_case"], *(a["robust"] for a in report["attacks"].values())):
        low, high = figure["ci95"]
        assert 0 <= low <= figure["accuracy"] <= high <= 1
        assert figure["n"] == 359
    for attack in report["attacks"].values():
        assert attack["epsilon"] == 0.1
        assert report["worst_case"]["accuracy"] <= attack["robust"]["accuracy"] <= report["clean"]["accuracy"]
    assert [line["epoch"] for line in report["epochs"]] == [1, 2]
    assert report["config"]["seed"] == 0


def test_the_terminal_ends_with_the_table_and_the_path(jhrun):
    code, out, _ = jhrun("train", *TINY, "hydra.run.dir=here")
    lines = out.splitlines()
    assert code == 0
    assert lines[-1] == str(Path("here").absolute())
    assert any(line.startswith("worst case") for line in lines)


def test_the_same_seed_gives_the_same_run_and_another_one_does_not(tiny):
    assert_same_training(tiny(folder="a"), tiny(folder="b"))
    weights = [
        load_file(Path(r) / "checkpoints/last/weights.safetensors") for r in ("a", tiny("seed=1", folder="c"))
    ]
    assert not all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_without_a_name_runs_get_folders_of_their_own(jhrun):
    paths = {jhrun("train", *TINY, "evaluate=false")[1].splitlines()[-1] for _ in range(2)}
    assert len(paths) == 2
    assert all(Path(path).is_relative_to(Path.cwd() / "outputs/digits_jacobian") for path in paths)


def test_an_existing_folder_is_refused_and_stays_as_it_is(tiny, jhrun):
    run = tiny()
    before = contents(run)
    code, _, err = jhrun("train", *TINY, "hydra.run.dir=run", "seed=5")
    assert code == 4
    assert "resume=" in err
    assert contents(run) == before


def test_a_folder_with_somebodys_file_is_refused(jhrun):
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("years of work")
    assert jhrun("train", *TINY, "hydra.run.dir=mine")[0] == 4
    assert [p.name for p in Path("mine").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("name", ["with space", "it's (1) #2 ~", "Übung-数据", 'say "hi"', "comma, dot."])
def test_paths_may_hold_any_letter(tiny, jhrun, name):
    run = tiny("evaluate=false", folder=name)
    assert run.name == name
    code, out, err = jhrun("eval", f"run={name}", "attack=fgsm", "analysis=quick_verdict")
    assert code == 0, err
    assert out.splitlines()[-1] == str(run)


def test_evaluate_false_leaves_the_attacks_out_and_still_reports(tiny, jhrun):
    run = tiny("evaluate=false")
    report = read(run / "report.json")
    assert report["clean"] is None
    assert report["attacks"] == {}
    assert "This run was not evaluated yet" in (run / "report.html").read_text()
    assert jhrun("eval", "run=run", "analysis=quick_verdict")[0] == 0
    assert read(run / "report.json")["clean"]["n"] == 359


@pytest.mark.parametrize(
    "extra",
    [pytest.param([], marks=pytest.mark.quick), ["optimizer=sgd", "regularizer=hessian"], ["bf16=true"]],
)
def test_two_epochs_and_then_two_more_equal_four(tiny, jhrun, extra):
    whole = tiny("train.epochs=4", "evaluate=false", *extra, folder="whole")
    tiny("evaluate=false", *extra, folder="parts")
    code, _, err = jhrun("train", "resume=parts", "train.epochs=4")
    assert code == 0, err
    assert_same_training(whole, Path("parts"))


def start(*argv) -> Forked:
    command = [sys.executable, "-m", "jhrun", "train", *TINY, "train.epochs=6", *argv]
    return Forked(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path: Path, process: subprocess.Popen):
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_run_goes_on_bit_for_bit(tiny, jhrun):
    """SIGKILL in mid-epoch, between two of the checkpoints that checkpoint.steps asks for."""
    whole = tiny("train.epochs=6", "evaluate=false", folder="whole")
    process = start("hydra.run.dir=killed", "evaluate=false", "checkpoint.steps=3")
    wait_for(Path("killed/metrics.jsonl"), process)
    time.sleep(0.1)
    process.kill()
    process.communicate()
    assert read(Path("killed/status.json"))["state"] == "running"
    code, _, err = jhrun("train", "resume=killed")
    assert code == 0, err
    assert_same_training(whole, Path("killed"))
    assert read(Path("killed/status.json"))["state"] == "finished"


def test_ctrl_c_saves_says_how_to_go_on_and_exits_with_130(tiny, jhrun):
    whole = tiny("train.epochs=6", "evaluate=false", folder="whole")
    process = start("hydra.run.dir=stopped", "evaluate=false")
    wait_for(Path("stopped/metrics.jsonl"), process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[0]
    assert process.returncode == 130, said
    assert f"jhrun train resume={Path('stopped').absolute()}" in said
    assert "Traceback" not in said
    assert read(Path("stopped/status.json"))["state"] == "interrupted"
    assert jhrun("train", "resume=stopped")[0] == 0
    assert_same_training(whole, Path("stopped"))


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tiny, jhrun):
    whole = tiny("evaluate=false", folder="whole")
    run = tiny("evaluate=false", folder="early")
    for path in run.rglob("checkpoints/*/*"):
        path.unlink()
    lines = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
    assert jhrun("train", "resume=early")[0] == 4
    (run / "metrics.jsonl").write_text(lines[0])
    assert jhrun("train", "resume=early")[0] == 0
    assert_same_training(whole, run)


@pytest.mark.quick
def test_a_resumed_run_keeps_its_configuration(tiny, jhrun):
    run = tiny("evaluate=false")
    before = contents(run)
    code, _, err = jhrun("train", "resume=run", "seed=3", "optimizer=sgd")
    assert code == 4
    assert "seed: 0 → 3" in err
    assert "optimizer._target_" in err
    assert contents(run) == before
    assert jhrun("train", *TINY, "resume=run", "evaluate=false")[0] == 0


def test_a_damaged_checkpoint_is_named(tiny, jhrun):
    run = tiny("evaluate=false")
    path = run / "checkpoints/last/weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for argv in (["train", "resume=run", "train.epochs=3"], ["eval", "run=run"]):
        code, _, err = jhrun(*argv)
        assert code == 4
        assert "weights.safetensors" in err


def test_a_diverging_run_ends_with_5_and_keeps_its_last_good_checkpoint(jhrun):
    code, _, err = jhrun("train", *TINY, "optimizer=sgd", "optimizer.lr={0: 0.01, 1: 1e30}", "hydra.run.dir=run")
    assert code == 5
    assert err.count("\n") == 1
    assert "epoch 2" in err
    assert all(t.isfinite().all() for t in load_file("run/checkpoints/last/weights.safetensors").values())
    status = read(Path("run/status.json"))
    assert (status["state"], status["exit_code"]) == ("failed", 5)
    assert "Traceback" in Path("run/run.log").read_text()


def test_missing_data_ends_with_3_and_says_what_fetches_it(jhrun):
    code, _, err = jhrun("train", "dataset=mnist", "dataset.root=no data", "dataset.download=false")
    assert code == 3
    assert err.count("\n") == 1
    assert "no data" in err
    assert "download=True" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_asked_for_and_absent_is_never_a_silent_cpu(jhrun):
    code, _, err = jhrun("train", "device=cuda")
    assert code == 2
    assert "device=cpu" in err
    assert not Path("outputs").exists()


def test_a_package_of_ones_own_needs_to_be_named_in_the_call(tmp_path, monkeypatch, jhrun):
    (tmp_path / "mynets.py").write_text(
        "from pathlib import Path\nfrom jhrun.models import MLP\nPath('executed').touch()\n"
        "def small(**options):\n    return MLP(widths=[8], **options)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    call = [
        "train",
        "train.epochs=1",
        "evaluate=false",
        "model._target_=mynets.small",
        "~model.hidden",
        "~model.widths",
    ]
    call += ["~model.activation", "~model.normalisation", "~model.weight_standardisation", "hydra.run.dir=run"]
    code, _, err = jhrun(*call)
    assert code == 7
    assert "plugins=" in err
    assert not Path("executed").exists()
    code, _, err = jhrun(*call[:-1], "hydra.run.dir=run2", "plugins=[mynets]")
    assert code == 0, err
    # what a stored configuration names is not trusted for that
    assert jhrun("eval", "run=run2", "attack=fgsm")[0] == 7
    assert jhrun("eval", "run=run2", "attack=fgsm", "analysis=quick_verdict", "plugins=[mynets]")[0] == 0


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("fast", [[], ["bf16=true", "compile=true"]], ids=["float32", "bf16 and compiled"])
@pytest.mark.parametrize("regularizer", ["none", "jacobian", "hessian"])
def test_training_on_a_gpu(tiny, regularizer, fast):
    run = tiny(
        "device=cuda", f"regularizer={regularizer}", "model=cnn", "~model.widths", "channels_last=true", *fast
    )
    assert read(run / "report.json")["clean"]["accuracy"] > 0.3


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("call", [["jacobian", "exact"], ["hessian", "lanczos", "solver.iterations=4"]])
def test_a_run_on_a_gpu_is_the_cpu_s_up_to_rounding(jhrun, call):
    """Digits, with the default network: neither solver draws a start, and TF32 is off."""
    regularizer, solver, *more = call
    common = [f"regularizer={regularizer}", f"solver={solver}", *more, "train.epochs=3", "tf32=false"]
    for device in ("cpu", "cuda"):
        code, _, err = jhrun("train", *common, f"device={device}", "attack=pgd20", f"hydra.run.dir={device}")
        assert code == 0, err
    (here, there), (said, same) = (
        [read(Path(device) / name) for device in ("cpu", "cuda")] for name in ("metrics.jsonl", "report.json")
    )
    # roundings of 1e-7 grow over 69 steps of Adam, which divides small gradients by their own size
    for one, other in zip(here, there, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-2)
        assert other["penalty"] == pytest.approx(one["penalty"], rel=2e-2)
    assert same["clean"]["accuracy"] == pytest.approx(said["clean"]["accuracy"], abs=0.01)


@pytest.mark.parametrize("regularizer", ["none", "jacobian", "hessian"])
def test_in_bfloat16_digits_are_learned_as_in_float32(tiny, regularizer):
    call = [f"regularizer={regularizer}", "train.epochs=12", "evaluate=false"]
    runs = [tiny(*call, f"bf16={bf16}", folder=bf16) for bf16 in ("false", "true")]
    plain, fast = (read(run / "metrics.jsonl")[-1] for run in runs)
    assert plain["loss"] != fast["loss"]
    assert fast["loss"] == pytest.approx(plain["loss"], rel=0.02)
    assert fast["validation_accuracy"] == pytest.approx(plain["validation_accuracy"], abs=0.02)
    assert plain["validation_accuracy"] > 0.85


def test_without_a_compiler_compile_ends_in_one_line(tmp_path):
    environment = os.environ | {"CXX": "/nonexistent", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "jhrun", "train", *TINY, "compile=true", "regularizer=none", "device=cpu"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "C++ compiler" in line
    assert line.endswith(", compile=true, install what it lacks, or use compile=false")
    assert "Traceback" not in done.stderr


def test_it_is_said_where_nothing_can_be_compiled(tiny):
    (warning,) = read(tiny("compile=true", "evaluate=false") / "report.json")["warnings"]
    assert "compile=true changes nothing" in warning


@pytest.mark.parametrize("option", ["bf16", "compile"])
def test_precision_and_compilation_are_on_or_off(jhrun, option):
    code, _, err = jhrun("train", *TINY, f"{option}=maybe")
    assert (code, f"{option}=maybe: must be one of true, false" in err) == (2, True), err


def test_a_network_that_the_penalty_cannot_use_is_refused_before_training(jhrun):
    code, _, err = jhrun("train", "model=cnn", "model.normalisation=batch", "hydra.run.dir=run")
    assert code == 2
    assert "BatchNorm2d" in err
    assert err.count("\n") == 1
    assert not Path("run/metrics.jsonl").exists()
    assert jhrun("train", "model=mlp", "regularizer=hessian", "solver=exact", "solver.limit=63")[0] == 2


def test_a_warning_is_said_and_repeated_in_the_report(tiny):
    run = tiny("regularizer=hessian", "model.activation=relu")
    (warning,) = read(run / "report.json")["warnings"]
    assert "Gauss-Newton" in warning
    assert "Gauss-Newton" in (run / "report.html").read_text()
    assert "Gauss-Newton" in (run / "report.md").read_text()
    assert "warning: " in (run / "run.log").read_text()


def test_a_teachers_derivatives_can_be_the_target(tiny, jhrun):
    tiny("evaluate=false", folder="the teacher")
    student = tiny("regularizer=jacobian_target", "regularizer.target=the teacher", "seed=1", folder="student")
    assert read(student / "report.json")["epochs"][-1]["penalty"] > 0
    code, _, err = jhrun("train", *TINY, "regularizer=hessian_target", "regularizer.target=nobody")
    assert code == 4
    assert "nobody" in err


@pytest.mark.parametrize(
    ("extra", "code", "said"),
    [
        (["train.epochs=1"], 2, "2 epochs are done"),
        (["epsilon=0.3"], 4, "epsilon: 0.1 → 0.3"),
        (["attack=pgd20", "attack.pgd20.steps=3"], 4, "attack.pgd20.steps: 20 → 3"),
        (["train.epochs=3", "optimizer.lr=1e-2"], 4, "optimizer.lr"),
        (["bf16=true"], 4, "bf16: False → True"),
        (["compile=true"], 4, "compile: False → True"),
        (["device=cuda:9"], 2, "there is no cuda:9"),
    ],
)
def test_a_refused_resume_changes_nothing(tiny, jhrun, extra, code, said):
    run = tiny()
    before = {path: content for path, content in contents(run).items() if path.name != "run.log"}
    got, _, err = jhrun("train", "resume=run", *extra)
    assert (got, said in err) == (code, True), err
    assert {path: content for path, content in contents(run).items() if path.name != "run.log"} == before


def test_a_cosine_is_not_bent_by_more_epochs(tiny, jhrun):
    tiny("evaluate=false", "optimizer.lr={cosine: {start: 1e-2, warmup: 1}}")
    code, _, err = jhrun("train", "resume=run", "train.epochs=4")
    assert code == 2
    assert "optimizer.lr" in err


def test_a_line_of_iterations_is_rounded(tiny):
    run = tiny("evaluate=false", "solver.iterations={interpolate: {0: 1, 2: 4}}", "train.epochs=3")
    assert [line["figures"]["regularizer.iterations"] for line in read(run / "metrics.jsonl")] == [1, 2, 4]


def test_a_stored_configuration_cannot_pass_by_a_likeness_of_names(tiny, jhrun):
    run = tiny("evaluate=false")
    values = stored.read(run / "config.yaml")
    values["objective"]["_target_"] = "os.system"
    stored.write(run / "config.yaml", values)
    assert jhrun("train", "resume=run", "train.epochs=3", "plugins=cosmos")[0] == 2
    assert jhrun("train", "resume=run", "train.epochs=3", "plugins=[cosmos]")[0] == 7


def test_a_reader_who_leaves_does_not_end_the_run(tmp_path):
    process = start("hydra.run.dir=run", "evaluate=false")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert len(read(Path("run/metrics.jsonl"))) == 6


LIMITED = """
import resource, signal, sys
from jhrun.cli import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(sys.argv[1:]))
"""


def test_a_disk_quota_is_told_as_such():
    """A file size limit stands for the full disk: a real failing write."""
    command = [sys.executable, "-c", LIMITED, "train", *TINY, "hydra.run.dir=run", "model.widths=[200]"]
    done = forked.run(command)
    assert done.returncode == 6, done.stderr
    assert done.stderr.count("error: ") == 1
    assert read(Path("run/status.json"))["exit_code"] == 6


@pytest.mark.parametrize("path", ["/proc/nothing", "file/below"])
def test_a_folder_that_cannot_be_made_is_a_run_error(jhrun, path):
    Path("file").write_text("mine")
    code, _, err = jhrun("train", *TINY, f"hydra.run.dir={path}")
    assert code == 4
    assert err.count("\n") == 1


def test_a_path_may_hold_what_looks_like_a_reference_and_a_tilde_is_home(tiny, jhrun, tmp_path, monkeypatch):
    tiny("evaluate=false").rename("d${x}y")
    assert jhrun("eval", "run=d${x}y", "attack=fgsm", "analysis=quick_verdict")[0] == 0
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tiny("evaluate=false", folder="~/run") == tmp_path / "home/run"


def test_auto_says_stores_and_reports_what_it_took_and_a_resumed_run_keeps_to_it(jhrun):
    small = ["model=mlp", "model.widths=[16]", "evaluate=false", "train.epochs=3", "hydra.run.dir=run"]
    code, out, err = jhrun("train", *small)
    assert code == 0, err
    run = Path(out.splitlines()[-1])
    decisions = read(run / "decisions.jsonl")
    assert [d["epoch"] for d in decisions] == [1, 2, 3]
    assert f"epoch 1: Jacobian by {decisions[0]['solver']}" in out
    assert all(d["measured"][0] == {**d["measured"][0], "solver": "exact", "n": 0} for d in decisions)
    assert read(run / "report.json")["decisions"] == decisions
    assert "from epoch 1, truth" in (run / "report.md").read_text()
    # as after a crash between a decision and the checkpoint after it
    torn = [*decisions, {**decisions[-1], "epoch": 5, "solver": "exact", "n": 0}]
    (run / "decisions.jsonl").write_text("".join(map(as_line, torn)) + '{"epoch": 6, "pen')
    code, out, err = jhrun("train", "resume=run", "train.epochs=5")
    assert code == 0, err
    after = read(run / "decisions.jsonl")
    assert after[:3] == decisions
    assert [d["epoch"] for d in after] == [1, 2, 3, 5]
    code, out, err = jhrun("eval", "run=run", "analysis=curvature", "subset=20", "attack=[]", "epsilon=0")
    assert code == 0, err


FOLDER = ["dataset=image_folder", "solver=lanczos", "evaluate=false"]


def test_a_sweep_decodes_its_images_once_and_says_what_is_wrong_with_them_in_a_line(jhrun, tiny_image_folder):
    small = [*TINY, *FOLDER, f"dataset.root={tiny_image_folder}", "dataset.cache=kept"]
    code, out, err = jhrun("train", "-m", *small, "seed=0,1")
    assert (code, err) == (0, "")
    assert "warning" not in out
    (path,) = Path("kept").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = jhrun("train", *small, "hydra.run.dir=again")
    assert (code, err) == (0, "")
    (said,) = [line for line in out.splitlines() if "warning" in line]
    assert said.startswith(f"warning: {path.absolute()} is damaged or foreign")
    assert said in Path("again/run.log").read_text()
    (tiny_image_folder / "train" / "cat" / "list.txt").write_text("0.png")
    code, _, err = jhrun("train", *small, "hydra.run.dir=third")
    assert code == 3
    assert err.startswith("error: a file is not an image that Pillow knows, ")
    assert err.count("\n") == 1


def test_a_resumed_run_may_keep_its_images_elsewhere(tiny, jhrun, tiny_image_folder):
    run = tiny(*FOLDER, f"dataset.root={tiny_image_folder}")
    code, _, err = jhrun("train", f"resume={run}", "train.epochs=3", "dataset=image_folder", "dataset.cache=null")
    assert code == 0, err
    assert "cache: null" in (run / "config.yaml").read_text()
