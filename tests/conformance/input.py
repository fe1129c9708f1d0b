# SPDX-License-Identifier: Apache-2.0
"""Bad input: a clear error, bounded memory, and nobody else notices."""
import json
import os
import socket
import threading
import time

import pytest

from holdfast import wait_for
from holdfast.request import read_reply

BODY_MAX = 256 << 10


@pytest.fixture
def exchange(service):
    return service.exchange()


@pytest.fixture(autouse=True)
def still_serves(service, kms, key):
    """After every one of these tests the same process answers a good client."""
    pid = service.daemon.pid
    yield
    assert service.daemon.running() and service.daemon.pid == pid
    sealed = kms.encrypt(KeyId=key, Plaintext=b"still")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"still"


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.parametrize("body", [
    b"", b" ", b"{", b"}", b"{}}", b"{} x", b"[]", b"null", b"1", b'"x"', b"{'KeyId': 'a'}",
    b'{"KeyId": }', b'{"KeyId": "a",}', b'{"KeyId" "a"}', b'{KeyId: "a"}', b'{"KeyId": "\\x"}',
    b'{"KeyId": "\\ud800"}', b'{"KeyId": "\\udc00\\ud800"}', b'{"KeyId": "a\nb"}', b'{"KeyId": "a',
    b'{"KeyId": \xff"a"}', b"\xef\xbb\xbf{}", b"\0", b'{"KeyId": nan}', b'{"KeyId": 01}',
    b'{"Limit": 1e999}', b'{"Limit": 99999999999999999999999}', b"// x\n{}", b"\xfe\xff\0{\0}",
])
def test_malformed_json(exchange, body):
    reply = exchange.call("DescribeKey", body)
    assert (reply.status, reply.error) in ((400, "SerializationException"),
                                           (400, "ValidationException")), reply.body
    if body.strip():
        assert reply.error == "SerializationException"


@pytest.mark.parametrize("text", [b"\xff", b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
                                  b"\xf0\x80\x80\x80", b"a\x80b"])
def test_invalid_utf8(exchange, text):
    for body in (b'{"Description": "' + text + b'"}', b'{"' + text + b'": 1}'):
        reply = exchange.call("CreateKey", body)
        assert (reply.status, reply.error) == (400, "SerializationException")


def test_members_that_stand_twice(exchange, key):
    bodies = (
        b'{"KeyId": "a", "KeyId": "%s"}' % key.encode(),
        b'{"KeyId": "%s", "\\u004beyId": "a"}' % key.encode(),
        b'{"KeyId": "%s", "Plaintext": "aGk=", "EncryptionContext": {"a": "1", "a": "2"}}' % key.encode(),
    )
    for body in bodies:
        operation = "Encrypt" if b"Plaintext" in body else "DescribeKey"
        reply = exchange.call(operation, body)
        assert (reply.status, reply.error) == (400, "SerializationException"), reply.body


@pytest.mark.parametrize("depth", [100, 10_000, 60_000])
@pytest.mark.parametrize("one", [b'{"a":', b"["])
def test_deep_nesting(exchange, depth, one):
    end = b"}" if one[:1] == b"{" else b"]"
    body = b'{"x":' + one * depth + b"1" + end * depth + b"}"
    reply = exchange.call("DescribeKey", body[: BODY_MAX])
    assert (reply.status, reply.error) == (400, "SerializationException"), reply.body


def test_huge_bodies_are_refused_before_they_are_read(service, exchange):
    before = resident(service.daemon.pid)
    for size in (BODY_MAX + 1, 16 << 20):
        reply = exchange.call("DescribeKey", b"{" + b" " * (size - 2) + b"}")
        assert reply is None or reply.status in (400, 413), reply.body
    pairs = exchange.headers("TrentService.DescribeKey") + [("Content-Length", str(1 << 40))]
    reply = exchange.send_bytes(exchange.assemble("POST", "/", pairs, b""))
    assert reply is None or reply.status in (400, 413)
    assert resident(service.daemon.pid) - before < 64 << 20


def test_the_largest_body_is_read(exchange):
    body = b'{"KeyId": ""' + b" " * (BODY_MAX - 13) + b"}"
    assert len(body) == BODY_MAX
    assert exchange.call("DescribeKey", body).error == "ValidationException"


def test_a_missing_target(exchange):
    reply = exchange.call(None)
    assert (reply.status, reply.error) == (400, "UnknownOperationException")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_wrong_methods(exchange, method):
    data = exchange.build("ListKeys", method=method)
    with exchange.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall(data)
        assert stream.readline().split()[1] in (b"400", b"404", b"405", b"501")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-amz-json-1.0", ""])
