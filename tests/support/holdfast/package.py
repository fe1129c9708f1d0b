# SPDX-License-Identifier: Apache-2.0
"""The Debian package in a fresh Debian 12: the root that it is installed in, and its units.

No service manager runs there. A unit is started from its own file: user, environment, folders and
command are what was installed; readiness is what the program tells by sd_notify.
"""
import hashlib
import os
import re
import shlex
import shutil
import socket
import subprocess

from .installation import PROGRAMS, ROOT
from .process import Process, wait_for

BUILD = os.path.dirname(os.path.abspath(PROGRAMS))
CACHE = os.path.join(ROOT, "build", "debian")
DEBIAN_ROOT = os.path.join(ROOT, "tests/support/debian_root")
TIMEOUT = 300


def run(*command, check=True, timeout=TIMEOUT, **options):
    ran = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         timeout=timeout, check=False, **options)
    assert not check or ran.returncode == 0, f"{command}: {ran.returncode}\n{ran.stdout[-6000:]}"
    return ran


def pack(folder, version=None):
    """Makes the package of the build tree; its path."""
    change = ("-R", version) if version else ()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    run("cpack", "-G", "DEB", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", folder,
        *change, cwd=BUILD, env=environment)
    found = [name for name in os.listdir(folder) if name.endswith(".deb")]
    assert len(found) == 1, f"{folder}: {found}"
    return os.path.join(folder, found[0])


def field(package, name):
    return run("dpkg-deb", "--field", package, name).stdout.strip()


class Root:
    """A Debian in a folder."""

    def __init__(self, folder):
        self.folder = str(folder)

    def path(self, inside):
        return os.path.join(self.folder, inside.lstrip("/"))

    def run(self, *command, check=True, timeout=TIMEOUT):
        return run(DEBIAN_ROOT, "enter", self.folder, *command, check=check, timeout=timeout)

    def shell(self, text, check=True):
        return self.run("sh", "-c", text, check=check)

    def remove(self):
        run("umount", self.path("/proc"))
        run("rm", "-rf", "--one-file-system", self.folder)

    def read(self, inside):
        with open(self.path(inside), encoding="utf-8") as file:
            return file.read()

    def write(self, inside, text, mode=None):
        with open(self.path(inside), "w", encoding="utf-8") as file:
            file.write(text)
        if mode is not None:
            os.chmod(self.path(inside), mode)

    def exists(self, inside):
        return os.path.lexists(self.path(inside))

    def apt(self, *arguments):
        """apt-get without a terminal: a question would fail it."""
        return self.run("apt-get", "--yes", "--quiet", *arguments)

    def install(self, package):
        shutil.copy(package, self.path("/root"))
        return self.apt("install", f"/root/{os.path.basename(package)}")

    def owned(self, inside):
        """"user:group mode", as the root's own names have it."""
        return self.run("stat", "--format=%U:%G %a", inside).stdout.strip()

    def digests(self, *folders):
        """path → digest of every file below."""
        found = {}
        for folder in folders:
            for top, _, names in os.walk(self.path(folder)):
                for name in names:
                    path = os.path.join(top, name)
                    with open(path, "rb") as file:
                        found[path] = hashlib.sha256(file.read()).hexdigest()
        return found


def make_base(package):
    """The fresh root with all that the package needs downloaded, made once and kept in build/."""
    with open(DEBIAN_ROOT, "rb") as file:
        wanted = file.read().decode() + field(package, "Depends") + field(package, "Recommends")
    stamp, base = os.path.join(CACHE, "stamp"), os.path.join(CACHE, "base")
    made = hashlib.sha256(wanted.encode()).hexdigest()
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == made:
        return base
    shutil.rmtree(CACHE, ignore_errors=True)
    os.makedirs(CACHE)
    run(DEBIAN_ROOT, "make", base, timeout=900)
    root = Root(base)
    root.apt("update")
    shutil.copy(package, root.path("/root/package.deb"))
    root.apt("install", "--download-only", "/root/package.deb")
    os.unlink(root.path("/root/package.deb"))
    with open(stamp, "w", encoding="ascii") as file:
        file.write(made)
    return base


