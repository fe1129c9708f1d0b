# SPDX-License-Identifier: Apache-2.0
"""Who is asking: signatures that are missing, incomplete, wrong, old or made for something else."""
import dataclasses
import datetime
import re

import pytest

TARGET = ("X-Amz-Target", "TrentService.ListKeys")
JSON = ("Content-Type", "application/x-amz-json-1.1")


def now(seconds=0):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)


@pytest.fixture
def exchange(service):
    return service.exchange()


def check(reply, *codes):
    assert reply.status == 400, reply.body
    assert reply.error in codes, reply.body
    assert reply.message


def test_a_good_one_is_taken(exchange):
    assert exchange.call("ListKeys").status == 200


def test_no_signature(exchange):
    data = exchange.assemble("POST", "/", exchange.headers("TrentService.ListKeys"), b"{}")
    check(exchange.send_bytes(data), "MissingAuthenticationTokenException")


@pytest.mark.parametrize("text", [
    "", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
    "AWS4-HMAC-SHA256 Credential=AKIA, SignedHeaders=host, Signature=00",
    "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" + "0" * 64, "Basic YTpi", "Bearer x",
    "AWS4-ECDSA-P256-SHA256 Credential=AKIA/20300101/kms/aws4_request, SignedHeaders=host, "
    "Signature=30", "AWS4-HMAC-SHA256 " + "Credential=," * 100,
])
def test_incomplete_signatures(exchange, text):
    pairs = exchange.headers("TrentService.ListKeys") + [("Authorization", text)]
    check(exchange.send_bytes(exchange.assemble("POST", "/", pairs, b"{}")),
          "IncompleteSignatureException", "MissingAuthenticationTokenException")


def test_the_query_form_is_not_taken(exchange):
    path = ("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20300101%2Fus-east-1%2Fkms%2F"
            "aws4_request&X-Amz-Date=20300101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" + "0" * 64)
    data = exchange.assemble("POST", path, exchange.headers("TrentService.ListKeys"), b"{}")
    check(exchange.send_bytes(data), "IncompleteSignatureException",
          "MissingAuthenticationTokenException")


def test_an_unknown_access_key(exchange):
    signer = dataclasses.replace(exchange.signer, access_key="AKIA" + "A" * 16)
    reply = exchange.call("ListKeys", signer=signer)
    check(reply, "UnrecognizedClientException")
    assert reply.message == "The security token included in the request is invalid."


def test_the_wrong_secret(exchange):
    signer = dataclasses.replace(exchange.signer, secret_key="x" * 40)
    check(exchange.call("ListKeys", signer=signer), "InvalidSignatureException")


@pytest.mark.parametrize("change", [{"region": "eu-west-1"}, {"service": "sts"}, {"service": "s3"},
                                    {"region": "US-EAST-1"}])
def test_a_scope_for_something_else(exchange, change):
    signer = dataclasses.replace(exchange.signer, **change)
    check(exchange.call("ListKeys", signer=signer), "InvalidSignatureException")


@pytest.mark.parametrize("seconds,taken", [(-290, True), (290, True), (-310, False), (310, False),
                                           (-86400, False), (86400 * 366, False)])
def test_clocks_that_differ(exchange, seconds, taken):
    reply = exchange.call("ListKeys", date=now(seconds))
    if taken:
        assert reply.status == 200, reply.body
    else:
        check(reply, "InvalidSignatureException")
        assert re.match(r"Signature (expired|not yet current): ", reply.message)


def test_the_body_is_signed(exchange, key):
    data = exchange.build("DescribeKey", {"KeyId": key})
    check(exchange.send_bytes(data.replace(b'"KeyId"', b'"Keyid"')), "InvalidSignatureException")


def test_target_method_path_and_query_are_signed(exchange):
    data = exchange.build("ListKeys")
    assert exchange.send_bytes(data).status == 200
    for old, new in ((b"TrentService.ListKeys", b"TrentService.CreateKey"), (b"POST / ", b"POST /?a=b "),
                     (b"POST / ", b"POST /x ")):
        assert old in data
        reply = exchange.send_bytes(data.replace(old, new, 1))
        assert reply.status in (400, 404) and (reply.status == 404 or reply.error in (
            "InvalidSignatureException", "UnknownOperationException")), reply.body


