"""Nights of a large catalog with precomputed vectors: seconds of each step, peak memory of each process.

Usage: load.py FOLDER [--items 1000000] [--nights 10] [--width 384] [--text BYTES] [--memory 4g] [--set KEY=VALUE ...]

From night to night 2 % of the items differ: 1 % are edited, 0.5 % removed, and as many are new. The vectors have the
spectrum of MiniLM's on two real catalogs (Amazon Beauty and Tate, 12,000 contents each): a mean with 0.36 of the squared
length, and principal components whose variance falls as k^-0.8 up to the 100th and as k^-2.5 behind it. Given again, it
goes on with the night after the last published one, and prints the tables of the nights that it ran.

A feed ten times larger than the memory of the driver, which in local mode is that of the executor too:
load.py FOLDER --items 620000 --nights 1 --width 16 --text 8500 --memory 512m
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nights import Case, run_night
from numpy.typing import NDArray

from semid.config import packaged

FIRST = date(2026, 1, 1)
EDITED, REPLACED = 0.01, 0.005
MEAN, BEND = 0.36, 100
CHUNK = 20_000


@dataclass
class Shop:
    """A catalog on disk, so that a run that was ended goes on.

    Attributes:
        folder: Where it lies.
        numbers: (n, 2) number of each item, and how often it was edited.
        vectors: (n, d) float32, a file.
    """

    folder: Path
    numbers: NDArray[np.int64]
    vectors: NDArray[np.float32]

    def move(self, night: int) -> None:
        """Change what a night changes."""
        rng = np.random.default_rng([2, night])
        edited, replaced = (int(share * len(self.numbers)) for share in (EDITED, REPLACED))
        places = rng.permutation(len(self.numbers))[: edited + replaced]
        self.numbers[places[:edited], 1] += 1
        self.numbers[places[edited:]] = [(self.numbers[:, 0].max() + 1 + n, 0) for n in range(replaced)]
        self.vectors[places] = drawn(rng, len(places), self.vectors.shape[1])
        self.save()

    def save(self) -> None:
        np.save(self.folder / "numbers.npy", self.numbers)

    def write(self, file: Path, text: int) -> None:
        """Write the feed, uncompressed, with descriptions of `text` bytes each."""
        schema = pa.schema([("item_id", pa.string()), ("title", pa.string()), ("description", pa.string()),
                            ("embedding", pa.list_(pa.float32()))])  # fmt: skip
        prose = words(np.random.default_rng(3), text + CHUNK)
        with pq.ParquetWriter(file, schema, compression="NONE", use_dictionary=False) as writer:
            for start in range(0, len(self.numbers), CHUNK):
                numbers, x = self.numbers[start : start + CHUNK], self.vectors[start : start + CHUNK]
                ends = np.arange(len(x) + 1, dtype=np.int32) * x.shape[1]
                columns = [
                    pa.array([f"item{number:09}" for number, _ in numbers]),
                    pa.array([f"article {number}, edition {edit}" for number, edit in numbers]),
                    pa.array([prose[n % CHUNK : n % CHUNK + text] if text else None for n, _ in numbers], pa.string()),
                    pa.ListArray.from_arrays(ends, x.ravel()),
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def opened(folder: Path, items: int, width: int) -> Shop:
    """Return the catalog of the folder, made now when there is none."""
    file = folder / "vectors.npy"
    if not (folder / "numbers.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([2, 0])
        vectors = np.lib.format.open_memmap(file, "w+", np.float32, (items, width))
        for start in range(0, items, CHUNK):
            vectors[start : start + CHUNK] = drawn(rng, len(vectors[start : start + CHUNK]), width)
        shop = Shop(folder, np.stack([np.arange(items), np.zeros(items, np.int64)], axis=1), vectors)
        shop.save()
        return shop
    return Shop(folder, np.load(folder / "numbers.npy"), np.lib.format.open_memmap(file, "r+"))


def drawn(rng: np.random.Generator, rows: int, width: int) -> NDArray[np.float32]:
    """Return unit vectors (rows, width) with the spectrum that the module states."""
    k = np.arange(1, width + 1)
    variance = np.where(k <= BEND, k**-0.8, BEND ** (2.5 - 0.8) * k**-2.5)
    x = rng.standard_normal((rows, width), np.float32) * np.sqrt((1 - MEAN) * variance / variance.sum())
    x += np.sqrt(MEAN / width)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def words(rng: np.random.Generator, length: int) -> str:
    """Return a text of `length` letters in words of made-up ones."""
    made = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 12))) for _ in range(2_000)]
    return " ".join(made[n] for n in rng.integers(0, len(made), length // 3 + 1))[:length]


def spark_file(folder: Path, memory: str) -> Path:
    """Write the packaged local properties with another `spark.driver.memory`, and return the file."""
    lines = packaged("spark/local.conf").read_text()
    file = folder / "spark.conf"
    file.write_text(re.sub(r"(?m)^(spark\.driver\.memory\s+)\S+", rf"\g<1>{memory}", lines))
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--text", type=int, default=0, help="bytes of each description; 0: none")
    parser.add_argument("--memory", default="4g", help="spark.driver.memory")
    parser.add_argument("--set", action="append", default=[], help="a setting of semid")
    flags = parser.parse_args()
    shop = opened(flags.folder, flags.items, flags.width)
    properties = f"spark.properties={spark_file(flags.folder, flags.memory)}"
    done = flags.folder / "nights_done"
    for night in range(int(done.read_text()) + 1 if done.exists() else 1, flags.nights + 1):
        feed, prepared = flags.folder / "feed.parquet", flags.folder / "prepared"
        if not prepared.exists() or int(prepared.read_text()) < night:
            if night > 1:
                shop.move(night)
            shop.write(feed, flags.text)
            prepared.write_text(str(night))
        day = str(FIRST + timedelta(days=night - 1))
        case = Case("warehouse", (), ("embedding.model=supplied:load", properties, *flags.set))
        if run_night(case, night, day, feed, flags.folder / "warehouse"):
            sys.exit(1)
        done.write_text(str(night))


if __name__ == "__main__":
    main()
