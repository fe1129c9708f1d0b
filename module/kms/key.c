/* SPDX-License-Identifier: Apache-2.0 */
/* A key as a value: copying, its states, and what must hold of it as a whole. */
#include "kms/key.h"

#include "base/mem.h"
#include "base/text.h"
#include "kms/rotation.h"

/* KMS API: KeyState, "Key states of AWS KMS keys". UNAVAILABLE is shown and never stored. */
static const struct state_row states[KMS_STATE_COUNT] = {
	[KMS_STATE_CREATING] = {"Creating",
				STATE_BIT(KMS_STATE_ENABLED) | STATE_BIT(KMS_STATE_PENDING_IMPORT)},
	[KMS_STATE_ENABLED] = {"Enabled", STATE_BIT(KMS_STATE_DISABLED) |
						  STATE_BIT(KMS_STATE_PENDING_IMPORT) |
						  STATE_BIT(KMS_STATE_PENDING_DELETION)},
	[KMS_STATE_DISABLED] = {"Disabled", STATE_BIT(KMS_STATE_ENABLED) |
						    STATE_BIT(KMS_STATE_PENDING_IMPORT) |
						    STATE_BIT(KMS_STATE_PENDING_DELETION)},
	[KMS_STATE_PENDING_DELETION] = {"PendingDeletion",
					STATE_BIT(KMS_STATE_DISABLED) |
						STATE_BIT(KMS_STATE_PENDING_IMPORT)},
	[KMS_STATE_PENDING_IMPORT] = {"PendingImport", STATE_BIT(KMS_STATE_PENDING_DELETION)},
	[KMS_STATE_UNAVAILABLE] = {"Unavailable", 0},
};

#define USAGES_RSA (KMS_USAGE_ENCRYPT_DECRYPT | KMS_USAGE_SIGN_VERIFY)
#define USAGES_CURVE (KMS_USAGE_SIGN_VERIFY | KMS_USAGE_KEY_AGREEMENT)

/* KMS API: CreateKey, the usages that go with a spec. */
static const unsigned spec_usages[KMS_SPEC_COUNT] = {
	[KMS_SPEC_SYMMETRIC_DEFAULT] = KMS_USAGE_ENCRYPT_DECRYPT,
	[KMS_SPEC_RSA_2048] = USAGES_RSA,
	[KMS_SPEC_RSA_3072] = USAGES_RSA,
	[KMS_SPEC_RSA_4096] = USAGES_RSA,
	[KMS_SPEC_ECC_NIST_P256] = USAGES_CURVE,
	[KMS_SPEC_ECC_NIST_P384] = USAGES_CURVE,
	[KMS_SPEC_ECC_NIST_P521] = USAGES_CURVE,
	[KMS_SPEC_ECC_SECG_P256K1] = KMS_USAGE_SIGN_VERIFY,
	[KMS_SPEC_ECC_NIST_EDWARDS25519] = KMS_USAGE_SIGN_VERIFY,
	[KMS_SPEC_HMAC_224] = KMS_USAGE_GENERATE_VERIFY_MAC,
	[KMS_SPEC_HMAC_256] = KMS_USAGE_GENERATE_VERIFY_MAC,
	[KMS_SPEC_HMAC_384] = KMS_USAGE_GENERATE_VERIFY_MAC,
	[KMS_SPEC_HMAC_512] = KMS_USAGE_GENERATE_VERIFY_MAC,
	[KMS_SPEC_ML_DSA_44] = KMS_USAGE_SIGN_VERIFY,
	[KMS_SPEC_ML_DSA_65] = KMS_USAGE_SIGN_VERIFY,
	[KMS_SPEC_ML_DSA_87] = KMS_USAGE_SIGN_VERIFY,
	[KMS_SPEC_SM2] = USAGES_RSA | KMS_USAGE_KEY_AGREEMENT,
};

void kms_key_cleanup(struct kms_key *key)
{
	mem_free(key->description);
	mem_free(key->policy);
	key->description = NULL;
	key->policy = NULL;
}

void kms_key_full_cleanup(struct kms_key_full *full)
{
	kms_key_cleanup(&full->key);
	mem_free(TAKE(full->versions));
	full->version_count = 0;
}

struct kms_version *kms_key_full_version(const struct kms_key_full *full, uint32_t number)
{
	for (size_t i = 0; i < full->version_count; i++)
		if (full->versions[i].number == number)
			return &full->versions[i];
	return NULL;
}

NODISCARD struct err kms_key_copy(const struct kms_key *from, struct kms_key *to)
{
	CLEANUP(kms_key_cleanup) struct kms_key copy = *from;
	copy.description = NULL;
	copy.policy = NULL;
	TRY(text_new(view_of_text(from->description), &copy.description));
	TRY(text_new(view_of_text(from->policy), &copy.policy));
	*to = copy;
	copy.description = NULL;
	copy.policy = NULL;
	return OK;
}

