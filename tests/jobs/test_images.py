"""Nights with images: one broken, one missing, hosts renamed, one replaced; and the settings that are refused."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from semid.config import load_config
from semid.images.embedder import ImageEmbedder, image_spec
from semid.images.fusion import fused, has_image
from semid.images.picture import Limits, decoded
from semid.tables.store import Store
from semid.text.embedder import Embedder
from semid.text.model import spec_of
from tests import catalog, tiny_clip, tiny_model
from tests.nights import semid_nightly

ITEMS = 40
BROKEN, MISSING, REPLACED = "p0003", "p0004", "p0005"
LIMITS = Limits(2**20, 2**20)


@dataclass(frozen=True)
class Shop:
    """A shop whose items have images, but for the last ten: warehouse, image folder, settings."""

    store: Store
    folder: Path
    settings: tuple[str, ...]

    def night(self, day: int, host: str, *more: str) -> int:
        rows = catalog.items(ITEMS)
        for row in rows[: ITEMS - 10]:
            row["image_url"] = f"https://{host}/i/{row['item_id']}.png"
        feed = catalog.write_jsonl(rows, self.folder / f"feed-{host}.jsonl")
        settings = [word for setting in (*self.settings, *more) for word in ("--set", setting)]
        return semid_nightly(Path(self.store.warehouse), feed, f"2026-01-{day:02}", *settings)

    def image(self, item: str) -> Path:
        return self.folder / "store" / "i" / f"{item}.png"

    def rows(self, table: str, condition: str = "true") -> list[Any]:
        return self.store.read(table).where(condition).collect()


@pytest.fixture(scope="module")
def shop(spark: SparkSession, empty_warehouse: Store, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after its first night, with a broken and a missing image."""
    folder = tmp_path_factory.mktemp("shop")
    settings = (
        f"embedding.model={tiny_model.build(folder / 'text')}",
        f"images.model={tiny_clip.build(folder / 'sight')}",
        f"images.root={folder / 'store'}",
        "images.weight=0.3",
        "images.max_unreadable=0.1",
        "codebook.sizes=[4,4]",
    )
    shutil.copytree(empty_warehouse.warehouse, folder / "warehouse")
    made = Shop(Store(spark, str(folder / "warehouse")), folder, settings)
    for number in range(ITEMS - 10):
        tiny_clip.draw(made.image(f"p{number:04}"), number)
    whole = made.image(BROKEN).read_bytes()
    made.image(BROKEN).write_bytes(whole[: len(whole) // 2])
    made.image(MISSING).unlink()
    assert made.night(5, "old.example") == 0
    return made


def test_nights_with_images(shop: Shop) -> None:
    """Broken and missing images are set aside and their items published; a new host embeds nothing again.

    A replaced image is embedded alone, one that was missing too; too many missing ones refuse the feed.
    """
    first = check_first_night(shop)
    assert shop.night(6, "new.example") == 0
    assert vectors(shop) == first
    assert {row.image_url.split("/")[2] for row in shop.rows("item_catalog", "image_url is not null")} == {
        "new.example"
    }
    assert shop.store.read("semantic_id_change").where("release_id = 2").count() == 0

    tiny_clip.draw(shop.image(REPLACED), 1000)
    assert shop.night(7, "new.example") == 0
    second = vectors(shop)
    assert len(second.keys() - first.keys()) == 1
    assert [row.item_id for row in shop.rows("item_catalog", "changed_on = '2026-01-07'")] == [REPLACED]

    tiny_clip.draw(shop.image(MISSING), 4)
    assert shop.night(8, "new.example") == 0
    assert len(vectors(shop).keys() - second.keys()) == 1
    assert [row.item_id for row in shop.rows("item_quarantine", "run_id like '%2026-01-08%'")] == [BROKEN]

    before = {name: shop.store.version(name) for name in ("item_catalog", "item_embedding", "semantic_id")}
    shutil.move(shop.folder / "store", shop.folder / "away")
    assert shop.night(9, "new.example") == 3
    assert before == {name: shop.store.version(name) for name in before}
    shutil.move(shop.folder / "away", shop.folder / "store")
    assert shop.night(9, "new.example", "embedding.model=supplied:shop") == 2


def check_first_night(shop: Shop) -> dict[str, bytes]:
    """Every item has an ID, the two bad images their rows, and each vector is the fused one, computed here again."""
    bad = {row.source_row: (row.item_id, list(row.reasons)) for row in shop.rows("item_quarantine")}
    assert bad == {
        "feed-old.example.jsonl:4#image": (BROKEN, ["image_broken"]),
        "feed-old.example.jsonl:5#image": (MISSING, ["image_missing"]),
    }
    assert shop.rows("release")[0].counts["quarantined"] == 0
    assert shop.store.read("semantic_id").count() == ITEMS
    embedded = shop.rows("run", "job = 'embed_items'")[0]
    assert '"with_image": 28, "without_image": 12' in embedded.metrics.replace("\n", "")
    expected = expected_vectors(shop)
    found = joined_vectors(shop)
    assert found.keys() == expected.keys()
    for item, vector in found.items():
        np.testing.assert_allclose(vector, expected[item], atol=1e-6, err_msg=item)
    with_image = {item for item, vector in found.items() if has_image(vector[None], tiny_model.WIDTH)[0]}
    assert with_image == {f"p{n:04}" for n in range(ITEMS - 10)} - {BROKEN, MISSING}
    return vectors(shop)


def vectors(shop: Shop) -> dict[str, bytes]:
    rows = shop.rows("item_embedding")
    assert len({row.content_hash for row in rows}) == len(rows)
    return {row.content_hash: np.asarray(row.embedding, dtype=np.float32).tobytes() for row in rows}


def joined_vectors(shop: Shop) -> dict[str, np.ndarray]:
    joined = shop.store.read("item_catalog").join(shop.store.read("item_embedding"), "content_hash")
    return {
        r.item_id: np.asarray(r.embedding, np.float32) for r in joined.select("item_id", F.col("embedding")).collect()
    }


def expected_vectors(shop: Shop) -> dict[str, np.ndarray]:
    config = load_config(overrides=shop.settings)
    items = {row.item_id: row.text for row in shop.rows("item_catalog")}
    text = Embedder(spec_of(config.embedding), "cpu").embed(list(items.values()), list(items))
    image = np.zeros((len(items), tiny_clip.WIDTH), dtype=np.float32)
    sight = ImageEmbedder(image_spec(config.images), "cpu")
    for n, item in enumerate(items):
        if shop.image(item).exists() and item != BROKEN:
            image[n] = sight.embed([decoded(shop.image(item).read_bytes(), LIMITS)], [item])[0]
    return dict(zip(items, fused(text, image, 0.3, list(items)), strict=True))
