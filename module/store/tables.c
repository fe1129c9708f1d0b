/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tables.h"

#include <stddef.h>

#include "store/manifest.h"

/* Order and kind of columns are part of every seal: a change here is a migration. */
#define MEMBER_SIZE(type, member) sizeof(((type *)NULL)->member)
#define INTEGER(name_, kind_, type, member, min_, max_)                                            \
	{                                                                                          \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member), .min = (min_), \
		.max = (max_),                                                                     \
	}
#define ARRAY(name_, kind_, type, member)                                           \
	{                                                                           \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member), \
		.size = MEMBER_SIZE(type, member),                                  \
	}
#define OWNED(name_, kind_, type, member, max_)                                     \
	{                                                                           \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member), \
		.size = (max_),                                                     \
	}
#define BOOL(name, type, member) INTEGER(name, STORE_BOOL, type, member, 0, 1)
#define U32(name, type, member, min, max) INTEGER(name, STORE_U32, type, member, min, max)
#define TIME(name, type, member) INTEGER(name, STORE_I64, type, member, 0, INT64_MAX)
#define U64(name, type, member) INTEGER(name, STORE_U64, type, member, 0, INT64_MAX)
/* Columns that came after their table (row.h). */
#define LATER(name_, kind_, type, member, max_)                                               \
	{                                                                                     \
		.name = (name_), .kind = (kind_), .offset = offsetof(type, member), .min = 0, \
		.max = (max_), .later = true,                                                 \
	}
#define BYTES(name, type, member) ARRAY(name, STORE_BYTES, type, member)
#define TEXT(name, type, member) ARRAY(name, STORE_TEXT, type, member)
/* An array of which a size_t member says how much counts. */
#define BLOB(name_, type, member, length)                                                   \
	{                                                                                   \
		.name = (name_), .kind = STORE_BLOB, .offset = offsetof(type, member),      \
		.size = MEMBER_SIZE(type, member), .length_offset = offsetof(type, length), \
	}
#define TABLE(name_, columns_, key_count_)                                                   \
	{                                                                                    \
		.name = (name_), .columns = (columns_), .column_count = ARRAY_LEN(columns_), \
		.key_count = (key_count_),                                                   \
	}
#define ADVISORY_TABLE(name_, columns_, key_count_)                                          \
	{                                                                                    \
		.name = (name_), .columns = (columns_), .column_count = ARRAY_LEN(columns_), \
		.key_count = (key_count_), .advisory = true,                                 \
	}

_Static_assert(sizeof(enum kms_key_state) == sizeof(uint32_t), "enums are stored as U32");

#define I struct kms_installation
static const struct store_column installation[] = {
	TEXT("id", I, id),
	BOOL("ready", I, ready),
	TEXT("partition", I, scope.partition),
	TEXT("region", I, scope.region),
	TEXT("account", I, scope.account),
	TEXT("token_serial", I, token_serial),
	BYTES("row_seal", I, row_seal),
	BYTES("audit_sign", I, audit_sign),
	BYTES("secret_wrap", I, secret_wrap),
	U32("secret_wrap_suite", I, secret_wrap_suite, HSM_SUITE_NONE, HSM_SUITE_DIRECT),
	TIME("created_ms", I, created_ms),
};
#undef I

