"""Labellers that tests configure by name, as a user would."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from semid.text.label import Labeller


def shouting() -> Labeller:
    """Return a labeller that answers with the first term in capitals, '' for soap, and notes every question.

    It runs in Spark's workers: SEMID_TEST_ASKED names the file that it writes a line to.
    """

    def answer(terms: Sequence[str], samples: Sequence[str]) -> str:
        if asked := os.environ.get("SEMID_TEST_ASKED"):
            with Path(asked).open("a", encoding="utf-8") as file:
                file.write(f"{'|'.join(terms)} / {'|'.join(samples)}\n")
        return "" if terms[0] == "soap" else terms[0].upper()

    return answer
