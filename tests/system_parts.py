"""Which parts of the system a test needs, and what happens where one is missing."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_BIN = Path("/usr/lib/postgresql")
CONTRACT_TOOLS = ROOT / "contracts" / "node_modules" / ".bin"
SCRIPT_TOOLS = ROOT / "marketplace" / "web" / "node_modules" / ".bin"

CLIENT_PACKAGES = ROOT / "tests" / "clients" / "node_modules"


def find_chromium() -> str | None:
    """Path of an installed Chromium or Chrome, if any."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def find_postgres_bin() -> Path | None:
    """Folder that holds `initdb` and `postgres`, if any."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    return next((p.parent for p in sorted(POSTGRES_BIN.glob("*/bin/initdb"), reverse=True)), None)


_FINDERS = {
    "Chromium": find_chromium,
    "PostgreSQL": find_postgres_bin,
    "Redis": lambda: shutil.which("redis-server"),
    "Node": lambda: shutil.which("node") and shutil.which("npm"),
    "forge": (CONTRACT_TOOLS / "forge").exists,
    "anvil": (CONTRACT_TOOLS / "anvil").exists,
    "ethers and viem": (CLIENT_PACKAGES / "viem" / "package.json").exists,
    "AsyncAPI's rules": (CLIENT_PACKAGES / "@asyncapi" / "specs" / "schemas").exists,
    "tsc": (SCRIPT_TOOLS / "tsc").exists,
    "axe-core": (SCRIPT_TOOLS.parent / "axe-core" / "axe.min.js").exists,
    "spin": lambda: shutil.which("spin"),
    "gcc": lambda: shutil.which("gcc"),
    "gettext": lambda: shutil.which("xgettext") and shutil.which("msgfmt"),
}


def require(part: str) -> None:
    """Skip the test with a line that names the missing part; fail it where `CI=true`."""
    if _FINDERS[part]():
        return
    message = f"{part} is not installed; install it (what comes from npm: by `make test`) to run this test"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
