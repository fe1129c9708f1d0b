/* SPDX-License-Identifier: Apache-2.0 */
/* A bundle against itself: digests, signature, and each verdict judged anew from the facts. */
#include "base/mem.h"
#include "base/text.h"
#include "cli/evidence.h"
#include "cli/evidence_facts.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"

#define HEX_TEXT (2 * SHA256_LEN + 1)
#define CONCLUSIONS_MAX ((size_t)1 << 20)
#define AGAIN "take the bundle from where it was made once more"
#define TOLD_MAX 20 /* rows of one kind; the last says how many more there are */

/* ---- digests and signature ---- */

static struct err digest_text(struct view content, char out[HEX_TEXT])
{
	uint8_t digest[SHA256_LEN];
	struct writer w;
	TRY(digest_sha256(&content, 1, digest));
	writer_init(&w, out, HEX_TEXT);
	hex_encode(&w, VIEW_ARRAY(digest));
	return writer_end_text(&w);
}

/* The line of SHA256SUMS in this place is that of this file, as it is. */
static bool check_sum(const struct evidence_bundle *bundle, enum evidence_file file,
		      struct view *rest, struct check_list *list)
{
	char digest[HEX_TEXT] = "", line[HEX_TEXT + 64] = "";
	const char *name = evidence_file_name(file);
	struct err e = digest_text(buf_view(&bundle->files[file]), digest);
	if (!err_failed(e))
		e = text_format(line, sizeof line, "%s  %s", digest, name);
	bool same = !err_failed(e) && view_equal_text(view_cut(rest, '\n'), line);
	check_add(list, name, same ? CHECK_OK : CHECK_FAILURE, AGAIN,
		  same ? "as SHA256SUMS has it" : "it is not what SHA256SUMS has: it was changed");
	return same;
}

static void check_sums(const struct evidence_bundle *bundle, struct check_list *list)
{
	struct view rest = buf_view(&bundle->files[EVIDENCE_SUMS]);
	for (size_t i = 0; i < EVIDENCE_LISTED; i++)
		(void)check_sum(bundle, (enum evidence_file)i, &rest, list);
	if (rest.ptr == NULL || rest.len > 0)
		check_add(list, evidence_file_name(EVIDENCE_SUMS), CHECK_FAILURE, AGAIN,
			  "it has other lines than those of the three files");
}

/* Every byte of it counts: it is what its content is written as. */
static bool is_written_so(const struct evidence_signature *signature, struct view text)
{
	CLEANUP(buf_cleanup) struct buf again;
	buf_init(&again, EVIDENCE_FILE_MAX);
	return !err_failed(evidence_signature_write(signature, &again)) &&
	       view_equal(buf_view(&again), text);
}

static bool read_signature(const struct evidence_bundle *bundle, struct evidence_signature *out,
			   struct check_list *list)
{
	const char *name = evidence_file_name(EVIDENCE_SIGNATURE);
	struct view text = buf_view(&bundle->files[EVIDENCE_SIGNATURE]);
	struct err e = evidence_signature_read(text, out);
	bool key_read = !err_failed(
		ecdsa_p256_pem_read(buf_view(&bundle->files[EVIDENCE_KEY]), out->point));
	if (!key_read)
		check_add(list, evidence_file_name(EVIDENCE_KEY), CHECK_FAILURE, AGAIN,
			  "it holds no public key of P-256");
	if (err_failed(e) || (key_read && !is_written_so(out, text))) {
		check_add(list, name, CHECK_FAILURE, AGAIN,
			  "it is not as it was written, or names another key than "
			  "audit-public-key.pem");
		return false;
	}
	return key_read;
}

static void check_signature(const struct evidence_bundle *bundle, struct check_list *list,
			    struct evidence_signature *signature)
{
	const char *name = evidence_file_name(EVIDENCE_SIGNATURE);
	struct view sums = buf_view(&bundle->files[EVIDENCE_SUMS]);
	uint8_t digest[SHA256_LEN];
	char time[TIMESTAMP_ISO_TEXT];
	struct err e = digest_sha256(&sums, 1, digest);
	bool same = !err_failed(e) && mem_equal(digest, signature->digest, sizeof digest);
	check_add(list, evidence_file_name(EVIDENCE_SUMS), same ? CHECK_OK : CHECK_FAILURE, AGAIN,
		  same ? "as signature.json has it"
		       : "it is not what signature.json has: it was changed");
	e = evidence_signature_check(signature);
	timestamp_iso(signature->time_ms, false, time);
	if (err_failed(e))
		check_add(list, name, CHECK_FAILURE,
			  "believe nothing in it; take the bundle from where it was made once more",
			  "the signature is not this key's over this bundle");
	else
		check_add(list, name, CHECK_OK, "", "signed %s by installation %s", time,
			  signature->installation);
}

