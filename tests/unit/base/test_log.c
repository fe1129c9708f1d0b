/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's log: one line per event, and no text that gets out of its quotes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char out[16384];
static int pipes[2];

static int setup(void **state)
{
	(void)state;
	return pipe(pipes);
}

static int teardown(void **state)
{
	(void)state;
	log_configure(LOG_FORM_TEXT, LOG_INFO, STDERR_FILENO);
	return close(pipes[0]) | close(pipes[1]);
}

/* What was written since the last call. */
static const char *written(void)
{
	ssize_t n = read(pipes[0], out, sizeof out - 1);
	out[n > 0 ? n : 0] = '\0';
	return out;
}

/* The line behind its time, which is checked for its form alone. */
static const char *behind_time(const char *line)
{
	static const char shape[] = "####-##-##T##:##:##.###Z";
	for (size_t i = 0; i < sizeof shape - 1; i++)
		assert_true(shape[i] == '#' ? line[i] >= '0' && line[i] <= '9'
					    : line[i] == shape[i]);
	return line + sizeof shape - 1;
}

static void text_lines_have_time_level_event_and_fields(void **state)
{
	(void)state;
	log_configure(LOG_FORM_TEXT, LOG_INFO, pipes[1]);
	log_event(LOG_WARNING, "token.lost", LOG_TEXT("slot", "a b"), LOG_NUMBER("lane", -1),
		  LOG_HEX("ckr", 0x101), LOG_VIEW("view", VIEW_LITERAL("xy")));
	assert_string_equal(behind_time(written()),
			    " warning token.lost slot=\"a b\" lane=-1 ckr=0x101 view=\"xy\"\n");
}

#define ID "0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"

static void log_outside(void)
{
	LOG_REQUEST_SCOPE("");
	log_event(LOG_INFO, "b", LOG_NUMBER("n", 2));
}

static void log_in_scope(const char *id)
{
	LOG_REQUEST_SCOPE(id);
	log_event(LOG_INFO, "a", LOG_NUMBER("n", 1));
	log_outside();
	log_event(LOG_INFO, "c", LOG_NUMBER("n", 3));
}

static void lines_within_a_request_name_it(void **state)
{
	(void)state;
	log_configure(LOG_FORM_JOURNAL, LOG_INFO, pipes[1]);
	log_in_scope(ID);
	log_event(LOG_INFO, "d", LOG_NUMBER("n", 4));
	assert_string_equal(written(), "<6>a request=\"" ID "\" n=1\n<6>b n=2\n"
				       "<6>c request=\"" ID "\" n=3\n<6>d n=4\n");
}

/* What came over a socket, before it is a name of ours. */
static void a_longer_name_is_cut_and_its_signs_escaped(void **state)
{
	(void)state;
	log_configure(LOG_FORM_JOURNAL, LOG_INFO, pipes[1]);
	LOG_REQUEST_SCOPE("a\"b\nc" ID);
	log_event(LOG_INFO, "e", LOG_NUMBER("n", 5));
	assert_string_equal(written(), "<6>e request=\"a\\\"b\\u000ac"
				       "0b1c2d3e-4f50-4172-8394-a5b6c7d\" n=5\n");
}

/* As in memory that a process gone wrong may write, too: nothing ends it but the mapping. */
static void a_name_that_does_not_end_is_not_followed(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_return_code(mprotect(pages + page, page, PROT_NONE), errno);
	memset(pages, 'x', page);
	log_configure(LOG_FORM_JOURNAL, LOG_INFO, pipes[1]);
	{
		LOG_REQUEST_SCOPE(pages + page - LOG_REQUEST_LEN);
		log_event(LOG_INFO, "e", LOG_NUMBER("n", 5));
	}
	assert_string_equal(written(),
			    "<6>e request=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" n=5\n");
	assert_return_code(munmap(pages, 2 * page), errno);
}

static void json_lines_are_one_object(void **state)
{
	(void)state;
	log_configure(LOG_FORM_JSON, LOG_INFO, pipes[1]);
	log_event(LOG_ERROR, "token.lost", LOG_TEXT("slot", "a b"), LOG_NUMBER("lane", INT64_MIN),
		  LOG_HEX("ckr", 0x101));
	const char *line = written();
	assert_memory_equal(line, "{\"time\":\"", 9);
	assert_string_equal(behind_time(line + 9),
			    "\",\"level\":\"error\",\"event\":\"token.lost\",\"slot\":\"a b\","
			    "\"lane\":-9223372036854775808,\"ckr\":\"0x101\"}\n");
}

static void journal_lines_begin_with_their_level(void **state)
{
	(void)state;
	static const struct {
		enum log_level level;
		const char *line;
	} cases[] = {{LOG_ERROR, "<3>e n=1\n"},
		     {LOG_WARNING, "<4>e n=1\n"},
		     {LOG_INFO, "<6>e n=1\n"},
		     {LOG_DEBUG, "<7>e n=1\n"}};
	log_configure(LOG_FORM_JOURNAL, LOG_DEBUG, pipes[1]);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_event(cases[i].level, "e", LOG_NUMBER("n", 1));
		assert_string_equal(written(), cases[i].line);
	}
}

static void lines_below_the_level_are_not_written(void **state)
{
	(void)state;
	log_configure(LOG_FORM_JOURNAL, LOG_WARNING, pipes[1]);
	log_event(LOG_INFO, "quiet", LOG_NUMBER("n", 1));
	log_event(LOG_DEBUG, "quiet", LOG_NUMBER("n", 1));
	log_event(LOG_WARNING, "loud", LOG_NUMBER("n", 1));
	assert_string_equal(written(), "<4>loud n=1\n");
}

