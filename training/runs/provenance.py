"""What made a run: versions of packages, and the commit."""

import importlib.metadata
import pathlib
import subprocess

import zoo

__all__ = ["made_with"]

_PACKAGES = ("vae-zoo", "tensorflow", "keras", "tensorflow-probability", "numpy")


def made_with():
    """Versions of what a run stands on, and the commit, if the code is in a git checkout."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {"versions": versions, "commit": _commit()}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # Run from a checkout, without installing it.
        return zoo.__version__ if package == "vae-zoo" else None


def _commit():
    file = pathlib.Path(__file__)
    checkout = file.parents[2]

    def git(*arguments):
        command = ["git", "-C", str(checkout), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.strip()

    try:
        # Not a package inside some other checkout.
        git("ls-files", "--error-unmatch", str(file.relative_to(checkout)))
        new_code = ("ls-files", "--others", "--exclude-standard", "zoo/*.py", "training/*.py")
        is_modified = git("status", "--porcelain", "--untracked-files=no") or git(*new_code)
        return git("rev-parse", "HEAD") + ("-modified" if is_modified else "")
    except (OSError, subprocess.SubprocessError):
        return None