def test_other_content_types(exchange, kind):
    """Whatever the answer, it is one in AWS's form."""
    pairs = [(n, kind if n == "Content-Type" else v) for n, v in exchange.headers("TrentService.ListKeys")]
    reply = exchange.call("ListKeys", headers=pairs)
    assert reply.status == 200 or (reply.status in (400, 404, 415) and reply.error)


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nxx",
    b"POST / HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\0" * 1000, os.urandom(4096) + b"\r\n\r\n",
])
def test_what_is_no_http(exchange, data):
    """An error or a closed connection, soon; never a success."""
    with exchange.connect() as connection:
        connection.settimeout(10)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(65536)
        except OSError as error:
            assert not isinstance(error, TimeoutError), "neither answered nor closed"
            answer = b""
    assert not answer or answer.split()[1][:1] in b"45", answer[:200]


def test_chunked_bodies_are_bounded_as_well(service, exchange):
    before = resident(service.daemon.pid)
    pairs = exchange.headers("TrentService.ListKeys") + [("Transfer-Encoding", "chunked")]
    head = exchange.assemble("POST", "/", pairs, b"")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with exchange.connect() as connection:
        connection.settimeout(10)
        try:
            connection.sendall(head)
            for _ in range(400):
                connection.sendall(chunk)
        except OSError:
            pass
    assert resident(service.daemon.pid) - before < 16 << 20


def test_a_chunked_body_of_usual_size_is_taken_or_refused(exchange):
    pairs = exchange.headers("TrentService.ListKeys")
    authorization = exchange.signer.authorization("POST", "/", pairs, b"{}")
    head = pairs + [("Authorization", authorization), ("Transfer-Encoding", "chunked")]
    reply = exchange.send_bytes(exchange.assemble("POST", "/", head, b"2\r\n{}\r\n0\r\n\r\n"))
    assert reply.status in (200, 400, 411, 501)


def test_one_connection_many_requests(exchange):
    """Kept alive and pipelined: replies come in the order of the requests."""
    good, bad = exchange.build("ListKeys"), exchange.build("DescribeKey", {"KeyId": "none"})
    with exchange.connect() as connection, connection.makefile("rb") as stream:
        for _ in range(3):
            connection.sendall(good + bad + good)
            assert [read_reply(stream).status for _ in range(3)] == [200, 400, 200]


def test_slow_and_half_open_connections_hold_nobody_up(service, exchange, kms, key):
    """Two hundred clients that send one byte, half a head or half a body, and then nothing."""
    data = exchange.build("ListKeys")
    before = resident(service.daemon.pid)
    held = []
    try:
        for i in range(200):
            connection = exchange.connect()
            connection.sendall((data[:1], data[: len(data) // 2], data[:-1], b"")[i % 4])
            held.append(connection)
        slowest = 0.0
        for _ in range(50):
            start = time.monotonic()
            kms.encrypt(KeyId=key, Plaintext=b"x")
            slowest = max(slowest, time.monotonic() - start)
        assert slowest < 2.0
        assert resident(service.daemon.pid) - before < 64 << 20
    finally:
        for connection in held:
            connection.close()


def test_a_client_that_leaves_before_the_reply(exchange):
    data = exchange.build("ListKeys")
    for _ in range(100):
        connection = exchange.connect()
        connection.sendall(data)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()


def test_more_connections_than_allowed(make):
    """The others get in as soon as there is room again; the service never dies of it."""
    small = make(settings={"server": {"connections_max": 32}})
    exchange = small.exchange()
    held = []
    for _ in range(80):
        connection = exchange.connect()
        connection.setblocking(False)
        held.append(connection)
    for connection in held:
        connection.close()
    wait_for(lambda: exchange.call("ListKeys").status == 200, "room again")


def test_a_slow_request_ends_at_its_deadline(make):
    quick = make(settings={"server": {"request_timeout_s": 2, "idle_timeout_s": 3}})
    exchange = quick.exchange()
    data = exchange.build("ListKeys")
    ends = {}

    def drip(name, first):
        with exchange.connect() as connection:
            connection.settimeout(0.2)
            connection.sendall(data[:first])
            start, at = time.monotonic(), first
            while time.monotonic() - start < 15:
                try:
                    if connection.recv(1) == b"":
                        break
                    break
                except TimeoutError:
                    at += 1
                    try:
                        connection.sendall(data[at : at + 1] if name == "drip" and at < len(data) - 1 else b"")
                    except OSError:
                        break
                except OSError:
                    break
            ends[name] = time.monotonic() - start

    threads = [threading.Thread(target=drip, args=case) for case in (("drip", 1), ("half", 40), ("body", len(data) - 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(seconds < 10 for seconds in ends.values()) and len(ends) == 3, ends


def test_health(service):
    assert service.daemon.get("/healthz")[0] == 200
    assert service.daemon.get("/readyz")[0] == 200
    assert service.daemon.get("/nothing")[0] in (400, 404)


def test_errors_are_never_http_pages(exchange):
    """Clients parse the body as JSON whatever happened."""
    for path in ("/x", "/%2e%2e/etc/passwd", "//", "/?a=%zz"):
        reply = exchange.call("ListKeys", path=path)
        assert reply.status in (400, 403, 404), path
        assert json.loads(reply.body)["__type"]
