import duckdb
import numpy as np

from semid.downstream.hybrid import index, prefix_points, search
from semid.downstream.hybrid_sql import search_sql
from semid.downstream.queries import hold_out, nearest_items, sample_queries

RNG = np.random.default_rng(0)
X = RNG.integers(-4, 5, size=(60, 4)).astype(np.float32)
CODES = RNG.integers(3, size=(60, 2)).astype(np.int32)


def test_all_probes_give_the_exact_neighbours() -> None:
    """Ties go to the lower row; every item is scanned once."""
    at = index(X, CODES, prefix_points(X, CODES, 1))
    distances = np.square(X[:10, None] - X).sum(axis=2)
    found = search(at, X[:10], 5, 3)
    assert found.rows.tolist() == np.argsort(distances, axis=1, kind="stable")[:, :5].tolist()
    assert (found.scanned == 60).all()


def test_sql_gives_the_answers_of_the_library() -> None:
    """DuckDB over tables of another model's vectors too: rank by rank the rows of `search`."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE codebook AS SELECT 1 AS codebook_version, 'm' AS model")
    connection.execute("CREATE TABLE item_embedding (content_hash VARCHAR, model VARCHAR, embedding FLOAT[])")
    connection.execute(
        "CREATE TABLE semantic_id_current (item_id VARCHAR, semantic_id VARCHAR, prefixes VARCHAR[],"
        " content_hash VARCHAR, codebook_version INT)"
    )
    for i, (x, (a, b)) in enumerate(zip(X.tolist(), CODES.tolist(), strict=True)):
        connection.execute("INSERT INTO item_embedding VALUES (?, 'm', ?), (?, 'other', ?)", [f"{i:02}", x] * 2)
        row = [f"{i:02}", f"{a}-{b}", [f"{a}", f"{a}-{b}"], f"{i:02}"]
        connection.execute("INSERT INTO semantic_id_current VALUES (?, ?, ?, ?, 1)", row)
    query = "SELECT item_id AS query_id, embedding FROM vector WHERE item_id < '10'"
    answers = connection.execute(search_sql(query.replace("vector", "(SELECT content_hash AS item_id, embedding"
        " FROM item_embedding WHERE model = 'm')"), 1, 2, 3)).fetchall()  # fmt: skip
    found = search(index(X, CODES, prefix_points(X, CODES, 1)), X[:10], 3, 2)
    assert [int(row[2]) for row in answers] == found.rows.ravel().tolist()


def test_queries_are_those_of_their_item_and_held_out_by_text() -> None:
    """An item's queries do not depend on the items beside it; no text is on both sides of the split."""
    items = {"a": {"title": "one two three four five six", "brand": "Acme"}, "b": {"title": "x y", "brand": ""}}
    made = sample_queries(items, 5, seed=1)
    alone = sample_queries({"b": items["b"]}, 5, seed=1)
    assert [t for t, row in zip(made.texts, made.items, strict=True) if row == 1] == list(alone.texts) == ["x y"]
    train, held = hold_out(made, 0.5, seed=0)
    assert sorted(train.texts + held.texts) == sorted(made.texts)
    assert not set(train.texts) & set(held.texts)


def test_dense_retrieval_gives_the_largest_products_and_of_equal_ones_the_lower_row() -> None:
    """Two queries along the axes, four items of which two tie."""
    items = np.array([[1, 0], [2, 3], [0, 1], [2, 0]], np.float32)
    assert nearest_items(np.eye(2, dtype=np.float32), items, 2).tolist() == [[1, 3], [1, 2]]
