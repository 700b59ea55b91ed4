"""Print what pyproject.toml asks for, one requirement a line: the dependencies, and the extras that are named.

The images install dependencies in a layer of their own, before any code is there; pip alone cannot do that.
"""

import sys
import tomllib
from pathlib import Path


def main() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    print(*project["dependencies"], *(name for extra in sys.argv[1:] for name in extras[extra]), sep="\n")


if __name__ == "__main__":
    main()
