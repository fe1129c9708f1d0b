/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/evidence_judge.h"

#define KEY_BITS 256

enum {
	USE_ENCRYPT = 1 << 0,
	USE_DECRYPT = 1 << 1,
	USE_SIGN = 1 << 2,
	USE_VERIFY = 1 << 3,
	USE_WRAP = 1 << 4,
	USE_UNWRAP = 1 << 5,
	USE_DERIVE = 1 << 6,
};

/* P1 first: fixed for every key. A usage is allowed where its bit is the role's or suite's. */
static const struct attribute_row {
	const char *name;
	unsigned usage;     /* 0: a promise */
	bool value;         /* of a promise */
	bool local;         /* says where the material was made: nothing of imported one */
	bool absent_is_off; /* what a token has no attribute for is not allowed */
} attribute_rows[] = {
	{"CKA_TOKEN", 0, true, false, false},
	{"CKA_PRIVATE", 0, true, false, false},
	{"CKA_SENSITIVE", 0, true, false, false},
	{"CKA_ALWAYS_SENSITIVE", 0, true, true, false},
	{"CKA_EXTRACTABLE", 0, false, false, false},
	{"CKA_NEVER_EXTRACTABLE", 0, true, true, false},
	{"CKA_MODIFIABLE", 0, false, false, false},
	{"CKA_LOCAL", 0, true, true, false},
	{"CKA_ENCRYPT", USE_ENCRYPT, false, false, true},
	{"CKA_DECRYPT", USE_DECRYPT, false, false, true},
	{"CKA_SIGN", USE_SIGN, false, false, true},
	{"CKA_VERIFY", USE_VERIFY, false, false, true},
	{"CKA_WRAP", USE_WRAP, false, false, true},
	{"CKA_UNWRAP", USE_UNWRAP, false, false, true},
	{"CKA_DERIVE", USE_DERIVE, false, false, true},
};

static const struct role_row {
	const char *key_type;
	unsigned usage; /* 0: by suite */
} role_rows[] = {
	[JUDGE_VERSION] = {"AES", 0},
	[JUDGE_ROW_SEAL] = {"GENERIC_SECRET", USE_SIGN},
	[JUDGE_AUDIT_SIGN] = {"EC", USE_SIGN},
	[JUDGE_SECRET_WRAP] = {"AES", 0},
};

/* By number: SP 800-108, AES-ECB data, AES-GCM under the key itself. */
static const unsigned suite_usage[] = {0, USE_DERIVE, USE_DERIVE, USE_ENCRYPT | USE_DECRYPT};

const char *judge_verdict_name(enum judge_verdict verdict)
{
	static const char *const names[] = {
		[JUDGE_YES] = "yes", [JUDGE_UNKNOWN] = "not reported", [JUDGE_NO] = "no"};
	return names[verdict];
}

const char *judge_attribute_at(size_t index)
{
	return index < ARRAY_LEN(attribute_rows) ? attribute_rows[index].name : NULL;
}

/* No suite that we know: nothing is allowed. */
static unsigned usage_of(const struct judge_subject *subject)
{
	if (role_rows[subject->role].usage != 0)
		return role_rows[subject->role].usage;
	bool known = subject->suite > 0 && subject->suite < (int64_t)ARRAY_LEN(suite_usage);
	return known ? suite_usage[subject->suite] : 0;
}

bool judge_required(const struct judge_subject *subject, size_t index)
{
	const struct attribute_row *row = &attribute_rows[index];
	return row->usage != 0 ? (usage_of(subject) & row->usage) != 0 : row->value;
}

enum judge_verdict judge_attribute(const struct judge_subject *subject, const struct json *token,
				   size_t index)
{
	const struct attribute_row *row = &attribute_rows[index];
	const struct json *value = json_member(json_member(token, "Attributes"), row->name);
	bool required = judge_required(subject, index);
	if (row->local && subject->imported)
		return JUDGE_YES;
	if (json_type_of(value) == JSON_TYPE_BOOL)
		return json_bool_of(value) == required ? JUDGE_YES : JUDGE_NO;
	if (value != NULL && json_type_of(value) != JSON_TYPE_NULL)
		return JUDGE_NO;
	return row->absent_is_off && !required ? JUDGE_YES : JUDGE_UNKNOWN;
}

enum judge_verdict judge_key_type(const struct judge_subject *subject, const struct json *token)
{
	struct view type = json_string_of(json_member(token, "KeyType"));
	int64_t bits = json_integer_of(json_member(token, "Bits"));
	if (type.len == 0)
		return JUDGE_UNKNOWN;
	if (!view_equal_text(type, role_rows[subject->role].key_type))
		return JUDGE_NO;
	if (bits == 0)
		return JUDGE_UNKNOWN;
	return bits == KEY_BITS ? JUDGE_YES : JUDGE_NO;
}

enum judge_verdict judge_object(const struct judge_subject *subject, const struct json *token)
{
	enum judge_verdict worst = judge_key_type(subject, token);
	if (json_type_of(json_member(token, "Attributes")) != JSON_TYPE_OBJECT)
		return MAX_OF(worst, JUDGE_UNKNOWN);
	for (size_t i = 0; i < ARRAY_LEN(attribute_rows); i++)
		worst = MAX_OF(worst, judge_attribute(subject, token, i));
	return worst;
}
