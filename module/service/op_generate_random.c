/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: GenerateRandom, from the token's random number generator. */
#include "service/input.h"
#include "service/operation.h"
#include "service/shapes.h"

static const struct schema_member members[] = {
	{"NumberOfBytes", &shape_number_of_bytes, false},
	{"CustomKeyStoreId", &shape_custom_key_store_id, false},
	{"Recipient", &shape_recipient, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static struct err decode(struct call_work *work)
{
	if (input_member(work, "NumberOfBytes") == NULL)
		return work_refuse(work, ERR(E_VALIDATION), "NumberOfBytes is required.");
	return input_refuse_member(work, "Recipient");
}

/* A key store is looked for when the caller may ask at all. */
static struct err execute(struct call_work *work)
{
	struct view store = input_text(work, "CustomKeyStoreId");
	if (store.len > 0)
		return work_refuse(work, ERR(E_KMS_KEY_STORE),
				   "Custom key store '%.*s' does not exist", (int)store.len,
				   (const char *)store.ptr);
	work->op.verb = HSM_RANDOM;
	work->op.length = (size_t)input_integer(work, "NumberOfBytes", 0);
	return OK;
}

static void encode(struct call_work *work, struct json_out *out)
{
	json_out_base64(out, "Plaintext", secret_view(work->op.plaintext_out));
}

const struct operation op_generate_random = {
	.name = "GenerateRandom",
	.door = CALL_DOOR_PUBLIC,
	.read_only = true,
	.flags = OPERATION_SECRET_REPLY,
	.input = &input,
	.keys = {{.action = "kms:GenerateRandom"}},
	.decode = decode,
	.execute = execute,
	.encode = encode,
};
