/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation SignStatement: the token signs that this installation gave out evidence with this
 * digest now (audit/statement.h). It signs nothing else: the domain and the time are ours.
 */
#include "audit/statement.h"
#include "codec/hex.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_evidence.h"

#define DIGEST_TEXT_LEN (2 * AUDIT_STATEMENT_DIGEST_LEN)

/* Hex, as the record shall show it. */
static const struct schema_shape shape_digest = {.type = SCHEMA_STRING,
						 .has_min = true,
						 .min = DIGEST_TEXT_LEN,
						 .has_max = true,
						 .max = DIGEST_TEXT_LEN};
static const struct schema_member members[] = {
	{"Digest", &shape_digest, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Digest", NULL};

static struct err say(struct call_work *work, struct audit_statement *statement)
{
	struct err e =
		hex_decode(input_text(work, "Digest"), statement->digest, sizeof statement->digest);
	if (err_failed(e))
		return work_refuse(work, ERR(E_VALIDATION), "Digest must be %d hex digits",
				   DIGEST_TEXT_LEN);
	statement->installation = view_of_text(work->service->options.installation.id);
	statement->time_ms = work->time_ms;
	return OK;
}

static struct err execute(struct call_work *work)
{
	struct audit_statement statement;
	TRY(say(work, &statement));
	work->op.verb = HSM_SIGN;
	work->op.from.key = work->service->options.installation.audit_sign;
	return audit_statement_digest(&statement, work->op.digest);
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_text(out, "Installation", view_of_text(work->service->options.installation.id));
	key_evidence_time(out, "Time", work->time_ms);
	json_out_base64(out, "Signature", VIEW_ARRAY(work->op.signature));
}

const struct operation admin_sign_statement = {
	.name = "SignStatement",
	.door = CALL_DOOR_ADMIN,
	.flags = OPERATION_BLOCKS,
	.read_only = true,
	.input = &input,
	.keys = {{.action = "holdfast:SignStatement"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