static void check_key(const struct evidence_signature *signature,
		      const uint8_t pinned[ECDSA_P256_POINT_LEN], struct check_list *list)
{
	char fingerprint[AUDIT_STATEMENT_FINGERPRINT_TEXT] = "";
	(void)!err_failed(audit_statement_fingerprint(VIEW_ARRAY(signature->point), fingerprint));
	bool same = pinned != NULL && mem_equal(pinned, signature->point, ECDSA_P256_POINT_LEN);
	if (pinned != NULL)
		check_add(list, "key", same ? CHECK_OK : CHECK_FAILURE,
			  "this bundle is of another installation, or made up; ask the "
			  "installation for its key: holdfast audit public-key",
			  "%s %s",
			  same ? "the one given with --key:" : "NOT the one given:", fingerprint);
	else
		check_add(list, "key", CHECK_OK, "",
			  "%s; compare it with that of holdfast audit public-key, or give the key "
			  "with --key",
			  fingerprint);
}

/* ---- the facts ---- */

struct inspection {
	const struct json *evidence;
	struct check_list *list;
	uint64_t wrong;
};

static void object(struct inspection *i, const char *name, const struct json *key,
		   const struct json *version, const char *what)
{
	struct view id = json_string_of(json_member(key, version != NULL ? "KeyId" : "Role"));
	if (i->wrong++ >= TOLD_MAX)
		return;
	check_add(i->list, name, CHECK_FAILURE,
		  "believe no verdict in this bundle: the facts in it say otherwise",
		  "%.*s version %lld: %s", (int)id.len, (const char *)id.ptr,
		  (long long)json_integer_of(json_member(version, "Number")), what);
}

static bool verdict_is(const struct json *object_, enum judge_verdict verdict)
{
	return view_equal_text(json_string_of(json_member(object_, "AsRequired")),
			       judge_verdict_name(verdict));
}

static void inspect_key(struct inspection *i, const struct json *key)
{
	const struct json *versions = json_member(key, "Versions");
	char digest[HEX_TEXT] = "";
	struct view policy = json_string_of(json_member(key, "Policy"));
	bool same = !err_failed(digest_text(policy, digest)) &&
		    view_equal_text(json_string_of(json_member(key, "PolicySha256")), digest);
	if (!same)
		object(i, "policy", key, key, "its digest is another");
	for (size_t j = 0; j < json_count(versions); j++) {
		const struct json *version = json_element(versions, j);
		const struct json *token = json_member(version, "Token");
		struct judge_subject subject = evidence_subject_of_version(key, version);
		if (token != NULL && !verdict_is(version, judge_object(&subject, token)))
			object(i, "attributes", key, version,
			       "AsRequired is not what its attributes say");
	}
}

static void inspect_own(struct inspection *i, const struct json *own)
{
	struct judge_subject subject = evidence_subject_of_own(own);
	if (!verdict_is(own, judge_object(&subject, json_member(own, "Token"))))
		object(i, "attributes", own, NULL, "AsRequired is not what its attributes say");
}

static void inspect_objects(struct inspection *i)
{
	const struct json *keys = json_member(i->evidence, "Keys");
	const struct json *own = json_member(i->evidence, "ServiceKeys");
	for (size_t j = 0; j < json_count(keys); j++)
		inspect_key(i, json_element(keys, j));
	for (size_t j = 0; j < json_count(own); j++)
		inspect_own(i, json_element(own, j));
	if (i->wrong > TOLD_MAX)
		check_add(i->list, "attributes", CHECK_FAILURE, "", "and %llu more",
			  (unsigned long long)(i->wrong - TOLD_MAX));
}

static struct err write_found(const struct json *evidence, struct buf *out)
{
	struct writer w;
	struct json_out json;
	writer_init_buf(&w, out);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	json_out_value(&json, "Summary", json_member(evidence, "Summary"));
	json_out_value(&json, "Promises", json_member(evidence, "Promises"));
	json_out_end_object(&json);
	return json_out_end(&json);
}

static struct err write_anew(const struct json *evidence, struct buf *out)
{
	struct writer w;
	struct json_out json;
	writer_init_buf(&w, out);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	evidence_write_conclusions(evidence, &json);
	json_out_end_object(&json);
	return json_out_end(&json);
}

