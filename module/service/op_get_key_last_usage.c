/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GetKeyLastUsage. */
#include "base/mem.h"
#include "service/core.h"
#include "service/keyring.h"
#include "service/last_use.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {"KeyId", NULL};

static struct err execute(struct call_work *work)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	if (work->out.last_use == NULL)
		TRY(MEM_NEW(&work->out.last_use));
	return last_use_find(work->service->last_use, &key->scope, &key->id, work->out.last_use);
}

/* KMS API: KeyLastUsageData; an empty object when the key has not been used. */
static void encode_usage(const struct last_use_answer *answer, struct json_out *out)
{
	json_out_begin_object(out, "KeyLastUsage");
	if (answer->used) {
		json_out_text(out, "CloudTrailEventId", view_of_text(answer->use.event_id));
		json_out_text(out, "KmsRequestId", view_of_text(answer->use.request_id));
		json_out_text(out, "Operation", view_of_text(answer->use.operation));
		json_out_time(out, "Timestamp", answer->use.time_ms);
	}
	json_out_end_object(out);
}

static void encode(struct call_work *work, struct json_out *out)
{
	const struct kms_key *key = &keyring_key(work->keys[0])->key;
	const struct last_use_answer *answer = work->out.last_use;
	char id[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(&key->id, id);
	json_out_time(out, "KeyCreationDate", key->created_ms);
	json_out_text(out, "KeyId", view_of_text(id));
	encode_usage(answer, out);
	json_out_time(out, "TrackingStartDate", MAX_OF(key->created_ms, answer->since_ms));
}

const struct operation op_get_key_last_usage = {
	.name = "GetKeyLastUsage",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_ALL,
	.usages = USAGES_ALL,
	.input = &input,
	.keys = {{.action = "kms:GetKeyLastUsage", .member = "KeyId"}},
	.audited = audited,
	.execute = execute,
	.encode = encode,
};
