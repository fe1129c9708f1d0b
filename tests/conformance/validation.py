# SPDX-License-Identifier: Apache-2.0
"""Every constraint of botocore's service model on every member of the built operations is enforced,
in AWS's words. The requests are sent as JSON by hand: stock clients check some of it themselves."""
import base64
import json
import re
import uuid

import pytest
from botocore.session import get_session

MODEL = get_session().get_service_model("kms")
KEY = str(uuid.uuid4())
# A valid request of each built operation; the key need not exist: shape comes before the key.
VALID = {
    "CreateKey": {},
    "DescribeKey": {"KeyId": KEY},
    "ListKeys": {},
    "Encrypt": {"KeyId": KEY, "Plaintext": "aGk="},
    "Decrypt": {"CiphertextBlob": "aGk="},
    "GenerateDataKey": {"KeyId": KEY, "KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeyId": KEY, "KeySpec": "AES_256"},
    "ReEncrypt": {"CiphertextBlob": "aGk=", "DestinationKeyId": KEY},
    "EnableKey": {"KeyId": KEY},
    "DisableKey": {"KeyId": KEY},
    "CreateAlias": {"AliasName": "alias/x", "TargetKeyId": KEY},
    "UpdateAlias": {"AliasName": "alias/x", "TargetKeyId": KEY},
    "DeleteAlias": {"AliasName": "alias/x"},
    "ListAliases": {},
    "GetKeyLastUsage": {"KeyId": KEY},
}
PREFIX = re.compile(r"(\d+) validation errors? detected: (.*)", re.DOTALL)
# The service's own limits are lower than the model's and come with their own words.
OWN_LIMIT = {("CreateKey", "Policy"), ("CreateKey", "Tags")}


def lower(name):
    return name[0].lower() + name[1:]


def encoded(shape, value):
    return base64.b64encode(value).decode() if shape.type_name == "blob" else value


def of_length(shape, length):
    return b"\x20" * length if shape.type_name == "blob" else "a" * length


def too_short_and_too_long(shape):
    """(value, constraint) for the limits of a string, blob or number."""
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


def patterns_and_enumerations(shape):
    if "pattern" in shape.metadata:
        yield "\u0100\u0001", "Member must satisfy regular expression pattern: "
    if "enum" in shape.metadata:
        yield "NO_SUCH_VALUE", "Member must satisfy enum value set: ["


def violations():
    """(operation, path as AWS writes it, member, shape, value to send, constraint)"""
    for operation in VALID:
        for member, shape in MODEL.operation_model(operation).input_shape.members.items():
            if (operation, member) in OWN_LIMIT:
                continue
            for value, text in (*too_short_and_too_long(shape), *patterns_and_enumerations(shape)):
                yield operation, lower(member), member, shape, value, text
            if shape.type_name == "list" and shape.metadata.get("max"):
                too_many = ["a"] * (shape.metadata["max"] + 1)
                text = f"Member must have length less than or equal to {shape.metadata['max']}"
                yield operation, lower(member), member, shape, too_many, text


CASES = [pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[5][12:40]}-{i}")
         for i, case in enumerate(violations())]


def test_the_model_still_has_what_is_walked_here():
    assert len(CASES) > 50
    assert {case.values[0] for case in CASES} == set(VALID)


@pytest.mark.parametrize("operation,path,member,shape,value,constraint", CASES)
def test_constraint(service, operation, path, member, shape, value, constraint):
    reply = service.exchange().call(operation, {**VALID[operation], member: value})
    assert (reply.status, reply.error) == (400, "ValidationException"), reply.body
    match = PREFIX.fullmatch(reply.message)
    assert match, reply.message
    texts = match.group(2).split("; ")
    assert int(match.group(1)) == len(texts)
    assert (match.group(1) == "1") == reply.message.startswith("1 validation error detected: ")
    wanted = rf"Value (null )?('.*' )?at '{re.escape(path)}' failed to satisfy constraint: " \
             rf"{re.escape(constraint)}.*"
    assert any(re.fullmatch(wanted, text, re.DOTALL) for text in texts), reply.message
    if shape.metadata.get("sensitive") or shape.type_name == "blob":
        assert encoded(shape, b"\x20" * 8)[:8] not in reply.message


@pytest.mark.parametrize("operation,path,member,shape,value,constraint", [
    case for case in CASES if "enum" in case.values[3].metadata])
def test_enumerations_are_listed_whole(service, operation, path, member, shape, value, constraint):
    message = service.exchange().call(operation, {**VALID[operation], member: value}).message
    listed = re.search(r"enum value set: \[([^]]*)\]", message).group(1).split(", ")
    assert sorted(listed) == sorted(shape.metadata["enum"])
    assert f"Value '{value}' at '{path}'" in message


REQUIRED = [(operation, member) for operation in VALID
            for member in MODEL.operation_model(operation).input_shape.required_members]


@pytest.mark.parametrize("operation,member", REQUIRED)
@pytest.mark.parametrize("value", ["absent", None])
def test_required_members(service, operation, member, value):
    body = {name: given for name, given in VALID[operation].items() if name != member}
    if value is None:
        body[member] = None
    reply = service.exchange().call(operation, body)
    assert (reply.status, reply.error) == (400, "ValidationException")
    assert reply.message == (f"1 validation error detected: Value null at '{lower(member)}' failed to "
                             "satisfy constraint: Member must not be null")


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


def wrong_types():
    wrong = {"string": [1, True, [], {}, 1.5], "blob": [1, True, [], {}], "integer": ["1", [], {}, True],
             "boolean": ["true", 1, [], {}], "list": ["a", 1, {}, True], "map": ["a", 1, [], True],
             "structure": ["a", 1, [], True]}
    for operation in VALID:
        for member, shape in MODEL.operation_model(operation).input_shape.members.items():
            for value in wrong[shape.type_name]:
                yield operation, member, value


def test_wrong_types(service):
    """One connection after the other; a list instead of a parameter, for there are hundreds."""
    taken = []
    for operation, member, value in wrong_types():
        reply = service.exchange().call(operation, {**VALID[operation], member: value})
        if (reply.status, reply.error) != (400, "SerializationException"):
            taken.append((operation, member, value, reply.status, reply.body))
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
