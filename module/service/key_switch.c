/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_switch.h"

#include "service/shapes.h"

static const struct schema_member members[] = {
	{"KeyId", &shape_key_id, true},
	{NULL, NULL, false},
};
const struct schema_shape key_switch_input = {.type = SCHEMA_STRUCTURE, .members = members};
const char *const key_switch_audited[] = {"KeyId", NULL};

NODISCARD struct err key_switch(struct kms_key *key, enum kms_key_state to, bool *changed)
{
	*changed = key->state != to;
	return *changed ? kms_key_move(key, to) : OK;
}