def make_root(package, folder):
    run("cp", "--archive", "--reflink=auto", make_base(package), folder)
    root = Root(folder)
    run("mount", "-t", "proc", "proc", root.path("/proc"))
    return root


class UnitFile:
    """A unit as systemd reads it: a setting may stand there several times."""

    def __init__(self, text):
        self.values = {}
        section = ""
        for line in text.replace("\\\n", " ").splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and line[0] not in "#;":
                name, _, value = line.partition("=")
                self.values.setdefault((section, name.strip()), []).append(value.strip())

    def all(self, name, section="Service"):
        return self.values.get((section, name), [])

    def get(self, name, default=None, section="Service"):
        return (self.all(name, section) or [default])[-1]


class Unit(Process):
    """One service, run as its unit file says."""

    FOLDERS = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log"}

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.file = UnitFile(root.read(self.find(f"{name}.service")))
        self.user = self.file.get("User")
        assert self.user, f"{name}.service names no user"
        self.notified = None
        super().__init__(name, self.command(), root.path("/root"))

    def find(self, name):
        for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"):
            path = os.path.join(folder, name)
            if os.path.isfile(self.root.path(path)):
                return path
        raise AssertionError(f"there is no {name} in the root")

    def command(self):
        environment = [word for line in self.file.all("Environment") for word in shlex.split(line)]
        program = shlex.split(self.file.get("ExecStart"))
        return ["chroot", self.root.folder, "/usr/bin/env", "-i", "PATH=/usr/sbin:/usr/bin",
                f"NOTIFY_SOCKET=/run/notify-{self.name}", *environment,
                "setpriv", f"--reuid={self.user}", f"--regid={self.file.get('Group', self.user)}",
                "--init-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
                *program]

    def make_folders(self):
        for setting, parent in self.FOLDERS.items():
            mode = self.file.get(f"{setting}Mode", "0755")
            for name in (self.file.get(setting) or "").split():
                self.root.run("install", "--directory", f"--mode={mode}", f"--owner={self.user}",
                              f"--group={self.file.get('Group', self.user)}", f"{parent}/{name}")

    def listen_for_notice(self):
        path = self.root.path(f"/run/notify-{self.name}")
        if os.path.lexists(path):
            os.unlink(path)
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notified.bind(path)
        os.chmod(path, 0o777)

    def told_ready(self):
        assert self.running(), f"{self.name} ended: {self.read_log()[-3000:]}"
        try:
            return b"READY=1" in self.notified.recv(65536).split(b"\n")
        except BlockingIOError:
            return False

    def start_ready(self):
        """systemctl start: returns when the service says that it is ready."""
        self.make_folders()
        self.listen_for_notice()
        try:
            self.start()
            wait_for(self.told_ready, f"{self.name} is ready", 60)
        finally:
            self.notified.close()
        return self

    def users(self):
        """Names of the users that the process and its children run as."""
        found, left = set(), [self.pid]
        while left:
            pid = left.pop()
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                uids = re.search(r"^Uid:\s+(.*)$", file.read(), re.M).group(1).split()
            found.update(uids)
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                left += [int(word) for word in file.read().split()]
        names = {line.split(":")[2]: line.split(":")[0]
                 for line in self.root.read("/etc/passwd").splitlines()}
        return {names.get(uid, uid) for uid in found}


def documented_steps(text, heading):
    """The commands of the first code block under a heading of the README."""
    block = re.search(rf"^#+ {re.escape(heading)}\n.*?^```sh\n(.*?)^```", text, re.M | re.S)
    assert block, f"the README has no commands under {heading}"
    lines = block.group(1).replace("\\\n", " ").splitlines()
    steps = [" ".join(line.split()) for line in lines if line.strip() and line.strip()[0] != "#"]
    return [re.sub(r"\s+# .*", "", step) for step in steps]