#define K struct kms_key
static const struct store_column keys[] = {
	TEXT("account", K, scope.account),
	TEXT("region", K, scope.region),
	BYTES("key_id", K, id.bytes),
	TEXT("partition", K, scope.partition),
	BOOL("multi_region", K, id.multi_region),
	U32("state", K, state, KMS_STATE_CREATING, KMS_STATE_COUNT - 1),
	U32("usage", K, usage, KMS_USAGE_ENCRYPT_DECRYPT, KMS_USAGE_KEY_AGREEMENT),
	U32("spec", K, spec, KMS_SPEC_SYMMETRIC_DEFAULT, KMS_SPEC_COUNT - 1),
	U32("origin", K, origin, KMS_ORIGIN_AWS_KMS, KMS_ORIGIN_EXTERNAL_KEY_STORE),
	U32("manager", K, manager, KMS_MANAGER_CUSTOMER, KMS_MANAGER_AWS),
	TIME("created_ms", K, created_ms),
	TIME("deletion_ms", K, deletion_ms),
	U32("current_version", K, current_version, 0, UINT32_MAX),
	U64("revision", K, revision),
	OWNED("description", STORE_TEXT_OWNED, K, description, 4 * KMS_DESCRIPTION_MAX),
	OWNED("policy", STORE_TEXT_OWNED, K, policy, KMS_POLICY_MAX),
	LATER("rotation_enabled", STORE_BOOL, K, rotation_enabled, 1),
	LATER("rotation_period_days", STORE_U32, K, rotation_period_days, UINT32_MAX),
	LATER("rotation_from_ms", STORE_I64, K, rotation_from_ms, INT64_MAX),
	LATER("on_demand_ms", STORE_I64, K, on_demand_ms, INT64_MAX),
	LATER("destroying", STORE_BOOL, K, destroying, 1),
};
#undef K

#define V struct store_version
static const struct store_column versions[] = {
	TEXT("account", V, scope.account),
	TEXT("region", V, scope.region),
	BYTES("key_id", V, version.key_id.bytes),
	U32("number", V, version.number, 1, UINT32_MAX),
	TEXT("partition", V, scope.partition),
	BOOL("multi_region", V, version.key_id.multi_region),
	BYTES("token_id", V, version.token_id.bytes),
	U32("suite", V, version.suite, HSM_SUITE_NONE, HSM_SUITE_DIRECT),
	TIME("created_ms", V, version.created_ms),
	BYTES("material_id", V, version.material_id),
	U64("messages_reserved", V, version.messages_reserved),
	LATER("rotation", STORE_U32, V, version.rotation, KMS_ROTATION_COUNT - 1),
	LATER("valid_to_ms", STORE_I64, V, version.valid_to_ms, INT64_MAX),
	LATER("material", STORE_U32, V, version.material, KMS_MATERIAL_COUNT - 1),
};
#undef V

#define N struct kms_intent
static const struct store_column intents[] = {
	BYTES("token_id", N, token_id.bytes),
	TEXT("account", N, scope.account),
	TEXT("region", N, scope.region),
	BYTES("key_id", N, key_id.bytes),
	TEXT("partition", N, scope.partition),
	BOOL("multi_region", N, key_id.multi_region),
	U32("number", N, number, 1, UINT32_MAX),
	U32("kind", N, kind, KMS_INTENT_MAKE, KMS_INTENT_DESTROY),
	BYTES("owner", N, owner),
	TIME("lease_ms", N, lease_ms),
};
#undef N

#define O struct kms_outbox_record
static const struct store_column outbox[] = {
	TEXT("event_id", O, event_id),
	OWNED("line", STORE_VIEW, O, line, KMS_RECORD_MAX),
};
#undef O

#define P struct store_principal
static const struct store_column principals[] = {
	TEXT("account", P, principal.account),
	TEXT("id", P, principal.id),
	U32("type", P, principal.type, AUTH_ROOT, AUTH_OPERATOR),
	TEXT("arn", P, principal.arn),
	TEXT("name", P, principal.name),
	BOOL("administrator", P, administrator),
};
#undef P

#define A struct auth_access_key
static const struct store_column access_keys[] = {
	TEXT("access_key_id", A, principal.access_key_id),
	TEXT("account", A, principal.account),
	TEXT("principal_id", A, principal.id),
	U32("status", A, status, AUTH_KEY_ACTIVE, AUTH_KEY_INACTIVE),
	TIME("created_ms", A, created_ms),
	BLOB("wrapped", A, wrapped, wrapped_len),
};
#undef A

