/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: CancelKeyDeletion. Whatever the key was before, it is Disabled afterwards, so that
 * nobody uses it by accident; without material there is nothing to enable, and it waits for an
 * import. The rotation setting is as it was. */
#include "service/key_change.h"
#include "service/key_switch.h"
#include "service/operation.h"

/* Never imported, or expired meanwhile. */
static bool lacks_material(const struct kms_key_full *full)
{
	for (size_t i = 0; i < full->version_count; i++)
		if (full->versions[i].material != KMS_MATERIAL_PRESENT)
			return true;
	return full->key.current_version == 0;
}

static struct err apply(struct call_work *work, struct kms_key *key, bool *changed)
{
	char arn[KMS_KEY_ARN_TEXT];
	kms_key_arn_format(&key->scope, &key->id, arn);
	if (key->destroying) /* its material goes at this moment, or is gone */
		return work_refuse(work, ERR(E_KMS_INVALID_STATE), "%s is being deleted.", arn);
	bool empty = lacks_material(&work->out.made);
	return key_switch(key, empty ? KMS_STATE_PENDING_IMPORT : KMS_STATE_DISABLED, changed);
}

static struct err execute(struct call_work *work)
{
	return key_change(work, apply);
}

static void encode(struct call_work *work, struct json_out *out)
{
	char arn[KMS_KEY_ARN_TEXT];
	work_key_arn(work, 0, arn);
	json_out_text(out, "KeyId", view_of_text(arn));
}

const struct operation op_cancel_key_deletion = {
	.name = "CancelKeyDeletion",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS | OPERATION_INVALID_ARN,
	.states = STATES_PENDING_DELETION,
	.usages = USAGES_ALL,
	.input = &key_switch_input,
	.keys = {{.action = "kms:CancelKeyDeletion", .member = "KeyId"}},
	.audited = key_switch_audited,
	.execute = execute,
	.encode = encode,
	.audit = key_change_audit,
};
