"""A small Debian archive on this machine, of packages made up here, and a made-up machine that lacks them."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import attrs

from runner.supply.layer import Machine

SCRIPT = "#!/bin/sh\necho {name}\n"


@attrs.frozen(kw_only=True)
class Package:
    """A package: its files by path below the root, text or (when it starts with ``->``) a link's target."""

    name: str
    files: Mapping[str, str]
    depends: str = ""
    version: str = "1.0"


def programs(*paths: str) -> dict[str, str]:
    return {path: SCRIPT.format(name=path.rpartition("/")[2]) for path in paths}


XTABLES = [f"{family}tables-{flavour}{verb}" for family in ("ip", "ip6") for flavour in ("nft", "legacy")
           for verb in ("", "-save", "-restore")]  # fmt: skip
CNI = ("host-local", "bridge", "ptp", "loopback", "portmap")
PACKAGES = (
    Package(
        name="iptables",
        files=programs(
            *(f"sbin/{name}" for name in XTABLES), "sbin/iptables", "usr/sbin/ebtables-nft", "usr/sbin/arptables-nft"
        ),
        depends="libmade-up",
    ),
    Package(name="libmade-up", files={"lib/made-up.so": "library", "usr/share/doc/libmade-up/copyright": "long"}),
    Package(name="iproute2", files=programs("bin/ip", "sbin/bridge")),
    Package(name="conntrack", files=programs("usr/sbin/conntrack")),
    Package(name="ethtool", files=programs("sbin/ethtool")),
    Package(name="socat", files=programs("usr/bin/socat")),
    Package(name="ipset", files=programs("sbin/ipset")),
    Package(name="kmod", files={**programs("bin/kmod"), "sbin/modprobe": "->/bin/kmod"}),
    Package(name="containernetworking-plugins", files=programs(*(f"usr/lib/cni/{name}" for name in CNI))),
    Package(name="runc", files=programs("usr/sbin/runc")),
    Package(name="mount", files=programs("bin/mount")),
    Package(name="util-linux", files=programs("usr/bin/nsenter")),
)


def put_files(root: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        if text.startswith("->"):
            file.symlink_to(text.removeprefix("->"))
        else:
            file.write_text(text)
            file.chmod(0o755)


def build_archive(directory: Path, packages: tuple[Package, ...] = PACKAGES) -> None:
    """Build the packages and the index that apt reads."""
    index = []
    for package in packages:
        staged = directory / "staged" / package.name
        old_umask = os.umask(0o022)
        try:
            put_files(staged, package.files)
            control = f"Package: {package.name}\nVersion: {package.version}\nArchitecture: all\nMaintainer: nobody <n@invalid>\n"
            control += f"Depends: {package.depends}\n" if package.depends else ""
            put_files(staged, {"DEBIAN/control": f"{control}Description: made up\n"})
        finally:
            os.umask(old_umask)
        deb = directory / f"{package.name}_{package.version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", staged, deb], check=True, capture_output=True)
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        index.append(f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n")
    (directory / "Packages").write_text("\n".join(index))


def bare_machine(root: Path, archive: Path) -> Machine:
    """A machine with merged /usr, nothing installed, and the archive as its only source."""
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    put_files(root, {"var/lib/dpkg/status": "", "etc/os-release": "ID=debian\nVERSION_ID=12\nNAME=Debian\n"})
    sources = root / "etc/sources.list"
    sources.write_text(f"deb [trusted=yes] copy:{archive} ./\n")
    options = ("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/nonexistent")
    return Machine(root=root, apt_options=options)
