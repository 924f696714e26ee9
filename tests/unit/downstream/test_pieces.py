import numpy as np
import pytest
from tokenizers import Tokenizer

from semid.downstream.pieces import fit_pieces, spelled
from semid.errors import ConfigError

SIZES = (4, 4, 4)
CODES = np.array([[0, 1, 2], [0, 1, 3], [0, 1, 1], [3, 3, 3], [2, 1, 2]], np.int32)
FIRST = 0xF0000


def test_a_code_is_one_character_that_knows_its_level():
    assert spelled(CODES[:1], SIZES) == [chr(FIRST) + chr(FIRST + 4 + 1) + chr(FIRST + 8 + 2)]
    with pytest.raises(ValueError, match="1 of 2 IDs"):
        spelled(np.array([[0, 0, 4], [0, 0, 0]]), SIZES)


def test_the_most_frequent_run_becomes_one_piece():
    """One piece more than the 12 codes: (0, 1) of the first two levels, which occurs three times."""
    pieces = fit_pieces(CODES, SIZES, 13)
    bags = pieces.bags(CODES)
    assert bags.rows == 13
    assert bags.index.tolist() == [[12, 10, 13], [12, 11, 13], [12, 9, 13], [3, 7, 11], [2, 5, 10]]


def test_traffic_decides_what_is_merged_and_popular_items_need_fewer_pieces():
    pieces = fit_pieces(CODES, SIZES, 14, np.array([0, 0, 0, 9, 1]))
    widths = (pieces.bags(CODES).index < 14).sum(axis=1)
    assert widths.tolist() == [3, 3, 3, 1, 3]


def test_the_order_of_the_items_does_not_matter():
    codes = np.random.default_rng(0).integers(4, size=(300, 3)).astype(np.int32)
    traffic = np.random.default_rng(1).integers(5, size=300)
    order = np.random.default_rng(2).permutation(300)
    assert fit_pieces(codes, SIZES, 40, traffic) == fit_pieces(codes[order], SIZES, 40, traffic[order])


def test_pieces_spell_every_item_whether_trained_on_or_not():
    """The pieces' characters, joined, are the codes; the file is read by the `tokenizers` package alone."""
    codes = np.random.default_rng(0).integers(4, size=(64, 3)).astype(np.int32)
    pieces = fit_pieces(codes[:32], SIZES, 30)
    reader = Tokenizer.from_str(pieces.tokenizer)
    bags = pieces.bags(codes)
    texts = ["".join(reader.id_to_token(row) for row in rows if row < bags.rows) for rows in bags.index.tolist()]
    assert texts == spelled(codes, SIZES)
    assert bags.mean_width < 3


def test_a_vocabulary_without_merges_is_refused():
    with pytest.raises(ConfigError, match=r"12 pieces spell IDs of 3 codes with 3.00 pieces each") as caught:
        fit_pieces(CODES, SIZES, 12)
    assert "more pieces than the 12 single codes" in caught.value.next_step
