/* SPDX-License-Identifier: Apache-2.0 */
/* The command line to a request, by a table that has every kind of argument. */
#include "cli/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_MAX 4096
#define WORDS_MAX 16

static const struct argument global[] = {
	{.option = "json", .kind = ARGUMENT_FLAG, .help = "x"},
	{.option = "help", .kind = ARGUMENT_FLAG, .help = "x"},
	{.option = "socket", .value = "PATH", .kind = ARGUMENT_TEXT, .help = "x"},
	ARGUMENTS_END};

static const struct argument own[] = {
	ARGUMENT_WORD("Name", "NAME", "which"),
	ARGUMENT_OPTION("file", "Document", "FILE", ARGUMENT_FILE, "x"),
	ARGUMENT_OPTION("count", "Count", "N", ARGUMENT_INTEGER, "x"),
	ARGUMENT_OPTION("force", "Force", NULL, ARGUMENT_FLAG, "x"),
	ARGUMENT_OPTION("context", "Context", "K=V", ARGUMENT_MAP, "x"),
	ARGUMENT_OPTION("condition", "Conditions", "K=V", ARGUMENT_VALUES, "x"),
	ARGUMENT_OPTION("note", NULL, "TEXT", ARGUMENT_TEXT, "for the command itself"),
	ARGUMENT_NEEDED(NULL, "Tags", "K=V", ARGUMENT_TAGS, "tags"),
	ARGUMENTS_END};

static struct err parse(const struct argument *table, struct arguments *out,
			const char *const *words)
{
	int count = 0;
	while (words[count] != NULL)
		count++;
	struct argument_line line = {.argc = count, .argv = words};
	return arguments_take_all(&line, global, table, out);
}

/* The request that the words come to, as text; "" when they are refused. */
static void request(const struct argument *table, const char *const *words, char out[TEXT_MAX])
{
	static struct arguments arguments;
	struct writer w;
	struct json_out json;
	arguments.count = 0;
	out[0] = '\0';
	if (err_failed(parse(table, &arguments, words)))
		return;
	writer_init(&w, out, TEXT_MAX);
	json_out_init(&json, &w);
	json_out_begin_object(&json, NULL);
	struct err e = arguments_write(&arguments, table, &json);
	json_out_end_object(&json);
	if (err_failed(e) || err_failed(json_out_end(&json)) || err_failed(writer_end_text(&w)))
		out[0] = '\0';
}

#define EXPECT(table, expected, ...)                        \
	do {                                                \
		char text_[TEXT_MAX];                       \
		const char *words_[] = {__VA_ARGS__, NULL}; \
		request(table, words_, text_);              \
		assert_string_equal(text_, expected);       \
	} while (0)

static void each_kind_becomes_its_member(void **state)
{
	(void)state;
	EXPECT(own, "{\"Name\":\"a\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v=w\"}]}", "a", "k=v=w");
	EXPECT(own,
	       "{\"Name\":\"a\",\"Count\":7,\"Force\":true,\"Context\":{\"x\":\"\",\"y\":\"2\"},"
	       "\"Conditions\":{\"p\":[\"1\",\"2\"],\"q\":[\"3\"]},"
	       "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"},{\"Key\":\"l\",\"Value\":\"w\"}]}",
	       "--count=7", "a", "--force", "--context", "x=", "k=v", "--context=y=2",
	       "--condition", "p=1", "--condition", "q=3", "--condition", "p=2", "l=w");
}

static void the_last_of_a_single_option_counts(void **state)
{
	(void)state;
	EXPECT(own, "{\"Name\":\"a\",\"Count\":2,\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}", "a",
	       "k=v", "--count", "1", "--count", "2");
}

static void what_belongs_to_the_command_is_not_sent(void **state)
{
	(void)state;
	EXPECT(own, "{\"Name\":\"a\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}", "--json", "a",
	       "k=v", "--note", "n", "--socket", "s");
}

static void words_behind_two_dashes_are_no_options(void **state)
{
	(void)state;
	EXPECT(own, "{\"Name\":\"--json\",\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}", "--",
	       "--json", "k=v");
}

static void what_cannot_be_is_refused(void **state)
{
	(void)state;
	EXPECT(own, "", "a");                        /* a required word is missing */
	EXPECT(own, "", "a", "k");                   /* no = */
	EXPECT(own, "", "a", "=v");                  /* no name */
	EXPECT(own, "", "a", "k=v", "--unknown");    /* no such option */
	EXPECT(own, "", "a", "k=v", "--count");      /* no value */
	EXPECT(own, "", "a", "k=v", "--count", "x"); /* no number */
	EXPECT(own, "", "a", "k=v", "--force=1");    /* a value too many */
	EXPECT(own, "", "a", "k=v", "--context", "x=1", "--context", "x=2"); /* twice */
	EXPECT(own, "", "a", "k=v", "--file", "/nonexistent/file");
	EXPECT(global, "", "word"); /* takes none */
}

static void help_needs_nothing_else(void **state)
{
	(void)state;
	struct arguments arguments = {.count = 0};
	const char *words[] = {"--help", NULL};
	assert_false(err_failed(parse(own, &arguments, words)));
	assert_true(arguments_flag(&arguments, "help"));
	assert_false(arguments_flag(&arguments, "json"));
	assert_null(arguments_text(&arguments, "socket"));
}

static const struct argument owners[] = {{.option = "user",
					  .member = "Name",
					  .value = "U",
					  .kind = ARGUMENT_TEXT,
					  .help = "x",
					  .implies = "user"},
					 {.option = "root",
					  .member = "Name",
					  .value = "A",
					  .kind = ARGUMENT_TEXT,
					  .help = "x",
					  .implies = "account"},
					 ARGUMENTS_END};

static void exactly_one_of_those_that_imply_a_kind_is_wanted(void **state)
{
	(void)state;
	EXPECT(owners, "{\"Kind\":\"account\",\"Name\":\"1\"}", "--root", "1");
	EXPECT(owners, "{\"Kind\":\"user\",\"Name\":\"u\"}", "--user", "u");
	EXPECT(owners, "", "--user", "u", "--root", "1");
	EXPECT(owners, "", "--json");
}

static void a_document_comes_from_its_file(void **state)
{
	(void)state;
	char path[] = "/tmp/holdfast-arguments-XXXXXX", text[TEXT_MAX];
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "{\"a\":\n1}", 8), 8);
	const char *words[] = {"a", "k=v", "--file", path, NULL};
	request(own, words, text);
	assert_string_equal(text, "{\"Name\":\"a\",\"Document\":\"{\\\"a\\\":\\n1}\","
				  "\"Tags\":[{\"Key\":\"k\",\"Value\":\"v\"}]}");
	assert_int_equal(ftruncate(fd, ARGUMENT_FILE_MAX + 1), 0); /* too large */
	request(own, words, text);
	assert_string_equal(text, "");
	assert_int_equal(close(fd), 0);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_becomes_its_member),
		cmocka_unit_test(the_last_of_a_single_option_counts),
		cmocka_unit_test(what_belongs_to_the_command_is_not_sent),
		cmocka_unit_test(words_behind_two_dashes_are_no_options),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(exactly_one_of_those_that_imply_a_kind_is_wanted),
		cmocka_unit_test(a_document_comes_from_its_file),
	};
	return cmocka_run_group_tests_name("cli arguments", tests, NULL, NULL);
}
