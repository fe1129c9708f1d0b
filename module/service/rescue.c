/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: store against token, audit log against store. Accepting it: rescue_accept.c. */
#include "service/rescue.h"

#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "service/anchor.h"
#include "service/credentials.h"
#include "service/init.h"

#define CODE_BYTES 8
#define CODE_GROUP 4 /* hex digits between two dashes */
#define MESSAGE_MAX 512
#define USERS_MAX 100 /* looked through for an API secret */

void rescue_report_cleanup(struct rescue_report *report)
{
	kms_survey_cleanup(&report->survey);
}

/* --- the installation, on this token --- */

static struct err check_keys(const struct rescue_options *options,
			     const struct kms_installation *row)
{
	for (size_t i = 0; i < INIT_KEYS; i++) {
		struct hsm_object wanted;
		TRY(init_key(row, i, &wanted));
		TRY(init_check_key(options->hsm, options->clock, &wanted));
	}
	return OK;
}

static struct err open_moved(struct rescue_options *options, struct kms_installation *out)
{
	const struct kms_installation_store *rows = &options->installations;
	struct kms_installation row;
	TRY(rows->load(rows->self, &row));
	REQUIRE(row.ready, E_NOT_INITIALISED);
	/* Without the three keys it is another token, whatever it is called. */
	REQUIRE(!err_failed(check_keys(options, &row)), E_HSM_TOKEN_CHANGED);
	options->sealer->key = row.row_seal;
	TRY(rows->verify(rows->self));
	*out = row;
	return OK;
}

NODISCARD struct err rescue_open(struct rescue_options *options, bool *moved)
{
	struct err e = service_open_installation(options->hsm, &options->installations,
						 options->sealer, &options->installation);
	*moved = err_is(e, E_HSM_TOKEN_CHANGED);
	return *moved ? open_moved(options, &options->installation) : e;
}

/* --- another token --- */

/* The first API secret that there is opens: then its key is the one that it was sealed under. */
static struct err try_secrets(const struct rescue_options *options,
			      const struct auth_identity_page *users, struct rescue_token *out)
{
	const struct auth_identities *rows = &options->identities;
	const struct credentials_options unwrapping = {.hsm = options->hsm,
						       .identities = *rows,
						       .installation = options->installation,
						       .token_timeout_ms = INIT_TIMEOUT_MS,
						       .clock = options->clock};
	for (size_t i = 0; i < users->count && !out->wrap_tried; i++) {
		struct auth_access_key keys[AUTH_ACCESS_KEYS_MAX];
		CLEANUP(secret_free) struct secret *secret = NULL;
		size_t count = 0;
		struct err e = rows->access_key_list(
			rows->self, view_of_text(users->identities[i].id), keys, &count);
		if (err_failed(e) || count == 0)
			continue;
		out->wrap_tried = true;
		out->wrap = credentials_unwrap(&unwrapping, &keys[0], &secret);
	}
	return OK;
}

static struct err look_at_secrets(const struct rescue_options *options, struct rescue_token *out)
{
	const struct auth_identities *rows = &options->identities;
	CLEANUP(auth_identity_page_cleanup) struct auth_identity_page users = {0};
	const struct auth_identity_query query = {
		.kind = AUTH_KIND_USER,
		.account = view_of_text(options->installation.scope.account),
		.limit = USERS_MAX};
	struct err e = rows->list(rows->self, &query, &users);
	/* Rows that are refused are in the survey. */
	return err_is(e, E_STORE_SEAL) ? OK : err_failed(e) ? e : try_secrets(options, &users, out);
}

static struct err look_at_token(const struct rescue_options *options, struct rescue_token *out)
{
	struct hsm_status status;
	hsm_status(options->hsm, &status);
	TRY(text_copy(out->serial, sizeof out->serial, view_of_text(status.serial)));
	return out->moved ? look_at_secrets(options, out) : OK;
}

/* --- the audit log --- */

static struct err point_of_head(const struct kms_audit_head *head, struct audit_point *out)
{
	*out = (struct audit_point){.sequence = head->sequence};
	mem_copy(out->hash, sizeof out->hash, head->hash, sizeof head->hash);
	return text_copy(out->chain, sizeof out->chain, view_of_text(head->chain));
}

/* A folder that is gone or empty is a finding like any other. Whether all that stands before the
 * head is as it was written, `holdfast audit verify` tells. */
