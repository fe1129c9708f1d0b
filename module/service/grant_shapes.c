/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_shapes.h"

#include "base/ascii.h"
#include "kms/grant.h"
#include "service/shapes.h"

static bool is_principal(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL("_+=,.@:/-"));
}

static const struct schema_pattern principal_pattern = {"^[\\w+=,.@:/-]+$", is_principal};
const struct schema_shape shape_principal_id = {.type = SCHEMA_STRING,
						.has_min = true,
						.min = 1,
						.has_max = true,
						.max = KMS_GRANT_PRINCIPAL_MAX,
						.pattern = &principal_pattern};

/* Three labels or more. */
static bool is_service(struct view value)
{
	size_t labels = 0;
	for (struct view rest = value; rest.ptr != NULL; labels++)
		if (!ascii_consists_of(view_cut(&rest, '.'), ASCII_ALPHANUMERIC, VIEW_LITERAL("-")))
			return false;
	return labels >= 3;
}

static const struct schema_pattern service_pattern = {
	"^([A-Za-z0-9\\-]+)\\.([A-Za-z0-9\\-]+)(\\.[A-Za-z0-9\\-]+)+$", is_service};
const struct schema_shape shape_service_principal = {.type = SCHEMA_STRING,
						     .has_min = true,
						     .min = 1,
						     .has_max = true,
						     .max = 128,
						     .pattern = &service_pattern};

const struct schema_shape shape_grant_id = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 128};
const struct schema_shape shape_grant_token = {
	.type = SCHEMA_STRING, .has_min = true, .min = 1, .has_max = true, .max = 8192};

static bool is_name(struct view value)
{
	return ascii_consists_of(value, ASCII_ALPHANUMERIC, VIEW_LITERAL(":/_-"));
}

static const struct schema_pattern name_pattern = {"^[a-zA-Z0-9:/_-]+$", is_name};
const struct schema_shape shape_grant_name = {.type = SCHEMA_STRING,
					      .has_min = true,
					      .min = 1,
					      .has_max = true,
					      .max = KMS_GRANT_NAME_MAX,
					      .pattern = &name_pattern};

/* Of the last two no key of any kind is capable. */
static const char *const operations[] = {"Decrypt",
					 "Encrypt",
					 "GenerateDataKey",
					 "GenerateDataKeyWithoutPlaintext",
					 "ReEncryptFrom",
					 "ReEncryptTo",
					 "Sign",
					 "Verify",
					 "GetPublicKey",
					 "CreateGrant",
					 "RetireGrant",
					 "DescribeKey",
					 "GenerateDataKeyPair",
					 "GenerateDataKeyPairWithoutPlaintext",
					 "GenerateMac",
					 "VerifyMac",
					 "DeriveSharedSecret",
					 "Encapsulate",
					 "Decapsulate",
					 NULL};
static const struct schema_shape operation = {.type = SCHEMA_STRING, .values = operations};
const struct schema_shape shape_grant_operations = {.type = SCHEMA_LIST, .element = &operation};

static bool is_lower_or_digit(struct view value)
{
	return value.len == 0 ||
	       ascii_consists_of(value, ASCII_LOWER | ASCII_DIGIT, VIEW_LITERAL("-"));
}

static bool is_account(struct view value)
{
	return value.len == KMS_ACCOUNT_LEN && ascii_consists_of(value, ASCII_DIGIT, VIEW_NONE);
}

/* The pattern's last part is anything but nothing, and no line end. */
static bool is_source_arn(struct view value)
{
	struct view rest = value;
	struct view arn = view_cut(&rest, ':'), partition = view_cut(&rest, ':');
	struct view service = view_cut(&rest, ':'), region = view_cut(&rest, ':');
	struct view account = view_cut(&rest, ':');
	return view_equal_text(arn, "arn") && view_starts_with(partition, VIEW_LITERAL("aws")) &&
	       is_lower_or_digit(partition) && service.len > 0 && is_lower_or_digit(service) &&
	       is_lower_or_digit(region) && is_account(account) && rest.len > 0 &&
	       view_find(rest, '\n') == rest.len;
}

static const struct schema_pattern source_pattern = {
	"^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$", is_source_arn};
static const struct schema_shape source_arn = {.type = SCHEMA_STRING,
					       .has_min = true,
					       .min = 20,
					       .has_max = true,
					       .max = 512,
					       .pattern = &source_pattern};
static const struct schema_member constraints[] = {
	{"EncryptionContextSubset", &shape_context, false},
	{"EncryptionContextEquals", &shape_context, false},
	{"SourceArn", &source_arn, false},
	{NULL, NULL, false},
};
const struct schema_shape shape_grant_constraints = {.type = SCHEMA_STRUCTURE,
						     .members = constraints};
