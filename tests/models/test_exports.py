import json

import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from semid.downstream.export_files import ReleaseIds
from semid.downstream.exports import Origin, export, load
from semid.downstream.hybrid import prefix_points
from semid.downstream.sid_tokens import token_ids
from semid.errors import ConfigError, StoredDataError

ORIGIN = Origin(7, 2, "abc")
CODES = np.array([[1, 0], [0, 2], [1, 0], [0, 1]], np.int32)


def ids():
    x = np.arange(8, dtype=np.float32).reshape(4, 2)
    dedup = np.array([0, 0, 1, 0], np.int32)
    return ReleaseIds(("a", "b", "c", "d"), CODES, dedup, (2, 3), prefix_points(x, CODES, 1))


def test_what_is_exported_is_loaded(tmp_path):
    """The same IDs, by every file; a second export of them changes nothing, another one is refused."""
    manifest = export(tmp_path / "x", ids(), ORIGIN)
    found = load(tmp_path / "x")
    assert (found.manifest, found.ids.item_ids) == (manifest, ids().item_ids)
    assert np.array_equal(found.ids.codes, CODES)
    assert np.array_equal(found.ids.points.means, ids().points.means)
    assert np.load(tmp_path / "x/valid_sids.npy").tolist() == [[0, 1], [0, 2], [1, 0]]
    assert export(tmp_path / "x", ids(), ORIGIN) == manifest
    with pytest.raises(ConfigError):
        export(tmp_path / "x", ids(), Origin(8, 2, "abc"))
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("name", ["codes.safetensors", "items.parquet", "tokenizer/tokenizer.json", "manifest.json"])
def test_a_flipped_bit_is_found(tmp_path, name):
    export(tmp_path / "x", ids(), ORIGIN)
    file = tmp_path / "x" / name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(StoredDataError) as error:
        load(tmp_path / "x")
    assert error.value.exit_code == 6
    assert name in str(error.value)


def test_trie_points_and_tokens(tmp_path):
    export(tmp_path / "x", ids(), ORIGIN)
    trie = load_file(tmp_path / "x/trie.safetensors")
    assert trie["code_1"].tolist() == [0, 1]
    assert trie["first_child_1"].tolist() == [0, 2, 3]
    assert trie["code_2"].tolist() == [1, 2, 0]
    assert trie["first_item"].tolist() == [0, 1, 2, 4]
    assert trie["item"].tolist() == [3, 1, 0, 2]
    point = json.loads((tmp_path / "x/qdrant.jsonl").read_text().splitlines()[2])
    assert point["payload"] == {"item_id": "c", "semantic_id": "1-0#1", "sid_p1": "1", "sid_p2": "1-0"}
    tokenizer = Tokenizer.from_file(str(tmp_path / "x/tokenizer/tokenizer.json"))
    expected = token_ids(np.array([[1, 0, 1]], np.int32), ids().word_sizes)[0].tolist()
    assert tokenizer.encode("<a_1><b_0><c_1>").ids == expected
    assert tokenizer.decode(expected) == "<a_1><b_0><c_1>"
    assert tokenizer.encode("<a_9>").tokens == ["<unk>"]


def test_ids_that_do_not_fit_are_refused_with_every_problem():
    with pytest.raises(ValueError, match="3 problems"):
        ReleaseIds(("b", "a"), np.array([[9], [9]], np.int32), np.zeros(2, np.int32), (2,))
