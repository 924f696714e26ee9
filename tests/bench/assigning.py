"""The assigning job against faiss encoding the same vectors from memory; prints a row of docs/benchmarks.md.

Usage: python -m tests.bench.assigning WAREHOUSE [--items 100000] [--rounds 3]
Vectors are drawn with the spectrum of WAREHOUSE's. faiss: `ResidualQuantizer` 3 x 256, beam 1, on all cores, codes into
memory. The job: read item_catalog and item_embedding, encode, number the duplicates, write semantic_id_staged, after the
session is up; both with the codebook that faiss trained. `encode` is the part of it that faiss does: semid's codebook on
the same array, in one process. Codes are compared, too.
"""

from __future__ import annotations

import argparse
import tempfile
from argparse import Namespace
from datetime import date
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import functions as F

from semid.cli.job import Context
from semid.config import SemidConfig, load_config
from semid.frames.vectors import to_lists
from semid.jobs import assign_ids
from semid.measure.fit import fit
from semid.quantize.codebook import to_bytes
from semid.quantize.rkmeans import RkmeansCodebook
from semid.tables import registry
from semid.tables.store import Store
from semid.text.model import fingerprint_of
from tests.bench.paired import Spectrum, header, median, paired, peak_memory, ratio, row, session, stored_vectors

SIZES = (256, 256, 256)
TRAINED_ON = 20_000
DAY = date(2026, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--items", type=int, nargs="+", default=[100_000])
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    spectrum = Spectrum(stored_vectors(flags.warehouse))
    header("items", "faiss", "encode", "Spark job", "encode / faiss", "job / faiss", "equal codes", "driver MiB")
    for items in flags.items:
        with tempfile.TemporaryDirectory() as folder:
            compare(spectrum, items, flags.rounds, Path(folder))


def compare(spectrum: Spectrum, items: int, rounds: int, folder: Path) -> None:
    x = spectrum.draw(items, 1)
    peer = trained(x[:TRAINED_ON])
    job = Job(x, codebook_of(peer), folder)
    memory: dict[str, float] = {}
    found: dict[str, np.ndarray] = {}
    arms = {
        "faiss": lambda: found.update(faiss=peer.compute_codes(x)),
        "encode": lambda: found.update(encode=job.codebook.encode(x)),
        "job": job.run,
    }
    with peak_memory(memory):
        seconds = paired(arms, rounds)
    equal = (job.codes() == found["faiss"]).all(axis=1).mean()
    row(
        items, *(median(seconds[name]) for name in arms), ratio(seconds, "encode", "faiss"),
        ratio(seconds, "job", "faiss"), f"{equal:.5f}", int(memory["driver"]),
    )  # fmt: skip


def trained(x: np.ndarray) -> faiss.ResidualQuantizer:
    quantizer = faiss.ResidualQuantizer(x.shape[1], len(SIZES), 8)
    quantizer.train_type, quantizer.max_beam_size = faiss.ResidualQuantizer.Train_default, 1
    quantizer.train(x)
    return quantizer


def codebook_of(peer: faiss.ResidualQuantizer) -> RkmeansCodebook:
    """Return faiss's centroids as a codebook; eight bits a level, so that a byte is a code."""
    centroids = faiss.vector_to_array(peer.codebooks).reshape(len(SIZES), SIZES[0], -1)
    return RkmeansCodebook(tuple(np.ascontiguousarray(level) for level in centroids))


class Job:
    """The step on items of one content each, under a run id of its own each time."""

    def __init__(self, x: np.ndarray, codebook: RkmeansCodebook, folder: Path) -> None:
        self.codebook, self.runs = codebook, 0
        self.config = load_config(overrides=[
            "embedding.model=supplied:spectrum", "codebook.kind=rkmeans", f"codebook.sizes={list(SIZES)}",
        ])  # fmt: skip
        self.store = Store(session(), str(folder / "warehouse"))
        self.store.create_tables()
        register(self.store, self.config, codebook, x[:TRAINED_ON])
        ids = pa.array([f"i{number:09}" for number in range(len(x))])
        pq.write_table(pa.table({"item_id": ids, "embedding": to_lists(x)}), folder / "items.parquet")
        fill(self.store, str(folder / "items.parquet"), fingerprint_of(self.config))

    def run(self) -> None:
        self.runs += 1
        context = Context(self.store.spark, self.config, self.store, f"bench-{self.runs}", DAY, Namespace())
        assign_ids.main(context)

    def codes(self) -> np.ndarray:
        """Return the codes of the last run in the order of the items."""
        table = DeltaTable(self.store.path("semantic_id_staged")).to_pyarrow_table(
            columns=["item_id", "codes"], filters=[("run_id", "=", f"bench-{self.runs}")]
        ).sort_by("item_id")  # fmt: skip
        return table.column("codes").combine_chunks().flatten().to_numpy().reshape(len(table), -1)


def register(store: Store, config: SemidConfig, codebook: RkmeansCodebook, x: np.ndarray) -> None:
    """Put a codebook into the registry, with the row of one that was fitted to the first vectors."""
    columns, _ = fit(x[:2_000], config.codebook)
    source = registry.Source(fingerprint_of(config), config, len(x), "bench")
    registry.add(store, columns, to_bytes(codebook), source)


def fill(store: Store, file: str, model: str) -> None:
    """Write the items into item_catalog and item_embedding, as ingest_catalog does with supplied vectors."""
    items = store.spark.read.parquet(file).withColumn("content_hash", F.sha2("item_id", 256))
    empty = store.frame([], "item_catalog")
    rows = items.select(
        "item_id", "content_hash", F.col("item_id").alias("text"), F.lit(True).alias("is_active"),
        *(F.lit(DAY).alias(name) for name in ("first_seen", "changed_on")), F.lit("bench").alias("run_id"),
    )  # fmt: skip
    store.append(empty.unionByName(rows, allowMissingColumns=True), "item_catalog")
    vectors = items.select(
        "content_hash", F.lit(model).alias("model"), F.size("embedding").alias("dim"), "embedding",
        F.lit("bench").alias("run_id"), F.current_timestamp().alias("embedded_at"),
    )  # fmt: skip
    store.append(vectors, "item_embedding")


if __name__ == "__main__":
    main()
