"""Labels in Spark: terms by hand, scores against scikit-learn and NumPy, purity against scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import normalized_mutual_info_score

from semid.config import load_config
from semid.frames import exemplars
from semid.frames.code_labels import to_code_labels
from semid.frames.exemplars import nearest_the_mean, to_exemplars
from semid.frames.labels import to_members, to_scores, to_sizes, to_top_terms
from semid.frames.purity import to_purity
from semid.frames.terms import stop_words, terms_of

CATALOG = "item_id string, title string, brand string, category array<string>, text string"
RNG = np.random.default_rng(5)
WORDS = ["tea", "green", "black", "leaf", "soap", "bar", "lemon", "rose", "oil", "cream"]


def catalog(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    return spark.createDataFrame(rows, CATALOG)


def terms(spark: SparkSession, title: str | None, stop: tuple[str, ...] = (), **fields: Any) -> list[str]:
    row = ("i", title, fields.get("brand"), fields.get("category"), fields.get("text", ""))
    return list(catalog(spark, [row]).select(terms_of(stop)).first()[0])  # type: ignore[index]


def test_terms_are_runs_of_words_inside_a_phrase(spark: SparkSession) -> None:
    """No bare numbers, single characters or stop words, and no run across them; punctuation and fields end a phrase."""
    assert terms(spark, "Lip-Gloss, Red 2 Pack X") == ["lip-gloss", "pack", "red"]
    assert terms(spark, "Soap for the Bath", ("for", "the")) == ["bath", "soap"]
    assert terms(spark, "Eau de Parfum!") == ["de", "de parfum", "eau", "eau de", "eau de parfum", "parfum"]
    assert terms(spark, "Red - Blue") == ["blue", "red"]
    assert terms(spark, "tea tea") == ["tea", "tea tea"]
    assert terms(spark, None, brand="L’Oréal", category=["Hair & Care"]) == ["care", "hair", "l’oréal"]
    assert terms(spark, "日本茶 ЧАЙ 100ml") == ["чай", "日本茶", "日本茶 чай"]


def test_an_item_without_fields_is_read_by_its_text(spark: SparkSession) -> None:
    """Also when its title has nothing but numbers; nulls inside a category are no trouble."""
    assert terms(spark, "12", category=[None], text="Green tea") == ["green", "green tea", "tea"]
    assert terms(spark, None) == []


def test_stop_words_are_those_of_spark(spark: SparkSession) -> None:
    """Per language; none when none is asked for."""
    assert {"the", "and"} <= set(stop_words(spark, "english"))
    assert "und" in stop_words(spark, "german")
    assert stop_words(spark, None) == ()


@pytest.fixture(scope="module")
def shop(spark: SparkSession) -> tuple[DataFrame, list[dict[str, Any]]]:
    """Two hundred items under 3 x 4 codes, with words that go with their codes, as Spark and as Python have them."""
    rows = []
    for n in range(200):
        first, second = n % 3, int(RNG.integers(4))
        likely = np.roll(np.linspace(3, 0.1, len(WORDS)), 3 * first + second)
        title = " ".join(RNG.choice(WORDS, 3, replace=False, p=likely / likely.sum()))
        path = None if n % 17 == 0 else ["all", f"c{first if n % 5 else 1}", f"leaf{n % 40}"][: 2 + n % 2]
        prefixes = [f"{first}", f"{first}-{second}"]
        rows.append({"item_id": f"i{n:03}", "title": title, "category": path, "prefixes": prefixes})
    frame = catalog(spark, [(r["item_id"], r["title"], None, None, "") for r in rows])
    schema = "item_id string, content_hash string, prefixes array<string>, category array<string>"
    ids = spark.createDataFrame(
        [(r["item_id"], f"h{r['item_id']}", r["prefixes"], r["category"]) for r in rows], schema
    )
    members = to_members(ids, frame, ()).drop("category")  # terms of titles alone; categories are for purity
    return members.join(ids.select("item_id", "category"), "item_id").persist(), rows


def expected_scores(rows: list[dict[str, Any]], parent: str) -> dict[tuple[str, str], float]:
    """c-TF-IDF of the children of a parent, from scikit-learn's count matrix of the classes."""
    level = len(parent.split("-")) if parent else 0
    inside = [r for r in rows if not parent or r["prefixes"][level - 1] == parent]
    classes = sorted({r["prefixes"][level] for r in inside})
    vectorizer = CountVectorizer(ngram_range=(1, 3), binary=True)
    items = vectorizer.fit_transform([r["title"] for r in inside]).toarray()
    own = np.array([r["prefixes"][level] for r in inside])
    counts = np.array([items[own == name].sum(axis=0) for name in classes])
    scores = counts / counts.sum(axis=1, keepdims=True) * np.log(1 + counts.sum(axis=1).mean() / counts.sum(axis=0))
    names = vectorizer.get_feature_names_out()
    return {(c, t): scores[i, j] for i, c in enumerate(classes) for j, t in enumerate(names) if counts[i, j]}


