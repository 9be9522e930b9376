"""What is wrong with a data set, collected and told at once."""

from jhrun.errors import DataError

_MEND = "mend them where the data set is made"


class BadDataError(DataError, ValueError):
    """A data set that cannot be used; a ValueError too, for those who build one in code of their own."""


class Faults(list[str]):
    """What is wrong with a data set."""

    def refuse(self) -> None:
        """Tell all of them in one line.

        Raises:
            BadDataError: there is a fault.
        """
        if self:
            raise BadDataError("; ".join(self), "the data set", _MEND)
