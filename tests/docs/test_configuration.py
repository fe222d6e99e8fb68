"""docs/configuration.md says of every key what the code says."""

from __future__ import annotations

import re
from dataclasses import MISSING
from pathlib import Path

import pytest

from louver.settings import Key, all_keys, parse_settings

_DOCUMENT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
_ROWS = {
    match[1]: (match[2].strip(), match[3].strip(), match[4].strip())
    for match in re.finditer(r"^\| `([a-z_.\[\]]+)` \| (.*?) \| (.*?) \| (.*?) \|$", _DOCUMENT, re.MULTILINE)
}


def _default(default: object) -> str:
    if default is MISSING:
        return "must be given"
    if isinstance(default, tuple) and default:
        return f"`[{', '.join(map(str, default))}]`"
    return (
        "none"
        if default is None or default == ()
        else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    )


def _takes(name: str, key: Key) -> str:
    if key.choices:
        return ", ".join(f"`{choice}`" for choice in key.choices)
    words = {"boolean": "`true` or `false`", "secret": "text"}
    return words.get(key.kind, "users file" if name == "users" else key.unit)


def test_every_key_is_documented_and_no_other() -> None:
    """The tables hold exactly the keys that the code reads."""
    assert set(_ROWS) == {name for name, _, _ in all_keys()}


@pytest.mark.parametrize(("name", "key", "default"), list(all_keys()), ids=lambda value: str(value)[:40])
def test_a_key_is_documented_as_it_is(name: str, key: Key, default: object) -> None:
    """Default and unit are the code's, and there is a reason."""
    documented, takes, reason = _ROWS[name]
    assert re.sub(r", if `[a-z_.]+` is$", "", documented) == _default(default)
    assert takes == _takes(name, key)
    assert len(reason) > 5


def test_the_example_is_valid(tmp_path: Path) -> None:
    """The file at the top of the page is accepted, once the files it names exist."""
    block = re.search(r"```yaml\n(.*?)```", _DOCUMENT, re.DOTALL)
    assert block is not None
    text = block[1].replace("/run/secrets/", "").replace("/etc/ssl/", "")
    for name in ("louver.pem", "louver.key", "louver_service", "internal-ca.pem", "policies.yaml"):
        (tmp_path / name).write_text("x\n", encoding="ascii")
    settings = parse_settings(text, file="louver.yaml", directory=tmp_path)
    assert settings.upstream.tls.mode == "verify-full"
