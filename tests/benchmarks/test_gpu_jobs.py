"""The queue of GPU jobs: order, what fits, what is measured again."""

import json
import shutil
from dataclasses import replace

import pytest
from gpu import jobs
from gpu.jobs import Job, choose

QUEUE = """# said above
jobs:
  - name: first
    worth: 2
    minutes: 3
    module: one
    state: undone
    result: results/first.json
    code: [code]
  - name: second
    worth: 9  # more
    minutes: 1
    module: one
    state: undone
    result: results/second.json
    code: [code]
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "benchmarks/gpu").mkdir(parents=True)
    (tmp_path / "code/a.py").write_text('"""Said."""\nx = 1  # why\n')
    (tmp_path / "benchmarks/gpu/one.py").write_text("y = 2\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "queue.yaml").write_text(QUEUE)
    return tmp_path


def job(name="j", worth=1, **more):
    return Job(
        **{
            "name": name,
            "worth": worth,
            "minutes": 2,
            "module": "one",
            "code": ["code"],
            "result": f"results/{name}.json",
        }
        | more
    )


def picked(queue, root, minutes=5.0, tried=(), data=True, files=3):
    found = choose(queue, minutes, tried=tried, data=data, files=files, root=root)
    return found and found.name


def done(job, root, **more):
    (root / job.result).write_text(json.dumps({"digest": job.digest(root), "rows": [], **more}))
    return replace(job, state="done")


def test_the_most_worthy_job_that_fits_comes_first(root):
    queue = [job("small", 1, least=0.5), job("large", 9, minutes=8, least=4), job("middle", 5, least=1)]
    assert picked(queue, root) == "large"
    assert picked(queue, root, minutes=3) == "middle"
    assert picked(queue, root, tried=["large"]) == "middle"
    assert picked(queue, root, minutes=0.7) == "small"
    assert picked(queue, root, minutes=0.4) is None


def test_what_a_job_needs_has_to_be_there(root):
    queue = [job("images", 3, needs_data=True), job("state", 2, keeps_state=True), job("plain", 1)]
    assert picked(queue, root) == "images"
    assert picked(queue, root, data=False) == "state"
    assert picked(queue, root, data=False, files=0) == "plain"


def test_a_job_that_is_done_is_measured_again_only_if_its_code_changed(root):
    finished = done(job(), root)
    assert picked([finished], root) is None
    (root / "code/a.py").write_text('"""Said otherwise."""\n\nx = 1\n')
    assert picked([finished], root) is None
    (root / "code/a.py").write_text("x = 3\n")
    assert picked([finished], root) == "j"
    assert finished.earlier(root) is None


@pytest.mark.parametrize("change", ["module", "arguments", "new file"])
def test_so_it_is_for_all_that_its_figures_hang_on(root, change):
    finished = done(job(), root)
    if change == "module":
        (root / "benchmarks/gpu/one.py").write_text("y = 4\n")
    elif change == "arguments":
        finished = replace(finished, arguments={"n": 2})
    else:
        (root / "code/b.py").write_text("z = 1\n")
    assert picked([finished], root) == "j"


def test_a_result_that_is_lost_is_measured_again(root):
    assert picked([replace(job(), state="done")], root) == "j"


def test_a_part_is_gone_on_with(root):
    half = replace(done(job(), root, rows=[{"row": 1}]), state="part")
    assert picked([half], root) == "j"
    assert half.earlier(root)["rows"] == [{"row": 1}]


def test_states_are_written_and_all_else_stays(root):
    path = root / "queue.yaml"
    jobs.mark({"second": "done", "first": "part"}, path)
    assert {j.name: j.state for j in jobs.load(path)} == {"first": "part", "second": "done"}
    assert path.read_text() == QUEUE.replace("undone", "part", 1).replace("undone", "done", 1)


def test_mistakes_are_told(root):
    with pytest.raises(ValueError, match="job j: state=open: must be one of undone, part, done"):
        job(state="open")
    with pytest.raises(ValueError, match="least=3: must be above 0 and at most minutes=2"):
        job(least=3)
    (root / "queue.yaml").write_text(QUEUE.replace("second", "first"))
    with pytest.raises(ValueError, match="two jobs have one name"):
        jobs.load(root / "queue.yaml")


def test_the_real_queue_is_in_order():
    queue = jobs.load()
    assert [j.worth for j in queue] == sorted((j.worth for j in queue), reverse=True)
    for entry in queue:
        assert entry.result == f"benchmarks/gpu/results/{entry.name}.json"
        assert (jobs.ROOT / f"benchmarks/gpu/{entry.module}.py").is_file()
        assert all((jobs.ROOT / path).exists() for path in entry.code)
        assert (entry.state == "undone") == (not (jobs.ROOT / entry.result).exists())


def test_the_page_has_the_tables_of_the_results_that_are_there(tmp_path):
    """``gpu_collect.py`` changes nothing in the repository as it is."""
    import gpu_collect

    for name in ("benchmarks/gpu", "docs"):
        shutil.copytree(jobs.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    gpu_collect.write_tables(tmp_path)
    page = gpu_collect.PAGE
    assert (tmp_path / page).read_text() == (jobs.ROOT / page).read_text()
