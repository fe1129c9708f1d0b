/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from a file: which files are read at all, and the holdfast.conf that we ship. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/settings.h"
#include "config/table.h"

static char directory[] = "/tmp/holdfast-settings-XXXXXX";
static char path[64];
static char message[SETTINGS_MESSAGE_MAX];

static int group_setup(void **state)
{
	(void)state;
	if (mkdtemp(directory) == NULL)
		return -1;
	return err_failed(text_format(path, sizeof path, "%s/holdfast.conf", directory)) ? -1 : 0;
}

static int group_teardown(void **state)
{
	(void)state;
	return rmdir(directory);
}

static int file_teardown(void **state)
{
	(void)state;
	(void)remove(path);
	return 0;
}

static void put_file(const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void refused(const char *what)
{
	struct settings out, defaults;
	char expected[SETTINGS_MESSAGE_MAX];
	settings_defaults(&defaults);
	assert_true(err_is(settings_read(path, &out, message), E_SETTINGS));
	assert_false(err_failed(text_format(expected, sizeof expected, "%s:%s", path, what)));
	assert_string_equal(message, expected);
	assert_memory_equal(&out, &defaults, sizeof out);
}

static void a_file_is_read(void **state)
{
	(void)state;
	struct settings out;
	put_file("[server]\nthreads = 3\n", 0644);
	assert_false(err_failed(settings_read(path, &out, message)));
	assert_int_equal(out.server.threads, 3);
}

static void a_wrong_line_is_told_with_its_path(void **state)
{
	(void)state;
	put_file("[server]\n\nthreads = 300\n", 0600);
	refused("3: threads = 300 is out of range; choose 1 to 64");
}

static void a_file_that_is_not_there_is_refused(void **state)
{
	(void)state;
	refused(" cannot be opened (No such file or directory); make it from "
		"config/holdfast.conf, or name another with --config");
}

static void a_file_that_others_can_write_is_refused(void **state)
{
	(void)state;
	static const mode_t modes[] = {0620, 0602, 0666};
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		put_file("", modes[i]);
		refused(" can be written by others; take that away (chmod go-w)");
	}
}

static void a_file_of_another_user_is_refused(void **state)
{
	(void)state;
	put_file("", 0600);
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(path, 12345, 0), 0);
	refused(" belongs to another user; give it to root (chown root)");
}

static void a_fifo_is_refused_and_does_not_block(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(" is not a regular file; name the settings file");
}

static void a_folder_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	refused(" is not a regular file; name the settings file");
}

static void a_huge_file_is_refused(void **state)
{
	(void)state;
	put_file("", 0600);
	assert_int_equal(truncate(path, (256 << 10) + 1), 0);
	refused(" is larger than 256 KiB; shorten it");
}

/* --- The documented file. --- */

/* The shipped file with each "#name = value" made a setting; the number of such lines. */
static size_t read_documented(char *out, size_t cap)
{
	char line[1024];
	size_t count = 0;
	size_t at = 0;
	FILE *f = fopen(HOLDFAST_CONF, "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL) {
		bool setting = line[0] == '#' && line[1] >= 'a' && line[1] <= 'z';
		const char *text = setting ? line + 1 : line;
		count += setting;
		/* Nothing is in force in the shipped file. */
		assert_true(setting || line[0] == '#' || line[0] == '[' || line[0] == '\n');
		assert_true(at + strlen(text) < cap);
		memcpy(out + at, text, strlen(text));
		at += strlen(text);
	}
	assert_int_equal(fclose(f), 0);
	out[at] = '\0';
	return count;
}

static void the_documented_file_holds_every_default(void **state)
{
	(void)state;
	static char text[64 << 10];
	struct settings out, defaults;
	size_t count = read_documented(text, sizeof text);
	settings_defaults(&defaults);
	struct err e = settings_parse("holdfast.conf", text, strlen(text), &out, message);
	if (err_failed(e))
		fail_msg("%s", message);
	assert_memory_equal(&out, &defaults, sizeof out);
	/* No setting stands twice (the parser refuses that), so equal counts mean each has a line.
	 */
	assert_int_equal(count, settings_table_count);
}

/* Each is written as the table has it, not merely with the same value, and is explained. */
static void each_setting_is_documented_in_its_section(void **state)
{
	(void)state;
	static char text[64 << 10];
	(void)read_documented(text, sizeof text);
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		char section[64];
		char line[SETTINGS_TEXT_MAX + 64];
		assert_false(
			err_failed(text_format(section, sizeof section, "[%s]\n", row->section)));
		assert_false(err_failed(text_format(line, sizeof line, "\n%s =%s%s\n", row->name,
						    row->initial[0] ? " " : "", row->initial)));
		const char *from = strstr(text, section);
		const char *at = from ? strstr(from, line) : NULL;
		if (at == NULL)
			fail_msg("[%s] %s is not documented", row->section, row->name);
		const char *next = strstr(from + 1, "\n[");
		assert_true(next == NULL || at < next);
		const char *above = at - 1;
		while (above > text && above[-1] != '\n')
			above--;
		assert_memory_equal(above, "# ", 2);
		static const char mark[] = "(reload)";
		bool marked = memcmp(at - strlen(mark), mark, strlen(mark)) == 0;
		if (marked != row->reload)
			fail_msg("[%s] %s: marked (reload) in one place only", row->section,
				 row->name);
	}
}

#define FILE_TEST(test) cmocka_unit_test_teardown(test, file_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_file_is_read),
		FILE_TEST(a_wrong_line_is_told_with_its_path),
		FILE_TEST(a_file_that_is_not_there_is_refused),
		FILE_TEST(a_file_that_others_can_write_is_refused),
		FILE_TEST(a_file_of_another_user_is_refused),
		FILE_TEST(a_fifo_is_refused_and_does_not_block),
		FILE_TEST(a_folder_is_refused),
		FILE_TEST(a_huge_file_is_refused),
		cmocka_unit_test(the_documented_file_holds_every_default),
		cmocka_unit_test(each_setting_is_documented_in_its_section),
	};
	return cmocka_run_group_tests_name("settings_file", tests, group_setup, group_teardown);
}
