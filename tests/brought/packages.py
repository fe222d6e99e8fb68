"""Packages of this machine's Debian or Ubuntu mirror, unpacked into a directory with all that they depend on.

Owns the asking of apt and the small program that starts an unpacked one by its own loader and libraries. May not do:
install, or change anything of the machine's own packages. apt is told of an empty machine, so the whole closure comes,
the C library included, and a suite newer than the machine's works beside it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

_SECONDS = 300.0  # some 60 MB over a slow line
# What only the scripts of an installation need, and what a server's programs do not read.
_LEFT_OUT: Final = re.compile(
    r"(adduser|debconf|debianutils|dpkg|gcc-.*-base|galera-.*|gawk|init-system-helpers|iproute2|lsof|mysql-common|passwd"
    r"|mariadb-common|perl.*|libperl.*|libdbi-perl|libdbd-.*|libdb5.*|libgdbm.*|psmisc|rsync|socat|tar|sensible-utils"
    r"|login.*|util-linux|base-passwd|lib.*-perl|iputils-ping|procps)"
)
_KEYRINGS: Final[Mapping[str, str]] = {
    "debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}


class CannotBring(Exception):  # noqa: N818  reads as what it is
    """The packages could not be had here; the message says why."""


def sources() -> list[tuple[str, str, str]]:
    """Give what the machine's own suite comes from: (mirror, suite, component). Raises CannotBring."""
    release = _os_release()
    if release.get("ID") not in _KEYRINGS or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise CannotBring("this machine is neither Debian nor Ubuntu")
    told = _run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    rows = {tuple(line.split()) for line in told.splitlines()}
    own = [row for row in sorted(rows) if len(row) == 3 and row[1].startswith(release.get("VERSION_CODENAME", "?"))]
    if not own:
        raise CannotBring("apt has no sources of this machine's own suite")
    return [(mirror, suite, component) for mirror, suite, component in own]


def newest_debian() -> list[tuple[str, str, str]]:
    """Give Debian's unstable suite on the mirror of this machine; nothing where it is no Debian. Raises CannotBring."""
    if _os_release().get("ID") != "debian":
        return []
    mirror = next((mirror for mirror, suite, _ in sources() if suite == _os_release()["VERSION_CODENAME"]), None)
    return [(mirror, "sid", "main")] if mirror else []


def bring(
    names: Sequence[Sequence[str]], suites: Sequence[tuple[str, str, str]], server: str, client: str, target: Path
) -> None:
    """Unpack the first of the sets of packages in `names` that `suites` have.

    `target`/`server` and `target`/`client` start their programs of these names then. `target` is there with everything in it, or
    not at all. Raises CannotBring.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as place:
        work = Path(place).resolve()
        Packages(work, suites).unpack(names)
        _write_programs(work / "unpacked", server, client)
        shutil.rmtree(target, ignore_errors=True)
        (work / "unpacked").rename(target)


def unpack(names: Sequence[str], suites: Sequence[tuple[str, str, str]], target: Path) -> None:
    """Unpack these packages, and nothing that they depend on, into `target`. Raises CannotBring."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as place:
        work = Path(place).resolve()
        apt = Packages(work, suites)
        apt.update()
        apt.fetch(names)
        shutil.rmtree(target, ignore_errors=True)
        apt.root.rename(target)


class Packages:
    """apt with lists, cache and status of its own in `work`."""

    def __init__(self, work: Path, suites: Sequence[tuple[str, str, str]]) -> None:
        self._work = work
        self.root = work / "unpacked/root"
        for place in (work / "lists/partial", work / "cache/archives/partial", self.root):
            place.mkdir(parents=True)
        (work / "status").touch()
        keyring = _KEYRINGS[_os_release()["ID"]]
        lines = [f"deb [signed-by={keyring}] {' '.join(suite)}\n" for suite in suites]
        (work / "sources.list").write_text("".join(lines), encoding="utf-8")
        options = {
            "APT::Sandbox::User": "root",  # else apt's own account would have to reach this directory
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::Retries": "3",
            "Dir::Etc::sourcelist": str(work / "sources.list"),
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State::Lists": str(work / "lists"),
            "Dir::State::status": str(work / "status"),
            "Dir::Cache": str(work / "cache"),
        }
        self._options = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]

    def update(self) -> None:
        """Fetch the lists of the suites."""
        _run("apt-get", "-qq", *self._options, "update")

    def unpack(self, names: Sequence[Sequence[str]]) -> None:
        """Fetch the closure of the first of `names` that there is, and unpack it."""
        self.update()
        for packages in names:
            try:
                told = _run("apt-get", *self._options, "-s", "install", *packages)
                break
            except CannotBring as error:
                refused = error
        else:
            raise refused
        self.fetch(
            [found for found in re.findall(r"^Inst (\S+)", told, re.MULTILINE) if not _LEFT_OUT.fullmatch(found)]
        )

    def fetch(self, packages: Sequence[str]) -> None:
        """Fetch these packages alone, and unpack them."""
        archives = self._work / "cache/archives"
        _run("apt-get", "-qq", *self._options, "download", *packages, directory=archives)
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda package: _run("dpkg-deb", "-x", package, self.root), sorted(archives.glob("*.deb"))))


