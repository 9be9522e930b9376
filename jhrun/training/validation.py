"""Loss and accuracy on examples that are not trained on."""

import torch
from torch import nn

from jhrun.data import Part
from jhrun.objectives import Objective

_BATCH = 512


@torch.no_grad()
def validate(model: nn.Module, part: Part, objective: Objective) -> tuple[float, float | None] | None:
    """Mean loss and accuracy in eval mode.

    Args:
        model: inputs → outputs; its mode is left as eval.
        part: examples, unaugmented; perhaps none.
        objective: the task's loss.

    Returns:
        (loss, accuracy), or None for an empty part; the accuracy is None where targets are values.
    """
    if len(part) == 0:
        return None
    model.eval()
    # summed on the device, which is waited for once
    loss = torch.zeros((), dtype=torch.float64, device=part.targets.device)
    right = torch.zeros((), dtype=torch.int64, device=part.targets.device)
    for batch in part.batches(_BATCH):
        outputs = model(batch.inputs)
        loss += objective(outputs, batch.targets).double().sum()
        if batch.labels is not None:
            right += (outputs.argmax(1) == batch.labels).sum()
    return float(loss) / len(part), None if part.labels is None else int(right) / len(part)
