/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles beside those that are there, for this user alone. */
#include "cli/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX 4096

static char folder[64], credentials[128], config[128];

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fputs(text, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

static void get(const char *path, char out[TEXT_MAX])
{
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	size_t n = fread(out, 1, TEXT_MAX - 1, file);
	out[n] = '\0';
	assert_int_equal(fclose(file), 0);
}

static int make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof folder, "/tmp/holdfast-profile-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(credentials, sizeof credentials, "%s/aws/credentials", folder);
	(void)snprintf(config, sizeof config, "%s/config", folder);
	return setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1) |
	       setenv("AWS_CONFIG_FILE", config, 1);
}

static int clear(void **state)
{
	(void)state;
	char inner[128];
	(void)snprintf(inner, sizeof inner, "%s/aws", folder);
	(void)unlink(credentials);
	(void)unlink(config);
	(void)rmdir(inner);
	return rmdir(folder);
}

static struct err add(const char *name)
{
	char path[PROFILE_PATH_MAX];
	const struct profile profile = {.name = view_of_text(name),
					.access_key_id = VIEW_LITERAL("AKIAX"),
					.secret_key = VIEW_LITERAL("s/e+c"),
					.region = VIEW_LITERAL("eu-central-1"),
					.endpoint = VIEW_LITERAL("http://127.0.0.1:1")};
	TRY(profile_check(profile.name));
	return profile_write(&profile, path);
}

static void both_files_are_made(void **state)
{
	(void)state;
	char text[TEXT_MAX];
	struct stat is;
	assert_false(err_failed(add("alice")));
	get(credentials, text);
	assert_string_equal(text, "[alice]\naws_access_key_id = AKIAX\n"
				  "aws_secret_access_key = s/e+c\n");
	get(config, text);
	assert_string_equal(text, "[profile alice]\nregion = eu-central-1\n"
				  "endpoint_url = http://127.0.0.1:1\n");
	assert_int_equal(stat(credentials, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
}

static void what_is_there_stays(void **state)
{
	(void)state;
	char text[TEXT_MAX];
	put(config, "[default]\nregion = x");
	assert_false(err_failed(add("alice")));
	get(config, text);
	assert_string_equal(text, "[default]\nregion = x\n\n[profile alice]\n"
				  "region = eu-central-1\nendpoint_url = http://127.0.0.1:1\n");
}

static void a_profile_is_never_replaced(void **state)
{
	(void)state;
	char text[TEXT_MAX];
	put(config, " [profile alice] \nregion = x\n");
	assert_int_equal(add("alice").code, E_USAGE);
	put(config, "[default]\n");
	assert_int_equal(add("default").code, E_USAGE);
	get(config, text);
	assert_string_equal(text, "[default]\n");
}

static void names_that_need_quoting_are_refused(void **state)
{
	(void)state;
	static const char *const names[] = {"", "a b", "a]", "a\n[x]", "a#b", "\xc3\xa4"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(add(names[i]).code, E_USAGE);
}

static void a_folder_that_cannot_be_made_is_told_before(void **state)
{
	(void)state;
	assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null/aws/x", 1), 0);
	assert_int_equal(profile_check(VIEW_LITERAL("alice")).code, E_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(both_files_are_made, make, clear),
		cmocka_unit_test_setup_teardown(what_is_there_stays, make, clear),
		cmocka_unit_test_setup_teardown(a_profile_is_never_replaced, make, clear),
		cmocka_unit_test_setup_teardown(names_that_need_quoting_are_refused, make, clear),
		cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made_is_told_before, make,
						clear),
	};
	return cmocka_run_group_tests_name("cli profile", tests, NULL, NULL);
}
