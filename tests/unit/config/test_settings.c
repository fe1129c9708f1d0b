/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from text: what is taken, what is refused, and what the operator is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "config/settings.h"
#include "config/table.h"

static char message[SETTINGS_MESSAGE_MAX];

static struct err parse(const char *text, struct settings *out)
{
	return settings_parse("test.conf", text, strlen(text), out, message);
}

static void accepted(const char *text, struct settings *out)
{
	struct err e = parse(text, out);
	if (err_failed(e))
		fail_msg("refused: %s", message);
	assert_string_equal(message, "");
}

/* Refused with exactly this message, and nothing but defaults handed out. */
static void refused(const char *text, const char *expected)
{
	struct settings out, defaults;
	settings_defaults(&defaults);
	assert_true(err_is(parse(text, &out), E_SETTINGS));
	assert_string_equal(message, expected);
	assert_memory_equal(&out, &defaults, sizeof out);
}

static void the_empty_file_gives_every_default(void **state)
{
	(void)state;
	struct settings out, defaults;
	settings_defaults(&defaults);
	accepted("", &out);
	assert_memory_equal(&out, &defaults, sizeof out);
	assert_string_equal(out.server.listen, "127.0.0.1:4599");
	assert_int_equal(out.server.connections_max, 1024);
	assert_int_equal(out.token.direct_messages_max, INT64_C(2147483648));
	assert_string_equal(out.log.level, "info");
}

static void every_default_passes_its_own_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		struct settings out = {0};
		struct err e = setting_set(row, view_of_text(row->initial), &out, message);
		if (err_failed(e))
			fail_msg("[%s] %s: %s", row->section, row->name, message);
		assert_true(row->min <= row->max && row->max > 0);
		assert_true(strlen(row->meaning) > 0);
		if (row->type == SETTING_INTEGER)
			assert_in_range(*setting_integer(row, &out), (uint64_t)row->min,
					(uint64_t)row->max);
		else
			assert_string_equal(setting_text(row, &out), row->initial);
	}
}

/* The rows cover the struct without a gap: no member can be forgotten, none is set twice. */
static void the_rows_cover_the_struct(void **state)
{
	(void)state;
	static uint8_t covered[sizeof(struct settings)];
	for (size_t i = 0; i < settings_table_count; i++) {
		const struct setting *row = &settings_table[i];
		size_t size = row->type == SETTING_INTEGER ? sizeof(int64_t) : SETTINGS_TEXT_MAX;
		for (size_t at = row->offset; at < row->offset + size; at++)
			assert_int_equal(covered[at]++, 0);
	}
	for (size_t at = 0; at < sizeof covered; at++)
		assert_int_equal(covered[at], 1);
}

static void a_file_sets_what_it_names(void **state)
{
	(void)state;
	struct settings out;
	accepted(
		"\xef\xbb\xbf# a comment\n; another\n  # indented\n\n[server]\nlisten = [::1]:0\r\n"
		"connections_max=7\n[token]\nuri = pkcs11:token=a;object=b%20c\nsuite = 2\n"
		"pin_source = credential:pin\nuser =\n[log]\nlevel: debug",
		&out);
	assert_string_equal(out.server.listen, "[::1]:0");
	assert_int_equal(out.server.connections_max, 7);
	assert_string_equal(out.token.uri, "pkcs11:token=a;object=b%20c");
	assert_string_equal(out.token.suite, "2");
	assert_string_equal(out.token.pin_source, "credential:pin");
	assert_string_equal(out.token.user, "");
	assert_string_equal(out.log.level, "debug");
}

struct line_case {
	const char *text;
	const char *message;
};

static void refused_all(const struct line_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		refused(cases[i].text, cases[i].message);
}

