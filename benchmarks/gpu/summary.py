"""Results of parts as Markdown: for ``summary.md``, and for the tables of ``docs/measurements.md``."""

from collections.abc import Mapping
from typing import Any

Rows = list[dict[str, Any]]
Result = Mapping[str, Any]
WORDS = {
    "done": "done",
    "part": "to be gone on with",
    "running": "cut off",
    "failed": "FAILED",
    "killed": "killed",
}


def summary(parts: Mapping[str, Result]) -> str:
    """All parts of a call.

    Args:
        parts: results by part.

    Returns:
        Markdown.
    """
    lines = ["# A GPU call", "", "| part | state | rows | s |", "| --- | --- | --- | --- |"]
    for name, result in parts.items():
        state = WORDS[result["state"]]
        lines.append(f"| {name} | {state} | {len(result['rows'])} | {number(result['seconds'])} |")
    lines.append("")
    for name, result in parts.items():
        lines += [f"## {name}", "", *section(result), ""]
        if result.get("error"):
            lines += ["The last of what it said:", "", *block(result["error"]), ""]
    return "\n".join(lines)


def section(result: Result) -> list[str]:
    """The tables of one part, by what its rows are."""
    rows: Rows = result["rows"]
    lines: list[str] = []
    for wanted, table in TABLES:
        if some := [row for row in rows if wanted(row)]:
            lines += [*([""] if lines else []), *table(some)]
    failed = [row for row in rows if row.get("error")]
    lines += [f"- {row.get('row') or row.get('pair')}: {row['error']}" for row in failed]
    return lines or ["No row."]


def machine(rows: Rows) -> list[str]:
    """Names, versions and ceilings."""
    lines = []
    for row in rows:
        if row["what"] == "machine":
            told = {key: row[key] for key in ("card", "driver", "python", "torch", "torchvision", "cuda", "cudnn")}
            lines.append(", ".join(f"{key} {value}" for key, value in told.items() if value))
            if row["missing"]:
                lines += ["", f"**Missing here: {', '.join(row['missing'])}.** The parts that need them fail."]
            lines += ["", "| ceiling | rate |", "| --- | --- |"]
        elif row["what"] == "copy":
            lines.append(f"| copy, bytes read and written | {row['rate'] / 1e9:.0f} GB/s |")
        else:
            lines.append(f"| {row['what']}, side {row['side']} | {row['rate'] / 1e12:.3g} TFLOP/s |")
    return lines


def tests(rows: Rows) -> list[str]:
    """Counts, and the failures with their tracebacks."""
    single = [row for row in rows if row["test"] != "all"]
    counts = {kind: sum(row["outcome"] == kind for row in single) for kind in ("passed", "failed", "skipped")}
    lines = [", ".join(f"{count} {kind}" for kind, count in counts.items())]
    for row in single:
        if row["outcome"] == "failed":
            lines += ["", f"### {row['test']}", "", *block(row["traceback"] or "")]
    return lines