#define Y struct auth_identity
static const struct store_column identities[] = {
	TEXT("account", Y, account),
	U32("kind", Y, kind, AUTH_KIND_ACCOUNT, AUTH_KIND_COUNT - 1),
	TEXT("name", Y, name),
	TEXT("id", Y, id),
	TEXT("arn", Y, arn),
	TIME("created_ms", Y, created_ms),
	U64("revision", Y, revision),
	OWNED("document", STORE_TEXT_OWNED, Y, document, AUTH_DETAILS_MAX),
};
#undef Y

#define E struct auth_key_use
static const struct store_column key_uses[] = {
	TEXT("access_key_id", E, access_key_id),
	TIME("time_ms", E, time_ms),
	TEXT("service", E, service),
};
#undef E

#define S struct auth_session
static const struct store_column sessions[] = {
	TEXT("access_key_id", S, principal.access_key_id),
	TEXT("account", S, principal.account),
	TEXT("principal_id", S, principal.id),
	U32("type", S, principal.type, AUTH_ROOT, AUTH_SERVICE),
	TEXT("arn", S, principal.arn),
	TEXT("name", S, principal.name),
	TEXT("role_arn", S, principal.role_arn),
	TEXT("role_name", S, principal.role_name),
	TIME("issued_ms", S, principal.issued_ms),
	TIME("expires_ms", S, principal.expires_ms),
	TEXT("via_service", S, principal.via_service),
	TEXT("source_arn", S, principal.source_arn),
	TEXT("source_account", S, principal.source_account),
	BYTES("token_hash", S, token_hash),
	TEXT("policy", S, policy),
	BLOB("wrapped", S, wrapped, wrapped_len),
};
#undef S

#define G struct kms_grant
static const struct store_column grants[] = {
	TEXT("account", G, scope.account),
	TEXT("region", G, scope.region),
	BYTES("key_id", G, key_id.bytes),
	TEXT("grant_id", G, id),
	TEXT("partition", G, scope.partition),
	BOOL("multi_region", G, key_id.multi_region),
	TEXT("name", G, name),
	TEXT("grantee", G, grantee),
	TEXT("grantee_id", G, grantee_id),
	TEXT("retiring", G, retiring),
	TEXT("retiring_id", G, retiring_id),
	TEXT("issuer", G, issuer),
	U32("operations", G, operations, 1, KMS_GRANT_ALL),
	U32("constraint_kind", G, constraint, KMS_GRANT_UNCONSTRAINED, KMS_GRANT_CONTEXT_EQUALS),
	OWNED("context", STORE_VIEW, G, context, KMS_GRANT_CONTEXT_MAX),
	TIME("created_ms", G, created_ms),
	BYTES("likeness", G, likeness),
};
#undef G

#define L struct kms_alias
static const struct store_column aliases[] = {
	TEXT("account", L, scope.account),
	TEXT("region", L, scope.region),
	TEXT("name", L, name),
	TEXT("partition", L, scope.partition),
	BYTES("key_id", L, key_id.bytes),
	BOOL("multi_region", L, key_id.multi_region),
	TIME("created_ms", L, created_ms),
	TIME("updated_ms", L, updated_ms),
	U64("revision", L, revision),
};
#undef L

#define T struct store_key_tag
static const struct store_column tags[] = {
	TEXT("account", T, scope.account),     TEXT("region", T, scope.region),
	BYTES("key_id", T, key_id.bytes),      TEXT("tag_key", T, tag.key),
	TEXT("partition", T, scope.partition), BOOL("multi_region", T, key_id.multi_region),
	TEXT("tag_value", T, tag.value),
};
#undef T

#define U struct kms_last_use
static const struct store_column last_uses[] = {
	TEXT("account", U, scope.account),
	TEXT("region", U, scope.region),
	BYTES("key_id", U, key_id.bytes),
	TEXT("partition", U, scope.partition),
	BOOL("multi_region", U, key_id.multi_region),
	TEXT("operation", U, operation),
	TIME("time_ms", U, time_ms),
	TEXT("event_id", U, event_id),
	TEXT("request_id", U, request_id),
};
#undef U

