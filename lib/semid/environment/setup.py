"""`python -m semid.environment.setup`: Java and the Delta jars, once per machine."""

from __future__ import annotations

import sys

from semid.environment.archive import archive, make_archive
from semid.environment.jars import PACKAGE, fetch_jars, missing_jars
from semid.environment.java import install_java, require_java
from semid.errors import EnvironmentFault


def main() -> int:
    """Find or install Java, fetch the Delta jars, and say each step; return the exit code."""
    try:
        try:
            home = require_java()
        except EnvironmentFault:
            print("setup: no Java 17 or 21 found, installing it")
            install_java()
            home = require_java()
        print(f"setup: Java in {home}")
        if missing_jars():
            print(f"setup: fetching {PACKAGE}")
            fetch_jars()
        print("setup: Delta jars in place")
        if not archive().is_file():
            print("setup: a small night, whose Java classes later starts share (half a minute)")
            made = make_archive()
            print("setup: class archive in place" if made else "setup: no class archive; starts take some seconds more")
    except EnvironmentFault as error:
        print(error.report(), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
