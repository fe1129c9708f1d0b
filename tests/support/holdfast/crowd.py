# SPDX-License-Identifier: Apache-2.0
"""Many keys, some with as many aliases and tags as a key may have, and clients that change others."""
import concurrent.futures
import random
import threading
import time

from .request import Exchange, read_reply

SOME = 40         # keys with aliases, and keys with tags
FULL = 50         # KMS: aliases and tags of one key
KEPT = 45         # on those that leave room for changes
CREATORS = 4
CHANGERS = 2
HELD = (FULL - KEPT) // CHANGERS  # aliases of one key, and tags, that one of them has at a time


class Caller(Exchange):
    """Calls on one connection that is kept."""

    connection = stream = None

    def send_bytes(self, data):
        if self.connection is None:
            self.connection = self.connect()
            self.stream = self.connection.makefile("rb")
        self.connection.sendall(data)
        return read_reply(self.stream)

    def must(self, operation, **members):
        reply = self.call(operation, members)
        assert reply is not None and reply.status == 200, f"{operation} {members}: {reply}"
        return reply.json if reply.body else {}

    def timed(self, operation, **members):
        """(seconds, answer)"""
        request = self.build(operation, members)
        start = time.perf_counter()
        reply = self.send_bytes(request)
        took = time.perf_counter() - start
        assert reply is not None and reply.status == 200, f"{operation} {members}: {reply}"
        return took, reply.json

    def close(self):
        if self.connection is not None:
            self.stream.close()
            self.connection.close()
            self.connection = None


def caller(installation):
    exchange = installation.exchange()
    return Caller(exchange.address, exchange.signer, timeout=60.0, clock=exchange.clock)


def alias_name(number, n):
    return f"alias/scale/{number:05}/{n:03}"


def tag_key(n):
    return f"tag-{n:03}"


class Crowd:
    """`count` keys in the order of their making. Even numbers of aliases and tags stay for good."""

    def __init__(self, installation, count):
        assert count >= 4 * SOME, "SCALE_KEYS is too small"
        self.installation, self.count = installation, count
        self.ids = [None] * count
        self.named = range(0, 2 * SOME, 2)
        self.tagged = range(1, 2 * SOME, 2)
        self.aliases = {}  # name: key id
        self.tags = {}     # number: {key: value}
        self.took = 0.0

    def kept(self, at):
        """How many of the some: every second one is full."""
        return FULL if at % 4 < 2 else KEPT

    def create(self):
        start = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CREATORS) as pool:
            list(pool.map(self.create_part, range(CREATORS)))
        self.took = time.monotonic() - start
        self.name_some()

    def create_part(self, first):
        calls = caller(self.installation)
        for number in range(first, self.count, CREATORS):
            members = {"Description": f"number {number}"}
            if number in self.tagged:
                self.tags[number] = {tag_key(2 * n): f"{number}" for n in range(self.kept(number))}
                members["Tags"] = [{"TagKey": k, "TagValue": v} for k, v in self.tags[number].items()]
            self.ids[number] = calls.must("CreateKey", **members)["KeyMetadata"]["KeyId"]
        calls.close()

    def name_some(self):
        calls = caller(self.installation)
        for number in self.named:
            for n in range(self.kept(number)):
                name = alias_name(number, 2 * n)
                calls.must("CreateAlias", AliasName=name, TargetKeyId=self.ids[number])
                self.aliases[name] = self.ids[number]
        calls.close()

    def with_room(self, numbers):
        return [number for number in numbers if self.kept(number) < FULL]


class Changes:
    """Clients that make and remove aliases, tags and keys of their own, in among those that stay."""

    def __init__(self, crowd):
        self.crowd, self.counts, self.failures = crowd, {}, []
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CHANGERS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def total(self):
        return sum(self.counts.values())

    def run(self, which):
        calls = caller(self.crowd.installation)
        chance = random.Random(which)
        own = {"alias": set(), "tag": set(), "keys": []}
        try:
            while not self.ending.is_set():
                action = chance.choices((self.alias, self.tag, self.key), (5, 5, 1))[0]
                name = action(calls, chance, own, which)
                self.counts[which, name] = self.counts.get((which, name), 0) + 1
            self.clear(calls, own)
        except Exception as failure:  # pylint: disable=broad-except
            self.failures.append(failure)
        calls.close()

    def clear(self, calls, own):
        for at in own["alias"]:
            calls.must("DeleteAlias", AliasName=alias_name(*at))
        for number, n in own["tag"]:
            calls.must("UntagResource", KeyId=self.crowd.ids[number], TagKeys=[tag_key(n)])

    def place(self, chance, numbers, own, which):
        """A key with room, and an odd number that is this client's alone; one that it has already
        where it has as many as it may."""
        number = chance.choice(self.crowd.with_room(numbers))
        held = sorted(at for at in own if at[0] == number)
        if len(held) == HELD:
            return chance.choice(held)
        return number, 2 * chance.randrange(which, KEPT, CHANGERS) + 1

    def alias(self, calls, chance, own, which):
        at = self.place(chance, self.crowd.named, own["alias"], which)
        if at in own["alias"]:
            own["alias"].remove(at)
            calls.must("DeleteAlias", AliasName=alias_name(*at))
            return "DeleteAlias"
        own["alias"].add(at)
        calls.must("CreateAlias", AliasName=alias_name(*at), TargetKeyId=self.crowd.ids[at[0]])
        return "CreateAlias"

    def tag(self, calls, chance, own, which):
        number, n = at = self.place(chance, self.crowd.tagged, own["tag"], which)
        key = self.crowd.ids[number]
        if at in own["tag"]:
            own["tag"].remove(at)
            calls.must("UntagResource", KeyId=key, TagKeys=[tag_key(n)])
            return "UntagResource"
        own["tag"].add(at)
        calls.must("TagResource", KeyId=key, Tags=[{"TagKey": tag_key(n), "TagValue": "passing"}])
        return "TagResource"

    @staticmethod
    def key(calls, _chance, own, _which):
        if own["keys"]:
            calls.must("ScheduleKeyDeletion", KeyId=own["keys"].pop(), PendingWindowInDays=7)
            return "ScheduleKeyDeletion"
        own["keys"].append(calls.must("CreateKey")["KeyMetadata"]["KeyId"])
        return "CreateKey"