NODISCARD struct err kms_key_move(struct kms_key *key, enum kms_key_state to)
{
	REQUIRE(state_may_move(states, ARRAY_LEN(states), key->state, to), E_KMS_INVALID_STATE);
	REQUIRE(!key->destroying, E_KMS_INVALID_STATE);
	if (key->state == KMS_STATE_PENDING_DELETION)
		key->deletion_ms = 0;
	key->state = to;
	return OK;
}

static bool is_text(const char *text, size_t bytes_max, size_t characters_max)
{
	struct view bytes = view_of_text(text);
	return text != NULL && bytes.len <= bytes_max && text_is_utf8(bytes) &&
	       text_length(bytes) <= characters_max;
}

static bool has_material(const struct kms_key *key)
{
	return key->state != KMS_STATE_CREATING && key->state != KMS_STATE_PENDING_IMPORT;
}

/* KMS API: RotationPeriodInDays. Services rotate their keys on a schedule of their own. */
static bool is_period(const struct kms_key *key)
{
	uint32_t days = key->rotation_period_days;
	return days == 0 || key->manager == KMS_MANAGER_AWS ||
	       (days >= KMS_ROTATION_DAYS_MIN && days <= KMS_ROTATION_DAYS_MAX);
}

static struct err rotation_check(const struct kms_key *key)
{
	ENSURE(is_period(key));
	ENSURE(!key->rotation_enabled || key->rotation_period_days != 0);
	ENSURE(!key->rotation_enabled ||
	       (key->spec == KMS_SPEC_SYMMETRIC_DEFAULT && key->origin == KMS_ORIGIN_AWS_KMS));
	ENSURE(key->rotation_from_ms >= 0 && key->on_demand_ms >= 0);
	return OK;
}

NODISCARD struct err kms_key_check(const struct kms_key *key)
{
	ENSURE(key->state >= KMS_STATE_CREATING && key->state < KMS_STATE_COUNT);
	ENSURE(key->spec >= KMS_SPEC_SYMMETRIC_DEFAULT && key->spec < KMS_SPEC_COUNT);
	ENSURE(*kms_usage_name(key->usage) && (spec_usages[key->spec] & key->usage) != 0);
	ENSURE(*kms_origin_name(key->origin) && *kms_manager_name(key->manager));
	ENSURE(key->id.multi_region == key->multi_region);
	ENSURE(*key->scope.partition && *key->scope.region);
	ENSURE(view_of_text(key->scope.account).len == KMS_ACCOUNT_LEN);
	ENSURE((key->state == KMS_STATE_PENDING_DELETION) == (key->deletion_ms != 0));
	/* One whose material was never imported may wait for its deletion. */
	ENSURE(key->current_version != 0 || !has_material(key) ||
	       (key->state == KMS_STATE_PENDING_DELETION && key->origin == KMS_ORIGIN_EXTERNAL));
	ENSURE(key->current_version == 0 || key->state != KMS_STATE_CREATING);
	ENSURE(is_text(key->description, (size_t)4 * KMS_DESCRIPTION_MAX, KMS_DESCRIPTION_MAX));
	ENSURE(is_text(key->policy, KMS_POLICY_MAX, KMS_POLICY_MAX));
	ENSURE(!key->destroying || key->state == KMS_STATE_PENDING_DELETION);
	return rotation_check(key);
}

NODISCARD struct err kms_version_check(const struct kms_key *key, const struct kms_version *version)
{
	bool present = version->material == KMS_MATERIAL_PRESENT;
	bool current = version->number == key->current_version;
	bool usable = key->state == KMS_STATE_ENABLED || key->state == KMS_STATE_DISABLED;
	ENSURE(kms_key_id_equal(&version->key_id, &key->id));
	ENSURE(version->number > 0);
	ENSURE(version->rotation >= KMS_ROTATION_NONE && version->rotation < KMS_ROTATION_COUNT);
	ENSURE(version->material >= KMS_MATERIAL_PRESENT && version->material < KMS_MATERIAL_COUNT);
	/* Only what was imported ends before its key. */
	ENSURE(key->origin == KMS_ORIGIN_EXTERNAL || (present && version->valid_to_ms == 0));
	ENSURE(version->valid_to_ms >= 0);
	ENSURE(present || !current || !usable);
	return OK;
}

NODISCARD struct err kms_key_full_check(const struct kms_key_full *full)
{
	uint32_t before = 0;
	bool current = full->key.current_version == 0;
	TRY(kms_key_check(&full->key));
	for (size_t i = 0; i < full->version_count; i++) {
		const struct kms_version *version = &full->versions[i];
		TRY(kms_version_check(&full->key, version));
		ENSURE(version->number > before);
		before = version->number;
		current = current || version->number == full->key.current_version;
	}
	ENSURE(current);
	return OK;
}
