"""A row for each training example, kept from epoch to epoch."""

from collections.abc import Mapping

import torch
from torch import Tensor

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Memory:
    """N rows of m numbers, one for each training example, addressed by the example's index.

    m becomes known, and the room is taken, with the first write, or with the first read that says what a row is
    like. A memory above its limit lies in the host's memory, which is pinned if the device is a CUDA one.

    Attributes:
        examples: N.
        dtype: of the rows.
        limit: bytes of them on the device.
        vectors: the rows, (N, m); (0, 0) before there is room.
        known: which of them were written, (N,); (0,) before there is room.

    Example:
        >>> memory, batch = Memory(examples=5), torch.tensor([3, 0])
        >>> memory.write(batch, torch.tensor([[0.5, 0.5], [1.0, 0.0]]), where=torch.tensor([True, False]))
        >>> rows, known = memory.read(batch)
        >>> rows.tolist(), known.tolist()
        ([[0.5, 0.5], [0.0, 0.0]], [True, False])
    """

    def __init__(self, examples: int, dtype: str = "float32", limit: float = 4e9) -> None:
        """Set how many rows there are and where they are kept.

        Args:
            examples: N, of the training data.
            dtype: of the rows: ``float32``, ``float16`` or ``bfloat16``.
            limit: bytes on the device; from there on the rows are kept in the host's memory.

        Raises:
            ValueError: an argument outside its range.
        """
        if dtype not in DTYPES:
            raise ValueError(f"dtype={dtype!r}: must be one of {', '.join(DTYPES)}")
        if not limit > 0:
            raise ValueError(f"limit={limit}: must be above 0")
        self.examples, self.dtype, self.limit = examples, dtype, float(limit)
        self.vectors = torch.empty(0, 0)
        self.known = torch.empty(0, dtype=torch.bool)

    @torch.no_grad()
    def read(self, index: Tensor, like: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The rows of some examples.

        Args:
            index: which examples, (B,), int64.
            like: (B, m), of the device and the dtype that the rows are wanted in; as they are kept without it.

        Returns:
            Copies of the rows, (B, m), zero where nothing was written; (B, 0) if nothing was written at all and
            there is no ``like``. Which of them are known, (B,).
        """
        if like is not None:
            self._reserve(like)
        if not len(self.vectors):
            return self.vectors.new_empty(len(index), 0), self.known.new_zeros(len(index))
        here = index.to(self.vectors.device)
        rows, known = self.vectors[here], self.known[here]
        return (rows, known) if like is None else (rows.to(like), known.to(like.device))

    @torch.no_grad()
    def write(self, index: Tensor, rows: Tensor, where: Tensor | None = None) -> None:
        """Replace the rows of some examples.

        Args:
            index: which examples, each once, (B,), int64.
            rows: new ones, (B, m), on any device; a graph that they have is left behind.
            where: which of the examples, (B,), bool, on any device: others keep what they had. None for all.

        Raises:
            ValueError: the rows are of another length than those before.
        """
        self._reserve(rows)
        here = index.to(self.vectors.device)
        new = rows.to(self.vectors.device, self.vectors.dtype)
        if where is None:
            self.vectors[here], self.known[here] = new, True
            return
        where = where.to(self.vectors.device)
        self.vectors[here] = torch.where(where[:, None], new, self.vectors[here])
        self.known[here] |= where

    def state_dict(self) -> dict[str, Tensor]:
        """``vectors`` (N, m) and ``known`` (N,); empty before there is room."""
        return {"vectors": self.vectors, "known": self.known} if len(self.vectors) else {}

    def load_state_dict(self, state: Mapping[str, Tensor], device: torch.device) -> None:
        """Go on from saved rows, bit for bit, in the dtype that they were saved in.

        Args:
            state: from ``state_dict``.
            device: of the network.

        Raises:
            ValueError: the rows are of another number of examples.
        """
        self.vectors, self.known = torch.empty(0, 0), torch.empty(0, dtype=torch.bool)
        if not state:
            return
        vectors, known = state["vectors"], state["known"]
        if len(known) != self.examples:
            raise ValueError(f"the saved memory is of {len(known)} examples, and there are {self.examples}")
        self.dtype = next(name for name, dtype in DTYPES.items() if dtype == vectors.dtype)
        self._allocate(vectors.shape[1], device)
        self.vectors.copy_(vectors)
        self.known.copy_(known)

    def _reserve(self, rows: Tensor) -> None:
        """Take the room for rows like these; refuse others later."""
        m = rows.shape[1]
        if not len(self.vectors):
            self._allocate(m, rows.device)
        elif m != self.vectors.shape[1]:
            raise ValueError(f"rows of {m} numbers: this memory keeps rows of {self.vectors.shape[1]}")

    def _allocate(self, m: int, device: torch.device) -> None:
        dtype = DTYPES[self.dtype]
        there = self.examples * m * dtype.itemsize <= self.limit
        place = device if there else torch.device("cpu")
        pinned = device.type == "cuda" and not there
        self.vectors = torch.zeros(self.examples, m, dtype=dtype, device=place, pin_memory=pinned)
        self.known = torch.zeros(self.examples, dtype=torch.bool, device=place)
