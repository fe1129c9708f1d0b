/* SPDX-License-Identifier: Apache-2.0 */

#include "kms/installation.h"
#include "tests/support/assert_err.h"

#define INSTALLATION "00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff"
#define UUID "1234abcd-12ab-34cd-56ef-1234567890ab"
#define LABEL "holdfast:" INSTALLATION ":" UUID ":"

static struct kms_key_id sample_id(void)
{
	struct kms_key_id id;
	assert_ok(kms_key_id_parse(VIEW_LITERAL(UUID), &id));
	return id;
}

static void test_version_label_is_written(void **state)
{
	(void)state;
	struct kms_key_id id = sample_id();
	char label[HSM_LABEL_MAX + 1];
	assert_ok(kms_version_label(INSTALLATION, &id, 7, label));
	assert_string_equal(label, LABEL "7");
	assert_ok(kms_version_label(INSTALLATION, &id, UINT32_MAX, label));
	assert_string_equal(label, LABEL "4294967295");
}

static void test_version_label_is_read_back(void **state)
{
	(void)state;
	struct kms_key_id id = sample_id();
	struct kms_key_id read;
	uint32_t number = 0;
	char label[HSM_LABEL_MAX + 1];
	id.multi_region = true;
	assert_ok(kms_version_label(INSTALLATION, &id, UINT32_MAX, label));
	assert_ok(kms_version_label_parse(INSTALLATION, label, &read, &number));
	assert_true(kms_key_id_equal(&id, &read));
	assert_int_equal(number, UINT32_MAX);
}

static void test_bad_inputs_make_no_label(void **state)
{
	(void)state;
	struct kms_key_id id = sample_id();
	char label[HSM_LABEL_MAX + 1];
	assert_err(kms_version_label(INSTALLATION, &id, 0, label), E_FORMAT);
	assert_err(kms_version_label("short", &id, 1, label), E_FORMAT);
	assert_err(kms_version_label("00112233445566778899AABBCCDDEEFF", &id, 1, label), E_FORMAT);
}

static const char *const no_labels[] = {
	"",
	"holdfast",
	"holdfast:" INSTALLATION,
	"holdfast:" INSTALLATION ":" UUID,
	LABEL,
	LABEL "0",
	LABEL "01",
	LABEL "-1",
	LABEL "+1",
	LABEL "1 ",
	LABEL "1:2",
	LABEL "4294967296",
	LABEL "99999999999999999999999",
	"Holdfast:" INSTALLATION ":" UUID ":1",
	"holdfast:" OTHER ":" UUID ":1",
	"holdfast:" INSTALLATION ":fake:1",
	"holdfast:" INSTALLATION ":row-seal",
};

static void test_other_labels_are_refused(void **state)
{
	(void)state;
	struct kms_key_id id;
	uint32_t number = 0;
	for (size_t i = 0; i < ARRAY_LEN(no_labels); i++)
		assert_err(kms_version_label_parse(INSTALLATION, no_labels[i], &id, &number),
			   E_FORMAT);
	assert_err(kms_version_label_parse("", "holdfast::" UUID ":1", &id, &number), E_FORMAT);
}

static void test_labels_of_the_installation(void **state)
{
	(void)state;
	char label[HSM_LABEL_MAX + 1];
	assert_ok(kms_installation_label(INSTALLATION, HSM_ROLE_ROW_SEAL, label));
	assert_string_equal(label, "holdfast:" INSTALLATION ":row-seal");
	assert_ok(kms_installation_label(INSTALLATION, HSM_ROLE_AUDIT_SIGN, label));
	assert_string_equal(label, "holdfast:" INSTALLATION ":audit-sign");
	assert_ok(kms_installation_label(INSTALLATION, HSM_ROLE_SECRET_WRAP, label));
	assert_string_equal(label, "holdfast:" INSTALLATION ":secret-wrap");
	assert_err(kms_installation_label(INSTALLATION, HSM_ROLE_VERSION, label), E_BUG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_label_is_written),
		cmocka_unit_test(test_version_label_is_read_back),
		cmocka_unit_test(test_bad_inputs_make_no_label),
		cmocka_unit_test(test_other_labels_are_refused),
		cmocka_unit_test(test_labels_of_the_installation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