/* Another release may word its promises otherwise: then the counts alone are compared by eye. */
static void inspect_conclusions(struct inspection *i)
{
	CLEANUP(buf_cleanup) struct buf found;
	CLEANUP(buf_cleanup) struct buf anew;
	buf_init(&found, CONCLUSIONS_MAX);
	buf_init(&anew, CONCLUSIONS_MAX);
	bool same = !err_failed(write_found(i->evidence, &found)) &&
		    !err_failed(write_anew(i->evidence, &anew)) &&
		    view_equal(buf_view(&found), buf_view(&anew));
	bool ours = view_equal_text(json_string_of(json_member(i->evidence, "MadeWith")),
				    "holdfast " HOLDFAST_VERSION);
	if (!same)
		check_add(i->list, "conclusions", ours ? CHECK_FAILURE : CHECK_WARNING,
			  ours ? "believe no verdict in this bundle: the facts in it say otherwise"
			       : "verify it with the release that made it",
			  "the summary does not follow from the facts");
	else if (i->wrong == 0)
		check_add(i->list, "conclusions", CHECK_OK, "",
			  "every verdict follows from the facts");
}

static void inspect_origin(const struct inspection *i, const struct evidence_signature *signature)
{
	uint8_t point[ECDSA_P256_POINT_LEN] = {0};
	struct writer w;
	const struct json *machine = json_member(i->evidence, "System");
	const struct json *installation = json_member(machine, "Installation");
	writer_init(&w, point, sizeof point);
	struct err e = base64_decode(&w, json_string_of(json_member(machine, "AuditPublicKey")));
	bool same = !err_failed(e) && mem_equal(point, signature->point, sizeof point) &&
		    view_equal_text(json_string_of(json_member(installation, "Id")),
				    signature->installation);
	check_add(i->list, "installation", same ? CHECK_OK : CHECK_FAILURE,
		  "it tells of another installation than the one that signed it",
		  same ? "evidence.json is of the installation that signed"
		       : "evidence.json names another installation or key");
}

/* What it tells is for whoever reads it; trouble is not hidden behind a good signature. */
static void tell_facts(const struct inspection *i)
{
	struct evidence_facts f;
	evidence_facts_count(i->evidence, &f);
	uint64_t trouble = f.judged[JUDGE_NO] + f.own[JUDGE_NO] + f.misplaced + f.tests_failed +
			   f.refused + f.gaps + (f.store_looked && !f.store_well) +
			   (f.audit_looked && !f.audit_well);
	uint64_t unseen = f.judged[JUDGE_UNKNOWN] + f.own[JUDGE_UNKNOWN] + !f.store_looked +
			  !f.audit_looked + (f.audit_looked && !f.audit_signed);
	check_add(i->list, "content",
		  trouble > 0  ? CHECK_WARNING
		  : unseen > 0 ? CHECK_UNKNOWN
			       : CHECK_OK,
		  trouble > 0 ? "report.html says what is wrong, under Promises"
			      : "report.html says what could not be looked at, under Promises",
		  "%llu keys, %llu versions: %llu as required, %llu not reported in full, %llu not "
		  "as required; %llu of %llu self-tests failed; store %s; audit log %s",
		  (unsigned long long)f.keys, (unsigned long long)f.versions,
		  (unsigned long long)f.judged[JUDGE_YES],
		  (unsigned long long)f.judged[JUDGE_UNKNOWN],
		  (unsigned long long)(f.judged[JUDGE_NO] + f.misplaced),
		  (unsigned long long)f.tests_failed, (unsigned long long)f.tests,
		  !f.store_looked ? "not looked at"
		  : f.store_well  ? "verified"
				  : "NOT as sealed",
		  !f.audit_looked  ? "not looked at"
		  : !f.audit_well  ? "NOT whole"
		  : f.audit_signed ? "verified"
				   : "whole, and nothing of it is signed for");
}

static void inspect(const struct evidence_bundle *bundle,
		    const struct evidence_signature *signature, struct check_list *list)
{
	CLEANUP(json_free) struct json *evidence = NULL;
	struct err e = json_parse_long(buf_view(&bundle->files[EVIDENCE_JSON]), EVIDENCE_TOKENS_MAX,
				       &evidence);
	bool known =
		view_equal_text(json_string_of(json_member(evidence, "Format")), EVIDENCE_FORMAT);
	if (err_failed(e) || !known) {
		check_add(list, evidence_file_name(EVIDENCE_JSON), CHECK_FAILURE,
			  err_failed(e) ? AGAIN : "verify it with the release that made it",
			  err_failed(e) ? "it is not well-formed JSON"
					: "its format is none that this program knows");
		return;
	}
	struct inspection i = {.evidence = evidence, .list = list};
	inspect_origin(&i, signature);
	inspect_objects(&i);
	inspect_conclusions(&i);
	tell_facts(&i);
}

void evidence_verify(const struct evidence_bundle *bundle,
		     const uint8_t pinned[ECDSA_P256_POINT_LEN], struct check_list *list)
{
	struct evidence_signature signature = {.time_ms = 0};
	check_sums(bundle, list);
	if (!read_signature(bundle, &signature, list))
		return;
	check_signature(bundle, list, &signature);
	check_key(&signature, pinned, list);
	inspect(bundle, &signature, list);
}
