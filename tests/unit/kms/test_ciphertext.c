/* SPDX-License-Identifier: Apache-2.0 */

#include "base/mem.h"
#include "kms/ciphertext.h"
#include "tests/support/assert_err.h"

#define SHORTEST (KMS_CIPHERTEXT_HEADER_LEN + HSM_SEALED_OVERHEAD + 1)

enum { FORMAT_AT = 0, SUITE_AT = 1, FLAGS_AT = 2, KEY_AT = 3, VERSION_AT = 19 };

static const struct kms_version sample = {
	.key_id = {.bytes = {0xaa, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xbb}},
	.number = 0x01020304,
	.suite = HSM_SUITE_ECB_DATA,
};

static void blob_make(uint8_t *blob, size_t len)
{
	kms_ciphertext_header(&sample, blob);
	for (size_t i = KMS_CIPHERTEXT_HEADER_LEN; i < len; i++)
		blob[i] = (uint8_t)i;
}

/* The layout is stored for ever: byte for byte. */
static void test_header_layout(void **state)
{
	(void)state;
	static const uint8_t wanted[] = {1, 2,  0,  0xaa, 1,  2,  3,    4, 5, 6, 7, 8,
					 9, 10, 11, 12,   13, 14, 0xbb, 1, 2, 3, 4};
	uint8_t header[KMS_CIPHERTEXT_HEADER_LEN];
	kms_ciphertext_header(&sample, header);
	assert_int_equal(sizeof wanted, sizeof header);
	assert_memory_equal(header, wanted, sizeof wanted);
}

static void test_parse_is_the_inverse(void **state)
{
	(void)state;
	uint8_t blob[SHORTEST];
	struct kms_ciphertext parsed;
	blob_make(blob, sizeof blob);
	assert_ok(kms_ciphertext_parse(VIEW_ARRAY(blob), &parsed));
	assert_int_equal(parsed.suite, sample.suite);
	assert_int_equal(parsed.version, sample.number);
	assert_true(kms_key_id_equal(&parsed.key_id, &sample.key_id));
	assert_ptr_equal(parsed.header.ptr, blob);
	assert_int_equal(parsed.header.len, KMS_CIPHERTEXT_HEADER_LEN);
	assert_ptr_equal(parsed.sealed.ptr, blob + KMS_CIPHERTEXT_HEADER_LEN);
	assert_int_equal(parsed.sealed.len, sizeof blob - KMS_CIPHERTEXT_HEADER_LEN);
}

static void test_multi_region_flag(void **state)
{
	(void)state;
	uint8_t blob[SHORTEST] = {0};
	struct kms_version version = sample;
	struct kms_ciphertext parsed;
	version.key_id.multi_region = true;
	kms_ciphertext_header(&version, blob);
	assert_int_equal(blob[FLAGS_AT], KMS_CIPHERTEXT_FLAG_MULTI_REGION);
	assert_ok(kms_ciphertext_parse(VIEW_ARRAY(blob), &parsed));
	assert_true(parsed.key_id.multi_region);
}

static void refuse_with(size_t at, uint8_t value)
{
	uint8_t blob[SHORTEST];
	struct kms_ciphertext parsed;
	blob_make(blob, sizeof blob);
	blob[at] = value;
	assert_err(kms_ciphertext_parse(VIEW_ARRAY(blob), &parsed), E_KMS_CIPHERTEXT);
}

static void test_other_formats_are_refused(void **state)
{
	(void)state;
	for (unsigned value = 0; value < 256; value++)
		if (value != KMS_CIPHERTEXT_FORMAT)
			refuse_with(FORMAT_AT, (uint8_t)value);
}

static void test_other_suites_are_refused(void **state)
{
	(void)state;
	refuse_with(SUITE_AT, 0);
	for (unsigned value = 4; value < 256; value++)
		refuse_with(SUITE_AT, (uint8_t)value);
}

static void test_other_flags_are_refused(void **state)
{
	(void)state;
	for (unsigned value = 2; value < 256; value++)
		refuse_with(FLAGS_AT, (uint8_t)value);
}

static void test_version_zero_is_refused(void **state)
{
	(void)state;
	uint8_t blob[SHORTEST];
	struct kms_ciphertext parsed;
	blob_make(blob, sizeof blob);
	mem_zero(blob + VERSION_AT, 4);
	assert_err(kms_ciphertext_parse(VIEW_ARRAY(blob), &parsed), E_KMS_CIPHERTEXT);
}

static void test_lengths(void **state)
{
	(void)state;
	static uint8_t blob[KMS_CIPHERTEXT_MAX + 1];
	struct kms_ciphertext parsed;
	blob_make(blob, sizeof blob);
	for (size_t len = 0; len < SHORTEST; len++)
		assert_err(kms_ciphertext_parse(view_of(blob, len), &parsed), E_KMS_CIPHERTEXT);
	assert_ok(kms_ciphertext_parse(view_of(blob, SHORTEST), &parsed));
	assert_ok(kms_ciphertext_parse(view_of(blob, KMS_CIPHERTEXT_MAX), &parsed));
	assert_err(kms_ciphertext_parse(view_of(blob, KMS_CIPHERTEXT_MAX + 1), &parsed),
		   E_KMS_CIPHERTEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_layout),
		cmocka_unit_test(test_parse_is_the_inverse),
		cmocka_unit_test(test_multi_region_flag),
		cmocka_unit_test(test_other_formats_are_refused),
		cmocka_unit_test(test_other_suites_are_refused),
		cmocka_unit_test(test_other_flags_are_refused),
		cmocka_unit_test(test_version_zero_is_refused),
		cmocka_unit_test(test_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
