"""The embedding job against sentence-transformers itself: same texts, model and cores; prints rows of docs/benchmarks.md.

Usage: python -m tests.bench.embedding CATALOG.parquet ... [--texts 3000] [--rounds 3] [--folder FOLDER]
Every round embeds the same distinct texts three times: `SentenceTransformer.encode` with its defaults in one process,
semid's own embedder in one process, and the Spark job's step into an empty warehouse, commit included, after the session is
up. The job's first round loads the model in its workers; it counts like the others. Then the job runs once more on the same
contents in another order and partitioning, and the codes of all vectors are compared under residual k-means of 256.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sentence_transformers import SentenceTransformer

from semid.config import SemidConfig, load_config
from semid.frames.embed import embed_unseen
from semid.quantize.rkmeans import RkmeansCodebook, RkmeansQuantizer
from semid.tables.store import Store
from semid.text.embedder import embedder
from semid.text.model import locate, spec_of
from semid.text.render import content_hash
from tests.bench.paired import header, median, paired, ratio, row, session, stored_vectors

PARTS = ("title", "brand", "category", "description")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("catalogs", type=Path, nargs="+")
    parser.add_argument("--texts", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    header(
        "catalog", "texts", "encode", "embedder, one process", "Spark job", "encode / job", "job / embedder",
        "cosine, least", "equal level-1 codes", "equal codes, repartitioned",
    )  # fmt: skip
    for catalog in flags.catalogs:
        with tempfile.TemporaryDirectory() as folder:
            compare(catalog, flags.texts, flags.rounds, Path(folder))


def compare(catalog: Path, count: int, rounds: int, folder: Path) -> None:
    texts, config = distinct_texts(catalog, count), load_config()
    spec = spec_of(config.embedding)
    plain = SentenceTransformer(str(locate(spec.source, spec.revision)), device="cpu")
    own = embedder(spec, "cpu")
    jobs = Job(texts, config, folder)
    found: dict[str, np.ndarray] = {}
    arms = {
        "encode": lambda: found.update(encode=plain.encode(texts, show_progress_bar=False)),
        "embedder": lambda: found.update(embedder=own.embed(texts, texts)),
        "job": lambda: jobs.run(2),
    }
    seconds = paired(arms, rounds)
    by_job, repartitioned = (jobs.vectors(model) for model in (jobs.run(2), jobs.run(7, shuffled=True)))
    order = np.argsort([content_hash(text) for text in texts])
    encoded = found["encode"][order]
    codebook = RkmeansQuantizer((min(256, len(texts) // 4),) * 3).fit(encoded, np.random.default_rng(0))
    row(
        catalog.parent.name, len(texts), *(median(seconds[name]) for name in arms), ratio(seconds, "encode", "job"),
        ratio(seconds, "job", "embedder"), f"{(encoded * by_job).sum(axis=1).min():.7f}",
        same(codebook, encoded, by_job, 1), same(codebook, by_job, repartitioned, 3),
    )  # fmt: skip
    print(f"bits that differ after repartitioning: {np.count_nonzero((by_job != repartitioned).any(axis=1))} vectors")


def same(codebook: RkmeansCodebook, a: np.ndarray, b: np.ndarray, depth: int) -> str:
    equal = (codebook.encode(a)[:, :depth] == codebook.encode(b)[:, :depth]).all(axis=1)
    return f"{equal.mean():.5f}"


def distinct_texts(catalog: Path, count: int) -> list[str]:
    """Return the texts of every n-th item, joined as a night does, each once."""
    table = pq.read_table(catalog, columns=list(PARTS))
    table = table.take(pa.array(np.linspace(0, len(table) - 1, min(count, len(table))).astype(int)))
    columns = [table.column(name).to_pylist() for name in PARTS]
    joined = (
        ". ".join(" > ".join(part) if isinstance(part, list) else part for part in parts if part)
        for parts in zip(*columns, strict=True)
    )
    return list(dict.fromkeys(text for text in joined if text))


class Job:
    """The Spark step on some texts, each time as if by another model, so that nothing is embedded yet."""

    def __init__(self, texts: list[str], config: SemidConfig, folder: Path) -> None:
        self.config, self.folder, self.runs = config, folder, 0
        self.store = Store(session(), str(folder / "warehouse"))
        self.store.create_tables()
        self.rows = pa.table(
            {"content_hash": [content_hash(text) for text in texts], "item_id": [str(n) for n in range(len(texts))],
             "text": texts, "image_url": pa.nulls(len(texts), pa.string())}
        )  # fmt: skip
        pq.write_table(self.rows, folder / "contents.parquet")
        shuffled = self.rows.take(pc.sort_indices(self.rows.column("text")))
        pq.write_table(shuffled, folder / "shuffled.parquet")

    def run(self, partitions: int, *, shuffled: bool = False) -> str:
        """Embed everything as the vectors of a model of its own, and return that model."""
        self.runs += 1
        model = f"bench {self.runs}"
        file = self.folder / ("shuffled.parquet" if shuffled else "contents.parquet")
        contents = self.store.spark.read.parquet(str(file)).repartition(partitions)
        embed_unseen(self.store, contents, self.config, model, "bench")
        return model

    def vectors(self, model: str) -> np.ndarray:
        return stored_vectors(self.store.warehouse, model)


if __name__ == "__main__":
    main()
