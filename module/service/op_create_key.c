/* SPDX-License-Identifier: Apache-2.0 */
/* KMS API: CreateKey, for symmetric keys. What the model has and this service has not is refused by
 * name. */
#include "base/ascii.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/key_making.h"
#include "service/key_metadata.h"
#include "service/key_policy.h"
#include "service/operation.h"
#include "service/shapes.h"
#include "service/tags.h"
#include "service/trail.h"

/* In the order of the model. */
static const char *const usages[] = {
	"SIGN_VERIFY",   "ENCRYPT_DECRYPT",         "GENERATE_VERIFY_MAC",
	"KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE", NULL};
static const char *const master_specs[] = {"RSA_2048",
					   "RSA_3072",
					   "RSA_4096",
					   "ECC_NIST_P256",
					   "ECC_NIST_P384",
					   "ECC_NIST_P521",
					   "ECC_SECG_P256K1",
					   "SYMMETRIC_DEFAULT",
					   "HMAC_224",
					   "HMAC_256",
					   "HMAC_384",
					   "HMAC_512",
					   "SM2",
					   NULL};
static const char *const specs[] = {"RSA_2048",
				    "RSA_3072",
				    "RSA_4096",
				    "ECC_NIST_P256",
				    "ECC_NIST_P384",
				    "ECC_NIST_P521",
				    "ECC_SECG_P256K1",
				    "SYMMETRIC_DEFAULT",
				    "HMAC_224",
				    "HMAC_256",
				    "HMAC_384",
				    "HMAC_512",
				    "SM2",
				    "ML_DSA_44",
				    "ML_DSA_65",
				    "ML_DSA_87",
				    "ECC_NIST_EDWARDS25519",
				    "ML_KEM_512",
				    "ML_KEM_768",
				    "ML_KEM_1024",
				    NULL};
static const char *const origins[] = {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE",
				      NULL};

static const struct schema_shape usage = {.type = SCHEMA_STRING, .values = usages};
static const struct schema_shape master_spec = {.type = SCHEMA_STRING, .values = master_specs};
static const struct schema_shape spec = {.type = SCHEMA_STRING, .values = specs};
static const struct schema_shape origin = {.type = SCHEMA_STRING, .values = origins};

static bool is_xks_key_id(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL("-_."));
}
static const struct schema_pattern xks_pattern = {"^[a-zA-Z0-9-_.]+$", is_xks_key_id};
static const struct schema_shape xks_key_id = {.type = SCHEMA_STRING,
					       .has_min = true,
					       .min = 1,
					       .has_max = true,
					       .max = 128,
					       .pattern = &xks_pattern};

static const struct schema_member members[] = {
	{"Policy", &shape_policy, false},
	{"Description", &shape_description, false},
	{"KeyUsage", &usage, false},
	{"CustomerMasterKeySpec", &master_spec, false},
	{"KeySpec", &spec, false},
	{"Origin", &origin, false},
	{"CustomKeyStoreId", &shape_custom_key_store_id, false},
	{"BypassPolicyLockoutSafetyCheck", &shape_boolean, false},
	{"Tags", &shape_tags, false},
	{"MultiRegion", &shape_boolean, false},
	{"XksKeyId", &xks_key_id, false},
	{NULL, NULL, false},
};
static const struct schema_shape input = {.type = SCHEMA_STRUCTURE, .members = members};

static const char *const audited[] = {
	"Policy",  "Description", "KeyUsage",         "CustomerMasterKeySpec",
	"KeySpec", "Origin",      "CustomKeyStoreId", "BypassPolicyLockoutSafetyCheck",
	"Tags",    "MultiRegion", "XksKeyId",         NULL};

static const struct operation_condition conditions[] = {
	{AUTH_KMS_BYPASS_POLICY_LOCKOUT_SAFETY_CHECK, "BypassPolicyLockoutSafetyCheck", "false"},
	{AUTH_KMS_KEY_SPEC, "CustomerMasterKeySpec", NULL},
	{AUTH_KMS_KEY_SPEC, "KeySpec", "SYMMETRIC_DEFAULT"},
	{AUTH_KMS_CUSTOMER_MASTER_KEY_SPEC, "CustomerMasterKeySpec", NULL},
	{AUTH_KMS_CUSTOMER_MASTER_KEY_SPEC, "KeySpec", "SYMMETRIC_DEFAULT"},
	{AUTH_KMS_KEY_USAGE, "KeyUsage", "ENCRYPT_DECRYPT"},
	{AUTH_KMS_CUSTOMER_MASTER_KEY_USAGE, "KeyUsage", "ENCRYPT_DECRYPT"},
	{AUTH_KMS_KEY_ORIGIN, "Origin", "AWS_KMS"},
	{AUTH_KMS_MULTI_REGION, "MultiRegion", "false"},
	{AUTH_AWS_TAG_KEYS, "Tags", NULL},
	{0, NULL, NULL},
};

static struct view given(const struct call_work *work, const char *name, const char *otherwise)
{
	return input_member(work, name) != NULL ? input_text(work, name) : view_of_text(otherwise);
}

/* Which usages a spec can have, by the beginning of its name (KMS API: KeySpec). */
static const struct {
	struct view spec;
	const char *usages[3];
} uses[] = {
	{VIEW_LITERAL("SYMMETRIC_DEFAULT"), {"ENCRYPT_DECRYPT"}},
	{VIEW_LITERAL("RSA_"), {"ENCRYPT_DECRYPT", "SIGN_VERIFY"}},
	{VIEW_LITERAL("ECC_NIST_P"), {"SIGN_VERIFY", "KEY_AGREEMENT"}},
	{VIEW_LITERAL("ECC_"), {"SIGN_VERIFY"}},
	{VIEW_LITERAL("HMAC_"), {"GENERATE_VERIFY_MAC"}},
	{VIEW_LITERAL("ML_DSA_"), {"SIGN_VERIFY"}},
	{VIEW_LITERAL("ML_KEM_"), {"ENCAPSULATE_DECAPSULATE"}},
	{VIEW_LITERAL("SM2"), {"ENCRYPT_DECRYPT", "SIGN_VERIFY", "KEY_AGREEMENT"}},
};

