/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast evidence: a signed bundle for those who must be shown what is promised. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/evidence.h"
#include "cli/request.h"
#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/timestamp.h"
#include "crypto/digest.h"

#define ANSWER_MAX ((size_t)64 << 10)
#define BODY_MAX 128
#define KEY_FILE_MAX ((size_t)4 << 10)

/* ---- making one ---- */

/* The service has the token sign SHA256SUMS: signature.json. */
static enum exit_status sign(const struct command_context *context, struct evidence_bundle *bundle,
			     struct evidence_signature *signature)
{
	struct view sums = buf_view(&bundle->files[EVIDENCE_SUMS]);
	char body[BODY_MAX], digest[2 * SHA256_LEN + 1];
	struct writer w;
	struct json_out out;
	CLEANUP(buf_cleanup) struct buf text;
	CLEANUP(json_free) struct json *answer = NULL;
	buf_init(&text, ANSWER_MAX);
	if (err_failed(digest_sha256(&sums, 1, signature->digest)))
		return EXIT_DEFECT;
	writer_init(&w, digest, sizeof digest);
	hex_encode(&w, VIEW_ARRAY(signature->digest));
	if (err_failed(writer_end_text(&w)))
		return EXIT_DEFECT;
	writer_init(&w, body, sizeof body);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "Digest", view_of_text(digest));
	json_out_end_object(&out);
	if (err_failed(json_out_end(&out)))
		return EXIT_DEFECT;
	enum exit_status status =
		request_send(context, "SignStatement", view_of(body, w.len), &text, &answer);
	if (status != EXIT_DONE)
		return status;
	writer_init(&w, signature->signature, sizeof signature->signature);
	struct err e = text_copy(signature->installation, sizeof signature->installation,
				 json_string_of(json_member(answer, "Installation")));
	if (!err_failed(e))
		e = timestamp_parse_iso(json_string_of(json_member(answer, "Time")),
					&signature->time_ms);
	if (!err_failed(e))
		e = base64_decode(&w, json_string_of(json_member(answer, "Signature")));
	/* A token that signs with another key than it tells is found out here, not by the lab. */
	if (!err_failed(e))
		e = evidence_signature_check(signature);
	if (!err_failed(e))
		e = evidence_signature_write(signature, &bundle->files[EVIDENCE_SIGNATURE]);
	if (err_failed(e))
		(void)fprintf(stderr, "holdfast: the token's signature cannot be used: %s\n",
			      err_meaning(e));
	return exit_of(e);
}

static struct err render(struct evidence_bundle *bundle, const uint8_t point[ECDSA_P256_POINT_LEN])
{
	CLEANUP(json_free) struct json *evidence = NULL;
	struct writer w;
	TRY(json_parse_long(buf_view(&bundle->files[EVIDENCE_JSON]), EVIDENCE_TOKENS_MAX,
			    &evidence));
	TRY(evidence_report_write(evidence, &bundle->files[EVIDENCE_REPORT]));
	writer_init_buf(&w, &bundle->files[EVIDENCE_KEY]);
	TRY(ecdsa_p256_pem_write(point, &w));
	return evidence_sums(bundle, &bundle->files[EVIDENCE_SUMS]);
}

static enum exit_status say_done(const struct command_context *context, const char *path,
				 const struct evidence_signature *signature)
{
	char fingerprint[AUDIT_STATEMENT_FINGERPRINT_TEXT] = "";
	(void)!err_failed(audit_statement_fingerprint(VIEW_ARRAY(signature->point), fingerprint));
	if (context->json)
		(void)printf("{\"KeyFingerprint\":\"%s\",\"Installation\":\"%s\"}\n", fingerprint,
			     signature->installation);
	else
		(void)printf(
			"%s/report.html is for people, %s/evidence.json for programs.\n"
			"Signed by the token's audit key %s.\n\n"
			"-> hand over the whole folder, and by another way the key that it must "
			"be signed with: holdfast audit public-key\n"
			"-> they check it with: holdfast evidence verify %s --key FILE\n",
			path, path, fingerprint, path);
	return EXIT_DONE;
}

static const char *word(const struct command_call *call)
{
	for (size_t i = 0; i < call->arguments->count; i++)
		if (call->arguments->given[i].row->option == NULL)
			return call->arguments->given[i].text;
	return "";
}

static enum exit_status fill(const struct command_context *context, const struct command_call *call,
			     const char *path)
{
	CLEANUP(evidence_bundle_cleanup) struct evidence_bundle bundle;
	struct evidence_signature signature = {.time_ms = 0};
	struct audit_keys older = {.count = 0};
	evidence_bundle_init(&bundle);
	enum exit_status status = audit_keys_read(call->arguments, "audit-key", &older);
	if (status == EXIT_DONE)
		status = evidence_gather(context, &older, &bundle.files[EVIDENCE_JSON],
					 signature.point);
	if (status != EXIT_DONE)
		return status;
	struct err e = render(&bundle, signature.point);
	if (err_failed(e)) {
		(void)fprintf(stderr, "holdfast: the report cannot be made: %s\n", err_meaning(e));
		return exit_of(e);
	}
	status = sign(context, &bundle, &signature);
	if (status == EXIT_DONE)
		status = evidence_folder_write(path, &bundle);
	return status == EXIT_DONE ? say_done(context, path, &signature) : status;
}

