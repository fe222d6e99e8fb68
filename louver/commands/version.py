"""`louver version`."""

from __future__ import annotations

from louver.console import out


def version() -> None:
    """Show the version."""
    from importlib.metadata import version as installed

    out.print(f"louver {installed('louver')}")
