/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of grants as values. */
#include "kms/grant.h"

#include "base/ascii.h"
#include "base/entropy.h"
#include "base/text.h"
#include "base/writer.h"
#include "kms/context.h"

/* KMS API: GrantOperation, in the model's order. */
static const struct {
	enum kms_grant_operation operation;
	const char *name;
} rows[] = {
	{KMS_GRANT_DECRYPT, "Decrypt"},
	{KMS_GRANT_ENCRYPT, "Encrypt"},
	{KMS_GRANT_GENERATE_DATA_KEY, "GenerateDataKey"},
	{KMS_GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT, "GenerateDataKeyWithoutPlaintext"},
	{KMS_GRANT_RE_ENCRYPT_FROM, "ReEncryptFrom"},
	{KMS_GRANT_RE_ENCRYPT_TO, "ReEncryptTo"},
	{KMS_GRANT_SIGN, "Sign"},
	{KMS_GRANT_VERIFY, "Verify"},
	{KMS_GRANT_GET_PUBLIC_KEY, "GetPublicKey"},
	{KMS_GRANT_CREATE_GRANT, "CreateGrant"},
	{KMS_GRANT_RETIRE_GRANT, "RetireGrant"},
	{KMS_GRANT_DESCRIBE_KEY, "DescribeKey"},
	{KMS_GRANT_GENERATE_DATA_KEY_PAIR, "GenerateDataKeyPair"},
	{KMS_GRANT_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT, "GenerateDataKeyPairWithoutPlaintext"},
	{KMS_GRANT_GENERATE_MAC, "GenerateMac"},
	{KMS_GRANT_VERIFY_MAC, "VerifyMac"},
	{KMS_GRANT_DERIVE_SHARED_SECRET, "DeriveSharedSecret"},
};

#define ANY_KEY (KMS_GRANT_CREATE_GRANT | KMS_GRANT_RETIRE_GRANT | KMS_GRANT_DESCRIBE_KEY)
#define CIPHERS                                                              \
	(KMS_GRANT_ENCRYPT | KMS_GRANT_DECRYPT | KMS_GRANT_RE_ENCRYPT_FROM | \
	 KMS_GRANT_RE_ENCRYPT_TO)
#define DATA_KEYS                                                                      \
	(KMS_GRANT_GENERATE_DATA_KEY | KMS_GRANT_GENERATE_DATA_KEY_WITHOUT_PLAINTEXT | \
	 KMS_GRANT_GENERATE_DATA_KEY_PAIR | KMS_GRANT_GENERATE_DATA_KEY_PAIR_WITHOUT_PLAINTEXT)

const char *kms_grant_operation_name(enum kms_grant_operation operation)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].operation == operation)
			return rows[i].name;
	return "";
}

NODISCARD struct err kms_grant_operation_parse(struct view name, enum kms_grant_operation *out)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!view_equal_text(name, rows[i].name))
			continue;
		*out = rows[i].operation;
		return OK;
	}
	return ERR(E_FORMAT);
}

enum kms_grant_operation kms_grant_operation_at(size_t index)
{
	return index < ARRAY_LEN(rows) ? rows[index].operation : KMS_GRANT_NONE;
}

/* KMS Developer Guide, "Grant operations": by type of key. */
uint32_t kms_grant_operations_of(enum kms_key_spec spec, enum kms_key_usage usage)
{
	if (spec == KMS_SPEC_SYMMETRIC_DEFAULT)
		return ANY_KEY | CIPHERS | DATA_KEYS;
	switch (usage) {
	case KMS_USAGE_ENCRYPT_DECRYPT:
		return ANY_KEY | KMS_GRANT_GET_PUBLIC_KEY | CIPHERS;
	case KMS_USAGE_SIGN_VERIFY:
		return ANY_KEY | KMS_GRANT_GET_PUBLIC_KEY | KMS_GRANT_SIGN | KMS_GRANT_VERIFY;
	case KMS_USAGE_GENERATE_VERIFY_MAC:
		return ANY_KEY | KMS_GRANT_GENERATE_MAC | KMS_GRANT_VERIFY_MAC;
	case KMS_USAGE_KEY_AGREEMENT:
		return ANY_KEY | KMS_GRANT_GET_PUBLIC_KEY | KMS_GRANT_DERIVE_SHARED_SECRET;
	}
	return ANY_KEY;
}

NODISCARD struct err kms_grant_id_make(char out[KMS_GRANT_ID_LEN + 1])
{
	uint8_t bytes[KMS_GRANT_ID_LEN / 2];
	out[0] = '\0';
	TRY(entropy_fill(bytes, sizeof bytes));
	struct writer w;
	writer_init(&w, out, KMS_GRANT_ID_LEN + 1);
	for (size_t i = 0; i < sizeof bytes; i++)
		writer_format(&w, "%02x", bytes[i]);
	return writer_end_text(&w);
}

bool kms_grant_id_is(struct view text)
{
	return text.len == KMS_GRANT_ID_LEN &&
	       ascii_consists_of(text, ASCII_DIGIT, VIEW_LITERAL("abcdef"));
}

static bool pair_is_short(const struct kms_context_pair *pair)
{
	return text_length(pair->key) <= KMS_GRANT_PAIR_CHARACTERS_MAX &&
	       text_length(pair->value) <= KMS_GRANT_PAIR_CHARACTERS_MAX;
}

static struct err check_context(const struct kms_grant *grant)
{
	struct kms_context_pair pairs[KMS_GRANT_PAIRS_MAX];
	size_t count = 0;
	ENSURE(grant->constraint != KMS_GRANT_UNCONSTRAINED || grant->context.len == 0);
	ENSURE(grant->context.len <= KMS_GRANT_CONTEXT_MAX);
	ENSURE(!err_failed(kms_context_decode(grant->context, pairs, KMS_GRANT_PAIRS_MAX, &count)));
	for (size_t i = 0; i < count; i++)
		ENSURE(pair_is_short(&pairs[i]));
	return OK;
}

NODISCARD struct err kms_grant_check(const struct kms_grant *grant)
{
	ENSURE(kms_grant_id_is(view_of_text(grant->id)));
	ENSURE(grant->grantee[0] != '\0' && grant->issuer[0] != '\0');
	ENSURE(grant->retiring[0] != '\0' || grant->retiring_id[0] == '\0');
	ENSURE(grant->operations != 0 && (grant->operations & ~(uint32_t)KMS_GRANT_ALL) == 0);
	ENSURE(grant->constraint == KMS_GRANT_UNCONSTRAINED ||
	       grant->constraint == KMS_GRANT_CONTEXT_SUBSET ||
	       grant->constraint == KMS_GRANT_CONTEXT_EQUALS);
	ENSURE(grant->created_ms >= 0);
	return check_context(grant);
}
