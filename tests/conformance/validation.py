# SPDX-License-Identifier: Apache-2.0
"""Every constraint of botocore's service model on every member of every operation that is built, at
every depth, is enforced in AWS's words. The requests are sent as JSON by hand: stock clients check
some of it themselves."""
import base64
import json
import re
import uuid

import pytest

from holdfast.operations import MODEL, Place, built, requests

BODY_MAX = 256 << 10
KEY = str(uuid.uuid4())
# Valid requests; the key need not exist: shape comes before the key.
VALID = requests(Place(KEY, KEY, "aGk=", "aGk=", "alias/a", "alias/b", "alias/c"))
BUILT = built()
PREFIX = re.compile(r"(\d+) validation errors? detected: (.*)", re.DOTALL)


def lower(name):
    return name[0].lower() + name[1:]


def encoded(shape, value):
    return base64.b64encode(value).decode() if shape.type_name == "blob" else value


def of_length(shape, length):
    return b"\x20" * length if shape.type_name == "blob" else "a" * length


def sample(shape):
    """A value that the shape allows, as small as may be."""
    if "enum" in shape.metadata:
        return shape.metadata["enum"][0]
    return {
        "string": lambda: "a", "blob": lambda: "aGk=", "integer": lambda: shape.metadata.get("min", 1),
        "boolean": lambda: False, "list": lambda: [sample(shape.member)], "map": lambda: {},
        "structure": lambda: {name: sample(shape.members[name]) for name in shape.required_members},
    }[shape.type_name]()


class Spot:
    """A place in the input of an operation: how AWS calls it, and the request with a value there."""

    def __init__(self, operation, path, shape, fill):
        self.operation, self.path, self.shape, self.fill = operation, path, shape, fill

    def inside(self, name, shape, fill):
        path = f"{self.path}.{name}" if self.path else name
        return Spot(self.operation, path, shape, lambda value: self.fill(fill(value)))

    def members(self, valid=None):
        """The spots of a structure's members; `valid`: what stands in the others."""
        valid = sample(self.shape) if valid is None else valid
        for name, shape in self.shape.members.items():
            yield self.inside(lower(name), shape, lambda value, name=name: {**valid, name: value})

    def below(self):
        """This one and all within it."""
        yield self
        within = []
        if self.shape.type_name == "structure":
            within = self.members()
        elif self.shape.type_name == "list":
            within = [self.inside("1.member", self.shape.member, lambda value: [value])]
        for spot in within:
            yield from spot.below()


def root(operation):
    return Spot(operation, "", MODEL.operation_model(operation).input_shape, lambda value: value)


def spots():
    for operation in BUILT:
        for spot in root(operation).members(VALID[operation]):
            yield from spot.below()


def is_simple_element(spot):
    return spot.path.endswith(".1.member") and spot.shape.type_name != "structure"