def test_scores_equal_scikit_learn_among_the_siblings(shop: Any) -> None:
    """Every term of every prefix at both levels, whatever the partitioning."""
    members, rows = shop
    expected: dict[tuple[str, str], float] = {}
    for parent in ("", "0", "1", "2"):
        expected |= expected_scores(rows, parent)
    for frame in (members, members.repartition(7)):
        found = {(r.prefix, r.term): r.score for r in to_scores(frame).collect()}
        assert found == pytest.approx(expected, rel=1e-12)


def test_a_known_score(spark: SparkSession) -> None:
    """Two siblings of four and two terms: "tea" is 2 of 4 in one, 1 of 2 in the other; A = 3, f = 3."""
    ids = spark.createDataFrame(
        [("a", "h", ["1"]), ("b", "h", ["1"]), ("c", "h", ["2"])],
        "item_id string, content_hash string, prefixes array<string>",
    )
    texts = [("a", "tea, leaf", None, None, ""), ("b", "tea, cup", None, None, ""), ("c", "tea, rose", None, None, "")]
    scores = to_scores(to_members(ids, catalog(spark, texts), ()))
    found = {(r.prefix, r.term): (r["items"], r.score) for r in scores.collect()}
    assert found["1", "tea"] == (2, pytest.approx(0.5 * math.log(2)))
    assert found["2", "rose"] == (1, pytest.approx(0.5 * math.log(4)))
    top = {r.prefix: [t.term for t in r.terms] for r in to_top_terms(scores, 5).collect()}
    assert top == {"1": ["tea"]}  # a word of one item names the item


def test_top_terms_break_ties_by_term(shop: Any) -> None:
    """Highest score first, as many as asked for, the same as sorting in Python."""
    members, _ = shop
    scores = to_scores(members).persist()
    by_prefix: dict[str, list[tuple[float, str]]] = {}
    for row in scores.where("items >= 2").collect():
        by_prefix.setdefault(row.prefix, []).append((-row.score, row.term))
    found = {r.prefix: [t.term for t in r.terms] for r in to_top_terms(scores, 4).collect()}
    assert found == {prefix: [term for _, term in sorted(rows)[:4]] for prefix, rows in by_prefix.items()}


def test_sizes(shop: Any) -> None:
    """Items per prefix with its parent; every level adds up."""
    members, rows = shop
    found = {r.prefix: (r.level, r.parent, r.item_count) for r in to_sizes(members).collect()}
    assert sum(count for level, _, count in found.values() if level == 2) == len(rows)
    assert found["1"] == (1, "", sum(r["prefixes"][0] == "1" for r in rows))
    assert found["1-2"] == (2, "1", sum(r["prefixes"][1] == "1-2" for r in rows))


