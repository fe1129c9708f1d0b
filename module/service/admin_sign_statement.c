/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Admin operation SignStatement: the token signs that this installation gave out evidence with this
 * digest now (audit/statement.h). It signs nothing else: the domain and the time are ours.
 */
#include "audit/statement.h"
#include "base/mem.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_evidence.h"

static const struct schema_shape shape_digest = {.type = SCHEMA_BLOB,
						 .has_min = true,
						 .min = AUDIT_STATEMENT_DIGEST_LEN,
						 .has_max = true,
						 .max = AUDIT_STATEMENT_DIGEST_LEN};
static const struct schema_member members[] = {
	{"Digest", &shape_digest, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"Digest", NULL};

static struct err decode(struct call_work *work)
{
	return input_blob(work, "Digest", &work->in.ciphertext);
}

static struct err say(const struct call_work *work, struct audit_statement *statement)
{
	struct view digest = buf_view(&work->in.ciphertext);
	REQUIRE(digest.len == AUDIT_STATEMENT_DIGEST_LEN, E_VALIDATION);
	statement->installation = view_of_text(work->service->options.installation.id);
	statement->time_ms = work->time_ms;
	mem_copy(statement->digest, sizeof statement->digest, digest.ptr, digest.len);
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
	.decode = decode,
	.execute = execute,
	.encode = encode,
};