static enum exit_status make(const struct command_context *context, const struct command_call *call)
{
	const char *path = word(call);
	bool made = false;
	enum exit_status status = evidence_folder_make(path, &made);
	if (status != EXIT_DONE)
		return status;
	status = fill(context, call, path);
	if (status != EXIT_DONE && made)
		(void)rmdir(path); /* empty: whoever repeats it finds what was there before */
	return status;
}

/* ---- verifying one ---- */

static enum exit_status read_key(const char *path, uint8_t point[ECDSA_P256_POINT_LEN])
{
	char text[KEY_FILE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : -1;
	int number = errno;
	if (fd >= 0)
		(void)close(fd);
	if (n < 0) {
		(void)fprintf(stderr, "holdfast: %s: %s\n", path, strerrordesc_np(number));
		return EXIT_IO;
	}
	if (!err_failed(ecdsa_p256_pem_read(view_of(text, (size_t)n), point)))
		return EXIT_DONE;
	(void)fprintf(stderr, "holdfast: %s is no public key of P-256 in PEM\n", path);
	return EXIT_USAGE;
}

static bool has_nothing(const struct evidence_bundle *bundle)
{
	for (size_t i = 0; i < EVIDENCE_FILE_COUNT; i++)
		if (bundle->files[i].len > 0)
			return false;
	return true;
}

/* Only who has the key from elsewhere learns that it is genuine: whoever makes a bundle up brings a
 * key that fits. */
static const char *const verdicts[][CHECK_FAILURE + 1] = {
	{
		[CHECK_OK] = "The bundle is genuine, and what it tells is well.",
		[CHECK_UNKNOWN] = "The bundle is genuine; some things it could not look at.",
		[CHECK_WARNING] = "The bundle is genuine, and tells of TROUBLE.",
		[CHECK_FAILURE] = "The bundle is NOT GENUINE.",
	},
	{
		[CHECK_OK] = "The bundle is genuine if the key below is the installation's, and "
			     "what it tells is well.",
		[CHECK_UNKNOWN] = "The bundle is genuine if the key below is the installation's; "
				  "some things it could not look at.",
		[CHECK_WARNING] = "The bundle is genuine if the key below is the installation's, "
				  "and tells of TROUBLE.",
		[CHECK_FAILURE] = "The bundle is NOT GENUINE.",
	},
	{[CHECK_FAILURE] = "There is NO BUNDLE to verify."},
};
enum { PINNED, NOT_PINNED, NO_BUNDLE };

static enum exit_status verify(const struct command_context *context,
			       const struct command_call *call)
{
	CLEANUP(evidence_bundle_cleanup) struct evidence_bundle bundle;
	CLEANUP(check_list_cleanup) struct check_list list;
	uint8_t point[ECDSA_P256_POINT_LEN];
	const char *key = arguments_text(call->arguments, "key");
	enum exit_status status = key != NULL ? read_key(key, point) : EXIT_DONE;
	evidence_bundle_init(&bundle);
	check_list_init(&list);
	list.group = word(call);
	if (status != EXIT_DONE)
		return status;
	evidence_folder_read(word(call), &bundle, &list);
	if (list.count[CHECK_FAILURE] == 0)
		evidence_verify(&bundle, key != NULL ? point : NULL, &list);
	size_t which = has_nothing(&bundle) ? NO_BUNDLE : key != NULL ? PINNED : NOT_PINNED;
	if (err_failed(check_list_end(&list, verdicts[which])))
		return EXIT_DEFECT;
	/* Where nobody serves nothing is unwell: what is brought is refused. */
	status = check_list_print(context, &list);
	return status == EXIT_UNWELL ? EXIT_REFUSED : status;
}

static const struct argument make_arguments[] = {
	ARGUMENT_WORD(NULL, "DIR", "a folder that is empty, or is made"),
	ARGUMENT_OPTION("audit-key", NULL, "FILE", ARGUMENT_LIST,
			"public keys (PEM) that signed the audit log before this token's"),
	ARGUMENTS_END};

static const struct argument verify_arguments[] = {
	ARGUMENT_WORD(NULL, "DIR", "the folder of a bundle"),
	ARGUMENT_OPTION("key", NULL, "FILE", ARGUMENT_TEXT,
			"the public key (PEM) that it must be signed with"),
	ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "",
	 .run = make,
	 .summary = "write a signed bundle: every key as the token has it now, and a report",
	 .arguments = make_arguments},
	{.name = "verify",
	 .run = verify,
	 .summary = "is a bundle genuine, and does it bear out what it says; needs no service",
	 .arguments = verify_arguments},
	VERBS_END};

const struct command cmd_evidence = {
	.name = "evidence",
	.summary = "a signed bundle for a lab: keys as the token has them, and a report",
	.verbs = verbs,
};