#define C struct store_claim
static const struct store_column claims[] = {
	BYTES("key_id", C, claim.key_id.bytes),
	U32("kind", C, claim.kind, KMS_DUE_ROTATION, KMS_DUE_COUNT - 1),
	U32("number", C, claim.number, 0, UINT32_MAX),
	TEXT("account", C, claim.scope.account),
	TEXT("region", C, claim.scope.region),
	TEXT("partition", C, claim.scope.partition),
	BOOL("multi_region", C, claim.key_id.multi_region),
	BYTES("owner", C, claim.owner),
	TIME("lease_ms", C, claim.lease_ms),
	U32("attempts", C, attempts, 0, UINT32_MAX),
	TIME("retry_ms", C, retry_ms),
	TEXT("error", C, error),
};
#undef C

#define M struct store_clock_mark
static const struct store_column clock_marks[] = {
	U32("id", M, id, STORE_CLOCK_MARK_ID, STORE_CLOCK_MARK_ID),
	U64("revision", M, mark.revision),
	TIME("trusted_ms", M, mark.trusted_ms),
	BOOL("held", M, mark.held),
	TIME("held_ms", M, mark.held_ms),
};
#undef M

#define F struct store_manifest
static const struct store_column manifest[] = {
	U32("id", F, id, STORE_MANIFEST_ID, STORE_MANIFEST_ID),
	U64("epoch", F, epoch),
	U64("rows", F, rows),
	BYTES("hash", F, hash),
	BLOB("cells", F, cells, cells_len),
};
#undef F

#define H struct kms_audit_head
static const struct store_column audit_heads[] = {
	TEXT("log", H, log),          TEXT("chain", H, chain), U64("revision", H, revision),
	U64("sequence", H, sequence), BYTES("hash", H, hash),
};
#undef H

#define D struct kms_due
static const struct store_column dues[] = {
	BYTES("key_id", D, key_id.bytes),
	U32("number", D, number, 0, UINT32_MAX),
	TEXT("account", D, scope.account),
	TEXT("region", D, scope.region),
	TEXT("partition", D, scope.partition),
	BOOL("multi_region", D, key_id.multi_region),
	U32("kind", D, kind, KMS_DUE_ROTATION, KMS_DUE_COUNT - 1),
	INTEGER("due", STORE_I64, D, due_ms, INT64_MIN, INT64_MAX),
};
#undef D

#define W struct kms_due_count
static const struct store_column due_counts[] = {
	U64("due", W, due),
	TIME("since_ms", W, since_ms),
	U64("failed", W, failed),
};
#undef W

const struct store_table store_table_installation = TABLE("installation", installation, 1);
const struct store_table store_table_keys = TABLE("keys", keys, 3);
const struct store_table store_table_versions = TABLE("versions", versions, 4);
const struct store_table store_table_intents = TABLE("intents", intents, 1);
const struct store_table store_table_outbox = TABLE("outbox", outbox, 1);
const struct store_table store_table_principals = TABLE("principals", principals, 2);
const struct store_table store_table_access_keys = TABLE("access_keys", access_keys, 1);
const struct store_table store_table_identities = TABLE("identities", identities, 3);
const struct store_table store_table_key_uses = ADVISORY_TABLE("key_uses", key_uses, 1);
const struct store_table store_table_sessions = TABLE("sessions", sessions, 1);
const struct store_table store_table_grants = TABLE("grants", grants, 4);
const struct store_table store_table_aliases = TABLE("aliases", aliases, 3);
const struct store_table store_table_tags = TABLE("tags", tags, 4);
const struct store_table store_table_last_uses = ADVISORY_TABLE("last_uses", last_uses, 3);
const struct store_table store_table_claims = ADVISORY_TABLE("claims", claims, 3);
const struct store_table store_table_clock_marks = TABLE("clock_marks", clock_marks, 1);
const struct store_table store_table_manifest = TABLE("manifest", manifest, 1);
const struct store_table store_table_audit_heads = TABLE("audit_heads", audit_heads, 1);
const struct store_table store_table_dues = ADVISORY_TABLE("dues", dues, 2);
const struct store_table store_table_due_counts = ADVISORY_TABLE("due_counts", due_counts, 1);
