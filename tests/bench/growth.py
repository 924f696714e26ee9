"""Nights of growing catalogs with supplied vectors: time per item, the cost of a small and of an empty night, memory.

Usage: python -m tests.bench.growth WAREHOUSE [--items 50000 100000] [--codebook rkmeans] [--sample 20000] [--plot FILE.svg]
WAREHOUSE gives the spectrum that vectors are drawn with. Of every size, in one session: the first night, a night with 1 % of
the items changed, and one with the same feed. Prints seconds by step, microseconds per item, the shares that the bars are
about, and the peak memory of the driver, of Java and of the largest Python worker. Then where the time of the last size's
first night went (`where_time_went.py`); --plot draws it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from semid.frames.vectors import to_lists
from tests.bench import where_time_went
from tests.bench.paired import Spectrum, header, peak_memory, row, run_night, session, stored_vectors

STEPS = ("ingest_catalog", "embed_items", "train_codebook", "assign_ids", "check_drift", "publish_ids", "all")
BLOCK = 50_000
NIGHTS = (("first", "2026-01-01"), ("1 % changed", "2026-01-02"), ("nothing changed", "2026-01-03"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("warehouse")
    parser.add_argument("--items", type=int, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--codebook", default="rkmeans")
    parser.add_argument(
        "--sample", type=int, default=20_000, help="contents that train the codebook, equal for all sizes"
    )
    parser.add_argument("--plot", type=Path)
    flags = parser.parse_args()
    spectrum = Spectrum(stored_vectors(flags.warehouse))
    events = Path(tempfile.mkdtemp())
    spark = session(where_time_went.with_event_log(events))
    settings = (f"codebook.kind={flags.codebook}", f"codebook.sample_rows={flags.sample}",
                "embedding.model=supplied:spectrum")  # fmt: skip
    found, steps = {}, []
    header("items", "night", *STEPS, "µs per item", "of the first night")
    for items in flags.items:
        with tempfile.TemporaryDirectory() as folder:
            memory: dict[str, float] = {}
            with peak_memory(memory):
                found[items] = nights(Path(folder), spectrum, items, settings), memory
            log = next(events.glob(f"{spark.sparkContext.applicationId}*"))
            steps = where_time_went.profiled(f"{folder}/warehouse", log, NIGHTS[0][1])
    report(found)
    where_time_went.report(steps)
    if flags.plot:
        flags.plot.write_text(where_time_went.plot(steps, f"{flags.items[-1]:,} items"))


def nights(folder: Path, spectrum: Spectrum, items: int, settings: tuple[str, ...]) -> dict[str, float]:
    """Print the seconds of each of the nights by step, and return those of the first."""
    feeds = [folder / "first.parquet", folder / "second.parquet"]
    write_feed(feeds[0], spectrum, items, changed=False)
    write_feed(feeds[1], spectrum, items, changed=True)
    first: dict[str, float] = {}
    for (name, day), feed in zip(NIGHTS, (feeds[0], feeds[1], feeds[1]), strict=True):
        night = run_night(folder / "warehouse", feed, day, *settings)
        first = first or night
        cells = [f"{night.get(step, 0.0):.1f}" for step in STEPS]
        row(items, name, *cells, f"{1e6 * night['all'] / items:.0f}", f"{night['all'] / first['all']:.1%}")
    return first


def write_feed(file: Path, spectrum: Spectrum, items: int, *, changed: bool) -> None:
    """Write item_id, title and embedding; of a changed feed every hundredth item has another title and vector."""
    schema = pa.schema({"item_id": pa.string(), "title": pa.string(), "embedding": pa.list_(pa.float32())})
    with pq.ParquetWriter(file, schema) as writer:
        for number in range(0, items, BLOCK):
            count = min(BLOCK, items - number)
            x, numbers = spectrum.draw(count, number), range(number, number + count)
            if changed:
                x[::100] = spectrum.draw(count, number + 1)[::100]
            titles = [f"item {n}{'!' if changed and n % 100 == 0 else ''}" for n in numbers]
            writer.write_table(pa.table([[f"i{n:09}" for n in numbers], titles, to_lists(x)], schema=schema))


def report(found: dict[int, tuple[dict[str, float], dict[str, float]]]) -> None:
    print()
    header("items", "check and publish, of the first night", "driver MiB", "JVM MiB", "worker MiB")
    for items, (first, memory) in found.items():
        gate = (first["check_drift"] + first["publish_ids"]) / first["all"]
        row(items, f"{gate:.1%}", *(f"{memory.get(role, 0):,.0f}" for role in ("driver", "jvm", "worker")))
    print()


if __name__ == "__main__":
    main()
