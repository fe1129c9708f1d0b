# SPDX-License-Identifier: Apache-2.0
"""What is on a SoftHSM token, read from a copy of its folder by a process of its own.

Two processes must not share one SoftHSM folder, and SoftHSM keeps state in the process: hence both.
The copy is also where a test learns the bytes of a key: whoever has SoftHSM's files and the PIN can
flip the flags that protect a key (another token would not let them).
"""
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile

ANCHOR = ":anchor-"
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
CKA_CLASS, CKA_LABEL, CKA_VALUE, CKA_ID = 0x0, 0x3, 0x11, 0x102
CKA_SENSITIVE, CKA_EXTRACTABLE = 0x103, 0x162
CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE, CKA_EC_PARAMS = 0x1, 0x2, 0x170, 0x180
CKA_DECRYPT, CKA_UNWRAP, CKA_SIGN, CKA_SIGN_RECOVER, CKA_VERIFY, CKA_DERIVE = 0x105, 0x107, 0x108, 0x109, 0x10a, 0x10c
CKM_EC_KEY_PAIR_GEN = 0x1040
P256 = bytes.fromhex("06082a8648ce3d030107")
AUDIT_SIGN = ":audit-sign"
CKF_SERIAL_SESSION, CKF_RW_SESSION, CKU_USER = 4, 2, 1
UNAVAILABLE = ctypes.c_ulong(-1).value


class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p), ("length", ctypes.c_ulong)]


class Arguments(ctypes.Structure):
    _fields_ = [("functions", ctypes.c_void_p * 4), ("flags", ctypes.c_ulong),
                ("reserved", ctypes.c_void_p)]