static void lines_that_inih_would_misread_are_refused(void **state)
{
	(void)state;
	static const struct line_case cases[] = {
		{"[server]\n listen = 127.0.0.1:1\n",
		 "test.conf:2: the line begins with a blank; remove it (values cannot be "
		 "continued)"},
		{"[server] x\n",
		 "test.conf:1: a section's line must end with ]; write it as [server]"},
		{"[log]\nlevel = info ; as before\n",
		 "test.conf:2: a comment stands behind a setting; give it a line of its own"},
		{"[log]\nlevel = info\t# as before\n",
		 "test.conf:2: a comment stands behind a setting; give it a line of its own"},
		{"[log]\nlevel\n",
		 "test.conf:2: neither a [section] nor name = value; correct the line, or begin "
		 "it with # to make it a comment"},
		{"[log]\nlevel = in\x01"
		 "fo\n",
		 "test.conf:2: the line contains a control character; remove it"},
		{"[log]\nlevel = info\rform = text\n",
		 "test.conf:2: the line contains a control character; remove it"},
		{"[log]\n# \xff\n",
		 "test.conf:2: the line is not valid UTF-8; write the file as UTF-8"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

static void the_first_error_is_told(void **state)
{
	(void)state;
	refused("[log]\nnonsense\nlevel = loud\n",
		"test.conf:2: neither a [section] nor name = value; correct the line, or begin it "
		"with # to make it a comment");
	refused("[log]\nlevel = loud\nnonsense\nform = loud\n",
		"test.conf:2: level cannot be \"loud\"; choose one of: error warning info debug");
}

static void unknown_names_are_told_with_the_nearest(void **state)
{
	(void)state;
	static const struct line_case cases[] = {
		{"[sever]\nlisten = 127.0.0.1:1\n",
		 "test.conf:2: there is no section [sever]; did you mean [server]?"},
		{"[elephant]\nlisten = 127.0.0.1:1\n",
		 "test.conf:2: there is no section [elephant]; see holdfast.conf for all of them"},
		{"listen = 127.0.0.1:1\n", "test.conf:1: the setting stands before any section; "
					   "put one, such as [server], above it"},
		{"[server]\nlistn = 127.0.0.1:1\n",
		 "test.conf:2: [server] has no setting \"listn\"; did you mean \"listen\"?"},
		{"[server]\ndrain_timeout_s = 1\n",
		 "test.conf:2: [server] has no setting \"drain_timeout_s\"; it belongs to "
		 "[service]"},
		{"[server]\nelephant = 1\n",
		 "test.conf:2: [server] has no setting \"elephant\"; see holdfast.conf for all "
		 "of them"},
		{"[Server]\nlisten = 127.0.0.1:1\n",
		 "test.conf:2: there is no section [Server]; did you mean [server]?"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

static void a_setting_stands_once(void **state)
{
	(void)state;
	refused("[log]\nlevel = info\n[server]\nthreads = 1\n[log]\nlevel = info\n",
		"test.conf:6: level was set in line 2 already; keep one of the two");
}

static void numbers_have_a_range(void **state)
{
	(void)state;
	struct settings out;
	accepted("[server]\nthreads = 1\nconnections_max = 65536\n", &out);
	accepted("[token]\ndirect_messages_max = 4000000000\n", &out);
	assert_int_equal(out.token.direct_messages_max, INT64_C(4000000000));
	static const struct line_case cases[] = {
		{"[server]\nthreads = 0\n",
		 "test.conf:2: threads = 0 is out of range; choose 1 to 64"},
		{"[server]\nthreads = 65\n",
		 "test.conf:2: threads = 65 is out of range; choose 1 to 64"},
		{"[server]\nthreads = 9999999999999999999\n",
		 "test.conf:2: threads = 9999999999999999999 is out of range; choose 1 to 64"},
		{"[server]\nthreads = 0x10\n",
		 "test.conf:2: threads must be a whole number in decimal digits, not \"0x10\"; "
		 "choose 1 to 64"},
		{"[server]\nthreads =\n",
		 "test.conf:2: threads must be a whole number in decimal digits, not \"\"; choose "
		 "1 to 64"},
		{"[server]\nthreads = 1.5\n",
		 "test.conf:2: threads must be a whole number in decimal digits, not \"1.5\"; "
		 "choose 1 to 64"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

/* As the service prints it: a pin that no store can match keeps every start from working. */
static void ids_have_a_form(void **state)
{
	(void)state;
	struct settings out;
	accepted("[store]\ninstallation = 237a074db8e13ba4a2fc0de1893623b1\n", &out);
	assert_string_equal(out.store.installation, "237a074db8e13ba4a2fc0de1893623b1");
	accepted("[store]\ninstallation =\n", &out);
	assert_string_equal(out.store.installation, "");
	static const struct line_case cases[] = {
		{"[store]\ninstallation = 237a074db8e13ba4a2fc0de1893623b\n",
		 "test.conf:2: installation must be 32 hex digits in lower case, not "
		 "\"237a074db8e13ba4a2fc0de1893623b\"; holdfast status --json has the id"},
		{"[store]\ninstallation = 237A074DB8E13BA4A2FC0DE1893623B1\n",
		 "test.conf:2: installation must be 32 hex digits in lower case, not "
		 "\"237A074DB8E13BA4A2FC0DE1893623B1\"; holdfast status --json has the id"},
		{"[store]\ninstallation = 237a074d-b8e1-3ba4-a2fc0de1893623b1\n",
		 "test.conf:2: installation has 35 bytes, at most 32 are possible; shorten it"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

static void listen_addresses_have_a_form(void **state)
{
	(void)state;
	struct settings out;
	accepted("[server]\nlisten = 0.0.0.0:65535\n[health]\nlisten = [fe80::1]:80\n", &out);
	static const char *const wrong[] = {"127.0.0.1",      "localhost:80", "127.0.0.1:65536",
					    "127.0.0.1:",     "127.0.0.1:-1", ":80",
					    "::1:80",         "[::1]",        "[::1:80",
					    "[127.0.0.1]:80", "127.0.0.1:8x", "[]:1"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char text[128];
		assert_false(err_failed(
			text_format(text, sizeof text, "[server]\nlisten = %s\n", wrong[i])));
		char expected[SETTINGS_MESSAGE_MAX];
		assert_false(err_failed(text_format(
			expected, sizeof expected,
			"test.conf:2: listen must be a numeric address and a port of 0 to 65535, "
			"not \"%s\"; write it as 127.0.0.1:4599 or [::1]:4599",
			wrong[i])));
		refused(text, expected);
	}
}

static void texts_have_a_form(void **state)
{
	(void)state;
	static const struct line_case cases[] = {
		{"[store]\npath = holdfast.db\n", "test.conf:2: path must be an absolute path, "
						  "not \"holdfast.db\"; begin it with /"},
		{"[store]\npath =\n", "test.conf:2: path has no value; write one, or remove the "
				      "line for the default /var/lib/holdfast/holdfast.db"},
		{"[token]\nsuite = 4\n",
		 "test.conf:2: suite cannot be \"4\"; choose one of: auto 1 2 3"},
		{"[token]\nsuite = auto 1\n",
		 "test.conf:2: suite cannot be \"auto 1\"; choose one of: auto 1 2 3"},
		{"[token]\nuri = holdfast\n", "test.conf:2: uri must be a PKCS#11 URI, not "
					      "\"holdfast\"; write it as pkcs11:token=holdfast"},
		{"[admin]\nallowed_users = alice,bob\n",
		 "test.conf:2: allowed_users has the character ',', which no user name has; write "
		 "names or uids with blanks between them"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

static void a_socket_path_fits_the_kernel(void **state)
{
	(void)state;
	struct settings out;
	char text[256] = "[admin]\nsocket = /";
	size_t start = strlen(text);
	memset(text + start, 'x', 106);
	accepted(text, &out);
	text[start + 106] = 'x';
	refused(text, "test.conf:2: socket has 108 bytes, at most 107 are possible; shorten it");
}

/* A PIN that got into the wrong setting is not repeated in the message, which goes to logs. */
static void a_misplaced_pin_is_not_repeated(void **state)
{
	(void)state;
	struct settings out;
	static const char *const wrong[] = {
		"[token]\npin_source = 739184\n",
		"[token]\npin_source = pin:739184\n",
		"[token]\npin_source = file:739184\n",
		"[token]\npin_source = fd:-739184\n",
		"[token]\npin_source = fd:2\n",
		"[token]\npin_source = credential:../739184\n",
		"[token]\nuri = pkcs11:token=a?pin-value=739184\n",
		"[token]\nuri = token=a?pin-value=739184\n",
		"[token]\npin = 739184\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_true(err_is(parse(wrong[i], &out), E_SETTINGS));
		assert_non_null(strstr(message, "test.conf:2: "));
		assert_null(strstr(message, "739184"));
	}
}

/* Nor is a password in the URL of the endpoint, or a part of the path that is as good as one. */
static void the_endpoint_of_events_is_a_plain_url(void **state)
{
	(void)state;
	struct settings out;
	static const char *const right[] = {
		"[events]\nurl = https://events.example/hook?to=a@b\n",
		"[events]\nurl = http://127.0.0.1:8080\ntoken_file = /etc/holdfast/bearer\n",
		"[events]\nurl =\n",
	};
	static const char *const wrong[] = {
		"[events]\nurl = 739184\n",
		"[events]\nurl = ftp://events.example/739184\n",
		"[events]\nurl = https://user:739184@events.example/\n",
		"[events]\nurl = https://739184@events.example\n",
		"[events]\nurl = https:///739184\n",
		"[events]\nurl = https://:739184/\n",
		"[events]\nurl = https://events.example/ 739184\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(right); i++)
		accepted(right[i], &out);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_true(err_is(parse(wrong[i], &out), E_SETTINGS));
		assert_non_null(strstr(message, "test.conf:2: url "));
		assert_null(strstr(message, "739184"));
	}
}

static void nul_bytes_are_refused(void **state)
{
	(void)state;
	static const char text[] = "[log]\nlevel = info\0loud\n";
	struct settings out;
	assert_true(err_is(settings_parse("test.conf", text, sizeof text - 1, &out, message),
			   E_SETTINGS));
	assert_string_equal(message, "test.conf:2: the line contains a NUL byte; write the file "
				     "as plain text");
}

/* inih by itself cuts a line at 200 bytes and takes the rest for another line. */
static void long_lines_are_taken_whole_or_refused(void **state)
{
	(void)state;
	struct settings out;
	char text[2048] = "[store]\npath = /";
	size_t start = strlen(text);
	memset(text + start, 'x', 510);
	accepted(text, &out);
	assert_int_equal(strlen(out.store.path), 511);
	text[start + 510] = 'x';
	refused(text, "test.conf:2: path is longer than 511 bytes; shorten it");
	memset(text + start, 'x', 1000);
	refused(text, "test.conf:2: the line is longer than 1000 bytes; shorten it");
}

static void tls_settings_must_fit_each_other(void **state)
{
	(void)state;
	static const struct line_case cases[] = {
		{"[tls]\ncertificate = /c\n",
		 "test.conf:2: certificate and private_key of [tls] belong together; set both, or "
		 "neither for plain HTTP"},
		{"[tls]\nprivate_key = /k\n",
		 "test.conf:2: certificate and private_key of [tls] belong together; set both, or "
		 "neither for plain HTTP"},
		{"[tls]\nclient_ca = /a\nclient_certificates = required\n",
		 "test.conf:3: client certificates need TLS; set certificate and private_key in "
		 "[tls], or client_certificates to off"},
		{"[tls]\ncertificate = /c\nprivate_key = /k\nclient_certificates = optional\n",
		 "test.conf:4: client certificates need an authority to be checked against; name "
		 "its file in client_ca"},
		{"[tls]\ncertificate = /c\nprivate_key = /k\nclient_ca = /a\n",
		 "test.conf:4: client_ca is set and client_certificates is off, so that nobody is "
		 "asked; set it to optional or required, or remove client_ca"},
	};
	refused_all(cases, ARRAY_LEN(cases));
	struct settings out;
	accepted("[tls]\ncertificate = /c\nprivate_key = /k\nclient_ca = /a\n"
		 "client_certificates = required\nminimum_version = 1.3\n",
		 &out);
	assert_string_equal(out.tls.client_certificates, "required");
}

static void settings_must_fit_each_other(void **state)
{
	(void)state;
	static const struct line_case cases[] = {
		{"[metrics]\nlisten = 127.0.0.1:4599\n",
		 "test.conf:2: [metrics] listen is the same as [server] listen; metrics ask nobody "
		 "who he is: give them an address of their own"},
		{"[health]\nlisten = 127.0.0.1:9\n[metrics]\nlisten = 127.0.0.1:9\n",
		 "test.conf:4: [metrics] listen is the same as [health] listen; leave it empty to "
		 "share the listener"},
		{"[health]\nlisten = 127.0.0.1:4599\n",
		 "test.conf:2: [health] listen is the same as [server] listen; leave it empty to "
		 "share the listener"},
		{"[admin]\nsocket = /s\n[token]\nsocket = /s\n",
		 "test.conf:2: [admin] socket and [token] socket are the same path; give each its "
		 "own"},
		{"[server]\nconnections_max = 4\nconnections_per_address_max = 5\n",
		 "test.conf:3: connections_per_address_max is above connections_max; lower it, or "
		 "set it to 0"},
		{"[token]\ndirect_messages_max = 65536\ndirect_block = 65537\n",
		 "test.conf:3: direct_block is above direct_messages_max; lower it"},
		{"[events]\nca_file = /a\n",
		 "test.conf:2: ca_file is set and url is not, so that nothing is sent; set url, or "
		 "remove ca_file"},
		{"[events]\ntoken_file = /a\n",
		 "test.conf:2: token_file is set and url is not, so that nothing is sent; set url, "
		 "or remove token_file"},
		{"[events]\nfile = /a\nspool = /a\n",
		 "test.conf:3: [events] spool and [events] file are the same path; give each its "
		 "own"},
		{"[token]\n\nsocket = /run/holdfast/admin.sock\n",
		 "test.conf:3: [admin] socket and [token] socket are the same path; give each its "
		 "own"},
	};
	refused_all(cases, ARRAY_LEN(cases));
}

static void users_are_names_or_uids(void **state)
{
	(void)state;
	int64_t uid = 0;
	assert_false(err_failed(settings_user("root", &uid)));
	assert_int_equal(uid, 0);
	assert_false(err_failed(settings_user("4294967294", &uid)));
	assert_int_equal(uid, INT64_C(4294967294));
	static const char *const wrong[] = {"4294967295", "-1", "", "no such user", "0x0"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_true(err_is(settings_user(wrong[i], &uid), E_SETTINGS));
		assert_int_equal(uid, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_empty_file_gives_every_default),
		cmocka_unit_test(every_default_passes_its_own_row),
		cmocka_unit_test(the_rows_cover_the_struct),
		cmocka_unit_test(a_file_sets_what_it_names),
		cmocka_unit_test(lines_that_inih_would_misread_are_refused),
		cmocka_unit_test(the_first_error_is_told),
		cmocka_unit_test(unknown_names_are_told_with_the_nearest),
		cmocka_unit_test(a_setting_stands_once),
		cmocka_unit_test(numbers_have_a_range),
		cmocka_unit_test(ids_have_a_form),
		cmocka_unit_test(listen_addresses_have_a_form),
		cmocka_unit_test(texts_have_a_form),
		cmocka_unit_test(a_socket_path_fits_the_kernel),
		cmocka_unit_test(a_misplaced_pin_is_not_repeated),
		cmocka_unit_test(the_endpoint_of_events_is_a_plain_url),
		cmocka_unit_test(nul_bytes_are_refused),
		cmocka_unit_test(long_lines_are_taken_whole_or_refused),
		cmocka_unit_test(settings_must_fit_each_other),
		cmocka_unit_test(tls_settings_must_fit_each_other),
		cmocka_unit_test(users_are_names_or_uids),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
