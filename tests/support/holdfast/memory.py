# SPDX-License-Identifier: Apache-2.0
"""The memory of a process as root on the host sees it: its map and its bytes."""
import re

CHUNK = 4 << 20
BLOCK = 64 << 10
OVERLAP = 8 << 10  # no needle is longer
UNREADABLE = ("[vvar]", "[vsyscall]", "[vvar_vclock]")


class Memory:
    def __init__(self, pid):
        self.pid = pid

    def regions(self):
        """(start, end, permissions, path) of each mapping."""
        out = []
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as file:
            for line in file:
                span, permissions, _offset, _device, _inode, *path = line.split(maxsplit=5)
                start, end = (int(part, 16) for part in span.split("-"))
                out.append((start, end, permissions, path[0].strip() if path else ""))
        return out

    def mapped_files(self):
        return {path for *_, path in self.regions() if path.startswith("/")}

    def pieces(self):
        """(address, bytes) of everything that can be read, in overlapping pieces."""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as file:
            for start, end, permissions, path in self.regions():
                if not permissions.startswith("r") or path in UNREADABLE:
                    continue
                for at in range(start, end, CHUNK):
                    try:
                        file.seek(at)
                        yield at, file.read(min(CHUNK + OVERLAP, end - at))
                    except OSError:
                        continue  # a page behind the end of a mapped file

    def bytes_read(self):
        return sum(len(piece) for _, piece in self.pieces())

    def find(self, needles):
        """Where each of `needles` (name → bytes) stands: name → an address in each block that has it.
        One search per needle: one expression for all tries each of them at each byte."""
        found = {}
        for at, block in self.written():
            for name, needle in needles.items():
                place = block.find(needle)
                if place >= 0:
                    found.setdefault(name, []).append(hex(at + place))
        return found

    def written(self):
        """The pieces without what is nothing but zeros, which most of the stacks is."""
        for at, piece in self.pieces():
            for start in range(0, len(piece), BLOCK):
                block = piece[start:start + BLOCK + OVERLAP]
                if block.count(0) < len(block):
                    yield at + start, block


def resident(pid):
    """(now, highest) in MiB"""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        text = file.read()
    found = [re.search(rf"{name}:\s+(\d+) kB", text) for name in ("VmRSS", "VmHWM")]
    return tuple(int(match.group(1)) / 1024 for match in found)