/* What a client sends can neither begin a line nor close its quotes nor steer a terminal. */
static void text_stays_within_its_quotes_in_every_form(void **state)
{
	(void)state;
	static const enum log_form forms[] = {LOG_FORM_TEXT, LOG_FORM_JOURNAL, LOG_FORM_JSON};
	for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
		log_configure(forms[f], LOG_INFO, pipes[1]);
		for (unsigned c = 0; c < 256; c++) {
			uint8_t text[] = {'a', (uint8_t)c, '\n', '<', '0', '>', '"', '\\'};
			log_event(LOG_INFO, "e", LOG_VIEW("t", VIEW_ARRAY(text)),
				  LOG_NUMBER("end", 7));
			const char *line = written();
			size_t len = strlen(line);
			for (size_t i = 0; i + 1 < len; i++)
				assert_true(line[i] >= 0x20 && line[i] < 0x7f);
			assert_int_equal(line[len - 1], '\n');
			assert_non_null(strstr(line, "\\u000a<0>\\\"\\\\\""));
			assert_non_null(strstr(line, forms[f] == LOG_FORM_JSON ? "\"end\":7}\n"
									       : " end=7\n"));
		}
	}
}

static void long_text_is_cut_and_marked(void **state)
{
	(void)state;
	char text[600];
	char expected[600];
	memset(text, 'x', sizeof text);
	log_configure(LOG_FORM_JOURNAL, LOG_INFO, pipes[1]);
	log_event(LOG_INFO, "e", LOG_VIEW("t", view_of(text, 512)));
	(void)snprintf(expected, sizeof expected, "<6>e t=\"%.512s\"\n", text);
	assert_string_equal(written(), expected);
	log_event(LOG_INFO, "e", LOG_VIEW("t", view_of(text, 513)));
	(void)snprintf(expected, sizeof expected, "<6>e t=\"%.512s...\"\n", text);
	assert_string_equal(written(), expected);
}

/* A field that does not fit is left out whole; the line stays well formed. */
static void a_full_line_leaves_whole_fields_out(void **state)
{
	(void)state;
	uint8_t text[512] = {0}; /* 3,072 bytes when escaped */
	log_configure(LOG_FORM_JSON, LOG_INFO, pipes[1]);
	log_event(LOG_INFO, "e", LOG_VIEW("a", VIEW_ARRAY(text)), LOG_VIEW("b", VIEW_ARRAY(text)),
		  LOG_NUMBER("n", 5));
	const char *line = written();
	assert_null(strstr(line, "\"b\""));
	assert_non_null(strstr(line, "\\u0000\",\"n\":5}\n"));
	assert_true(strlen(line) <= 4096);
}

static void errors_are_told_in_full(void **state)
{
	(void)state;
	log_configure(LOG_FORM_JOURNAL, LOG_INFO, pipes[1]);
	struct err e = {.code = E_HSM_PIN, .line = 12, .detail = 0xa0, .file = "login.c"};
	log_event(LOG_INFO, "e", LOG_ERR(e));
	assert_string_equal(written(), "<6>e error=\"E_HSM_PIN\" meaning=\"the token refused the "
				       "PIN\" detail=0xa0 at=\"login.c:12\" action=\"correct the "
				       "PIN source, then send SIGHUP to holdfast-token\"\n");
	e = (struct err){.code = E_SYSTEM, .line = 7, .detail = EADDRINUSE, .file = "listener.c"};
	log_event(LOG_INFO, "e", LOG_ERR(e));
	assert_string_equal(written(),
			    "<6>e error=\"E_SYSTEM\" meaning=\"a system call failed\" "
			    "detail=0x62 errno=\"EADDRINUSE: Address already in use\" "
			    "at=\"listener.c:7\" action=\"see the errno in the log line\"\n");
	e.detail = 0x7fffffff; /* not an errno: OpenSSL's, for one */
	log_event(LOG_INFO, "e", LOG_ERR(e));
	assert_null(strstr(written(), "errno="));
	e = (struct err){.code = 60000};
	log_event(LOG_INFO, "e", LOG_ERR(e));
	assert_non_null(strstr(written(), "error=\"E_BUG\""));
}

static void a_log_that_cannot_be_written_troubles_nobody(void **state)
{
	(void)state;
	log_configure(LOG_FORM_TEXT, LOG_INFO, -1);
	errno = ENOSPC;
	log_event(LOG_INFO, "e", LOG_NUMBER("n", 1));
	assert_int_equal(errno, ENOSPC); /* the caller's, not yet looked at */
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_lines_have_time_level_event_and_fields),
		TEST(lines_within_a_request_name_it),
		TEST(a_longer_name_is_cut_and_its_signs_escaped),
		TEST(a_name_that_does_not_end_is_not_followed),
		TEST(json_lines_are_one_object),
		TEST(journal_lines_begin_with_their_level),
		TEST(lines_below_the_level_are_not_written),
		TEST(text_stays_within_its_quotes_in_every_form),
		TEST(long_text_is_cut_and_marked),
		TEST(a_full_line_leaves_whole_fields_out),
		TEST(errors_are_told_in_full),
		TEST(a_log_that_cannot_be_written_troubles_nobody),
	};
	return cmocka_run_group_tests_name("base_log", tests, NULL, NULL);
}
