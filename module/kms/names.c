/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that the KMS API gives to states, usages, specs, origins, managers and rotations; and
 * ours of due work. */
#include "base/macros.h"
#include "kms/agenda.h"
#include "kms/key.h"

struct name_row {
	unsigned value;
	const char *name;
};

static const struct name_row states[] = {
	{KMS_STATE_CREATING, "Creating"},
	{KMS_STATE_ENABLED, "Enabled"},
	{KMS_STATE_DISABLED, "Disabled"},
	{KMS_STATE_PENDING_DELETION, "PendingDeletion"},
	{KMS_STATE_PENDING_IMPORT, "PendingImport"},
	{KMS_STATE_UNAVAILABLE, "Unavailable"},
};

static const struct name_row usages[] = {
	{KMS_USAGE_ENCRYPT_DECRYPT, "ENCRYPT_DECRYPT"},
	{KMS_USAGE_SIGN_VERIFY, "SIGN_VERIFY"},
	{KMS_USAGE_GENERATE_VERIFY_MAC, "GENERATE_VERIFY_MAC"},
	{KMS_USAGE_KEY_AGREEMENT, "KEY_AGREEMENT"},
};

static const struct name_row specs[] = {
	{KMS_SPEC_SYMMETRIC_DEFAULT, "SYMMETRIC_DEFAULT"},
	{KMS_SPEC_RSA_2048, "RSA_2048"},
	{KMS_SPEC_RSA_3072, "RSA_3072"},
	{KMS_SPEC_RSA_4096, "RSA_4096"},
	{KMS_SPEC_ECC_NIST_P256, "ECC_NIST_P256"},
	{KMS_SPEC_ECC_NIST_P384, "ECC_NIST_P384"},
	{KMS_SPEC_ECC_NIST_P521, "ECC_NIST_P521"},
	{KMS_SPEC_ECC_SECG_P256K1, "ECC_SECG_P256K1"},
	{KMS_SPEC_ECC_NIST_EDWARDS25519, "ECC_NIST_EDWARDS25519"},
	{KMS_SPEC_HMAC_224, "HMAC_224"},
	{KMS_SPEC_HMAC_256, "HMAC_256"},
	{KMS_SPEC_HMAC_384, "HMAC_384"},
	{KMS_SPEC_HMAC_512, "HMAC_512"},
	{KMS_SPEC_ML_DSA_44, "ML_DSA_44"},
	{KMS_SPEC_ML_DSA_65, "ML_DSA_65"},
	{KMS_SPEC_ML_DSA_87, "ML_DSA_87"},
	{KMS_SPEC_SM2, "SM2"},
};

static const struct name_row origins[] = {
	{KMS_ORIGIN_AWS_KMS, "AWS_KMS"},
	{KMS_ORIGIN_EXTERNAL, "EXTERNAL"},
	{KMS_ORIGIN_AWS_CLOUDHSM, "AWS_CLOUDHSM"},
	{KMS_ORIGIN_EXTERNAL_KEY_STORE, "EXTERNAL_KEY_STORE"},
};

static const struct name_row managers[] = {
	{KMS_MANAGER_CUSTOMER, "CUSTOMER"},
	{KMS_MANAGER_AWS, "AWS"},
};

_Static_assert(ARRAY_LEN(states) == KMS_STATE_COUNT - 1, "every state has its name");
_Static_assert(ARRAY_LEN(specs) == KMS_SPEC_COUNT - 1, "every spec has its name");

static const struct name_row rotations[] = {
	{KMS_ROTATION_AUTOMATIC, "AUTOMATIC"},
	{KMS_ROTATION_ON_DEMAND, "ON_DEMAND"},
	{KMS_ROTATION_BUDGET, "ON_DEMAND"},
};

static const struct name_row due_kinds[] = {
	{KMS_DUE_ROTATION, "rotation"},
	{KMS_DUE_DELETION, "deletion"},
	{KMS_DUE_EXPIRY, "expiry"},
};

static const char *name_of(const struct name_row *rows, size_t count, unsigned value)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].value == value)
			return rows[i].name;
	return "";
}

static struct err value_of(const struct name_row *rows, size_t count, struct view name,
			   unsigned *out)
{
	for (size_t i = 0; i < count; i++) {
		if (view_equal_text(name, rows[i].name)) {
			*out = rows[i].value;
			return OK;
		}
	}
	return ERR(E_FORMAT);
}

const char *kms_state_name(enum kms_key_state state)
{
	return name_of(states, ARRAY_LEN(states), state);
}

const char *kms_usage_name(enum kms_key_usage usage)
{
	return name_of(usages, ARRAY_LEN(usages), usage);
}

const char *kms_spec_name(enum kms_key_spec spec)
{
	return name_of(specs, ARRAY_LEN(specs), spec);
}

const char *kms_origin_name(enum kms_key_origin origin)
{
	return name_of(origins, ARRAY_LEN(origins), origin);
}

const char *kms_manager_name(enum kms_key_manager manager)
{
	return name_of(managers, ARRAY_LEN(managers), manager);
}

const char *kms_rotation_name(enum kms_rotation_type type)
{
	return name_of(rotations, ARRAY_LEN(rotations), type);
}

const char *kms_due_name(enum kms_due_kind kind)
{
	return name_of(due_kinds, ARRAY_LEN(due_kinds), kind);
}

NODISCARD struct err kms_spec_parse(struct view name, enum kms_key_spec *out)
{
	unsigned value = 0;
	TRY(value_of(specs, ARRAY_LEN(specs), name, &value));
	*out = (enum kms_key_spec)value;
	return OK;
}

NODISCARD struct err kms_usage_parse(struct view name, enum kms_key_usage *out)
{
	unsigned value = 0;
	TRY(value_of(usages, ARRAY_LEN(usages), name, &value));
	*out = (enum kms_key_usage)value;
	return OK;
}