def test_purity_is_taken_where_codes_and_categories_fit_best(shop: Any) -> None:
    """The depth that scikit-learn's NMI prefers per level, then the share of the commonest path; None without any."""
    members, rows = shop
    having = [r for r in rows if r["category"]]
    expected = {}
    for level in (0, 1):
        codes = [r["prefixes"][level] for r in having]
        cut = [[" > ".join(r["category"][:depth]) for r in having] for depth in (1, 2, 3)]
        best = max(cut, key=lambda paths: round(normalized_mutual_info_score(codes, paths), 9))
        for code in set(codes):
            own = [path for path, c in zip(best, codes, strict=True) if c == code]
            expected[code] = max(map(own.count, own)) / len(own)
    assert {r.prefix: r.purity for r in to_purity(members).collect()} == pytest.approx(expected)
    bare = members.withColumn("category", F.lit(None).cast("array<string>"))
    assert to_purity(bare).collect() == []


def test_exemplars_are_nearest_the_mean(shop: Any, spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against NumPy; one item per content; a content without a vector is passed over; a sample stands for many."""
    members, rows = shop
    x = RNG.standard_normal((len(rows), 5)).astype(np.float32)
    stored = [(f"h{r['item_id']}", x[n].tolist()) for n, r in enumerate(rows) if n]
    vectors = spark.createDataFrame(stored, "content_hash string, embedding array<float>")
    sizes = to_sizes(members).where("item_count >= 5")
    found = {r.prefix: r.exemplars for r in to_exemplars(members.repartition(5), vectors, sizes, 3).collect()}
    for prefix, items in found.items():
        own = [n for n, r in enumerate(rows) if prefix in r["prefixes"] and n]
        away = np.linalg.norm(x[own].astype(float) - x[own].astype(float).mean(axis=0), axis=1)
        assert items == [rows[own[i]]["item_id"] for i in np.argsort(away)[:3]]
    assert len(found) == sizes.count()
    same = members.where("prefixes[1] = '1-0'").withColumn("content_hash", F.lit("hi001"))
    (one,) = to_exemplars(same, vectors, sizes.where("prefix = '1-0'"), 3).collect()
    assert one.exemplars == [min(r["item_id"] for r in rows if "1-0" in r["prefixes"])]
    monkeypatch.setattr(exemplars, "SAMPLE", 1)
    assert all(len(r.exemplars) == 1 for r in to_exemplars(members, vectors, sizes, 3).collect())


def test_equal_distances_go_by_order() -> None:
    """Both ends of a line are as far from its middle; the first one comes first."""
    x = np.array([[1.0, 0], [-1, 0], [0, 0]], np.float32)
    assert nearest_the_mean(x).tolist() == [2, 0, 1]


def test_siblings_with_one_label_get_longer_ones(spark: SparkSession) -> None:
    """Two codes that share their three best phrases are told apart by the next; under another parent nothing changes."""
    rows: list[tuple[Any, ...]] = []
    for first, last in (("1", "tea"), ("2", "rose"), ("3", None)):
        own = ["bar", "oil", "soap"] if last else ["cup"]
        for n in range(5):
            terms_of_item = [*own, last] if last and n < 2 else own
            rows.append((f"{first}{n}", f"h{first}{n}", [first, f"{first}-0"], None, terms_of_item))
    path = "item_id string, content_hash string, prefixes array<string>, category array<string>, terms array<string>"
    members = spark.createDataFrame(rows, path)
    vectors = spark.createDataFrame(
        [(row[1], [1.0, 0.0]) for row in rows], "content_hash string, embedding array<float>"
    )
    found = {r.prefix: r for r in to_code_labels(members, vectors, load_config().labels).collect()}
    assert found["1"].label == "bar, oil, soap, tea"
    assert found["2"].label == "bar, oil, soap, rose"
    assert found["1-0"].label == "bar, oil, soap"
    assert found["3"].label == "cup"
    assert found["3"].purity is None
    assert found["2"].item_count == 5
    assert found["2"].exemplars == ["20", "21", "22", "23"]
