/* SPDX-License-Identifier: Apache-2.0 */
#include "service/key_policy.h"

#include "base/text.h"
#include "service/core.h"
#include "service/input.h"
#include "service/shapes.h"

#define DEFAULT_POLICY_MAX 1024

static bool is_policy_text(struct view value)
{
	return shape_is_latin(value, true);
}

static const struct schema_pattern pattern = {"[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
					      is_policy_text};
const struct schema_shape shape_policy = {.type = SCHEMA_STRING,
					  .has_min = true,
					  .min = 1,
					  .has_max = true,
					  .max = 131072,
					  .pattern = &pattern};

static bool is_policy_name(struct view value)
{
	for (size_t i = 0; i < value.len; i++) {
		uint8_t c = value.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '_')
			return false;
	}
	return value.len > 0;
}

static const struct schema_pattern name_pattern = {"[\\w]+", is_policy_name};
const struct schema_shape shape_policy_name = {.type = SCHEMA_STRING,
					       .has_min = true,
					       .min = 1,
					       .has_max = true,
					       .max = 128,
					       .pattern = &name_pattern};

NODISCARD struct err key_policy_check_name(struct call_work *work)
{
	if (input_member(work, "PolicyName") == NULL ||
	    view_equal_text(input_text(work, "PolicyName"), KEY_POLICY_NAME))
		return OK;
	return work_refuse(work, ERR(E_KMS_NOT_FOUND), "No such policy exists");
}

NODISCARD struct err key_policy_check(struct call_work *work, const char *member)
{
	if (input_member(work, member) == NULL)
		return OK;
	struct view policy = input_text(work, member);
	if (policy.len > KMS_POLICY_MAX)
		return work_refuse(work, ERR(E_KMS_LIMIT),
				   "The policy document must not exceed %d bytes.", KMS_POLICY_MAX);
	CLEANUP(json_free) struct json *document = NULL;
	struct err e = json_parse(policy, &document);
	if (err_failed(e) && err_category(e) != ERR_CALLER)
		return e;
	if (json_type_of(document) != JSON_TYPE_OBJECT)
		return work_refuse(work, ERR(E_KMS_MALFORMED_POLICY),
				   "The policy document is not a JSON object.");
	return OK;
}

static struct err write_default(const struct kms_scope *scope, char out[DEFAULT_POLICY_MAX])
{
	return text_format(out, DEFAULT_POLICY_MAX,
			   "{\n  \"Version\" : \"2012-10-17\",\n  \"Id\" : \"key-default-1\",\n"
			   "  \"Statement\" : [ {\n    \"Sid\" : \"Enable IAM User Permissions\",\n"
			   "    \"Effect\" : \"Allow\",\n    \"Principal\" : {\n"
			   "      \"AWS\" : \"arn:%s:iam::%s:root\"\n    },\n"
			   "    \"Action\" : \"kms:*\",\n    \"Resource\" : \"*\"\n  } ]\n}",
			   scope->partition, scope->account);
}

NODISCARD struct err key_policy_new(const struct call_work *work, const char *member, char **out)
{
	if (input_member(work, member) != NULL)
		return text_new(input_text(work, member), out);
	char policy[DEFAULT_POLICY_MAX];
	TRY(write_default(&work->home, policy));
	return text_new(view_of_text(policy), out);
}
