"""What all tests share: the fixtures of tests/fixtures/, one file for each kind of thing, and how chance is used."""

import os
from pathlib import Path

from hypothesis import settings

# Nobody here trusts whom this machine trusts, and drivers of MySQL read all those certificates anew for each connection: a third of
# the time of their tests.
os.environ["SSL_CERT_FILE"] = os.devnull

_FIXTURES = {path.stem for path in (Path(__file__).parent / "fixtures").glob("*.py")}
# What others import comes before them: pytest rewrites the assertions of what it imports itself.
pytest_plugins = [f"fixtures.{name}" for name in ("waiting", *sorted(_FIXTURES - {"waiting"}))]

# `make test` tries the same examples every time, so that it says the same of the same code; `make fuzz` tries new ones.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("chance", deadline=None)
settings.load_profile("chance" if os.environ.get("LOUVER_FUZZ_N") else "fixed")
