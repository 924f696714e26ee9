"""The log's second reader against delta-rs, over random histories; and whatever happens to a log file is noticed."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from semid.tables.delta_log import read_log
from semid.tables.verify import verify_table

DAY_MS = 86_400_000
PLACE = st.integers(0, 10**6)
"""Which file, and which byte of it, modulo their number: sizes of files differ from one time to the next."""
PLACES = ["a b", "x%20=é", "/:#?", None]
"""Partition values that Delta writes percent-encoded, once for the folder and once more for the log."""


def some_rows(first: int, count: int) -> pa.Table:
    numbers = range(first, first + count)
    place = pa.array([PLACES[n % 4] for n in numbers], pa.string())
    odd = pa.array([n if n % 2 else None for n in numbers], pa.int64())
    return pa.table({"n": pa.array(numbers, pa.int64()), "odd": odd, "place": place})


def write_side_file(file: Path) -> None:
    """Write what Hadoop's local file system writes beside a file: a CRC-32 of every 512 bytes."""
    content = file.read_bytes()
    sums = [zlib.crc32(content[at : at + 512]) for at in range(0, len(content), 512)]
    side = file.with_name(f".{file.name}.crc")
    side.write_bytes(b"crc\0" + struct.pack(f">i{len(sums)}I", 512, *sums))


def write_checksums(table: Path, hadoop: bool) -> None:
    """Write the checksum of the newest version (PROTOCOL.md), and Hadoop's beside every file where it is at work."""
    delta, log = DeltaTable(table), table / "_delta_log"
    sizes = pa.table(delta.get_add_actions())["size_bytes"].to_pylist()
    checksum = {"numFiles": len(sizes), "tableSizeBytes": sum(sizes)}
    (log / f"{delta.version():020}.crc").write_text(json.dumps(checksum))
    if hadoop:
        for file in [file for file in log.iterdir() if not file.name.startswith(".")]:
            write_side_file(file)


@contextmanager
def damaged(file: Path, content: bytes | None) -> Iterator[None]:
    """Let a file hold `content`, or nothing at all, for a while."""
    sound = file.read_bytes()
    try:
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        yield
    finally:
        file.write_bytes(sound)


class History(RuleBasedStateMachine):
    """Commits of delta-rs to a small table, with the checksums that Spark writes beside them.

    What the log gives is compared with delta-rs after every step, and any file of the log may be damaged for a moment.
    """

    @initialize(partitioned=st.booleans(), hadoop=st.booleans())
    def create(self, partitioned: bool, hadoop: bool) -> None:
        self.folder, self.hadoop, self.next = Path(tempfile.mkdtemp()), hadoop, 8
        self.table = self.folder / "t"
        by = ["place"] if partitioned else None
        write_deltalake(self.table, some_rows(0, 8), partition_by=by)
        self.committed()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    def committed(self) -> None:
        write_checksums(self.table, self.hadoop)

    @rule(count=st.integers(1, 5))
    def append(self, count: int) -> None:
        write_deltalake(self.table, some_rows(self.next, count), mode="append")
        self.next += count
        self.committed()

    @rule(count=st.integers(0, 5))
    def overwrite(self, count: int) -> None:
        write_deltalake(self.table, some_rows(self.next, count), mode="overwrite")
        self.next += count
        self.committed()

    @rule(every=st.integers(1, 3))
    def delete(self, every: int) -> None:
        """Some rows of some files, or all of them."""
        DeltaTable(self.table).delete(f"n % {every} = 0")
        self.committed()

    @rule()
    def compact(self) -> None:
        DeltaTable(self.table).optimize.compact()
        self.committed()

    @rule(days=st.integers(0, 9))
    def keep_for(self, days: int) -> None:
        """Removed files stay for so many days from here on."""
        properties = {"delta.deletedFileRetentionDuration": f"interval {days} days"}
        DeltaTable(self.table).alter.set_table_properties(properties)
        self.committed()
        assert read_log(self.table).kept_ms == days * DAY_MS

    @rule(back=st.integers(1, 5))
    def restore(self, back: int) -> None:
        """Files that were removed are back."""
        target = DeltaTable(self.table).version() - back
        if target >= read_log(self.table).first:
            DeltaTable(self.table).restore(target)
            self.committed()

    @rule()
    def checkpoint(self) -> None:
        DeltaTable(self.table).create_checkpoint()
        self.committed()

    @precondition(lambda self: self.checkpoints)
    @rule()
    def drop_old_commits(self) -> None:
        """What Delta does once a log is older than its retention: the first version is a checkpoint from then on."""
        newest = max(self.checkpoints)
        for file in (self.table / "_delta_log").iterdir():
            number = file.name.lstrip(".")[:20]
            if number.isdigit() and int(number) < newest:
                file.unlink()
        assert read_log(self.table).first == newest

    @property
    def checkpoints(self) -> list[int]:
        return [int(file.name[:20]) for file in (self.table / "_delta_log").glob("[0-9]*.checkpoint.parquet")]

    @invariant()
    def equals_delta_rs(self) -> None:
        """The same version, files, sizes and rows; and a sound log has no problem."""
        delta, log = DeltaTable(self.table), read_log(self.table)
        assert (log.problems, log.last) == ([], delta.version())
        assert set(log.live) == {str(Path(uri).relative_to(self.table)) for uri in delta.file_uris()}
        sizes = pa.table(delta.get_add_actions())["size_bytes"].to_pylist()
        assert sorted(file.size for file in log.live.values()) == sorted(sizes)
        assert sum(file.rows or 0 for file in log.live.values()) == delta.to_pyarrow_table().num_rows
        assert not set(log.live) & set(log.removed)

    @rule(
        damage=st.sampled_from(["lost", "emptied", "cut", "altered"]), which=PLACE, at=PLACE, mask=st.integers(1, 255)
    )
    def damage(self, damage: str, which: int, at: int, mask: int) -> None:
        """A commit that is emptied is named; else damage is reported, or it lost nothing of what the log promises.

        With Hadoop's checksums everything but the loss of a whole file is reported.
        """
        log, sound = self.table / "_delta_log", read_log(self.table)
        files = sorted(file for file in log.iterdir() if not file.name.startswith("."))
        file = files[which % len(files)]
        with damaged(file, after(damage, file.read_bytes(), at, mask)):
            found = verify_table(self.table, now_ms=0)
            if damage == "emptied" and file.suffix == ".json":
                assert f"t: {file.name} is empty" in found.problems
            if self.hadoop and damage != "lost":
                assert any(file.name in problem for problem in found.problems)
            if not found.problems:
                assert read_log(self.table).live == sound.live