def costs(rows: Rows) -> list[str]:
    """Steps beside the plain one's of the same precision and layout."""
    lines = ["| step | precision | ms | plain steps | quartiles | truth | peak MiB | of plain's | waits |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        cells = [row["row"], f"{row['precision']}, {row['layout']}"]
        if "error" in row:
            lines.append(f"| {' | '.join(cells)} | failed | | | | | | |")
            continue
        truth = "" if row.get("truth") is None else f"{row['truth']:.3f} ({row['truth_p10']:.3f})"
        low, high = row["quartiles"]
        cells += [number(1e3 * row["seconds"]), f"{row['ratio']:.2f}", f"{low:.2f} – {high:.2f}", truth]
        cells += [
            f"{row['peak'] / 2**20:.0f}",
            f"{row['peak'] / row['base_peak']:.2f}",
            str(sum(row["waits"].values())),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    shown = [row for row in rows if row.get("phases")]
    if shown:
        names = list(dict.fromkeys(name for row in shown for name in row["phases"]))
        lines += [
            "",
            f"| share of a step's time (busy) | {' | '.join(names)} |",
            "| --- |" + " --- |" * len(names),
        ]
        lines += [
            f"| {row['row']} | {' | '.join(_phase(row['phases'].get(name)) for name in names)} |" for row in shown
        ]
    waits = {place: n for row in rows for place, n in row.get("waits", {}).items()}
    if waits:
        lines += [
            "",
            "The host waits for the device at: " + ", ".join(f"`{place}`" for place in sorted(waits)) + ".",
        ]
    return lines


def _phase(phase: Mapping[str, float | None] | None) -> str:
    if phase is None:
        return ""
    busy = "" if phase["busy"] is None else f" ({phase['busy']:.0%})"
    return f"{phase['share']:.0%}{busy}"


def epochs(rows: Rows) -> list[str]:
    """Seconds of whole epochs."""
    lines = ["| epoch, the whole pipeline | precision | steps | s |", "| --- | --- | --- | --- |"]
    for row in rows:
        taken = number(row.get("seconds"))
        lines.append(f"| {row['row']} | {row['precision']}, {row['layout']} | {row.get('steps', '')} | {taken} |")
    return lines


def training(rows: Rows) -> list[str]:
    """Where a run stands, and what it is worth."""
    lines = []
    for row in rows:
        if row["what"] == "run":
            less = (
                ""
                if row["width"] == row["wanted"]
                else f" (a width of {row['wanted']} does not fit into the state)"
            )
            lines.append(f"ResNet-18 of width {row['width']}{less}, seed {row['seed']}, {row['examples']} images.")
        elif row["what"] == "attack":
            lines += ["", f"| accuracy (%), ε = {row['epsilon']} | 95 % interval | n |", "| --- | --- | --- |"]
            for name, words in (("clean", "clean"), ("worst_case", "worst case of APGD-CE and targeted APGD-DLR")):
                low, high = row[name]["ci95"]
                share = f"{100 * row[name]['accuracy']:.1f}"
                lines.append(f"| {words}: {share} | {100 * low:.1f} – {100 * high:.1f} | {row[name]['n']} |")
    done = [row for row in rows if row["what"] == "epoch"]
    if done:
        last = done[-1]
        seconds = sum(row["seconds"] for row in done) / len(done)
        told = f"Epoch {last['epoch']}: loss {last['loss']:.3f}, training accuracy {last['accuracy']:.1%}"
        lines += ["", f"{told}; {number(seconds)} s an epoch."]
    return lines


def variants(rows: Rows) -> list[str]:
    """Pairs."""
    lines = ["| a against b | ms | ms | ratio | quartiles |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        if "error" in row:
            lines.append(f"| {row['pair']} | failed | | | |")
            continue
        both = f"{number(1e3 * row['seconds'])} | {number(1e3 * row['base_seconds'])}"
        low, high = row["quartiles"]
        lines.append(f"| {row['pair']} | {both} | {row['ratio']:.2f} | {low:.2f} – {high:.2f} |")
    return lines


TABLES = [
    (lambda row: "test" in row, tests),
    (lambda row: "pair" in row, variants),
    (lambda row: row.get("what") == "step", costs),
    (lambda row: row.get("what") == "epoch" and "steps" in row, epochs),
    (lambda row: row.get("what") in {"run", "attack"} or (row.get("what") == "epoch" and "lr" in row), training),
    (lambda row: str(row.get("what")).startswith(("machine", "copy", "matrix")), machine),
]
"""What a row is, and who makes a table of such rows."""


def number(value: float | None) -> str:
    """Three digits; nothing for None."""
    return "" if value is None else f"{value:.3g}"


def block(text: str) -> list[str]:
    """Lines as they are."""
    return ["```", *text.splitlines(), "```"]
