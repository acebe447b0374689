"""Third-party files are exactly those that the manifest names."""

import json
import re
from pathlib import Path

import pytest

from marketplace.web.vendoring import (
    MANIFEST,
    PACKAGES,
    VENDOR_DIR,
    browser_specifier,
    file_hashes,
    rewrite_module,
)

IMPORT = re.compile(r"""\b(?:import|export)\b[^;'"]*?["']([^'"]+)["']""")
ENTRIES = json.loads(MANIFEST.read_text())


@pytest.mark.parametrize("name", ENTRIES)
def test_files_match_the_manifest(name: str) -> None:
    entry = ENTRIES[name]
    assert file_hashes(VENDOR_DIR / entry["folder"]) == entry["files"]
    assert "LICENSE" in entry["files"]


def test_manifest_names_every_package_at_its_pin() -> None:
    assert {name: entry["version"] for name, entry in ENTRIES.items()} == {
        p.name: p.version for p in PACKAGES
    }
    folders = {entry["folder"] for entry in ENTRIES.values()}
    assert {path.name for path in VENDOR_DIR.iterdir() if path.is_dir()} == folders


def test_modules_import_only_vendored_files() -> None:
    found = 0
    for path in VENDOR_DIR.rglob("noble-*/**/*.js"):
        for target in IMPORT.findall(path.read_text()):
            found += 1
            assert target.startswith("."), f"{path}: {target} needs an import map, which the policy forbids"
            assert (path.parent / target).resolve().is_relative_to(VENDOR_DIR)
            assert (path.parent / target).exists(), f"{path}: {target}"
    assert found > len(ENTRIES)


def test_bare_specifiers_become_relative() -> None:
    assert browser_specifier("@noble/hashes/sha3.js", 1) == "../../noble-hashes/sha3.js"
    assert browser_specifier("./utils.js", 0) == "./utils.js"
    source = "import { x } from '@noble/hashes/hmac.js';\n//# sourceMappingURL=a.js.map\n"
    assert rewrite_module(source, "abstract/a.js") == "import { x } from '../../noble-hashes/hmac.js';\n"


def test_no_registry_host_in_the_lock() -> None:
    lock = Path(VENDOR_DIR.parents[2] / "package-lock.json").read_text()
    assert '"resolved"' not in lock