def test_a_changed_signature(exchange):
    data = exchange.build("ListKeys")
    at = data.index(b"Signature=") + len(b"Signature=")
    for where in (at, at + 31, at + 63):
        changed = bytearray(data)
        changed[where] = ord("0") if changed[where] != ord("0") else ord("1")
        check(exchange.send_bytes(bytes(changed)), "InvalidSignatureException")


def test_the_reply_does_not_teach_the_right_signature(exchange):
    signer = dataclasses.replace(exchange.signer, secret_key="x" * 40)
    date = now()
    right = exchange.build("ListKeys", date=date)
    signature = re.search(rb"Signature=([0-9a-f]{64})", right).group(1)
    reply = exchange.call("ListKeys", date=date, signer=signer)
    assert signature not in reply.body


@pytest.mark.parametrize("name", ["X-Amz-Security-Token", "X-Amz-Anything", "x-amz-content-sha256x"])
def test_an_unsigned_amz_header(exchange, name):
    check(exchange.call("ListKeys", unsigned=[(name, "x")]), "InvalidSignatureException",
          "UnrecognizedClientException")


@pytest.mark.parametrize("left_out", ["host", "x-amz-target", "content-type"])
def test_a_header_that_must_be_signed_and_is_not(exchange, left_out):
    names = {"host", "x-amz-date", "x-amz-target", "content-type"} - {left_out}
    check(exchange.call("ListKeys", signed=names), "InvalidSignatureException")


def test_other_headers_may_stay_unsigned(exchange):
    extra = [("User-Agent", "x"), ("Accept", "*/*"), ("X-Forwarded-For", "1.2.3.4")]
    assert exchange.call("ListKeys", unsigned=extra).status == 200


@pytest.mark.parametrize("name", ["X-Amz-Date", "X-Amz-Target", "Authorization", "Host", "Content-Type"])
def test_doubled_headers(exchange, name):
    """The second could be the one that another program in between has looked at."""
    data = exchange.build("ListKeys")
    line = re.search(rb"\r\n(" + name.encode() + rb": [^\r]*)\r\n", data, re.IGNORECASE).group(1)
    for doubled in (line, line[: len(name) + 2] + b"other"):
        reply = exchange.send_bytes(data.replace(line, line + b"\r\n" + doubled, 1))
        assert reply.status == 400, reply.body


def test_a_signed_header_that_was_not_sent(exchange):
    names = {"host", "x-amz-date", "x-amz-target", "content-type", "x-amz-more"}
    check(exchange.call("ListKeys", signed=names), "InvalidSignatureException",
          "IncompleteSignatureException")


def test_a_payload_hash_that_does_not_fit(exchange):
    pairs = exchange.headers("TrentService.ListKeys") + [("X-Amz-Content-Sha256", "0" * 64)]
    check(exchange.call("ListKeys", headers=pairs), "InvalidSignatureException")


@pytest.mark.parametrize("stamp", ["", "x", "20301301T000000Z", "20300101T000000", "20300101T250000Z",
                                   "2030-01-01T00:00:00Z", "99999999T999999Z"])
def test_dates_that_are_none(exchange, stamp):
    pairs = [(name, stamp if name == "X-Amz-Date" else value)
             for name, value in exchange.headers("TrentService.ListKeys")]
    reply = exchange.call("ListKeys", headers=pairs)
    check(reply, "IncompleteSignatureException", "InvalidSignatureException",
          "MissingAuthenticationTokenException")


def test_a_date_of_another_day_than_the_scope(exchange):
    data = exchange.build("ListKeys")
    today = now().strftime("%Y%m%d").encode()
    changed = data.replace(b"/" + today + b"/", b"/20200101/", 1)
    check(exchange.send_bytes(changed), "InvalidSignatureException")


def test_authenticity_comes_before_everything_else(exchange):
    signer = dataclasses.replace(exchange.signer, secret_key="x" * 40)
    for operation, body in (("NoSuchOperation", b"{}"), ("CreateKey", b"not json"),
                            ("DescribeKey", b'{"KeyId": ""}')):
        check(exchange.call(operation, body, signer=signer), "InvalidSignatureException")


def test_refused_calls_do_nothing(service, exchange, kms):
    before = kms.list_keys(Limit=1000)["Keys"]
    signer = dataclasses.replace(exchange.signer, secret_key="x" * 40)
    for _ in range(20):
        exchange.call("CreateKey", {}, signer=signer)
    assert kms.list_keys(Limit=1000)["Keys"] == before
