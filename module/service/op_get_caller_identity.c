/* SPDX-License-Identifier: Apache-2.0 */
/* STS API: GetCallerIdentity. */
#include "base/text.h"
#include "service/identity_text.h"
#include "service/operation.h"

static const struct schema_member members[] = {{NULL, NULL, false}};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static void encode(struct call_work *work, struct xml_out *out)
{
	const struct auth_principal *who = &work->principal;
	char id[IDENTITY_USER_ID_TEXT];
	identity_user_id(who, id);
	xml_out_text(out, "Arn", view_of_text(who->arn));
	xml_out_text(out, "UserId", view_of_text(id));
	xml_out_text(out, "Account", view_of_text(who->account));
}

/* "No permissions are required to perform this operation", whatever a policy says. */
const struct operation op_get_caller_identity = {
	.name = "GetCallerIdentity",
	.door = CALL_DOOR_PUBLIC,
	.protocol = CALL_PROTOCOL_QUERY,
	.read_only = true,
	.flags = OPERATION_FOR_ALL,
	.input = &input,
	.keys = {{.action = "sts:GetCallerIdentity"}},
	.encode_xml = encode,
};
