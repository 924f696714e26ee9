"""At most so many contents per bucket: those that find theirs full take the next best code of the last level.

The prefix above the last level stays, and with it the meaning of the ID; only contents that share all but the last
code compete. As in TorchEasyRec's nearest-free-code resolver, but with the order of contents out of play: who is
nearest to a code has it, and equal distances are settled by a key.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from semid.quantize.base import Codebook, Codes, Floats, quantization_error


def last_errors(x: Floats, codebook: Codebook, prefix: Codes) -> Floats:
    """Return the squared error (n, K) of `x` (n, d) under a prefix (levels - 1,) and each code of the last level."""
    size = codebook.sizes[-1]
    codes = np.concatenate([np.tile(prefix, (size, 1)), np.arange(size)[:, None]], axis=1).astype(np.int32)
    rebuilt = codebook.decode(codes)
    errors = [quantization_error(np.broadcast_to(row, rebuilt.shape), rebuilt) for row in x]
    return np.array(errors, np.float32).reshape(len(x), size)


def within_capacity(
    errors: Floats, first: Codes, priority: NDArray[np.integer], taken: NDArray[np.integer], capacity: int
) -> Codes:
    """Return the last code (n,) of newcomers, none of which takes a place of somebody who is there already.

    One after the other, each takes its first choice, or else the code with the least error among those with a free
    place. First come those of the highest priority, then those with the least error under their first choice, then the
    first rows: sort rows by a key, and their order on arrival is out of play. When every place is taken the rest take
    their first choice: a bucket above capacity, told apart by dedup indexes, is better than an item without an ID.

    Args:
        errors: Squared error (n, K) of each newcomer under each code of the last level, all under one prefix.
        first: First choice (n,): what `encode` gave, which need not have the least error, or a code that is kept.
        priority: (n,), the highest served first.
        taken: Contents (K,) that each code has already.
        capacity: Most contents of a code, at least 1.

    Raises:
        ValueError: When the capacity is below 1.
    """
    if capacity < 1:
        raise ValueError(f"a bucket holds at least one content, got a capacity of {capacity}")
    free = capacity - taken.astype(np.int64)
    last: Codes = first.astype(np.int32)
    rows = np.arange(len(errors))
    for row in np.lexsort((rows, errors[rows, first], -priority)):
        if not (free > 0).any():
            break
        if free[first[row]] <= 0:
            last[row] = np.where(free > 0, errors[row], np.inf).argmin()
        free[last[row]] -= 1
    return last


def best_last(x: Floats, codebook: Codebook, codes: Codes) -> Codes:
    """Return `codes` (n, levels) with each last code replaced by the best under the same prefix, for `x` (n, d).

    With a capacity this, and not `encode`, is what published codes can be compared with: the last one may have been
    the next best. A code outside its level is left for the caller to find.
    """
    best = codes.copy()
    prefixes, group = np.unique(codes[:, :-1], axis=0, return_inverse=True)
    known = ((prefixes >= 0) & (prefixes < np.array(codebook.sizes[:-1]))).all(axis=1)
    for number in np.flatnonzero(known):
        rows = np.flatnonzero(group.ravel() == number)
        best[rows, -1] = last_errors(x[rows], codebook, prefixes[number]).argmin(axis=1)
    return best
