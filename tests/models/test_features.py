"""The columns of a feature table against the bags they are made of."""

import numpy as np
import pyarrow as pa

from semid.downstream.features import FEATURES, KINDS, FeatureParams, feature_batches, features, table_rows
from semid.downstream.pieces import fit_pieces

SIZES = (4, 4, 2)
PARAMS = FeatureParams(prefix_rows=20, n=2, ngram_rows=10, piece_rows=14, hashed_rows=7)


def test_columns_hold_the_rows_of_every_bag_without_padding():
    """Whatever the batches; a piece that stands for several codes leaves no gap, and no row is past its table."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(size, size=50) for size in SIZES], axis=1).astype(np.int32)
    codes[:30] = codes[0]  # a frequent ID becomes one piece
    names = [f"i{n}" for n in range(50)]
    pieces = fit_pieces(codes, SIZES, PARAMS.piece_rows)
    whole = pa.record_batch({"item_id": names, "codes": codes.tolist()})
    found = pa.Table.from_batches(feature_batches([whole.slice(0, 13), whole.slice(13)], pieces, PARAMS))
    assert found.schema == FEATURES
    assert found["item_id"].to_pylist() == names
    wanted, rows = features(names, codes, pieces, PARAMS), table_rows(pieces, PARAMS)
    for kind in KINDS:
        assert found[kind].to_pylist() == [
            [row for row in bag if row < rows[kind]] for bag in wanted[kind].index.tolist()
        ]
    assert min(len(bag) for bag in found["pieces"].to_pylist()) < len(SIZES)
    assert rows == {kind: bags.rows for kind, bags in wanted.items()}