class Token:
    """The first initialised token of the module, logged in."""

    def __init__(self, pin):
        self.library = ctypes.CDLL(MODULE)
        self.must("C_Initialize", None)
        slots, count = (ctypes.c_ulong * 16)(), ctypes.c_ulong(16)
        self.must("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
        self.session = ctypes.c_ulong()
        self.must("C_OpenSession", ctypes.c_ulong(slots[0]), ctypes.c_ulong(CKF_SERIAL_SESSION | CKF_RW_SESSION), None,
                  None, ctypes.byref(self.session))
        self.must("C_Login", self.session, ctypes.c_ulong(CKU_USER), pin.encode(),
                  ctypes.c_ulong(len(pin)))

    def must(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code != 0:
            raise RuntimeError(f"{name}: CKR {code:#x}")

    def attribute(self, handle, kind):
        """The value, or None when the token does not tell it."""
        one = Attribute(kind, None, 0)
        if self.library.C_GetAttributeValue(self.session, ctypes.c_ulong(handle), ctypes.byref(one),
                                            ctypes.c_ulong(1)) != 0 or one.length == UNAVAILABLE:
            return None
        room = ctypes.create_string_buffer(max(1, one.length))
        one.value = ctypes.cast(room, ctypes.c_void_p)
        self.must("C_GetAttributeValue", self.session, ctypes.c_ulong(handle), ctypes.byref(one),
                  ctypes.c_ulong(1))
        return room.raw[: one.length]

    def handles(self):
        self.must("C_FindObjectsInit", self.session, None, ctypes.c_ulong(0))
        found, count, out = (ctypes.c_ulong * 64)(), ctypes.c_ulong(), []
        while True:
            self.must("C_FindObjects", self.session, found, ctypes.c_ulong(64), ctypes.byref(count))
            if count.value == 0:
                break
            out += found[: count.value]
        self.must("C_FindObjectsFinal", self.session)
        return out

    def objects(self):
        out = []
        for handle in self.handles():
            one = {}
            for name, kind in (("id", CKA_ID), ("label", CKA_LABEL), ("value", CKA_VALUE)):
                value = self.attribute(handle, kind)
                one[name] = value.hex() if value is not None else None
            one["label"] = bytes.fromhex(one["label"] or "").decode()
            out.append(one)
        return out


    def destroy(self, part):
        """How many objects had this in their label."""
        found = [h for h in self.handles() if part in (self.attribute(h, CKA_LABEL) or b"").decode()]
        for handle in found:
            self.must("C_DestroyObject", self.session, ctypes.c_ulong(handle))
        return len(found)

    def template(self, values):
        """The rooms stay with the array that borrows from them."""
        rooms = [ctypes.create_string_buffer(value, len(value)) for value in values.values()]
        items = (Attribute * len(rooms))(*(Attribute(kind, ctypes.cast(room, ctypes.c_void_p), len(room))
                                           for kind, room in zip(values, rooms)))
        items.rooms = rooms
        return items

    def remake_pair(self, part):
        """Another key pair in the place of the one with this in its label: same id, label, promises."""
        one = next(h for h in self.handles() if part in (self.attribute(h, CKA_LABEL) or b"").decode())
        name = {kind: self.attribute(one, kind) for kind in (CKA_ID, CKA_LABEL)}
        self.destroy(part)
        yes, no = b"\1", b"\0"
        public = self.template({**name, CKA_TOKEN: yes, CKA_PRIVATE: no, CKA_MODIFIABLE: no, CKA_VERIFY: yes,
                                CKA_EC_PARAMS: P256})
        private = self.template({**name, CKA_TOKEN: yes, CKA_PRIVATE: yes, CKA_MODIFIABLE: no,
                                 CKA_SENSITIVE: yes, CKA_EXTRACTABLE: no, CKA_SIGN: yes, CKA_DECRYPT: no,
                                 CKA_UNWRAP: no, CKA_SIGN_RECOVER: no, CKA_DERIVE: no})
        mechanism = (ctypes.c_ulong * 3)(CKM_EC_KEY_PAIR_GEN, 0, 0)
        handles = (ctypes.c_ulong * 2)()
        self.must("C_GenerateKeyPair", self.session, mechanism, public, ctypes.c_ulong(len(public)),
                  private, ctypes.c_ulong(len(private)), ctypes.byref(handles, 0),
                  ctypes.byref(handles, ctypes.sizeof(ctypes.c_ulong)))
        return name[CKA_ID].hex()


def flip_flags(folder):
    """CKA_SENSITIVE off, CKA_EXTRACTABLE on, in every object file: type, kind 1 (boolean), value."""
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if not name.endswith(".object") or name == "token.object":
                continue
            with open(path, "rb") as file:
                data = file.read()
            for kind, value in ((CKA_SENSITIVE, b"\0"), (CKA_EXTRACTABLE, b"\xff")):
                head = kind.to_bytes(8, "big") + (1).to_bytes(8, "big")
                for old in (b"\0", b"\xff"):
                    data = data.replace(head + old, head + value)
            with open(path, "wb") as file:
                file.write(data)


def run_here(installation, conf, *arguments):
    """This file as a process of its own; what it answers."""
    ran = subprocess.run([sys.executable, os.path.abspath(__file__), *arguments], input=installation.pin,
                         env={**os.environ, "SOFTHSM2_CONF": conf}, capture_output=True,
                         text=True, timeout=60, check=True)
    return json.loads(ran.stdout)


def forget_anchors(installation):
    """From the token itself, whose process is stopped: it does not remember the store any more."""
    assert not installation.token.running()
    assert run_here(installation, installation.environment["SOFTHSM2_CONF"], ANCHOR) > 0


def remake_audit_key(installation):
    """As after a loss: the token, whose process is stopped, has another audit-signing key."""
    assert not installation.token.running()
    run_here(installation, installation.environment["SOFTHSM2_CONF"], AUDIT_SIGN)


def token_objects(installation, reveal=False):
    """[{id, label, value}] of the keys on the installation's token; the values with `reveal` alone."""
    with tempfile.TemporaryDirectory(prefix="holdfast-objects-") as folder:
        tokens = os.path.join(folder, "tokens")
        shutil.copytree(installation.token_folder, tokens)
        if reveal:
            flip_flags(tokens)
        conf = os.path.join(folder, "softhsm2.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        return [one for one in run_here(installation, conf) if ANCHOR not in one["label"]]


if __name__ == "__main__":
    there = Token(sys.stdin.read())
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    json.dump(there.objects() if wanted is None else
              there.remake_pair(wanted) if wanted == AUDIT_SIGN else there.destroy(wanted), sys.stdout)
