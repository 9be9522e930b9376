"""What a matrix is to become, from the way it is written: a number, a file, or another run."""

from collections.abc import Sequence

import numpy as np
import torch

from jhrun.config.network import of_run
from jhrun.data import Dataset
from jhrun.errors import ConfigError
from jhrun.penalties import Constant, Target, Teacher


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
    return Teacher(of_run(written, data, plugins))
