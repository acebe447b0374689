"""Third-party front-end files, kept in the repository so that a clone needs no build step.

`python -m marketplace.web.vendoring` downloads the pinned npm packages, copies the files named here
(for ES modules also everything that they import, without comments and long names) and writes `static/web/vendor/manifest.json` with
version, licence, the tarball's integrity and the hash of each file. `tests/web/test_vendor.py` checks them.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MINIFIER = Path(__file__).parent / "node_modules" / ".bin" / "esbuild"
VENDOR_DIR = Path(__file__).parent / "static" / "web" / "vendor"
MANIFEST = VENDOR_DIR / "manifest.json"
SPECIFIER = re.compile(r"""((?:^|\n)(?:import|export)\s[^;'"]*?["'])([^"']+)(["'])""")
SOURCE_MAP = re.compile(r"\n//# sourceMappingURL=\S+\s*$")


@dataclass(frozen=True, slots=True)
class Package:
    """One npm package and the files that are taken from it.

    Attributes:
        folder: Name of its folder under `static/web/vendor`.
        files: Paths inside the package and their paths inside the folder.
        modules: Entry modules, taken together with all that they import and their type declarations.
    """

    name: str
    version: str
    licence: str
    folder: str
    files: tuple[tuple[str, str], ...] = ()
    modules: tuple[str, ...] = ()


PACKAGES = (
    Package("htmx.org", "4.0.1", "0BSD", "htmx", (("dist/htmx.min.js", "htmx.min.js"),)),
    Package(
        "uplot",
        "1.6.32",
        "MIT",
        "uplot",
        (
            ("dist/uPlot.esm.js", "uPlot.esm.js"),
            ("dist/uPlot.d.ts", "uPlot.esm.d.ts"),
            ("dist/uPlot.min.css", "uPlot.min.css"),
        ),
    ),
    Package(
        "@noble/hashes",
        "2.4.0",
        "MIT",
        "noble-hashes",
        modules=("sha2.js", "sha3.js", "hmac.js", "hkdf.js", "pbkdf2.js", "scrypt.js", "utils.js"),
    ),
    Package("@noble/curves", "2.4.0", "MIT", "noble-curves", modules=("secp256k1.js",)),
    Package(
        "@fontsource-variable/inter",
        "5.3.0",
        "OFL-1.1",
        "inter",
        (("files/inter-latin-wght-normal.woff2", "inter-latin-wght-normal.woff2"),),
    ),
)


def browser_specifier(specifier: str, depth: int) -> str:
    """A bare specifier of a vendored package as a relative path, since a strict CSP allows no import map."""
    for package in PACKAGES:
        if specifier.startswith(f"{package.name}/"):
            return f"{'../' * (depth + 1)}{package.folder}/{specifier.removeprefix(package.name + '/')}"
    return specifier


def rewrite_module(source: str, path: str) -> str:
    """The module at `path` of its package with browser specifiers and without its source map's address."""
    depth = len(PurePosixPath(path).parts) - 1
    resolved = SPECIFIER.sub(lambda m: m[1] + browser_specifier(m[2], depth) + m[3], source)
    return SOURCE_MAP.sub("\n", resolved)


def minified(source: str) -> str:
    """The module as short as it gets; what its licence asks to keep stays."""
    command = [str(MINIFIER), "--minify", "--format=esm", "--target=es2022", "--legal-comments=inline"]
    done = subprocess.run(command, input=source, check=True, capture_output=True, text=True)  # noqa: S603  fixed argv, no shell
    return done.stdout


def imported_paths(source: str, path: str) -> Iterator[str]:
    """Paths inside the same package that the module at `path` imports."""
    for match in SPECIFIER.finditer(source):
        if match[2].startswith("."):
            joined = (Path("/") / PurePosixPath(path).parent / match[2]).resolve()
            yield joined.relative_to("/").as_posix()


def module_closure(root: Path, entries: tuple[str, ...]) -> list[str]:
    """Entry modules and all that they import inside the package, sorted."""
    seen: set[str] = set()
    todo = list(entries)
    while todo:
        path = todo.pop()
        if path not in seen:
            seen.add(path)
            todo.extend(imported_paths((root / path).read_text(), path))
    return sorted(seen)


def download(package: Package, folder: Path) -> tuple[Path, str]:
    """The unpacked package and its tarball's integrity (sha512, as npm writes it)."""
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603  fixed argv, no shell
    tarball = next(folder.glob("*.tgz"))
    digest = hashlib.sha512(tarball.read_bytes()).digest()
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package", "sha512-" + base64.b64encode(digest).decode()


def copy_package(package: Package, source: Path, target: Path) -> None:
    """Copy the package's files, modules and licence to its folder."""
    wanted = [(source / a, b) for a, b in (*package.files, ("LICENSE", "LICENSE"))]
    for path, name in wanted:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".esm.js"):
            (target / name).write_text(minified(path.read_text()))
        else:
            (target / name).write_bytes(path.read_bytes())
    for module in module_closure(source, package.modules):
        (target / module).parent.mkdir(parents=True, exist_ok=True)
        (target / module).write_text(minified(rewrite_module((source / module).read_text(), module)))
        types = module.removesuffix(".js") + ".d.ts"
        (target / types).write_text(rewrite_module((source / types).read_text(), types))


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of each file under `folder`, by its path there."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


def refresh(package: Package) -> dict[str, Any]:
    """Fetch one package into its folder; its entry of the manifest."""
    target = VENDOR_DIR / package.folder
    with tempfile.TemporaryDirectory() as scratch:
        source, integrity = download(package, Path(scratch))
        for old in sorted(p for p in target.rglob("*") if p.is_file()):
            old.unlink()
        copy_package(package, source, target)
    return {
        "version": package.version,
        "licence": package.licence,
        "folder": package.folder,
        "tarball": integrity,
        "files": file_hashes(target),
    }


def main() -> int:
    """Refresh every package and write the manifest."""
    manifest = {package.name: refresh(package) for package in PACKAGES}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")
    sys.stdout.write("".join(f"{name} {entry['version']}\n" for name, entry in manifest.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