def too_short_and_too_long(shape):
    """(value, constraint) for the limits of a string, blob, number or list."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in ("integer", "long"):
        if least is not None:
            yield least - 1, f"Member must have value greater than or equal to {least}"
        if most is not None:
            yield most + 1, f"Member must have value less than or equal to {most}"
    elif shape.type_name in ("string", "blob"):
        if least:
            yield (encoded(shape, of_length(shape, least - 1)),
                   f"Member must have length greater than or equal to {least}")
        if most is not None:
            yield (encoded(shape, of_length(shape, most + 1)),
                   f"Member must have length less than or equal to {most}")
    elif shape.type_name == "list":
        if least:
            yield [], f"Member must have length greater than or equal to {least}"
        if most is not None:
            yield ([sample(shape.member)] * (most + 1),
                   f"Member must have length less than or equal to {most}")


def patterns_and_enumerations(shape):
    if "pattern" in shape.metadata:
        yield "\u0100\u0001", "Member must satisfy regular expression pattern: "
    if "enum" in shape.metadata:
        yield "NO_SUCH_VALUE", "Member must satisfy enum value set: ["


def violations():
    """(spot, path to be named, value to put there, constraint)"""
    for spot in spots():
        for value, text in (*too_short_and_too_long(spot.shape), *patterns_and_enumerations(spot.shape)):
            if len(json.dumps(spot.fill(value))) > BODY_MAX:
                continue  # nobody can send so much
            # Elements without members of their own are told of with their list.
            path = spot.path.removesuffix(".1.member") if is_simple_element(spot) else spot.path
            yield spot, path, value, text


CASES = [pytest.param(*case, id=f"{case[0].operation}-{case[0].path}-{case[3][12:40]}-{i}")
         for i, case in enumerate(violations())]


def test_every_operation_that_is_built_is_walked():
    assert not set(BUILT) - set(VALID), "holdfast/operations.py: a request for each of these"
    assert len(CASES) > 100
    paths = {f"{case.values[0].operation} {case.values[0].path}" for case in CASES}
    assert {"TagResource tags.1.member.tagKey", "UntagResource tagKeys.1.member",
            "Decrypt recipient.attestationDocument", "DescribeKey grantTokens.1.member"} <= paths


def refused(service, spot, value):
    """The texts of the constraints that the value breaks."""
    reply = service.exchange().call(spot.operation, spot.fill(value))
    assert (reply.status, reply.error) == (400, "ValidationException"), reply.body
    match = PREFIX.fullmatch(reply.message)
    assert match, reply.message
    texts = match.group(2).split("; ")
    assert int(match.group(1)) == len(texts)
    assert (match.group(1) == "1") == reply.message.startswith("1 validation error detected: ")
    return texts


@pytest.mark.parametrize("spot,path,value,constraint", CASES)
def test_constraint(service, spot, path, value, constraint):
    texts = refused(service, spot, value)
    inner = rf"Member must satisfy constraint: \[.*{re.escape(constraint)}.*\]"
    outer = rf"{re.escape(constraint)}.*"
    wanted = rf"Value ('.*' )?at '{re.escape(path)}' failed to satisfy constraint: " \
             rf"{inner if is_simple_element(spot) else outer}"
    assert any(re.fullmatch(wanted, text, re.DOTALL) for text in texts), texts
    if spot.shape.metadata.get("sensitive") or spot.shape.type_name == "blob":
        assert encoded(spot.shape, b"\x20" * 8)[:8] not in "".join(texts)


@pytest.mark.parametrize("spot,path,value,constraint", [
    case for case in CASES if "enum" in case.values[0].shape.metadata])
def test_enumerations_are_listed_whole(service, spot, path, value, constraint):
    text = "; ".join(refused(service, spot, value))
    listed = re.search(r"enum value set: \[([^]]*)\]", text).group(1).split(", ")
    assert sorted(listed) == sorted(spot.shape.metadata["enum"])
    shown = f"[{value}]" if is_simple_element(spot) else value
    assert f"Value '{shown}' at '{path}'" in text


def required():
    for operation in BUILT:
        whole = root(operation)
        for name in whole.shape.required_members:
            yield whole, VALID[operation], name
    for spot in spots():
        if spot.shape.type_name == "structure":
            for name in spot.shape.required_members:
                yield spot, sample(spot.shape), name


REQUIRED = [pytest.param(*case, id=f"{case[0].operation}-{case[0].path}-{case[2]}")
            for case in required()]


@pytest.mark.parametrize("spot,valid,name", REQUIRED)
@pytest.mark.parametrize("value", ["absent", None])
def test_required_members(service, spot, valid, name, value):
    given = {n: v for n, v in valid.items() if n != name}
    if value is None:
        given[name] = None
    path = f"{spot.path}.{lower(name)}" if spot.path else lower(name)
    assert refused(service, spot, given) == [
        f"Value null at '{path}' failed to satisfy constraint: Member must not be null"]


def test_number_of_bytes_is_asked_for_in_other_words(service):
    reply = service.exchange().call("GenerateRandom", {})
    assert (reply.status, reply.error) == (400, "ValidationException")
    assert reply.message == "NumberOfBytes is required."


def test_a_tag_is_named_by_its_place_and_shown_whole(service):
    tags = [{"TagKey": "a", "TagValue": ""}, {"TagKey": "k" * 129, "TagValue": "v" * 257}]
    for operation in ("CreateKey", "TagResource"):
        reply = service.exchange().call(operation, {"KeyId": KEY, "Tags": tags})
        assert reply.error == "ValidationException"
        assert reply.message == (
            f"2 validation errors detected: Value '{'k' * 129}' at 'tags.2.member.tagKey' failed to "
            "satisfy constraint: Member must have length less than or equal to 128; Value "
            f"'{'v' * 257}' at 'tags.2.member.tagValue' failed to satisfy constraint: Member must "
            "have length less than or equal to 256")


def test_several_errors_are_counted_and_joined(service):
    reply = service.exchange().call("GenerateDataKey", {"KeyId": "", "NumberOfBytes": 1025})
    assert reply.error == "ValidationException"
    assert reply.message.startswith("2 validation errors detected: Value '")
    texts = reply.message.partition(": ")[2].split("; ")
    assert sorted(texts) == [
        "Value '' at 'keyId' failed to satisfy constraint: Member must have length greater than or "
        "equal to 1",
        "Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less "
        "than or equal to 1024",
    ]


def test_a_sensitive_blob_is_not_repeated(service):
    body = {"KeyId": KEY, "Plaintext": base64.b64encode(b"secret" * 1000).decode()}
    message = service.exchange().call("Encrypt", body).message
    assert message == ("1 validation error detected: Value at 'plaintext' failed to satisfy "
                       "constraint: Member must have length less than or equal to 4096")


def test_elements_of_lists_are_shown_with_their_list(service):
    reply = service.exchange().call("DescribeKey", {"KeyId": KEY, "GrantTokens": ["ok", ""]})
    assert reply.error == "ValidationException"
    assert reply.message == (
        "1 validation error detected: Value '[ok, ]' at 'grantTokens' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length less than or equal to 8192, Member "
        "must have length greater than or equal to 1]")


WRONG = {"string": [1, True, [], {}, 1.5], "blob": [1, True, [], {}],
         "integer": ["1", [], {}, True], "boolean": ["true", 1, [], {}], "list": ["a", 1, {}, True],
         "map": ["a", 1, [], True], "structure": ["a", 1, [], True]}


def test_wrong_types(service):
    """One connection after the other; a list instead of a parameter, for there are hundreds."""
    taken = []
    for spot in spots():
        for value in WRONG[spot.shape.type_name]:
            reply = service.exchange().call(spot.operation, spot.fill(value))
            if (reply.status, reply.error) != (400, "SerializationException"):
                taken.append((spot.operation, spot.path, value, reply.status, reply.body))
    assert taken == []


@pytest.mark.parametrize("text", ["a", "aGk", "aGk=aGk=", "aG k=", "aGk-", "aGk=\n", "====", "aGl=", "é==="])
def test_base64_that_is_none(service, key, text):
    reply = service.exchange().call("Encrypt", {"KeyId": key, "Plaintext": text})
    assert (reply.status, reply.error) == (400, "SerializationException"), reply.body


def test_unknown_members_are_ignored(service, key):
    body = {"KeyId": key, "Plaintext": "aGk=", "NewMember": {"deep": [1, 2, {"x": None}]}}
    assert service.exchange().call("Encrypt", body).status == 200


def test_null_is_absence(service, key):
    body = {"KeyId": key, "Plaintext": "aGk=", "EncryptionContext": None, "GrantTokens": None,
            "DryRun": None, "EncryptionAlgorithm": None}
    sealed = service.exchange().call("Encrypt", body).json["CiphertextBlob"]
    assert service.exchange().call("Decrypt", {"CiphertextBlob": sealed}).status == 200


def test_values_of_a_context_must_be_strings(service, key):
    for value in (1, True, [], {}, 1.5):
        body = {"KeyId": key, "Plaintext": "aGk=", "EncryptionContext": {"a": value}}
        reply = service.exchange().call("Encrypt", body)
        assert (reply.status, reply.error) == (400, "SerializationException"), (value, reply.body)


def test_text_keeps_its_characters(service, kms):
    text = "\u0001\"\\/\b\f\n\r\t\u007f\u0080ß漢\U0001F511\ud7ff\ue000\uffff"
    raw = json.dumps({"Description": text}).encode()
    metadata = service.exchange().call("CreateKey", raw).json["KeyMetadata"]
    assert metadata["Description"] == text
    assert kms.describe_key(KeyId=metadata["KeyId"])["KeyMetadata"]["Description"] == text


def test_a_nul_in_text_is_refused(service, key):
    """Not taken for the end of the text: a context cut short would bind to less than was said."""
    for context in ({"a": "b\0c"}, {"a\0b": "c"}):
        reply = service.exchange().call("Encrypt", {"KeyId": key, "Plaintext": "aGk=",
                                                    "EncryptionContext": context})
        assert (reply.status, reply.error) == (400, "SerializationException"), reply.body
