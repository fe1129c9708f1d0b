/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's acceptance: one record, a new manifest, and what must not go on by itself held. */
#include "audit/record.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/json.h"
#include "codec/uuid.h"
#include "service/anchor.h"
#include "service/clock_trust.h"
#include "service/init.h"
#include "service/rescue.h"

#define NAMED_MAX 40 /* findings that the record names; all fit AUDIT_RECORD_MAX */
#define NAME_MAX 128

_Static_assert((size_t)NAMED_MAX * 6 * (KMS_FINDING_ROW_MAX + KMS_FINDING_TABLE_MAX + 64) + 8192 <=
		       AUDIT_RECORD_MAX,
	       "every acceptance has its record");

/* --- the record --- */

static void write_mark(struct json_out *out, const char *name, const struct kms_mark *mark)
{
	json_out_begin_object(out, name);
	json_out_integer(out, "epoch", (int64_t)mark->epoch);
	json_out_hex(out, "digest", VIEW_ARRAY(mark->digest));
	json_out_end_object(out);
}

static void write_findings(struct json_out *out, const struct kms_survey *survey)
{
	size_t named = MIN_OF(survey->finding_count, (size_t)NAMED_MAX);
	json_out_integer(out, "findingCount", (int64_t)survey->found);
	json_out_begin_array(out, "findings");
	for (size_t i = 0; i < named; i++) {
		const struct kms_finding *finding = &survey->findings[i];
		json_out_begin_object(out, NULL);
		json_out_text(out, "kind", view_of_text(kms_finding_name(finding->kind)));
		json_out_text(out, "table", view_of_text(finding->table));
		json_out_text(out, "row", view_of_text(finding->row));
		json_out_end_object(out);
	}
	json_out_end_array(out);
}

static void write_log(struct json_out *out, const char *name, const struct rescue_log *log)
{
	json_out_begin_object(out, "auditLog");
	json_out_text(out, "name", view_of_text(name));
	json_out_text(out, "verdict", view_of_text(err_name(log->verdict)));
	if (log->kept) {
		json_out_integer(out, "expectedSequence", (int64_t)log->head.sequence);
		json_out_hex(out, "expectedHash", VIEW_ARRAY(log->head.hash));
	}
	json_out_end_object(out);
}

/* Of the rows that do not carry their seal. */
struct discarded {
	uint64_t removed, left;
};

static struct err write_details(const struct rescue_options *options,
				const struct rescue_report *report,
				const struct rescue_consent *consent,
				const struct discarded *discarded, struct buf *text)
{
	struct writer w;
	struct json_out out;
	writer_init_buf(&w, text);
	json_out_init(&out, &w);
	json_out_begin_object(&out, NULL);
	json_out_text(&out, "code", view_of_text(report->code));
	json_out_text(&out, "verdict", view_of_text(err_name(rescue_verdict(report))));
	if (consent->restored != NULL)
		json_out_text(&out, "restoredFrom", view_of_text(consent->restored));
	json_out_integer(&out, "rows", (int64_t)report->survey.rows);
	write_mark(&out, "store", &report->survey.mark);
	write_mark(&out, "token", &report->survey.anchor);
	if (report->token.moved) {
		json_out_text(&out, "previousTokenSerial",
			      view_of_text(options->installation.token_serial));
		json_out_text(&out, "tokenSerial", view_of_text(report->token.serial));
	}
	write_findings(&out, &report->survey);
	if (consent->discard_refused) {
		json_out_integer(&out, "discardedRows", (int64_t)discarded->removed);
		json_out_integer(&out, "refusedRowsLeft", (int64_t)discarded->left);
	}
	write_log(&out, options->audit_log, &report->log);
	json_out_end_object(&out);
	TRY(json_out_end(&out));
	return writer_end(&w);
}

static struct err write_line(const struct rescue_options *options,
			     const struct rescue_consent *consent, struct view details,
			     struct kms_outbox_record *outbox, struct buf *line)
{
	char id[NAME_MAX], arn[NAME_MAX], user[NAME_MAX];
	const struct kms_scope *home = &options->installation.scope;
	struct writer w;
	TRY(text_format(id, sizeof id, "uid:%u", consent->uid));
	TRY(text_format(arn, sizeof arn, "holdfast:uid:%u", consent->uid));
	TRY(text_format(user, sizeof user, "uid %u%s%.64s", consent->uid,
			consent->user[0] != '\0' ? ", " : "", consent->user));
	struct audit_record record = {
		.time_ms = clock_real_ms(options->clock),
		.event_source = "holdfast.admin",
		.event_name = VIEW_LITERAL("RecoverStore"),
		.event_type = "AwsServiceEvent",
		.region = view_of_text(home->region),
		.recipient_account = view_of_text(home->account),
		.source_address = VIEW_LITERAL("local"),
		.user_agent = VIEW_LITERAL("holdfastd"),
		.identity_type = "Operator",
		.principal_id = view_of_text(id),
		.principal_arn = view_of_text(arn),
		.account = view_of_text(home->account),
		.user_name = view_of_text(user),
		.detail_members = view_part(details, 1, details.len - 2),
		.decided_by = VIEW_LITERAL("operator: accepted with the code of the report"),
	};
	TRY(uuid_make(outbox->event_id));
	TRY(text_copy(record.event_id, sizeof record.event_id, view_of_text(outbox->event_id)));
	writer_init_buf(&w, line);
	TRY(audit_record_write(&record, &w));
	TRY(writer_end(&w));
	outbox->line = buf_view(line);
	return OK;
}

/* What was discarded is in the record of the report that named it: the store without it is surveyed
 * again, and that is what is accepted. */
