"""Hostile feeds and settings by the thousand: rows with reasons and ConfigErrors, never another error.

`SEMID_FUZZ_CASES=10000 pytest -n 0 tests/hostile/test_fuzz.py` tries as many of each kind.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import (
    CASES,
    HEADER,
    check_feed,
    check_settings,
    csv_line,
    ingest_rules,
    json_line,
    noise,
    setting,
    settings_file,
)
from tests.measure_field import FIELD

FEED_CASES = CASES or 1000
SETTING_CASES = CASES or 150
PER_FILE = 10


@pytest.mark.parametrize("supplied", [False, True], ids=["own model", "supplied vectors"])
def test_json_feeds(supplied: bool) -> None:
    """Rows of hostile values, damaged rows and noise, ten to a file."""
    rules, rng = ingest_rules(supplied), Random(1)
    for _ in range(0, FEED_CASES, PER_FILE):
        lines = [noise(rng) if rng.random() < 0.2 else json_line(rng) for _ in range(PER_FILE)]
        check_feed(lines, (), rules)


def test_csv_feeds() -> None:
    """The same of CSV, whose quotes may join what follows."""
    rules, rng = ingest_rules(), Random(2)
    for _ in range(0, FEED_CASES, PER_FILE):
        lines = [noise(rng) if rng.random() < 0.2 else csv_line(rng) for _ in range(PER_FILE)]
        check_feed(lines, HEADER, rules)


def test_settings() -> None:
    """Hostile --set arguments, one or two at once."""
    rng = Random(3)
    taken = [check_settings(None, [setting(rng) for _ in range(rng.randint(1, 2))]) for _ in range(SETTING_CASES)]
    assert any(taken), "the fuzzer is to reach what lies behind the loader too"
    assert not all(taken)


def test_settings_files(tmp_path: Path) -> None:
    """Hostile configuration files."""
    rng, file, taken = Random(4), tmp_path / "semid.yaml", []
    for _ in range(SETTING_CASES):
        file.write_bytes(settings_file(rng))
        taken.append(check_settings(file, []))
    assert any(taken)
    assert not all(taken)


def test_a_field_of_50_mb_takes_bounded_memory() -> None:
    """Text, list and number, on one line and on many: quarantined, its neighbours are items, twelve times its size at most.

    A Python worker holds the line as Arrow, as bytes and as text, then the parsed value: 9.1 times its size was measured.
    """
    command = [sys.executable, "-m", "tests.measure_field"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    found = json.loads(done.stdout)
    large, ragged = [["text_too_large"], 2], [["ragged_row"], 2]
    assert found["forms"] == {
        "json text": large,
        "json list": large,
        "json number": large,
        "csv text": ragged,
        "csv lines": ragged,
    }
    assert found["bytes"] < 12 * FIELD
