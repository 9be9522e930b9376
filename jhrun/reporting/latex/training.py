"""Methods of a paper: the data, the network, and how it was optimised.

No sentence names its run, so that runs that share a sentence can be told of together.
"""

from jhrun.reporting.document import Node
from jhrun.reporting.latex.known import GROUP_NORM
from jhrun.reporting.latex.names import Names
from jhrun.reporting.latex.phrases import phrases
from jhrun.reporting.latex.values import bracketed, listed, spoken
from jhrun.reporting.words import counted

PARTS = {"train": "training", "validation": "validation", "test": "testing"}


def data(names: Names) -> str:
    """The data set, the sizes of its parts, and the augmentation."""
    node = names.report.setup.dataset
    text = f"Training used {names.named(node)}{bracketed(phrases(node))}{_sizes(names, node)}."
    if names.report.background.examples.get("validation") == 0:
        text += " There was no validation part."
    drawn = [f"cropped after padding by {spoken(node.get('crop'))} pixels"] if node.get("crop") else []
    drawn += ["flipped horizontally"] if node.get("flip") else []
    hold = node.get("hold", 1)
    kept = f", anew every {spoken(hold)} epochs" if hold != 1 else ""
    return f"{text} Training images were randomly {listed(drawn)}{kept}." if drawn else text


def _sizes(names: Names, node: Node) -> str:
    examples, total = names.report.background.examples, names.report.total
    if examples:
        sizes = [f"{n:,} for {name}" for part, name in PARTS.items() if (n := examples.get(part))]
        return f": {listed(sizes).replace(' for', ' examples for', 1)}"
    # of a run of old
    share = node.get("validation")
    held = [f"a share of {spoken(share)} of the training part was held out for validation"] if share else []
    held += [f"the test part has {total:,} examples"] if total else []
    return f"; {listed(held)}" if held else ""


def network(names: Names) -> str:
    """The architecture with its arguments, and its number of parameters."""
    node, size = names.report.setup.model, names.report.background.parameters
    # the β of our own Softplus; a plugin's may be another
    own = str(node.get("_target_")).startswith("jhrun.models.")
    said = [f"{text}{_of_layers(names, text, own=own)}" for text in phrases(node)]
    text = f"The network was {_article(names.named(node))}{f' with {listed(said)}' if said else ''}"
    return f"{text}; it has {size:,} parameters." if size else f"{text}."


def _of_layers(names: Names, text: str, *, own: bool) -> str:
    """What follows a phrase on the network's layers."""
    if text == "group normalisation":
        return names.references.cite(text, GROUP_NORM)
    if text == "weight standardisation":
        return names.sources("jhrun.models.blocks.StandardisedConv2d")
    return r" ($\beta=8$)" if own and text == "Softplus activations" else ""


def optimizer(names: Names) -> str:
    """The optimizer with its arguments."""
    node = names.report.setup.optimizer
    return f"The parameters were optimised by {names.named(node)}{bracketed(phrases(node))}."


def budget(names: Names) -> str:
    """Epochs and batches."""
    report, setup = names.report, names.report.setup
    planned = counted(setup.train.epochs, "epoch")
    text = f"Training took {planned} with batches of {setup.train.batch_size:,} examples."
    done = report.epochs[-1].epoch if report.epochs else 0
    if done < setup.train.epochs:
        text += f" The run is not finished: {done} of {planned} are done."
    if report.config.get("bf16"):
        text += " Forward passes of the training were made in bfloat16."
    return text


def averaging(names: Names) -> str:
    """What mean of the weights was used; empty for none."""
    node = names.report.setup.averaging
    mean = f"{names.named(node)}{bracketed(phrases(node))}" if node.get("_target_") else ""
    return f"Validation and evaluation used {mean}." if mean else ""


def _article(name: str) -> str:
    return name if name.startswith(("a ", "an ", "the ")) else f"{'an' if name[:1] in 'AEIOM' else 'a'} {name}"
