/* SPDX-License-Identifier: Apache-2.0 */
/* Key ids, key ARNs and KeyId members: parsing is strict and takes one written form only. */
#include "kms/arn.h"

#include "base/ascii.h"
#include "base/entropy.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/writer.h"

#define UUID_VERSION_BYTE 6
#define UUID_VARIANT_BYTE 8
#define ALIAS_PREFIX VIEW_LITERAL("alias/")
#define KEY_PREFIX VIEW_LITERAL("key/")
#define ARN_PREFIX VIEW_LITERAL("arn:")
#define MULTI_REGION_PREFIX VIEW_LITERAL("mrk-")

static const char hex_digits[] = "0123456789abcdef";

bool kms_key_id_equal(const struct kms_key_id *a, const struct kms_key_id *b)
{
	return a->multi_region == b->multi_region && mem_equal(a->bytes, b->bytes, sizeof a->bytes);
}

void kms_key_id_name(const struct kms_key_id *id, uint8_t out[KMS_KEY_ID_NAME])
{
	mem_copy(out, KMS_KEY_ID_NAME, id->bytes, sizeof id->bytes);
	out[sizeof id->bytes] = id->multi_region;
}

NODISCARD struct err kms_key_id_make(bool multi_region, struct kms_key_id *out)
{
	struct kms_key_id id = {.multi_region = multi_region};
	TRY(entropy_fill(id.bytes, sizeof id.bytes));
	if (!multi_region) {
		/* RFC 9562 §5.4: version 4, variant 10. */
		id.bytes[UUID_VERSION_BYTE] =
			(uint8_t)((id.bytes[UUID_VERSION_BYTE] & 0x0f) | 0x40);
		id.bytes[UUID_VARIANT_BYTE] =
			(uint8_t)((id.bytes[UUID_VARIANT_BYTE] & 0x3f) | 0x80);
	}
	*out = id;
	return OK;
}

/* Where a UUID has its dashes: before these bytes (RFC 9562 §4). */
static bool dash_stands_before(size_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

/* The value of a lower-case hex digit, or -1. */
static int digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 16 bytes of hex, all of `text`; with dashes where a UUID has them, or without any. */
static struct err id_bytes_parse(struct view text, bool dashes, uint8_t out[16])
{
	size_t at = 0;
	for (size_t i = 0; i < 16; i++) {
		if (dashes && dash_stands_before(i))
			REQUIRE(at < text.len && text.ptr[at++] == '-', E_FORMAT);
		REQUIRE(text.len - at >= 2, E_FORMAT);
		int high = digit_value(text.ptr[at]);
		int low = digit_value(text.ptr[at + 1]);
		REQUIRE(high >= 0 && low >= 0, E_FORMAT);
		out[i] = (uint8_t)(high << 4 | low);
		at += 2;
	}
	REQUIRE(at == text.len, E_FORMAT);
	return OK;
}

NODISCARD struct err kms_key_id_parse(struct view text, struct kms_key_id *out)
{
	struct kms_key_id id = {.multi_region = view_starts_with(text, MULTI_REGION_PREFIX)};
	if (id.multi_region)
		text = view_part(text, MULTI_REGION_PREFIX.len, text.len);
	TRY(id_bytes_parse(text, !id.multi_region, id.bytes));
	*out = id;
	return OK;
}

void kms_key_id_format(const struct kms_key_id *id, char out[KMS_KEY_ID_TEXT + 1])
{
	struct writer w;
	writer_init(&w, out, KMS_KEY_ID_TEXT);
	if (id->multi_region)
		writer_bytes(&w, MULTI_REGION_PREFIX);
	for (size_t i = 0; i < sizeof id->bytes; i++) {
		if (!id->multi_region && dash_stands_before(i))
			writer_u8(&w, '-');
		writer_u8(&w, (uint8_t)hex_digits[id->bytes[i] >> 4]);
		writer_u8(&w, (uint8_t)hex_digits[id->bytes[i] & 0x0f]);
	}
	out[w.len] = '\0';
}

void kms_key_arn_format(const struct kms_scope *scope, const struct kms_key_id *id,
			char out[KMS_KEY_ARN_TEXT])
{
	_Static_assert(sizeof "arn::kms:::key/" + KMS_PARTITION_MAX + KMS_REGION_MAX +
				       KMS_ACCOUNT_LEN + KMS_KEY_ID_TEXT <=
			       KMS_KEY_ARN_TEXT,
		       "the longest key ARN fits");
	char id_text[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(id, id_text);
	struct writer w;
	writer_init(&w, out, KMS_KEY_ARN_TEXT - 1);
	const char *const parts[] = {"arn:", scope->partition, ":kms:", scope->region,
				     ":",    scope->account,   ":key/", id_text};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		writer_text(&w, parts[i]);
	out[w.len] = '\0';
}

static bool is_name(struct view text)
{
	return ascii_consists_of(text, ASCII_LOWER | ASCII_DIGIT, VIEW_LITERAL("-"));
}

/* KMS API: AliasNameType ^[a-zA-Z0-9/_-]+$ */
static bool is_alias(struct view text)
{
	return view_starts_with(text, ALIAS_PREFIX) && text.len > ALIAS_PREFIX.len &&
	       text.len <= KMS_ALIAS_MAX &&
	       ascii_consists_of(text, ASCII_ALPHANUMERIC, VIEW_LITERAL("/_-"));
}

/* partition:kms:region:account:, cut off the front of *rest. */
static struct err scope_parse(struct view *rest, struct kms_scope *out)
{
	struct view partition = view_cut(rest, ':');
	struct view service = view_cut(rest, ':');
	struct view region = view_cut(rest, ':');
	struct view account = view_cut(rest, ':');
	REQUIRE(view_equal_text(service, "kms"), E_FORMAT);
	REQUIRE(is_name(partition) && is_name(region), E_FORMAT);
	REQUIRE(account.len == KMS_ACCOUNT_LEN &&
			ascii_consists_of(account, ASCII_DIGIT, VIEW_NONE),
		E_FORMAT);
	TRY(text_copy(out->partition, sizeof out->partition, partition));
	TRY(text_copy(out->region, sizeof out->region, region));
	return text_copy(out->account, sizeof out->account, account);
}

static struct err arn_parse(struct view text, struct kms_name *out)
{
	struct kms_name name = {.kind = KMS_NAME_KEY_ARN};
	struct view rest = view_part(text, ARN_PREFIX.len, text.len);
	TRY(scope_parse(&rest, &name.scope));
	if (is_alias(rest)) {
		name.kind = KMS_NAME_ALIAS_ARN;
		name.alias = rest;
	} else {
		REQUIRE(view_starts_with(rest, KEY_PREFIX), E_FORMAT);
		TRY(kms_key_id_parse(view_part(rest, KEY_PREFIX.len, rest.len), &name.id));
	}
	*out = name;
	return OK;
}

NODISCARD struct err kms_name_parse(struct view text, const struct kms_scope *home,
				    struct kms_name *out)
{
	REQUIRE(text.len <= KMS_ARN_MAX, E_FORMAT);
	if (view_starts_with(text, ARN_PREFIX)) {
		REQUIRE(!err_failed(arn_parse(text, out)), E_KMS_INVALID_ARN);
		return OK;
	}
	struct kms_name name = {.kind = KMS_NAME_KEY_ID, .scope = *home};
	if (is_alias(text)) {
		name.kind = KMS_NAME_ALIAS;
		name.alias = text;
	} else {
		TRY(kms_key_id_parse(text, &name.id));
	}
	*out = name;
	return OK;
}
