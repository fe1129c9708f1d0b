/* SPDX-License-Identifier: Apache-2.0 */
#include "kms/alias.h"

#include "base/ascii.h"
#include "base/text.h"
#include "base/writer.h"
#include "kms/key.h"

static const struct view prefix = VIEW_LITERAL("alias/");
static const struct view reserved = VIEW_LITERAL("alias/aws/");

NODISCARD struct err kms_alias_name_check(struct view name)
{
	REQUIRE(name.len <= KMS_ALIAS_MAX && view_starts_with(name, prefix), E_FORMAT);
	struct view rest = view_part(name, prefix.len, name.len);
	REQUIRE(ascii_consists_of(rest, ASCII_ALPHANUMERIC, VIEW_LITERAL("/_-")), E_FORMAT);
	return OK;
}

bool kms_alias_name_is_reserved(struct view name)
{
	return view_starts_with(name, reserved);
}

void kms_alias_arn_format(const struct kms_scope *scope, struct view name,
			  char out[KMS_ALIAS_ARN_TEXT])
{
	struct writer w;
	writer_init(&w, out, KMS_ALIAS_ARN_TEXT);
	writer_format(&w, "arn:%s:kms:%s:%s:", scope->partition, scope->region, scope->account);
	writer_bytes(&w, view_part(name, 0, KMS_ALIAS_MAX));
	if (err_failed(writer_end_text(&w)))
		out[0] = '\0';
}

enum key_type { KEY_ASYMMETRIC, KEY_SYMMETRIC, KEY_HMAC };

/* What is not named is asymmetric. */
static const enum key_type key_types[KMS_SPEC_COUNT] = {
	[KMS_SPEC_SYMMETRIC_DEFAULT] = KEY_SYMMETRIC,
	[KMS_SPEC_HMAC_224] = KEY_HMAC,
	[KMS_SPEC_HMAC_256] = KEY_HMAC,
	[KMS_SPEC_HMAC_384] = KEY_HMAC,
	[KMS_SPEC_HMAC_512] = KEY_HMAC,
};

bool kms_alias_may_move(const struct kms_key *from, const struct kms_key *to)
{
	if (from->spec >= KMS_SPEC_COUNT || to->spec >= KMS_SPEC_COUNT)
		return false;
	return key_types[from->spec] == key_types[to->spec] && from->usage == to->usage;
}

NODISCARD struct err kms_alias_check(const struct kms_alias *alias)
{
	ENSURE(!err_failed(kms_alias_name_check(view_of_text(alias->name))));
	ENSURE(alias->created_ms >= 0 && alias->updated_ms >= 0);
	ENSURE(alias->revision > 0);
	return OK;
}