static bool is_compatible(struct view key_spec, struct view key_usage)
{
	for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
		if (!view_starts_with(key_spec, uses[i].spec))
			continue;
		for (size_t j = 0; j < ARRAY_LEN(uses[i].usages); j++)
			if (uses[i].usages[j] != NULL &&
			    view_equal_text(key_usage, uses[i].usages[j]))
				return true;
		return false;
	}
	return false;
}

static struct err decode_spec(struct call_work *work)
{
	bool old = input_member(work, "CustomerMasterKeySpec") != NULL;
	if (old && input_member(work, "KeySpec") != NULL)
		return work_refuse(work, ERR(E_VALIDATION),
				   "You cannot specify KeySpec and CustomerMasterKeySpec in the "
				   "same request. CustomerMasterKeySpec is deprecated.");
	struct view key_spec =
		given(work, old ? "CustomerMasterKeySpec" : "KeySpec", "SYMMETRIC_DEFAULT");
	bool symmetric = view_equal_text(key_spec, "SYMMETRIC_DEFAULT");
	if (!symmetric && input_member(work, "KeyUsage") == NULL)
		return work_refuse(work, ERR(E_VALIDATION),
				   "You must specify a KeyUsage value for all KMS keys except for "
				   "symmetric encryption keys.");
	struct view key_usage = given(work, "KeyUsage", "ENCRYPT_DECRYPT");
	if (!is_compatible(key_spec, key_usage))
		return work_refuse(work, ERR(E_VALIDATION),
				   "KeyUsage %.*s is not compatible with KeySpec %.*s",
				   (int)key_usage.len, (const char *)key_usage.ptr,
				   (int)key_spec.len, (const char *)key_spec.ptr);
	if (!symmetric)
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "KeySpec %.*s is not supported.", (int)key_spec.len,
				   (const char *)key_spec.ptr);
	return OK;
}

static struct err decode(struct call_work *work)
{
	TRY(decode_spec(work));
	struct view key_origin = given(work, "Origin", "AWS_KMS");
	if (!view_equal_text(key_origin, "AWS_KMS"))
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "Origin %.*s is not supported.", (int)key_origin.len,
				   (const char *)key_origin.ptr);
	TRY(input_refuse_member(work, "CustomKeyStoreId"));
	TRY(input_refuse_member(work, "XksKeyId"));
	if (input_bool(work, "MultiRegion"))
		return work_refuse(work, ERR(E_UNSUPPORTED_OPERATION),
				   "Multi-Region keys are not supported.");
	return tags_check(work, "Tags");
}

static struct err fill_key(struct call_work *work, struct kms_key *key)
{
	key->scope = work->home;
	key->state = KMS_STATE_ENABLED;
	key->usage = KMS_USAGE_ENCRYPT_DECRYPT;
	key->spec = KMS_SPEC_SYMMETRIC_DEFAULT;
	key->origin = KMS_ORIGIN_AWS_KMS;
	key->manager = KMS_MANAGER_CUSTOMER;
	key->created_ms = work->time_ms;
	key->current_version = 1;
	key->revision = 1;
	TRY(text_new(input_text(work, "Description"), &key->description));
	TRY(key_policy_new(work, "Policy", &key->policy));
	TRY(kms_key_id_make(false, &key->id));
	return kms_key_check(key);
}

static struct err commit(struct call_work *work, const struct kms_key *key,
			 const struct kms_version *version)
{
	const struct kms_store *store = &work->service->options.store;
	struct kms_outbox_record outbox;
	TRY(trail_outbox(work, &outbox));
	CLEANUP(mem_free_at) struct kms_tag *tags = NULL;
	struct kms_new_key made = {.key = key, .version = version};
	TRY(tags_new(work, "Tags", &tags, &made.tag_count));
	made.tags = tags;
	return store->ops->key_create(store->self, &made, &outbox);
}

static struct err execute(struct call_work *work)
{
	struct kms_key_full *made = &work->out.made;
	kms_key_full_cleanup(made);
	TRY(fill_key(work, &made->key));
	TRY(key_policy_check(work, "Policy", &made->key));
	TRY(MEM_NEW(&made->versions));
	struct kms_version *version = made->versions;
	version->key_id = made->key.id;
	version->number = 1;
	TRY(key_making_begin(work->service, &made->key.scope, version));
	made->version_count = 1;
	struct err e = commit(work, &made->key, version);
	work->committed = !err_failed(e);
	/* On a conflict somebody else has claimed the intent, and the object with it. */
	if (err_failed(e) && !err_is(e, E_STORE_CONFLICT))
		key_making_abandon(work->service, &made->key.scope, version);
	return e;
}

static void encode(struct call_work *work, struct json_out *out)
{
	key_metadata_write(&work->out.made, out);
}

static void audit(struct call_work *work, struct json_out *out)
{
	key_metadata_audit(&work->out.made, out);
}

const struct operation op_create_key = {
	.name = "CreateKey",
	.door = CALL_DOOR_PUBLIC,
	.read_only = false,
	.flags = OPERATION_BLOCKS,
	.input = &input,
	.keys = {{.action = "kms:CreateKey"}, {.action = "kms:TagResource", .given = "Tags"}},
	.conditions = conditions,
	.audited = audited,
	.decode = decode,
	.execute = execute,
	.encode = encode,
	.audit = audit,
};
