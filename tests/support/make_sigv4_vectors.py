#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/unit/auth/vectors/sigv4.json: requests as botocore signs them.

    pip install botocore && tests/support/make_sigv4_vectors.py > tests/unit/auth/vectors/sigv4.json

Two kinds: single requests, chosen for what they do to the canonical form, and requests that a whole
KMS client of botocore would put on the wire. Where AWS has published the signature (the examples of
its Signature Version 4 test suite), botocore's is compared with it here.
"""

import base64
import datetime
import json
import sys
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.session

NOW = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.timezone.utc)
KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW=="

PUBLISHED = {
    "get-vanilla": "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    "post-vanilla": "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    "get-vanilla-query-order-key-case":
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    "get-header-value-trim": "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    "get-utf8": "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
}


def fixed_time(*_args, **_kwargs):
    return NOW


class RecordingAuth(botocore.auth.SigV4Auth):
    """Signs, and keeps what it signed."""

    def canonical_request(self, request):
        self.canonical = super().canonical_request(request)
        return self.canonical

    def string_to_sign(self, request, canonical_request):
        self.to_sign = super().string_to_sign(request, canonical_request)
        return self.to_sign


def split_url(url):
    path = url.split("://", 1)[1]
    path = "/" + path.split("/", 1)[1] if "/" in path else "/"
    return path.split("?", 1) if "?" in path else (path, "")


def vector(name, url, headers, method, body, auth):
    path, query = split_url(url)
    sent = dict(headers)
    signature = sent["Authorization"].rsplit("Signature=", 1)[1]
    if name in PUBLISHED and PUBLISHED[name] != signature:
        sys.exit(f"{name}: botocore says {signature}, AWS published {PUBLISHED[name]}")
    return {
        "name": name,
        "method": method,
        "path": path,
        "query": query,
        "headers": [[k, v] for k, v in sent.items()],
        "body": base64.b64encode(body).decode(),
        "secret": auth.credentials.secret_key,
        "region": auth._region_name,
        "service": auth._service_name,
        "canonical": auth.canonical,
        "string_to_sign": auth.to_sign,
        "signature": signature,
    }


def single(name, method="GET", url="https://example.amazonaws.com/", headers=(), body=b"",
           service="service", region="us-east-1", secret=SECRET, token=None):
    credentials = botocore.credentials.Credentials(KEY, secret, token)
    auth = RecordingAuth(credentials, service, region)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body)
    for key, value in headers:
        request.headers[key] = value
    auth.add_auth(request)
    sent = list(request.headers.items())
    if "host" not in {key.lower() for key, _ in sent}:
        sent.insert(0, ("Host", botocore.auth._host_from_url(url)))
    return vector(name, url, sent, method, body, auth)


class Answer:
    """What the client is told instead of a reply."""

    status_code = 200
    headers = {"content-type": "application/x-amz-json-1.1"}
    content = b"{}"
    text = "{}"
    raw = None


def of_client(name, operation, arguments, token=None, endpoint="http://127.0.0.1:4599"):
    """The request that a KMS client of botocore sends for one operation."""
    session = botocore.session.Session()
    session.set_credentials(KEY, SECRET, token)
    client = session.create_client("kms", region_name="eu-central-1", endpoint_url=endpoint,
                                   config=botocore.config.Config(
                                       user_agent="botocore", retries={"max_attempts": 0}))
    sent, auth = [], []

    def record_auth(cls):
        class Auth(RecordingAuth):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                auth.append(self)
        return Auth

    def keep(request, **_kwargs):
        sent.append(request)
        return Answer()

    client.meta.events.register("before-send.kms.*", keep)
    original = botocore.auth.AUTH_TYPE_MAPS["v4"]
    botocore.auth.AUTH_TYPE_MAPS["v4"] = record_auth(original)
    try:
        getattr(client, operation)(**arguments)
    finally:
        botocore.auth.AUTH_TYPE_MAPS["v4"] = original
    request = sent[0]
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    headers = {k: v.decode() if isinstance(v, bytes) else v for k, v in request.headers.items()}
    headers.setdefault("Host", botocore.auth._host_from_url(request.url))
    return vector(name, request.url, headers.items(), request.method, body, auth[0])


def singles():
    base = "https://example.amazonaws.com"
    form = ("Content-Type", "application/x-www-form-urlencoded")
    yield single("get-vanilla")
    yield single("post-vanilla", method="POST")
    yield single("get-vanilla-query-order-key-case", url=base + "/?Param1=value1&Param2=value2")
    yield single("get-header-value-trim",
                 headers=[("My-Header1", " value1"), ("My-Header2", ' "a   b   c"')])
    yield single("get-utf8", url=base + "/\u1234")
    yield single("header-blanks", headers=[("My-Header", "  a \t b\t\tc   d  "),
                                           ("X-Amz-Meta", "\tx  ")])
    yield single("header-empty", headers=[("X-Amz-Meta-Empty", "")])
    yield single("header-utf8", headers=[("X-Amz-Meta-Name", "Zo\u00eb  \u65e5\u672c")])
    yield single("header-order", headers=[("Zoo", "1"), ("X-Amz-B", "2"), ("X-Amz-A", "3"),
                                          ("A-b", "4"), ("A", "5")])
    yield single("host-with-port", url="http://127.0.0.1:4599/")
    yield single("path-plain", url=base + "/kms/xks/v1/keys/abc-123/metadata")
    yield single("path-double-encoding", url=base + "/a%20b/c%2Fd/%25")
    yield single("path-characters", url=base + "/-._~/a:b@c!$&'()*+,;=")
    yield single("path-dots", url=base + "/a/./b/../c/")
    yield single("path-above-root", url=base + "/../../a")
    yield single("path-slashes", url=base + "//a///b//")
    yield single("path-to-root", url=base + "/a/..")
    yield single("query-order", url=base + "/?b=2&a=2&a=1&B=0&a=")
    yield single("query-prefix-names", url=base + "/?a=1&a-=2&a.b=3&aa=4")
    yield single("query-no-value", url=base + "/?acl&z")
    yield single("query-escapes", url=base + "/?k%20y=v%2Fw%3D%26&n=%E1%88%B4&t=~")
    yield single("body-form", method="POST", headers=[form], body=b"Param1=value1")
    yield single("body-binary", method="POST", body=bytes(range(256)))
    yield single("body-large", method="POST", body=b"x" * 5000)
    yield single("session-token", method="POST", token=TOKEN, body=b"{}")
    yield single("region-service", region="ap-southeast-2", service="kms-xks-proxy", method="POST")
    yield single("secret-long", secret="s" * 128)
    yield single("secret-short", secret="x")


def clients():
    context = {"Zweck": "Prüfung ✓", "a": "bc"}
    key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    yield of_client("client-list-keys", "list_keys", {"Limit": 10})
    yield of_client("client-generate-data-key", "generate_data_key",
                    {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context})
    yield of_client("client-encrypt-with-token", "encrypt",
                    {"KeyId": "alias/app", "Plaintext": b"\0\1\2secret"}, token=TOKEN)
    yield of_client("client-of-aws", "generate_random", {"NumberOfBytes": 32},
                    endpoint="https://kms.eu-central-1.amazonaws.com")


def main():
    botocore.auth.get_current_datetime = fixed_time
    uuid.uuid4 = lambda: uuid.UUID(int=0x1234)
    vectors = list(singles()) + list(clients())
    json.dump({"time": NOW.strftime("%Y%m%dT%H%M%SZ"), "access_key_id": KEY, "vectors": vectors},
              sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
