# SPDX-License-Identifier: Apache-2.0
"""What Prometheus reads from the real daemon: its form, that every figure is right, and that the
dashboard, the alerts and the documentation speak of metrics that exist."""
import json
import os
import re
import signal

import pytest
import yaml
from botocore.exceptions import ClientError
from prometheus_client.parser import text_string_to_metric_families

from holdfast import Signer, wait_for
from holdfast.installation import PROGRAMS, ROOT, SOFTHSM, Installation, free_port
from holdfast.request import Exchange

SHIM = os.path.join(os.path.dirname(PROGRAMS), "tests/unit/hsm/libsofthsm2_shim.so")
SUFFIXES = ("_bucket", "_sum", "_count", "_total")
# What counts by itself, whoever calls: the readiness probe and the looks at the store.
PROBED = "probe"
# What the service asks of the token for itself, whenever: seals of rows, the anchor, the audit log.
OWN = (PROBED, "mac", "sign", "anchor_read", "anchor_raise")


class Scrape:
    """One reading, parsed; [name, label=value, ...] gives a sample, 0 when there is none."""

    def __init__(self, installation):
        exchange = Exchange(("127.0.0.1", installation.metrics_port), installation.signer)
        self.reply = exchange.send_bytes(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
        assert self.reply.status == 200
        self.text = self.reply.body.decode()
        self.families = list(text_string_to_metric_families(self.text))
        self.samples = {}
        for family in self.families:
            for sample in family.samples:
                place = (sample.name, *sorted(sample.labels.items()))
                assert place not in self.samples, f"{place} stands twice"
                self.samples[place] = sample.value

    def get(self, name, **labels):
        return self.samples.get((name, *sorted(labels.items())), 0)

    def all(self, name):
        return {place[1:]: value for place, value in self.samples.items() if place[0] == name}

    def names(self):
        """As # TYPE has them."""
        return set(re.findall(r"^# TYPE (\w+) ", self.text, re.MULTILINE))


def moved(before, after, name, **ignored):
    """How far each series of a metric moved, by its labels' values; those that did not are left out."""
    earlier, later = before.all(name), after.all(name)
    found = {labels: value - earlier.get(labels, 0) for labels, value in later.items()}
    return {tuple(value for _, value in labels): delta for labels, delta in found.items()
            if delta and not any((key, value) in labels for key, values in ignored.items()
                                 for value in values)}


def opened(folder, settings=None, shim=False):
    """An installation with a listener for metrics, and perhaps a token that misbehaves on command."""
    port = free_port()
    sections = {"metrics": {"listen": f"127.0.0.1:{port}"}, **(settings or {})}
    if shim:
        sections["token"] = {"module": SHIM, **sections.get("token", {})}
    there = Installation(folder, settings=sections)
    there.metrics_port = port
    there.rules = os.path.join(folder, "shim")
    if shim:
        order(there, "")
        environment = {"HOLDFAST_SHIM": there.rules, "HOLDFAST_SHIM_MODULE": SOFTHSM}
        there.environment.update(environment)
        there.token.environment.update(environment)
    try:
        there.initialise()
        there.start()
    except BaseException:
        there.cleanup()
        raise
    return there


def order(installation, rules):
    """Tells the token how to misbehave from now on."""
    fresh = installation.rules + ".new"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(rules)
    os.rename(fresh, installation.rules)


def await_scrape(installation, condition, what):
    """The first reading that fulfils the condition: the token's figures come once a second."""
    def look():
        reading = Scrape(installation)
        return reading if condition(reading) else None

    return wait_for(look, what, 15, 0.1)


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    installation = opened(str(tmp_path_factory.mktemp("metrics")))
    yield installation
    installation.cleanup()


@pytest.fixture
def shimmed(tmp_path):
    # The token misbehaves towards what a test asks of it: nothing is signed meanwhile.
    quiet = {"sign_every_records": 1000000, "sign_every_ms": 3600000}
    installation = opened(str(tmp_path), {"token": {"timeout_ms": 1500, "hang_ms": 300}, "audit": quiet},
                          shim=True)
    yield installation
    installation.cleanup()


# --- form and place ---

def test_the_form_is_the_text_format(there):
    there.client().create_key()
    reading = Scrape(there)
    assert reading.reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reading.text.endswith("\n")
    lines = reading.text.splitlines()
    helped = [line.split(" ")[2] for line in lines if line.startswith("# HELP ")]
    typed = [line.split(" ")[2] for line in lines if line.startswith("# TYPE ")]
    assert helped == typed and len(set(typed)) == len(typed)
    seen = None
    for line in lines:
        if line.startswith("# TYPE "):
            seen = line.split(" ")[2]
        elif not line.startswith("#"):
            name = re.match(r"[a-z_]+", line).group()
            assert re.fullmatch(rf"{seen}(_bucket|_sum|_count)?", name), f"{line} under {seen}"


def test_histograms_are_cumulative_and_end_with_their_count(there):
    families = [f for f in Scrape(there).families if f.type == "histogram"]
    assert len(families) >= 5
    for family in families:
        buckets, counts = {}, {}
        for sample in family.samples:
            rest = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            if sample.name.endswith("_bucket"):
                buckets.setdefault(rest, []).append((float(sample.labels["le"]), sample.value))
            elif sample.name.endswith("_count"):
                counts[rest] = sample.value
        assert buckets.keys() == counts.keys()
        for rest, found in buckets.items():
            assert [le for le, _ in found] == sorted(le for le, _ in found)
            assert [n for _, n in found] == sorted(n for _, n in found)
            assert found[-1] == (float("inf"), counts[rest])


def test_they_are_not_on_the_public_listener(there):
    assert there.daemon.get("/metrics")[0] == 404
    assert there.daemon.get("/readyz")[0] == 200


# --- counters move by what was done, and by nothing else ---

def drive(there, kms, key):
    """Calls with known results; what each does to holdfast_requests_total."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"letter")["CiphertextBlob"]
    for _ in range(2):
        kms.encrypt(KeyId=key, Plaintext=b"letter")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"letter"
    for _ in range(2):
        with pytest.raises(kms.exceptions.InvalidCiphertextException):
            kms.decrypt(CiphertextBlob=blob, EncryptionContext={"not": "this"})
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId="12345678-1234-1234-1234-123456789012")
    assert there.exchange().call("NoSuchOperation").error == "UnknownOperationException"
    return {("Encrypt", "ok"): 3, ("Decrypt", "ok"): 1,
            ("Decrypt", "InvalidCiphertextException"): 2, ("DescribeKey", "NotFoundException"): 1,
            ("unknown", "UnknownOperationException"): 1}


def test_requests_count_by_operation_and_result(there):
    kms = there.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    before = Scrape(there)
    expected = drive(there, kms, key)
    after = Scrape(there)
    assert moved(before, after, "holdfast_requests_total") == expected
    calls = sum(expected.values())
    timed = moved(before, after, "holdfast_request_duration_seconds_count")
    assert timed == {("Encrypt",): 3, ("Decrypt",): 3, ("DescribeKey",): 1, ("unknown",): 1}
    stages = moved(before, after, "holdfast_request_stage_duration_seconds_count")
    assert stages == {("token",): 6, ("audit",): calls}
    assert moved(before, after, "holdfast_audit_records_total") == {(): calls}
    assert moved(before, after, "holdfast_authentication_failures_total") == {}
    assert after.get("holdfast_requests_under_way") == 0
    written = moved(before, after, "holdfast_audit_bytes_total")[()]
    assert calls * 300 < written < calls * 3000
    assert 0 < moved(before, after, "holdfast_audit_syncs_total")[()] <= calls


def test_the_tokens_operations_count_by_verb_and_result(there):
    kms = there.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.describe_key(KeyId=key)  # its row is read, and the row's seal checked on the token
    before = settled(there)
    drive(there, kms, key)
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    expected = {("seal", "ok"): 3, ("open", "ok"): 1, ("open", "E_HSM_CIPHERTEXT"): 2,
                ("generate_sealed", "ok"): 1}

    def counted(reading):
        return by_verb(before, reading) == expected

    after = await_scrape(there, counted, f"the token has counted {expected}")
    times = moved(before, after, "holdfast_token_operation_duration_seconds_count", verb=OWN)
    assert times == {("seal",): 3, ("open",): 3, ("generate_sealed",): 1}


def by_verb(before, after):
    found = moved(before, after, "holdfast_token_operations_total")
    return {(verb, result): n for (result, verb), n in found.items() if verb not in OWN}


def settled(there):
    """A reading that has all that the token did so far: probes go on, so that one more has come."""
    probes = ("holdfast_token_operations_total", {"verb": PROBED, "result": "ok"})
    first = Scrape(there).get(probes[0], **probes[1])
    return await_scrape(there, lambda reading: reading.get(probes[0], **probes[1]) >= first + 6,
                        "the token's figures come")


def test_failed_authentication_counts_by_reason(there):
    exchange, signer = there.exchange(), there.signer
    before = Scrape(there)
    wrong = Signer(signer.access_key, "not the secret", signer.region)
    unknown = Signer("AKIAIOSFODNN7EXAMPLE", signer.secret_key, signer.region)
    elsewhere = Signer(signer.access_key, signer.secret_key, "eu-west-9")
    replies = [exchange.call("ListKeys", signer=wrong), exchange.call("ListKeys", signer=wrong),
               exchange.call("ListKeys", signer=unknown), exchange.call("ListKeys", signer=elsewhere),
               exchange.send_bytes(exchange.assemble("POST", "/", exchange.headers(
                   "TrentService.ListKeys"), b"{}"))]
    assert all(reply.status == 400 for reply in replies)
    after = Scrape(there)
    assert moved(before, after, "holdfast_authentication_failures_total") == {
        ("signature",): 2, ("unknown_key",): 1, ("scope",): 1, ("missing",): 1}
    assert sum(moved(before, after, "holdfast_requests_total").values()) == 5
    assert moved(before, after, "holdfast_audit_records_total") == {}


def test_no_client_makes_a_series(there):
    exchange = there.exchange()
    exchange.call("NoSuchOperation")
    before = Scrape(there)
    for i in range(40):
        exchange.call(f"No{i}")
        exchange.call("ListKeys", headers=exchange.headers(f"Other.{i}"))
    after = Scrape(there)
    assert after.samples.keys() == before.samples.keys()
    assert moved(before, after, "holdfast_requests_total") == {
        ("unknown", "UnknownOperationException"): 80}


def test_connections_and_refusals(there):
    exchange = there.exchange()
    before = Scrape(there)
    with exchange.connect():
        during = await_scrape(
            there, lambda reading: reading.get("holdfast_connections_open", door="public")
            > before.get("holdfast_connections_open", door="public"), "a connection is seen")
    assert during.get("holdfast_connections_open", door="metrics") == 1
    assert exchange.send_bytes(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").status == 405
    assert exchange.send_bytes(b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n").status == 404
    after = Scrape(there)
    assert moved(before, after, "holdfast_http_refusals_total") == {("method",): 1, ("not_found",): 1}
    assert moved(before, after, "holdfast_connections_accepted_total", door=("metrics",)) == {
        ("public",): 3}


def test_the_store_and_what_is_kept_of_it(there):
    kms = there.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.describe_key(KeyId=key)
    before = Scrape(there)
    for _ in range(3):
        kms.describe_key(KeyId=key)
    kms.disable_key(KeyId=key)
    kms.describe_key(KeyId=key)
    after = Scrape(there)
    lookups = moved(before, after, "holdfast_keyring_lookups_total")
    assert lookups[("hit",)] >= 3
    commits = moved(before, after, "holdfast_store_operation_duration_seconds_count")
    assert commits[("write",)] >= 1 and commits[("commit",)] >= 1
    there_size = sum(os.path.getsize(there.store + end) for end in ("", "-wal"))
    assert 0 < after.get("holdfast_store_size_bytes") <= there_size
    assert after.get("holdfast_keyring_keys") >= 1
    assert all(value == 0 for value in after.all("holdfast_store_errors_total").values())


def test_the_process_and_its_state(there):
    reading = settled(there)
    pid = there.daemon.pid
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    resident = reading.get("process_resident_memory_bytes")
    assert 0.5 < resident / (pages * os.sysconf("SC_PAGESIZE")) < 2
    assert abs(reading.get("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) <= 2
    assert reading.get("process_max_fds") >= 1024
    started = os.stat(f"/proc/{pid}").st_mtime
    assert abs(reading.get("process_start_time_seconds") - started) < 30
    assert reading.get("process_cpu_seconds_total") > 0
    version = there.run("holdfastd", "--version").stdout.split()[1]
    assert reading.all("holdfast_build_info") == {(("version", version),): 1}
    assert reading.get("holdfast_ready") == 1 and reading.get("holdfast_audit_healthy") == 1
    conditions = reading.all("holdfast_token_condition")
    assert len(conditions) == 5 and sum(conditions.values()) == 1
    assert conditions[(("condition", "up"),)] == 1
    assert reading.get("holdfast_token_lanes") == 1
    disk = os.statvfs(there.daemon.audit)
    assert reading.get("holdfast_audit_disk_size_bytes") == disk.f_blocks * disk.f_frsize
    assert reading.get("holdfast_audit_disk_free_bytes") <= disk.f_blocks * disk.f_frsize


# --- a token that misbehaves ---

def test_errors_of_the_token_count_by_ckr_and_recoveries(shimmed):
    before = settled(shimmed)
    order(shimmed, "C_Decrypt ckr=0x30 times=1\n")
    after = await_scrape(shimmed, lambda reading: reading.get("holdfast_token_recoveries_total") == 1,
                         "the token was lost and is back")
    found = moved(before, after, "holdfast_token_errors_total")
    assert found.pop(("CKR_DEVICE_ERROR",)) == 1
    # The safety probe of a recovery asks for what a token must refuse.
    assert {ckr for ckr, in found} <= {"CKR_GENERAL_ERROR", "CKR_MECHANISM_INVALID",
                                       "CKR_ATTRIBUTE_TYPE_INVALID"}
    assert after.get("holdfast_token_worker_restarts_total") == 0


def test_each_failed_operation_counts_once(shimmed):
    kms = shimmed.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    before = settled(shimmed)
    order(shimmed, "C_GenerateRandom ckr=0x7 times=3\n")
    for _ in range(3):
        with pytest.raises(ClientError) as failed:
            kms.generate_data_key(KeyId=key, KeySpec="AES_256")
        assert failed.value.response["Error"]["Code"] == "KMSInternalException"
    kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    after = await_scrape(
        shimmed, lambda r: by_verb(before, r).get(("generate_sealed", "ok")) == 1, "four are counted")
    assert by_verb(before, after) == {("generate_sealed", "ok"): 1,
                                      ("generate_sealed", "E_HSM_REFUSED"): 3}
    assert moved(before, after, "holdfast_token_errors_total") == {("CKR_ARGUMENTS_BAD",): 3}
    assert moved(before, after, "holdfast_requests_total") == {
        ("GenerateDataKey", "ok"): 1, ("GenerateDataKey", "KMSInternalException"): 3}


def test_a_killed_worker_is_counted_and_its_figures_stay(shimmed):
    before = settled(shimmed)
    os.kill(shimmed.worker(), signal.SIGKILL)
    after = await_scrape(
        shimmed, lambda reading: reading.get("holdfast_token_worker_restarts_total") == 1
        and reading.get("holdfast_ready") == 1, "the worker was replaced")
    assert moved(before, after, "holdfast_token_connections_lost_total") == {(): 1}
    probes = {"verb": PROBED, "result": "ok"}
    name = "holdfast_token_operations_total"
    assert after.get(name, **probes) >= before.get(name, **probes) > 0
    told = shimmed.run("holdfast", "status", "--json", "--socket", shimmed.daemon.admin, check=False)
    assert json.loads(told.stdout)["Token"]["WorkersReplaced"] == 1


def test_a_token_that_is_away_is_told(shimmed):
    shimmed.token.kill()
    away = await_scrape(shimmed, lambda reading: reading.get("holdfast_ready") == 0
                        and reading.get("holdfast_token_condition", condition="away") == 1,
                        "the token is away")
    assert away.get("holdfast_token_condition", condition="up") == 0
    shimmed.start_token()
    await_scrape(shimmed, lambda reading: reading.get("holdfast_ready") == 1, "it is back")


# --- one request through everything ---

def lines_about(process, request):
    return [line for line in process.read_log().splitlines() if f'request="{request}"' in line]


def events(lines):
    return {line.split()[2] for line in lines}


def audited(there, request):
    return [record for record in there.daemon.audit_records() if record.get("requestID") == request]


def test_one_id_in_reply_audit_and_log(there):
    reply = there.exchange().call("ListKeys")
    request = reply.headers["x-amzn-requestid"]
    assert [record["eventName"] for record in audited(there, request)] == ["ListKeys"]
    lines = lines_about(there.daemon, request)
    assert events(lines) == {"call.answered"}
    refused = there.exchange().call("NoSuchOperation")
    assert refused.headers["x-amzn-requestid"] not in (request, "")


def test_the_tokens_process_names_the_request_that_failed(shimmed):
    kms = shimmed.client()
    key = kms.create_key()["KeyMetadata"]["Arn"]
    # Neither what looks after the token nor what opens the caller's secret draws random bytes.
    order(shimmed, "C_GenerateRandom ckr=0x7\n")
    with pytest.raises(ClientError) as failed:
        kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    order(shimmed, "")
    request = failed.value.response["ResponseMetadata"]["RequestId"]
    found = [(record["eventName"], record["errorCode"]) for record in audited(shimmed, request)]
    assert found == [("GenerateDataKey", "KMSInternalException")], failed.value.response
    assert events(lines_about(shimmed.daemon, request)) == {"call.failed", "call.answered"}
    told = lines_about(shimmed.token, request)
    assert events(told) == {"token.ckr", "token.operation_failed"}
    assert any('verb="generate_sealed"' in line for line in told)


def test_a_hanging_module_is_told_with_the_request_that_hung(shimmed):
    kms = shimmed.client()
    kms.create_key()
    order(shimmed, "C_Sign delay=60000\n")
    with pytest.raises(ClientError) as failed:
        kms.create_key()
    order(shimmed, "")
    request = failed.value.response["ResponseMetadata"]["RequestId"]
    killed = wait_for(lambda: [line for line in lines_about(shimmed.token, request)
                               if " worker.killed " in line], "the worker was killed", 15)
    assert len(killed) == 1 and "the module does not return" in killed[0]


# --- what is said about metrics ---

def named(text):
    found = set(re.findall(r"\b(?:holdfast|process)_[a-z_]+", text))
    return {name for name in found if not name.endswith("_")}


def base(name, known):
    """The metric behind a series' name."""
    for suffix in ("_bucket", "_sum", "_count"):
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return name.removesuffix(suffix)
    return name


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def test_the_dashboard_shows_every_metric_that_exists_and_no_other(there):
    known = Scrape(there).names()
    dashboard = json.loads(read("config/grafana/holdfast.json"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    queries = [variable["definition"] for variable in dashboard["templating"]["list"]
               if variable["type"] == "query"]
    shown = {base(name, known) for text in expressions + queries for name in named(text)}
    assert shown == known
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers) and dashboard["uid"] == "holdfast"
    for text in expressions:
        assert balanced(text), text


def test_no_panel_of_the_dashboard_lies_on_another():
    taken = {}
    for panel in json.loads(read("config/grafana/holdfast.json"))["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert (x, y) not in taken, (panel["title"], taken[(x, y)])
                taken[(x, y)] = panel["title"]


def balanced(expression):
    for left, right in ("()", "[]", "{}"):
        if expression.count(left) != expression.count(right):
            return False
    return expression.count('"') % 2 == 0


def labels_of(expression):
    """[(metric, label, operator, value)] of the selectors in an expression."""
    out = []
    for name, inside in re.findall(r"(\w+)\{([^}]*)\}", expression):
        out += [(name, *found) for found in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', inside)]
    return out


def test_the_alerts_name_metrics_and_values_that_exist(there):
    reading = Scrape(there)
    known = reading.names()
    groups = yaml.safe_load(read("config/prometheus/holdfast.rules.yaml"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 10
    for rule in rules:
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert {"summary", "description"} == rule["annotations"].keys()
        assert balanced(rule["expr"])
        assert {base(name, known) for name in named(rule["expr"])} <= known, rule["alert"]
        for metric, label, operator, value in labels_of(rule["expr"]):
            if label != "job" and metric != "holdfast_requests_total" and operator in ("=~", "!~"):
                values = {dict(labels)[label] for labels in reading.all(metric)} or {None}
                assert all(part in values or "E_HSM_" in part or value == part
                           for part in value.split("|")), (metric, value)


def test_every_metric_is_documented_and_no_other(there):
    known = Scrape(there).names()
    table = read("config/grafana/README.md")
    rows = re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", table, re.MULTILINE)
    assert {name for name, _ in rows} == known
    types = dict(re.findall(r"^# TYPE (\w+) (\w+)$", Scrape(there).text, re.MULTILINE))
    assert dict(rows) == types
