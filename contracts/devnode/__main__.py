"""`python -m contracts.devnode [--host --port --db]`: the embedded node without Django."""

import argparse
import sys

from . import runner


def main() -> int:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m contracts.devnode", description=__doc__)
    runner.add_arguments(parser)
    options = parser.parse_args()
    return runner.run(options.host, options.port, options.db, lambda text: print(text, flush=True))  # noqa: T201  a command's output


if __name__ == "__main__":
    sys.exit(main())
