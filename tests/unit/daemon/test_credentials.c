/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/credentials.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

static char folder[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-credentials-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof path, "%s/file", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static void it_is_written_for_its_owner_alone(void **state)
{
	(void)state;
	struct credentials_file *file = NULL;
	struct secret *secret = NULL;
	assert_int_equal(secret_new_from(VIEW_LITERAL("open/sesame+"), &secret).code, E_OK);
	assert_int_equal(credentials_file_open(path, &file).code, E_OK);
	assert_int_equal(credentials_file_write(file, "AKIAEXAMPLE", secret).code, E_OK);
	credentials_file_keep(file);
	credentials_file_close(&file);
	secret_free(&secret);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	char text[256] = "";
	FILE *read = fopen(path, "r");
	assert_non_null(read);
	assert_true(fread(text, 1, sizeof text - 1, read) > 0);
	(void)fclose(read);
	assert_string_equal(text, "[default]\naws_access_key_id = AKIAEXAMPLE\n"
				  "aws_secret_access_key = open/sesame+\n");
}

static void credentials_that_never_became_valid_are_removed(void **state)
{
	(void)state;
	struct credentials_file *file = NULL;
	struct secret *secret = NULL;
	assert_int_equal(secret_new_from(VIEW_LITERAL("open/sesame+"), &secret).code, E_OK);
	assert_int_equal(credentials_file_open(path, &file).code, E_OK);
	assert_int_equal(credentials_file_write(file, "AKIAEXAMPLE", secret).code, E_OK);
	credentials_file_close(&file);
	secret_free(&secret);
	assert_int_equal(access(path, F_OK), -1);
}

static void an_existing_file_is_left_alone(void **state)
{
	(void)state;
	FILE *other = fopen(path, "w");
	assert_non_null(other);
	(void)fclose(other);
	struct credentials_file *file = NULL;
	assert_int_equal(credentials_file_open(path, &file).code, E_EXISTS);
	assert_null(file);
	assert_int_equal(access(path, F_OK), 0);
}

static void a_link_is_not_followed(void **state)
{
	(void)state;
	assert_int_equal(symlink("/tmp/holdfast-credentials-elsewhere", path), 0);
	struct credentials_file *file = NULL;
	assert_int_equal(credentials_file_open(path, &file).code, E_EXISTS);
	assert_int_equal(access("/tmp/holdfast-credentials-elsewhere", F_OK), -1);
}

static void what_was_not_written_is_removed(void **state)
{
	(void)state;
	struct credentials_file *file = NULL;
	assert_int_equal(credentials_file_open(path, &file).code, E_OK);
	assert_int_equal(access(path, F_OK), 0);
	credentials_file_close(&file);
	assert_null(file);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_missing_folder_is_an_error(void **state)
{
	(void)state;
	struct credentials_file *file = NULL;
	struct err result = credentials_file_open("/nowhere/at/all", &file);
	assert_int_equal(result.code, E_SYSTEM);
	assert_int_equal(result.detail, ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(it_is_written_for_its_owner_alone),
		T(credentials_that_never_became_valid_are_removed),
		T(an_existing_file_is_left_alone),
		T(a_link_is_not_followed),
		T(what_was_not_written_is_removed),
		T(a_missing_folder_is_an_error),
	};
	return cmocka_run_group_tests_name("daemon credentials", tests, NULL, NULL);
}
