"""Which packages took part in a run."""

from importlib.metadata import PackageNotFoundError, version


def versions(*packages: str) -> dict[str, str]:
    """Return the installed version of this package and of those named; absent ones are left out."""
    found = {}
    for package in ("milp-amp", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
