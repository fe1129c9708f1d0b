# SPDX-License-Identifier: Apache-2.0
"""What the build hands over: programs, `cmake --install`, the package before it is installed."""
import os
import re
import subprocess

import pytest
from holdfast.installation import PROGRAMS, ROOT
from holdfast.package import BUILD, UnitFile, field, pack, run

NAMES = ("holdfast", "holdfastd", "holdfast-token")


@pytest.fixture(scope="module")
def unpacked(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    run("dpkg-deb", "--extract", package, folder)
    return str(folder)


def programs_of(folder):
    return [os.path.join(folder, part, name) for part in ("usr/bin", "usr/sbin") for name in NAMES
            if os.path.exists(os.path.join(folder, part, name))]


def test_control_fields(package):
    depends = field(package, "Depends")
    for library in ("libc6", "libcurl4", "libinih1", "libjansson4", "libmicrohttpd12", "libp11-kit0",
                    "libsqlite3-0", "libssl3", "libsystemd0", "systemd | systemd-standalone-sysusers"):
        assert library in depends
    assert "softhsm" not in depends
    assert field(package, "Recommends").startswith("softhsm2 |")
    assert (field(package, "Section"), field(package, "Architecture")) == ("admin", "amd64")
    assert len(field(package, "Description").splitlines()) > 3


def test_same_bytes_when_packed_again(package, tmp_path):
    again = pack(str(tmp_path))
    assert open(again, "rb").read() == open(package, "rb").read()


def test_no_path_of_the_build_anywhere(unpacked):
    ran = subprocess.run(["grep", "-rlF", "-e", ROOT, unpacked], capture_output=True, text=True,
                         check=False)
    assert (ran.returncode, ran.stdout) == (1, "")


def test_no_path_of_the_build_in_programs_with_debug_information():
    for name in NAMES:
        assert ROOT.encode() not in open(os.path.join(PROGRAMS, name), "rb").read(), name


def test_programs_are_stripped_and_hardened(unpacked):
    programs = programs_of(unpacked)
    assert len(programs) == len(NAMES)
    for program in programs:
        shown = run("readelf", "-W", "--sections", "--program-headers", "--dynamic",
                    "--file-header", program).stdout
        assert ".symtab" not in shown and ".debug_" not in shown
        assert re.search(r"Type:\s+DYN \(Position-Independent", shown)
        assert "GNU_RELRO" in shown and re.search(r"FLAGS_1.* NOW ", shown + " ")
        assert re.search(r"GNU_STACK.* RW ", shown)
        assert "RPATH" not in shown and "RUNPATH" not in shown
        assert "__stack_chk_fail" in run("readelf", "-W", "--dyn-syms", program).stdout


def test_pages_and_changelog_are_compressed(unpacked):
    share = os.path.join(unpacked, "usr/share")
    for path in ("man/man1/holdfast.1", "man/man5/holdfast.conf.5", "man/man5/holdfast-evidence.5",
                 "man/man7/holdfast-recovery.7", "man/man8/holdfastd.8",
                 "man/man8/holdfast-token.8", "doc/holdfast/changelog"):
        assert open(os.path.join(share, path + ".gz"), "rb").read(2) == b"\x1f\x8b"
        assert not os.path.exists(os.path.join(share, path))
    assert os.path.exists(os.path.join(share, "doc/holdfast/copyright"))


def test_every_file_in_etc_is_a_conffile(package, unpacked, tmp_path):
    run("dpkg-deb", "--control", package, tmp_path)
    there = {os.path.join("/", os.path.relpath(os.path.join(top, name), unpacked))
             for top, _, names in os.walk(os.path.join(unpacked, "etc")) for name in names}
    assert set((tmp_path / "conffiles").read_text(encoding="utf-8").split()) == there


def cmake_install(destination, prefix):
    run("cmake", "--install", BUILD, "--prefix", prefix,
        env={**os.environ, "DESTDIR": str(destination)})


def test_install_honours_destdir_and_prefix(tmp_path):
    cmake_install(tmp_path, "/usr/local")
    for path in ("usr/local/sbin/holdfastd", "usr/local/bin/holdfast", "etc/holdfast/holdfast.conf",
                 "usr/local/share/man/man8/holdfastd.8", "usr/local/lib/sysusers.d/holdfast.conf",
                 "usr/local/share/doc/holdfast/LICENSE"):
        assert (tmp_path / path).is_file(), path
    unit = (tmp_path / "usr/local/lib/systemd/system/holdfastd.service").read_text(encoding="utf-8")
    assert UnitFile(unit).get("ExecStart").startswith("/usr/local/sbin/holdfastd")


def test_install_keeps_settings_that_are_there(tmp_path):
    cmake_install(tmp_path, "/usr")
    settings = tmp_path / "etc/holdfast/holdfast.conf"
    settings.write_text("# mine\n", encoding="utf-8")
    cmake_install(tmp_path, "/usr")
    assert settings.read_text(encoding="utf-8") == "# mine\n"
