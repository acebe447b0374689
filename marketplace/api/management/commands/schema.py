"""`manage.py schema`: write what a client is written from, into docs/."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from channels_engine.published.examples import examples
from marketplace.api.published import DOCUMENTS

EXAMPLE = re.compile(r"(?<=```json\n).*?(?=\n```)", re.DOTALL)


class Command(BaseCommand):
    """Write asyncapi.json, schema/messages.json, schema/eip712.json, and the examples of messages.md."""

    help = "Write the AsyncAPI document, the JSON schema, the EIP-712 types and the examples of docs/messages.md."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="write nothing; fail where a file is not as made"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        docs = Path(settings.BASE_DIR) / "docs"
        stale = {
            path: text for path, text in made(docs).items() if not path.exists() or path.read_text() != text
        }
        if stale and options["check"]:
            names = ", ".join(str(path.relative_to(docs.parent)) for path in stale)
            raise CommandError(f"Not what the code makes: {names}. Run `manage.py schema`.")
        for path, text in stale.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.stdout.write(f"{len(stale)} files written.")


def made(docs: Path) -> dict[Path, str]:
    """Path -> content of every file that follows from the code."""
    files = {docs / name: json.dumps(make(), indent=1) + "\n" for name, make in DOCUMENTS.items()}
    page = docs / "messages.md"
    return {**files, page: EXAMPLE.sub(_current, page.read_text())}


def _current(found: re.Match[str]) -> str:
    """The example of today for one that stands in the page."""
    name = _name(json.loads(found[0]))
    if name not in examples():
        raise CommandError(
            f"There is no example of {name} in channels_engine/published/examples.py; add one."
        )
    return json.dumps(examples()[name])


def _name(frame: dict[str, Any]) -> str:
    kind = str(frame["kind"])
    if kind in ("send", "message"):
        return f"{kind}.{frame['type']}"
    if kind == "list" or (kind == "state" and frame.keys() == {"kind", "channel"}):
        return f"ask.{kind}"
    return kind