static struct err discard(const struct rescue_options *options, const struct rescue_report *report,
			  struct discarded *out, struct kms_survey *after)
{
	const struct kms_manifest *manifest = &options->manifest;
	const struct kms_survey_options again = {.anchor = report->survey.anchor};
	TRY(manifest->ops->discard(manifest->self, &out->removed, &out->left));
	log_event(LOG_WARNING, "recover.rows_discarded", LOG_NUMBER("removed", out->removed),
		  LOG_NUMBER("left", out->left));
	return manifest->ops->survey(manifest->self, &again, after);
}

static struct err renew_manifest(const struct rescue_options *options,
				 const struct rescue_report *report,
				 const struct rescue_consent *consent)
{
	const struct kms_manifest *manifest = &options->manifest;
	CLEANUP(buf_cleanup) struct buf details;
	CLEANUP(buf_cleanup) struct buf line;
	CLEANUP(kms_survey_cleanup) struct kms_survey after = {0};
	struct kms_outbox_record outbox = {.event_id = ""};
	struct discarded discarded = {.removed = 0};
	buf_init(&details, AUDIT_RECORD_MAX);
	buf_init(&line, AUDIT_RECORD_MAX);
	if (consent->discard_refused)
		TRY(discard(options, report, &discarded, &after));
	TRY(write_details(options, report, consent, &discarded, &details));
	TRY(write_line(options, consent, buf_view(&details), &outbox, &line));
	return manifest->ops->accept(manifest->self,
				     consent->discard_refused ? &after : &report->survey, &outbox);
}

/* --- what must not go on by itself --- */

/*
 * An older store may name versions in the making that were finished since, and that ciphertexts
 * name: settling the intent would destroy them. Forgotten, they are adopted; half-made ones are
 * left on the token, and reported.
 */
static struct err forget_intents(const struct rescue_options *options)
{
	const struct kms_store *store = &options->store;
	CLEANUP(mem_free_at) struct kms_intent *intents = NULL;
	size_t count = 0;
	struct err e = store->ops->intent_list(store->self, INT64_MAX, &intents, &count);
	if (err_is(e, E_STORE_SEAL))
		return OK; /* the row is refused, and settles nothing */
	TRY(e);
	for (size_t i = 0; i < count; i++)
		TRY(store->ops->intent_remove(store->self, &intents[i].token_id));
	return OK;
}

/* Nor does it know which deletions were cancelled since: none is done before the operator has
 * looked, and says so with `holdfast clock accept`: service/clock_trust.h, RECOVERED. */
static struct err hold_destruction(const struct rescue_options *options)
{
	const struct kms_agenda *agenda = &options->agenda;
	struct kms_clock_mark mark = {0};
	struct err e = agenda->ops->mark_load(agenda->self, &mark);
	if (err_is(e, E_STORE_SEAL))
		return OK; /* a mark that cannot be read holds as well */
	if (err_is(e, E_NOT_FOUND))
		mark = (struct kms_clock_mark){.trusted_ms = clock_real_ms(options->clock)};
	else
		TRY(e);
	mark.revision++;
	mark.held = true;
	mark.held_ms = CLOCK_HELD_BY_RECOVERY_MS;
	return agenda->ops->mark_save(agenda->self, &mark, NULL);
}

/* --- token and log as they are --- */

static struct err accept_token(struct rescue_options *options, const struct rescue_report *report)
{
	const struct kms_installation_store *rows = &options->installations;
	struct kms_installation row = options->installation;
	if (!report->token.moved)
		return OK;
	TRY(text_copy(row.token_serial, sizeof row.token_serial,
		      view_of_text(report->token.serial)));
	TRY(rows->save(rows->self, &row));
	options->installation = row;
	return OK;
}

/* From here on the log goes on from whatever it is now: sequence 0 expects nothing. The service
 * stores its head again within seconds. */
static struct err accept_log(const struct rescue_options *options, const struct rescue_log *log)
{
	const struct kms_manifest *manifest = &options->manifest;
	struct kms_audit_head head = log->head;
	if (!err_failed(log->verdict))
		return OK;
	head.revision++;
	head.sequence = 0;
	mem_zero(head.hash, sizeof head.hash);
	return manifest->ops->head_save(manifest->self, &head);
}

/* A clone has all three keys; what cannot be shown to be theirs is not taken on trust. */
static struct err may_move(const struct rescue_report *report, const struct rescue_consent *consent)
{
	const struct rescue_token *token = &report->token;
	if (!token->moved)
		return OK;
	REQUIRE(consent->accept_token, E_HSM_TOKEN_CHANGED);
	REQUIRE(!token->wrap_tried || !err_failed(token->wrap), E_HSM_TOKEN_CHANGED);
	return OK;
}

NODISCARD struct err rescue_accept(struct rescue_options *options,
				   const struct rescue_report *report,
				   const struct rescue_consent *consent, struct kms_mark *mark)
{
	TRY(may_move(report, consent));
	TRY(renew_manifest(options, report, consent));
	TRY(forget_intents(options));
	TRY(hold_destruction(options));
	TRY(accept_token(options, report));
	TRY(accept_log(options, &report->log));
	return options->manifest.ops->mark(options->manifest.self, mark);
}

NODISCARD struct err rescue_anchor(const struct rescue_options *options,
				   const struct kms_mark *mark)
{
	struct kms_mark reached = {0};
	const struct anchor_place place = {.hsm = options->hsm,
					   .installation = &options->installation,
					   .deadline_ms = init_deadline_ms(options->clock)};
	return anchor_raise(&place, mark, &reached);
}
