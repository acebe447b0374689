"""All that the site keeps of a person, as one ZIP: JSON by topic, and the person's own documents.

Each app names what it keeps in `ready()`: `export.register("applications", collect)`.
"""

import io
import json
import zipfile
from collections.abc import Callable
from typing import TypeAlias

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from marketplace.accounts.models import User

Collect: TypeAlias = Callable[[User], object]
CollectFiles: TypeAlias = Callable[[User], "list[tuple[str, bytes]]"]
COLLECTORS: dict[str, Collect] = {}
FILES: dict[str, CollectFiles] = {}
README = """What Wattnote keeps of you, made at {at}.

Each file of `data` holds one topic as JSON. Money is in micro-units (1 euro = 1000000), energy in watt-hours,
prices in micro-units per kWh, times in seconds since 1970-01-01 UTC or as ISO 8601 in UTC. `documents` has
your documents as they are stored. What a ledger keeps is public there and names nobody.
"""


def register(name: str, collect: Collect) -> None:
    """Put `collect(user)`, anything that JSON can hold, into exports as `data/<name>.json`; a name twice is the later one."""
    COLLECTORS[name] = collect


def register_files(name: str, collect: CollectFiles) -> None:
    """Put the files of `collect(user)`, pairs of name and content, into exports in the folder `name`."""
    FILES[name] = collect


def collected(user: User) -> dict[str, object]:
    """Everything by topic, without the files."""
    return {name: COLLECTORS[name](user) for name in sorted(COLLECTORS)}


def archive(user: User) -> bytes:
    """The ZIP. It is made in memory: plain text never touches the disk, and what a person may keep here is limited."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("README.txt", README.format(at=timezone.now().isoformat(timespec="seconds")))
        for name, content in collected(user).items():
            text = json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
            packed.writestr(f"data/{name}.json", text)
        for folder in sorted(FILES):
            for filename, raw in FILES[folder](user):
                packed.writestr(f"{folder}/{filename}", raw)
    return target.getvalue()