def write_program(root: Path, name: str, options: str = "") -> None:
    """Write the small program, beside `root`, that starts one of the packages there with their own loader and libraries.

    In `options`, `$here` is the directory that holds both. Raises CannotBring.
    """
    libraries = [place for base in ("lib", "usr/lib") for place in sorted(root.glob(f"{base}/*-linux-gnu*"))]
    loader = next((each for place in libraries for each in sorted(place.glob("ld-linux*.so.*"))), None)
    if loader is None:
        raise CannotBring("the packages hold no loader")

    def at(path: Path) -> str:
        return f'"$here"/{shlex.quote(str(path.relative_to(root.parent)))}'

    program = root / name
    start = root.parent / program.name
    start.write_text(
        "#!/bin/sh\n"
        'here=$(dirname "$(readlink -f "$0")")\n'
        f'exec {at(loader)} --library-path {":".join(map(at, libraries))} --argv0 {program.name} {at(program)} {options} "$@"\n',
        encoding="utf-8",
    )
    start.chmod(0o755)


def _write_programs(unpacked: Path, server: str, client: str) -> None:
    """Write the small programs that start those of the packages with their own loader and libraries, and drop the rest."""
    root = unpacked / "root"
    libraries = [place for place in ("lib", "usr/lib") for place in sorted(root.glob(f"{place}/*-linux-gnu*"))]
    loader = next((p for place in libraries for p in sorted(place.glob("ld-linux*.so.*"))), None)
    if loader is None:
        raise CannotBring("the packages hold no loader")
    share = next(p for p in (root / "usr/share/mysql", root / "usr/share/mariadb") if (p / "charsets").is_dir())
    plugins = next(iter(sorted(root.glob("usr/lib/*/plugin"))), root)
    binaries = {name: _binary(root, name) for name in (server, client)}
    kept = {path for binary in binaries.values() for path in (binary, binary.resolve())}
    for path in (*root.glob("usr/share/*"), *root.glob("usr/*bin/*")):
        if path not in kept and path.name not in ("mysql", "mariadb"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def at(path: Path) -> str:
        return f'"$here"/{shlex.quote(str(path.relative_to(unpacked)))}'

    own = {
        server: f"--plugin-dir={at(plugins)} --basedir={at(root / 'usr')} --lc-messages-dir={at(share)}",
        client: " ".join(f"--plugin-dir={at(place)}" for place in root.glob("usr/lib/*/libmariadb3/plugin")),
    }
    for name, binary in binaries.items():
        options = f"{own[name]} --character-sets-dir={at(share / 'charsets')}".strip()
        start = unpacked / name
        start.write_text(
            "#!/bin/sh\n"
            'here=$(dirname "$(readlink -f "$0")")\n'
            f'exec {at(loader)} --library-path {":".join(map(at, libraries))} --argv0 {at(binary)} {at(binary)} "$@" \\\n'
            f"  {options}\n",
            encoding="utf-8",
        )
        start.chmod(0o755)


def _binary(root: Path, name: str) -> Path:
    found = next((path for place in ("usr/sbin", "usr/bin") if (path := root / place / name).exists()), None)
    if found is None:
        raise CannotBring(f"the packages hold no {name} that can be started")
    return found


def _os_release() -> dict[str, str]:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except OSError:
        return {}
    return {key: value.strip('"') for key, _, value in (line.partition("=") for line in text.splitlines())}


def _run(*command: str | Path, directory: Path | None = None) -> str:
    """Run a program and give what it says. Raises CannotBring."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True, timeout=_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        told = (getattr(error, "stderr", None) or "").strip() or str(error)
        raise CannotBring(f"{Path(command[0]).name}: {told[-1000:]}") from None
    return done.stdout
