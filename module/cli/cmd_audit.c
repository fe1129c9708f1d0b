/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast audit: the audit log and its proof. Verification needs neither the service nor the
 * token: only the public key. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/audit_keys.h"
#include "cli/audit_show.h"
#include "cli/audit_text.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "codec/hex.h"

#define TEXT_MAX ((size_t)64 << 10)

static const struct argument none[] = {ARGUMENTS_END};

static const struct argument verify_arguments[] = {
	{.value = "DIR",
	 .kind = ARGUMENT_LIST,
	 .required = true,
	 .help = "folder of a log's segments"},
	{.option = "key",
	 .value = "FILE",
	 .kind = ARGUMENT_LIST,
	 .help = "public keys (PEM) of all tokens that signed; without, the service is asked"},
	{.option = "expect",
	 .value = "SEQUENCE:HASH",
	 .kind = ARGUMENT_TEXT,
	 .help = "a line that the log must have: an earlier head, kept elsewhere"},
	ARGUMENTS_END};

/* --- verify --- */

static struct err parse_expected(const char *text, struct audit_point *out)
{
	int64_t sequence = 0;
	struct view hash = view_of_text(text);
	*out = (struct audit_point){0};
	TRY(text_parse_integer(view_cut(&hash, ':'), 1, INT64_MAX, &sequence));
	TRY(hex_decode(hash, out->hash, sizeof out->hash));
	out->sequence = (uint64_t)sequence;
	return OK;
}

static enum exit_status tell_report(const struct command_context *context,
				    const struct audit_text *told)
{
	CLEANUP(buf_cleanup) struct buf text;
	buf_init(&text, TEXT_MAX);
	struct writer w;
	writer_init_buf(&w, &text);
	if (context->json)
		audit_text_json(told, &w);
	else
		audit_text_write(told, &w);
	if (err_failed(writer_end(&w)))
		return EXIT_DEFECT;
	bool written = fwrite(text.ptr, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
	return written ? audit_text_exit(told->report) : EXIT_IO;
}

/* One folder. */
static enum exit_status verify_log(const struct command_context *context, const char *directory,
				   const struct audit_keys *keys,
				   const struct audit_point *expected)
{
	struct audit_verify_report report;
	struct progress progress;
	progress_init(&progress, "verifying", context->json);
	struct err e = audit_verify(&(struct audit_verify_options){.directory = directory,
								   .public_keys = keys->points,
								   .key_count = keys->count,
								   .expected = expected,
								   .progress = progress_tell,
								   .user = &progress},
				    &report);
	progress_end(&progress);
	if (err_failed(e))
		(void)fprintf(stderr, "holdfast: %s cannot be read: %s\n", directory,
			      e.detail != 0 ? strerrordesc_np((int)e.detail) : err_meaning(e));
	else if (report.segments == 0 && report.problems == 0)
		(void)fprintf(stderr,
			      "holdfast: there is no audit log in %s: name the folder that has its "
			      "segments (audit-*.jsonl)\n",
			      directory);
	else
		return tell_report(context, &(const struct audit_text){
						    .directory = directory,
						    .public_keys = keys->points,
						    .report = &report,
					    });
	return EXIT_IO;
}

/* Of two logs, the one that matters more. */
static enum exit_status worse(enum exit_status a, enum exit_status b)
{
	static const enum exit_status order[] = {EXIT_DONE, EXIT_WARNING, EXIT_REFUSED, EXIT_IO};
	size_t at[2] = {ARRAY_LEN(order), ARRAY_LEN(order)};
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		at[0] = order[i] == a ? i : at[0];
		at[1] = order[i] == b ? i : at[1];
	}
	return at[0] >= at[1] ? a : b;
}

/* The folders, one after the other. */
static enum exit_status verify_with(const struct command_context *context,
				    const struct command_call *call, const struct audit_keys *keys)
{
	struct audit_point expected;
	const char *expect = arguments_text(call->arguments, "expect");
	enum exit_status status = EXIT_DONE;
	size_t logs = 0;
	if (expect != NULL && err_failed(parse_expected(expect, &expected))) {
		(void)fputs("holdfast: --expect takes a line's number, a colon and 64 hex digits\n",
			    stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < call->arguments->count; i++)
		logs += call->arguments->given[i].row->option == NULL;
	if (expect != NULL && logs > 1) {
		(void)fputs("holdfast: --expect is of one log: verify each by itself\n", stderr);
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < call->arguments->count; i++) {
		const struct argument_given *given = &call->arguments->given[i];
		if (given->row->option == NULL)
			status = worse(status, verify_log(context, given->text, keys,
							  expect != NULL ? &expected : NULL));
	}
	return status;
}

static enum exit_status verify_with_answer(const struct command_context *context,
					   const struct command_call *call,
					   const struct json *answer, struct view json)
{
	struct audit_keys keys = {.count = 0};
	(void)json;
	if (!err_failed(
		    audit_keys_add_pem(&keys, json_string_of(json_member(answer, "PublicKey")))))
		return verify_with(context, call, &keys);
	(void)fputs("holdfast: the service's answer holds no public key\n", stderr);
	return EXIT_DEFECT;
}

/* The service's own word for its key is enough for its operator; auditors keep the file. */
static const struct verb ask_for_key = {.name = "verify",
					.operation = "GetAuditPublicKey",
					.arguments = verify_arguments,
					.answer = verify_with_answer};

static enum exit_status verify(const struct command_context *context,
			       const struct command_call *call)
{
	struct audit_keys keys = {.count = 0};
	const struct command_call asking = {call->command, &ask_for_key, call->arguments};
	if (arguments_text(call->arguments, "key") == NULL)
		return command_ask(context, &asking);
	enum exit_status status = audit_keys_read(call->arguments, "key", &keys);
	return status == EXIT_DONE ? verify_with(context, call, &keys) : status;
}

/* --- public-key --- */

/* A PEM file may have text in front: the output can be kept as it is. */
static enum exit_status print_key(const struct command_context *context,
				  const struct command_call *call, const struct json *answer,
				  struct view json)
{
	(void)call;
	if (context->json)
		return command_print(context, answer, json);
	struct view pem = json_string_of(json_member(answer, "PublicKey"));
	struct view fingerprint = json_string_of(json_member(answer, "Fingerprint"));
	(void)printf("SHA-256 of the point: %.*s\n%.*s", (int)fingerprint.len,
		     (const char *)fingerprint.ptr, (int)pem.len, (const char *)pem.ptr);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_IO;
}

static const struct verb verbs[] = {
	{.name = "verify",
	 .run = verify,
	 .summary = "is every line of the log as it was written, and signed for",
	 .arguments = verify_arguments},
	{.name = "show",
	 .run = audit_show_run,
	 .summary = "records of the log: by key, user, event, result, time, context",
	 .arguments = audit_show_arguments},
	{.name = "public-key",
	 .operation = "GetAuditPublicKey",
	 .summary = "the key that signs the audit log, as PEM, and its fingerprint",
	 .arguments = none,
	 .answer = print_key},
	VERBS_END};

const struct command cmd_audit = {
	.name = "audit",
	.summary = "the audit log: its proof and its key",
	.verbs = verbs,
};
