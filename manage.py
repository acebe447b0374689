#!/usr/bin/env python
"""Django's command line for Wattnote."""

import os
import sys


def main() -> None:
    """Run a management command with the settings named in the environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    from django.core.management import execute_from_command_line  # noqa: PLC0415  after the settings are named

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
