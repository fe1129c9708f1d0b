/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of a PEM file: one, several with text around them, and what is none. */
#include "cli/audit_keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "crypto/ecdsa.h"

/* The generator of P-256, and its double. */
static const char one[] = "-----BEGIN PUBLIC KEY-----\n"
			  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
			  "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
			  "-----END PUBLIC KEY-----\n";
static const uint8_t generator_begin[] = {0x04, 0x6b, 0x17, 0xd1, 0xf2};

static const uint8_t twice[AUDIT_POINT_LEN] = {
	0x04, 0x7c, 0xf2, 0x7b, 0x18, 0x8d, 0x03, 0x4f, 0x7e, 0x8a, 0x52, 0x38, 0x03,
	0x04, 0xb5, 0x1a, 0xc3, 0xc0, 0x89, 0x69, 0xe2, 0x77, 0xf2, 0x1b, 0x35, 0xa6,
	0x0b, 0x48, 0xfc, 0x47, 0x66, 0x99, 0x78, 0x07, 0x77, 0x55, 0x10, 0xdb, 0x8e,
	0xd0, 0x40, 0x29, 0x3d, 0x9a, 0xc6, 0x9f, 0x74, 0x30, 0xdb, 0xba, 0x7d, 0xad,
	0xe6, 0x3c, 0xe9, 0x82, 0x29, 0x9e, 0x04, 0xb7, 0x9d, 0x22, 0x78, 0x73, 0xd1};

static void one_key_is_read(UNUSED void **state)
{
	struct audit_keys keys = {.count = 0};
	assert_int_equal(audit_keys_add_pem(&keys, view_of_text(one)).code, E_OK);
	assert_int_equal(keys.count, 1);
	assert_memory_equal(audit_keys_at(&keys, 0), generator_begin, sizeof generator_begin);
}

static void several_are_read_with_what_stands_between(UNUSED void **state)
{
	char text[2048];
	struct writer w;
	struct audit_keys keys = {.count = 0};
	writer_init(&w, text, sizeof text);
	writer_text(&w, "SHA-256 of the point: ...\n");
	writer_text(&w, one);
	writer_text(&w, "the token of 2027:\n");
	assert_int_equal(ecdsa_p256_pem_write(twice, &w).code, E_OK);
	writer_text(&w, one); /* again */
	assert_int_equal(writer_end(&w).code, E_OK);
	assert_int_equal(audit_keys_add_pem(&keys, view_of(text, w.len)).code, E_OK);
	assert_int_equal(keys.count, 2);
	assert_memory_equal(audit_keys_at(&keys, 1), twice, sizeof twice);
}

/* Sixteen with their fingerprints are longer than the text of one may be. */
static void what_stands_between_may_be_long(UNUSED void **state)
{
	char text[8192];
	struct writer w;
	struct audit_keys keys = {.count = 0};
	writer_init(&w, text, sizeof text);
	writer_text(&w, one);
	for (unsigned i = 0; i < 100; i++)
		writer_text(&w, "# the token of 2026, in the safe of the second floor\n");
	assert_int_equal(ecdsa_p256_pem_write(twice, &w).code, E_OK);
	assert_int_equal(writer_end(&w).code, E_OK);
	assert_int_equal(audit_keys_add_pem(&keys, view_of(text, w.len)).code, E_OK);
	assert_int_equal(keys.count, 2);
}

static void what_is_no_key_is_refused(UNUSED void **state)
{
	char text[1024];
	struct writer w;
	struct audit_keys keys = {.count = 0};
	assert_int_equal(audit_keys_add_pem(&keys, VIEW_LITERAL("no key\n")).code, E_FORMAT);
	assert_int_equal(audit_keys_add_pem(&keys, VIEW_NONE).code, E_FORMAT);
	/* Nor is one passed over behind another. */
	writer_init(&w, text, sizeof text);
	writer_text(&w, one);
	writer_text(&w, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	assert_int_equal(audit_keys_add_pem(&keys, view_of(text, w.len)).code, E_FORMAT);
}

static enum exit_status read_from(const char *path, struct audit_keys *keys)
{
	static const struct argument row = {.option = "key"};
	const struct arguments given = {.given = {{&row, path}}, .count = 1};
	return audit_keys_read(&given, "key", keys);
}

/* A key behind what is read would be left out, and what it signed be taken for somebody else's. */
static void a_file_is_read_whole_or_refused(UNUSED void **state)
{
	char path[] = "/tmp/holdfast-keys-XXXXXX";
	struct audit_keys keys = {.count = 0};
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(file_write(fd, view_of_text(one)).code, E_OK);
	assert_int_equal(read_from(path, &keys), EXIT_DONE);
	assert_int_equal(keys.count, 1);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 1 << 20);
	assert_int_equal(file_write(fd, view_of_text(one)).code, E_OK);
	assert_int_equal(read_from(path, &keys), EXIT_USAGE);
	file_close(&fd);
	assert_int_equal(unlink(path), 0);
}

static void there_is_a_most(UNUSED void **state)
{
	struct audit_keys keys = {.count = 0};
	uint8_t point[AUDIT_POINT_LEN] = {4};
	for (point[1] = 0; point[1] < AUDIT_VERIFY_KEYS_MAX; point[1]++)
		assert_int_equal(audit_keys_add(&keys, point).code, E_OK);
	assert_int_equal(audit_keys_add(&keys, point).code, E_BOUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_key_is_read),
		cmocka_unit_test(several_are_read_with_what_stands_between),
		cmocka_unit_test(what_stands_between_may_be_long),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(a_file_is_read_whole_or_refused),
		cmocka_unit_test(there_is_a_most),
	};
	return cmocka_run_group_tests_name("cli_audit_keys", tests, NULL, NULL);
}
