"""The images of a feed's items: read, judged, counted, and made part of the content hash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import arrow_udf

from semid.config import ImagesConfig
from semid.errors import InputRefused
from semid.frames.changes import only_good, to_quarantine
from semid.frames.validate import GOOD, row_hash
from semid.images.content import ImageSource, content_of, source_of
from semid.tables.catalog import IMAGE_ROW

_EXAMPLES = 10


@dataclass(frozen=True)
class Illustrated:
    """Judged rows after a look at their images.

    Attributes:
        rows: The rows; `content_hash` covers the image, `image_reason` says why one is not used.
        referenced: Items that have an image reference.
        reasons: Items per reason for which their image is not used.
    """

    rows: DataFrame
    referenced: int
    reasons: Mapping[str, int]

    @property
    def unreadable(self) -> int:
        """Items whose image is not used."""
        return sum(self.reasons.values())

    def to_quarantine(self, run_id: str) -> DataFrame:
        """Return the rows of `item_quarantine`: the rows set aside, and the images of rows that were taken."""
        bad = to_quarantine(self.rows, run_id)
        return bad.unionByName(to_quarantined_images(self.rows, run_id)) if self.reasons else bad

    def metrics(self) -> dict[str, object]:
        """Return the counts for the run row; nothing where no item has a reference or images are off."""
        if not self.referenced:
            return {}
        return {
            "images": self.referenced - self.unreadable,
            "unreadable_images": self.unreadable,
            "image_reasons": dict(self.reasons),
        }


@contextmanager
def illustrated(rows: DataFrame, stored: DataFrame, images: ImagesConfig) -> Iterator[Illustrated]:
    """Look at the images of judged rows and hold the result until the block ends; off, the rows stay as they are.

    Args:
        rows: Rows with their outcome.
        stored: The stored item_catalog.
        images: The settings.

    Raises:
        InputRefused: Too many images cannot be used.
    """
    if not images.on:
        yield Illustrated(rows, 0, {})
        return
    # On disk, as the judged rows are: every use would read the image files again.
    looked = with_images(rows, stored, source_of(images)).persist(StorageLevel.DISK_ONLY)
    try:
        found = Illustrated(looked, *count_images(looked))
        refuse_unreadable_images(found, images)
        yield found
    finally:
        looked.unpersist()


def with_images(rows: DataFrame, stored: DataFrame, source: ImageSource) -> DataFrame:
    """Let `content_hash` and `row_hash` of the good rows cover their image; add `image_reason`."""

    @arrow_udf("struct<content_hash: string, reason: string>")  # type: ignore[call-overload,untyped-decorator]
    def look(batches: Iterator[tuple[pa.Array, pa.Array, pa.Array]]) -> Iterator[pa.Array]:
        for batch in batches:
            items = zip(*(column.to_pylist() for column in batch), strict=True)
            found = [content_of(reference, text, known, source) for reference, text, known in items]
            yield pa.array([content._asdict() for content in found], _CONTENT)

    good = F.col("outcome") == GOOD
    known = stored.select("item_id", F.col("content_hash").alias("known"))
    # Rows that were set aside have no text; their images are not looked at.
    asked = [F.when(good, F.col("image_url")), F.coalesce("text", F.lit("")), "known"]
    looked = rows.join(known, "item_id", "left").withColumn("looked", look(*asked))
    kept = [column for column in rows.columns if column not in ("content_hash", "row_hash")]
    content = F.when(good, F.col("looked.content_hash")).alias("content_hash")
    return looked.select(*kept, content, F.col("looked.reason").alias("image_reason")).select(
        "*", row_hash().alias("row_hash")
    )


def count_images(rows: DataFrame) -> tuple[int, dict[str, int]]:
    """Return how many items have an image reference, and items per reason for which their image is not used."""
    referenced = only_good(rows).where("image_url IS NOT NULL")
    counted = referenced.groupBy("image_reason").count().orderBy(F.desc("count"), "image_reason").collect()
    reasons = {row["image_reason"]: int(row["count"]) for row in counted if row["image_reason"] is not None}
    return sum(int(row["count"]) for row in counted), reasons


def refuse_unreadable_images(found: Illustrated, images: ImagesConfig) -> None:
    """Refuse a feed too many of whose images cannot be used: a share that is not mounted must not cost every ID.

    Raises:
        InputRefused: Names the reasons with their counts, and some of the items.
    """
    if found.unreadable <= images.max_unreadable * found.referenced:
        return
    bad = found.rows.where("image_reason IS NOT NULL").orderBy("source_row")
    shown = bad.select("item_id", "image_url", "image_reason").head(_EXAMPLES)
    raise InputRefused(
        f"{found.unreadable:,} of {found.referenced:,} images ({found.unreadable / found.referenced:.1%}) cannot be "
        f"used, {images.max_unreadable:.1%} are allowed (images.max_unreadable)",
        where=f"images.root: {images.root}",
        problems=[
            *[f"{reason}: {count:,} items" for reason, count in found.reasons.items()],
            f"for example {'; '.join(f'item {r.item_id}: {r.image_url} ({r.image_reason})' for r in shown)}",
        ],
        next_step="check that the images are delivered and mounted on every machine; see docs/images.md",
    )


def to_quarantined_images(rows: DataFrame, run_id: str) -> DataFrame:
    """Return a row of `item_quarantine` for every taken item whose image is not used."""
    bad = rows.where("image_reason IS NOT NULL")
    return bad.select(
        F.lit(run_id).alias("run_id"),
        F.concat("source_row", F.lit(IMAGE_ROW)).alias("source_row"),
        "item_id",
        F.array("image_reason").alias("reasons"),
        F.to_json(F.struct("item_id", "image_url")).alias("raw"),
    )


_CONTENT = pa.struct([("content_hash", pa.string()), ("reason", pa.string())])