static struct err look_at_log(const struct rescue_options *options, struct rescue_log *out)
{
	struct audit_point expected;
	bool found = false;
	const struct kms_manifest *manifest = &options->manifest;
	struct err e = manifest->ops->head_load(manifest->self, options->audit_log, &out->head);
	if (err_failed(e) && !err_is(e, E_NOT_FOUND) && !err_is(e, E_STORE_SEAL))
		return e;
	out->kept = !err_failed(e) && out->head.sequence > 0;
	TRY(point_of_head(&out->head, &expected));
	e = audit_log_has_point(options->audit_directory, &expected, &found);
	REQUIRE(!err_is(e, E_NOMEM), E_NOMEM);
	out->readable = !err_failed(e);
	if (out->kept && !found)
		out->verdict = ERR(E_AUDIT_CHAIN);
	return OK;
}

/* --- the store --- */

static struct err look_at_store(const struct rescue_options *options, struct rescue_report *report)
{
	const struct kms_manifest *manifest = &options->manifest;
	struct kms_survey_options survey = {.progress = options->progress, .user = options->user};
	const struct anchor_place place = {.hsm = options->hsm,
					   .installation = &options->installation,
					   .deadline_ms = init_deadline_ms(options->clock)};
	TRY(anchor_read(&place, &survey.anchor));
	return manifest->ops->survey(manifest->self, &survey, &report->survey);
}

/* What goes on by itself once the service starts. Rows that are refused are in the survey. */
static struct err look_at_work(const struct rescue_options *options, struct rescue_report *report)
{
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	struct kms_due_count due = {0};
	size_t count = 0;
	const struct kms_due_query query = {
		.kind = KMS_DUE_DELETION, .now_ms = clock_real_ms(options->clock), .limit = 1};
	TRY(options->agenda.ops->due_count(options->agenda.self, &query, &due));
	struct err e =
		options->store.ops->intent_list(options->store.self, INT64_MAX, &intents, &count);
	if (err_failed(e) && !err_is(e, E_STORE_SEAL))
		return e;
	report->deletions = due.due;
	report->intents = count;
	return OK;
}

/* --- the code --- */

static void write_code(struct writer *w, const uint8_t mac[KMS_SEAL_LEN])
{
	for (size_t i = 0; i < CODE_BYTES; i++) {
		if (i > 0 && 2 * i % CODE_GROUP == 0)
			writer_text(w, "-");
		hex_encode(w, view_of(&mac[i], 1));
	}
}

/*
 * Of all that the report says, as the token seals it: who has not seen the report of this store,
 * this token and this log cannot know it. Its first block sets it apart from rows.
 */
static struct err make_code(const struct rescue_options *options, struct rescue_report *report)
{
	const struct kms_sealer sealer = service_sealer_port(options->sealer);
	const struct rescue_log *log = &report->log;
	uint8_t room[MESSAGE_MAX], macs[1][KMS_SEAL_LEN];
	struct writer w;
	writer_init(&w, room, sizeof room);
	writer_block16(&w, VIEW_LITERAL("holdfast recovery code 1"));
	writer_bytes(&w, VIEW_ARRAY(report->survey.digest));
	writer_block16(&w, view_of_text(report->token.serial));
	writer_u8(&w, (uint8_t)((log->kept ? 1 : 0) | (log->readable ? 2 : 0)));
	writer_u16(&w, log->verdict.code);
	writer_u64(&w, log->head.sequence);
	writer_bytes(&w, VIEW_ARRAY(log->head.hash));
	TRY(writer_end(&w));
	const struct view message = view_of(room, w.len);
	TRY(sealer.seal(sealer.self, &message, 1, macs));
	writer_init(&w, report->code, sizeof report->code);
	write_code(&w, macs[0]);
	return writer_end_text(&w);
}

NODISCARD struct err rescue_look(const struct rescue_options *options, bool moved,
				 struct rescue_report *out)
{
	CLEANUP(rescue_report_cleanup)
	struct rescue_report report = {.token = {.moved = moved}};
	TRY(look_at_store(options, &report));
	TRY(look_at_log(options, &report.log));
	TRY(look_at_token(options, &report.token));
	TRY(look_at_work(options, &report));
	TRY(make_code(options, &report));
	*out = report;
	report.survey.findings = NULL;
	return OK;
}

struct err rescue_verdict(const struct rescue_report *report)
{
	if (err_failed(report->survey.verdict) && !err_is(report->survey.verdict, E_STORE_SEAL))
		return report->survey.verdict;
	if (report->token.moved)
		return ERR(E_HSM_TOKEN_CHANGED);
	return err_failed(report->log.verdict) ? report->log.verdict : report->survey.verdict;
}
