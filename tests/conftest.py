"""What all tests share: the fixtures of tests/fixtures/, one file for each kind of thing."""

from pathlib import Path

pytest_plugins = [f"fixtures.{path.stem}" for path in sorted((Path(__file__).parent / "fixtures").glob("*.py"))]
