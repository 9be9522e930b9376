"""What a matrix is to become, from the way it is written: a number, a file, or another run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from jhrun.config import stored
from jhrun.config.network import model
from jhrun.data import Dataset
from jhrun.errors import ConfigError, RunError
from jhrun.folder import RunFolder
from jhrun.penalties import Constant, Target, Teacher
from jhrun.training import Checkpoint


def target(written: float | str, data: Dataset, plugins: Sequence[str]) -> Target:
    """A target matrix.

    Args:
        written: a number, for that number on the diagonal; the path of an .npy file; or the folder of a run whose
            network is the teacher.
        data: what the network under training sees.
        plugins: packages that the user trusts in this call.

    Returns:
        The target.

    Raises:
        ConfigError: the file is no matrix.
        RunError: the run's network does not fit the data.
    """
    if not isinstance(written, str):
        return Constant(torch.tensor(written, dtype=torch.float64))
    if written.endswith(".npy"):
        try:
            return Constant(torch.from_numpy(np.load(written, allow_pickle=False)))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"cannot be used ({error})", written, "give the .npy file of a matrix") from error
    folder = RunFolder.existing(written)
    config = stored.read(folder.config)
    network = model(config, data, plugins)
    try:
        network.load_state_dict(dict(Checkpoint.load(folder.checkpoint("last")).weights))
    except RuntimeError as error:
        raise RunError(
            f"the teacher does not fit the data ({error})", str(Path(written)), "use another"
        ) from error
    return Teacher(network)
