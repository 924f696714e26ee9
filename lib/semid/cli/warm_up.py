"""`python -m semid.cli.warm_up`: a night of forty items with vectors of their own, in a folder that is thrown away."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from semid.cli.main import main as semid

SETTINGS = ("embedding.model=supplied:warm-up", "codebook.kind=rkmeans", "codebook.sizes=[4,4]")


def main() -> int:
    """Run the night and return its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "feed.jsonl"
        rows = [{"item_id": f"i{n}", "title": f"item {n}", "embedding": [n % 7, n % 5, n % 3, 1]} for n in range(40)]
        feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
        flags = ["--warehouse", str(Path(folder) / "warehouse"), "--catalog", str(feed)]
        for setting in SETTINGS:
            flags += ["--set", setting]
        return semid(["nightly", *flags])


if __name__ == "__main__":
    sys.exit(main())