def after(damage: str, content: bytes, at: int, mask: int) -> bytes | None:
    """Return what damage at a place leaves of a file; None for nothing, not even the file."""
    at %= len(content)
    altered = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
    return {"lost": None, "emptied": b"", "cut": content[:at], "altered": altered}[damage]


TestHistory = History.TestCase
TestHistory.settings = settings(
    max_examples=12, stateful_step_count=12, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)


def test_every_commit_that_is_lost_or_emptied_is_named(tmp_path: Path) -> None:
    """The first, the newest and those between, with nothing but the checksums of versions beside them."""
    table = tmp_path / "t"
    for first in (0, 4, 8):
        write_deltalake(table, some_rows(first, 4), mode="append")
        write_checksums(table, hadoop=False)
    DeltaTable(table).delete("n = 5")
    write_checksums(table, hadoop=False)
    for version in range(4):
        commit = table / "_delta_log" / f"{version:020}.json"
        with damaged(commit, b""):
            assert f"{commit.name} is empty" in read_log(table).problems
        with damaged(commit, None):
            told = "the log does not reach back to a checkpoint" if version == 0 else f"commit {version} is missing"
            assert any(problem.startswith(told) for problem in read_log(table).problems)
        lines = commit.read_bytes().splitlines(keepends=True)
        with damaged(commit, b"".join(line for line in lines if not line.startswith(b'{"add"'))):
            assert any(f"commit {version} was changed" in problem for problem in read_log(table).problems)
    assert read_log(table).problems == []


def test_a_checkpoint_stands_for_the_commits_before_it_and_must_say_what_they_said(tmp_path: Path) -> None:
    """Of another version's files it is named; without the commits before, and even its own, it is enough."""
    table = tmp_path / "t"
    log, earlier = table / "_delta_log", table / "_delta_log" / f"{1:020}.checkpoint.parquet"
    for first in (0, 4):
        write_deltalake(table, some_rows(first, 4), mode="append")
    DeltaTable(table).create_checkpoint()
    sound = read_log(table)
    (log / f"{0:020}.json").unlink()
    with damaged(log / f"{1:020}.json", b""):
        assert read_log(table).problems == [f"{1:020}.json is empty"]
    with damaged(log / f"{1:020}.json", None):
        assert (read_log(table).problems, read_log(table).live) == ([], sound.live)
    with damaged(earlier, None):
        assert "the log does not reach back to a checkpoint" in read_log(table).problems
    write_deltalake(table, some_rows(8, 4), mode="append")
    DeltaTable(table).create_checkpoint()
    assert read_log(table).problems == []
    with damaged(log / f"{2:020}.checkpoint.parquet", earlier.read_bytes()):
        assert read_log(table).problems == [f"{2:020}.checkpoint.parquet names 2 files, the commits before it 3"]


def test_no_altered_byte_is_a_crash(tmp_path: Path) -> None:
    """Found by altering bytes: JSON that is no action, or a checkpoint with text that is no UTF-8, ended in a traceback."""
    table = tmp_path / "t"
    for first in (0, 4):
        write_deltalake(table, some_rows(first, 4), mode="append")
    DeltaTable(table).create_checkpoint()
    (table / "_delta_log" / f"{1:020}.crc").write_text('{"numFiles": 2, "tableSizeBytes": 1}')
    rng = np.random.default_rng(0)
    for file in sorted((table / "_delta_log").iterdir()):
        sound = file.read_bytes()
        for _ in range(100):
            altered = bytearray(sound)
            altered[rng.integers(len(sound))] ^= int(rng.integers(1, 256))
            with damaged(file, bytes(altered)):
                log = read_log(table)
                assert all(isinstance(one.rows, int | float | None) for one in log.live.values())
