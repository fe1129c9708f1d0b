# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests: authorities of their own, made with the openssl command."""
import os
import subprocess

PURPOSES = {"server": "serverAuth", "client": "clientAuth"}


def openssl(*arguments):
    ran = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, check=False,
                         capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, f"openssl {arguments}: {ran.stderr}"
    return ran.stdout


class Certificate:
    """A certificate and its key, as files."""

    def __init__(self, path):
        self.certificate, self.key = f"{path}.pem", f"{path}.key"

    @property
    def pair(self):
        return self.certificate, self.key

    def fingerprint(self):
        text = openssl("x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256")
        return text.strip().rpartition("=")[2].replace(":", "").lower()

    def install(self, certificate, key):
        """Puts the pair where a running daemon looks for its own, as an operator would."""
        for source, target in ((self.certificate, certificate), (self.key, key)):
            with open(source, "rb") as file:
                data = file.read()
            with open(os.open(f"{target}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
            os.rename(f"{target}.new", target)


class Authority(Certificate):
    """A CA in a folder. Dates of certificates: days from now, as (from, to)."""

    def __init__(self, folder, name):
        self.folder, self.name = str(folder), name
        super().__init__(os.path.join(self.folder, name))
        self.count = 0
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", "3650",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, name, purpose, dates=("-1", "365"), algorithm=("ec", "ec_paramgen_curve:P-256")):
        """A certificate for 127.0.0.1 and localhost with one purpose ("" for none named)."""
        self.count += 1
        made = Certificate(os.path.join(self.folder, f"{self.name}-{self.count}-{name}"))
        request = f"{made.certificate}.csr"
        openssl("req", "-new", "-newkey", algorithm[0], "-pkeyopt", algorithm[1], "-nodes", "-keyout",
                made.key, "-out", request, "-subj", f"/O=Tests/CN={name}")
        os.chmod(made.key, 0o600)
        lines = ["basicConstraints=CA:FALSE", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
        if purpose:
            lines.append(f"extendedKeyUsage={PURPOSES[purpose]}")
        extensions = f"{made.certificate}.ext"
        with open(extensions, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        self.sign(request, made.certificate, extensions, dates)
        return made

    def sign(self, request, out, extensions, dates):
        """`openssl x509` cannot date back; `openssl ca` can, and wants its own little files."""
        index, conf = f"{out}.index", f"{out}.conf"
        open(index, "w", encoding="ascii").close()
        with open(conf, "w", encoding="ascii") as file:
            file.write("[ca]\ndefault_ca = own\n[own]\n"
                       f"database = {index}\nrand_serial = yes\nnew_certs_dir = {self.folder}\n"
                       "default_md = sha256\npolicy = any\n[any]\n"
                       "organizationName = optional\ncommonName = supplied\n")
        openssl("ca", "-batch", "-notext", "-config", conf, "-in", request, "-out", out, "-cert",
                self.certificate, "-keyfile", self.key, "-extfile", extensions, "-startdate",
                day(dates[0]), "-enddate", day(dates[1]))


def day(days):
    ran = subprocess.run(["date", "-u", "-d", f"{int(days):+d} days", "+%Y%m%d%H%M%SZ"], check=True,
                         capture_output=True, text=True, timeout=10)
    return ran.stdout.strip()
