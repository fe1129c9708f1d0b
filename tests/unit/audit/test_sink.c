/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks of the audit log, against a datagram socket that the test plays itself. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "audit/log.h"
#include "audit/sink_local.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"

#define PATIENCE_MS 5000
#define DATAGRAM_MAX ((size_t)256 << 10)
#define RETRY_MS 5

#define RECORD(event, error)                                                                 \
	"{\"eventVersion\":\"1.11\",\"eventTime\":\"2026-11-21T18:42:51Z\",\"eventSource\":" \
	"\"kms.amazonaws.com\",\"eventName\":\"" event "\"," error                           \
	"\"requestParameters\":{\"encryptionContext\":{\"eventID\":\"not this\"}},"          \
	"\"requestID\":\"11111111-2222-3333-4444-555555555555\","                            \
	"\"eventID\":\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\",\"readOnly\":true"
#define ENDING ",\"chain\":{}}\n"

static struct audit_sink *sink;
static struct sockaddr_un address;
static int receiver;
static char datagram[DATAGRAM_MAX + 1];

static void listen_here(void)
{
	(void)unlink(address.sun_path);
	receiver = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(receiver >= 0);
	assert_int_equal(bind(receiver, (const struct sockaddr *)&address, sizeof address), 0);
}

static void go_away(void)
{
	(void)close(receiver);
	(void)unlink(address.sun_path);
	receiver = -1;
}

static int setup(void **state)
{
	(void)fixture_setup(state);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, STDERR_FILENO);
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	assert_false(err_failed(text_format(address.sun_path, sizeof address.sun_path, "%s/sink",
					    fixture_directory)));
	listen_here();
	return 0;
}

static int teardown(void **state)
{
	audit_sink_close(&sink);
	go_away();
	return fixture_teardown(state);
}

static struct audit_sink_options options_of(enum audit_sink_kind kind)
{
	return (struct audit_sink_options){.kind = kind,
					   .socket = address.sun_path,
					   .ident = "holdfast-audit",
					   .facility = 10};
}

static const struct audit_sink_tuning small = {.queue_bytes = 4096,
					       .send_bytes = 4096,
					       .retry_ms = RETRY_MS,
					       .say_ms = 60000,
					       .stop_ms = 100};

static void open_sink(enum audit_sink_kind kind, size_t queue_bytes)
{
	struct audit_sink_options options = options_of(kind);
	struct audit_sink_tuning tuning = small;
	tuning.queue_bytes = queue_bytes;
	assert_false(err_failed(audit_sink_open_tuned(&options, &tuning, &clock_system, &sink)));
}

static void put(const char *record)
{
	audit_sink_put(sink, view_of_text(record), VIEW_LITERAL(ENDING));
}

/* The next datagram, NUL-terminated. */
static const char *receive(void)
{
	struct pollfd fd = {receiver, POLLIN, 0};
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	ssize_t n = recv(receiver, datagram, DATAGRAM_MAX, 0);
	assert_true(n >= 0);
	datagram[n] = '\0';
	return datagram;
}

static bool comes(int ms)
{
	struct pollfd fd = {receiver, POLLIN, 0};
	return poll(&fd, 1, ms) == 1;
}

static struct audit_sink_report report(void)
{
	struct audit_sink_report r;
	audit_sink_report(sink, &r);
	return r;
}

static void wait_until_failing(void)
{
	int64_t until = clock_steady_ms(&clock_system) + PATIENCE_MS;
	while (report().failing_since_ms == 0 && clock_steady_ms(&clock_system) < until)
		(void)usleep(1000);
	assert_true(report().failing_since_ms != 0);
}

/* ---- what is said ---- */

static void syslog_gets_rfc_5424(void **state)
{
	(void)state;
	char host[256] = "";
	char expected[2048];
	open_sink(AUDIT_SINK_SYSLOG, 65536);
	put(RECORD("Encrypt", ""));
	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	assert_false(err_failed(text_format(
		expected, sizeof expected, "<86>1 2026-11-21T18:42:51.000Z %s holdfast-audit %d %s",
		host, (int)getpid(), "Encrypt - " RECORD("Encrypt", "") ",\"chain\":{}}")));
	assert_string_equal(receive(), expected);
}

static void what_failed_is_a_notice(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_SYSLOG, 65536);
	put(RECORD("Encrypt", "\"errorCode\":\"AccessDenied\","));
	assert_int_equal(strncmp(receive(), "<85>1 ", 6), 0);
}

/* What is no word of syslog's, and what is no record at all, has the NILVALUE. */
static void what_has_no_name_has_none(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_SYSLOG, 65536);
	put(RECORD("A name that is none", ""));
	assert_non_null(strstr(receive(), " - - {\"eventVersion\""));
	put("{\"attestation\":{}");
	assert_non_null(strstr(receive(), " - - {\"attestation\":{},\"chain\":{}}"));
}

static void the_journal_gets_fields(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	put(RECORD("Decrypt", ""));
	assert_string_equal(
		receive(),
		"MESSAGE=" RECORD(
			"Decrypt",
			"") ",\"chain\":{}}\n"
			    "PRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=holdfast-audit\n"
			    "HOLDFAST_EVENT_ID=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\n"
			    "HOLDFAST_EVENT_NAME=Decrypt\n"
			    "HOLDFAST_REQUEST_ID=11111111-2222-3333-4444-555555555555\n");
	put("{\"attestation\":{}");
	assert_string_equal(receive(), "MESSAGE={\"attestation\":{},\"chain\":{}}\nPRIORITY=6\n"
				       "SYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=holdfast-audit\n");
}

/* A value cannot make fields of its own. */
static void a_value_of_two_lines_is_one_value(void **state)
{
	(void)state;
	static const char length[] = {8, 0, 0, 0, 0, 0, 0, 0};
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	put(RECORD("Two\\nTwo\\n", ""));
	const char *name = strstr(receive(), "\nHOLDFAST_EVENT_NAME");
	assert_non_null(name);
	name += strlen("\nHOLDFAST_EVENT_NAME\n");
	assert_memory_equal(name, length, sizeof length);
	assert_memory_equal(name + sizeof length, "Two\nTwo\n\n", 9);
}

/* ---- sizes ---- */

static char large[AUDIT_RECORD_MAX];

static void make_large(void)
{
	struct writer w;
	writer_init(&w, large, sizeof large);
	writer_text(&w, RECORD("Encrypt", "") ",\"filler\":\"");
	while (w.len < sizeof large - 2)
		writer_u8(&w, 'x');
	writer_text(&w, "\"");
	assert_false(err_failed(writer_end_text(&w)));
}

static void the_journal_gets_a_sealed_file_for_what_is_too_large(void **state)
{
	(void)state;
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof control};
	int fd = -1;
	make_large();
	open_sink(AUDIT_SINK_JOURNAL, 1 << 20);
	put(large);
	assert_true(comes(PATIENCE_MS));
	assert_int_equal(recvmsg(receiver, &message, MSG_CMSG_CLOEXEC), 0);
	struct cmsghdr *item = CMSG_FIRSTHDR(&message);
	assert_non_null(item);
	assert_int_equal(item->cmsg_type, SCM_RIGHTS);
	mem_copy(&fd, sizeof fd, CMSG_DATA(item), sizeof fd);
	assert_int_equal(fcntl(fd, F_GET_SEALS),
			 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	ssize_t n = pread(fd, datagram, DATAGRAM_MAX, 0);
	assert_true(n > AUDIT_RECORD_MAX);
	datagram[n] = '\0';
	assert_int_equal(strncmp(datagram, "MESSAGE={\"eventVersion\"", 23), 0);
	assert_memory_equal(datagram + strlen("MESSAGE="), large, strlen(large));
	assert_non_null(strstr(datagram, "\nHOLDFAST_EVENT_NAME=Encrypt\n"));
	(void)close(fd);
	assert_int_equal(report().missed, 0);
}

static void what_syslog_cannot_take_is_counted(void **state)
{
	(void)state;
	uint64_t counted = metric_get(METRIC_AUDIT_SINK_MISSED, 0, 0);
	make_large();
	open_sink(AUDIT_SINK_SYSLOG, 1 << 20);
	put(large);
	put(RECORD("Encrypt", ""));
	assert_non_null(strstr(receive(), "{\"missedRecords\":1,"));
	assert_non_null(strstr(receive(), "Encrypt - {"));
	assert_int_equal(report().missed, 1);
	assert_int_equal(metric_get(METRIC_AUDIT_SINK_MISSED, 0, 0), counted + 1);
}

/* ---- away and back ---- */

static void put_number(int n)
{
	char record[512];
	assert_false(err_failed(
		text_format(record, sizeof record, "{\"number\":%d,\"filler\":\"%0200d\"", n, 0)));
	put(record);
}

/* The number in the next datagram; -n: it says that n are missing. */
static int next_number(void)
{
	int n = 0;
	const char *text = receive();
	const char *at = strstr(text, "{\"number\":");
	if (at != NULL) {
		assert_int_equal(sscanf(at, "{\"number\":%d", &n), 1);
		return n;
	}
	at = strstr(text, "{\"missedRecords\":");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "{\"missedRecords\":%d", &n), 1);
	return -n;
}

static void lines_wait_while_it_is_away(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	put_number(1);
	assert_int_equal(next_number(), 1);
	go_away();
	put_number(2);
	put_number(3);
	wait_until_failing();
	assert_true(report().failure == ENOENT || report().failure == ECONNREFUSED);
	listen_here();
	assert_int_equal(next_number(), 2);
	assert_int_equal(next_number(), 3);
	assert_int_equal(report().missed, 0);
	put_number(4);
	assert_int_equal(next_number(), 4);
	assert_true(report().failing_since_ms == 0);
}

#define MANY 100

/* Reads until the lines up to `last` are told or noted as missing, each in its place. */
static uint64_t read_up_to(int last)
{
	uint64_t missed = 0;
	for (int expected = 1; expected <= last;) {
		int n = next_number();
		if (n > 0)
			assert_int_equal(n, expected);
		missed += n < 0 ? (uint64_t)-n : 0;
		expected += n < 0 ? -n : 1;
	}
	return missed;
}

static void what_finds_no_room_is_noted_where_it_is_missing(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_JOURNAL, 4096);
	go_away();
	for (int i = 1; i <= MANY; i++)
		put_number(i);
	uint64_t missed = report().missed;
	assert_in_range(missed, MANY / 2, MANY - 5);
	listen_here();
	assert_int_equal(read_up_to(MANY), missed);
	put_number(MANY + 1);
	assert_int_equal(next_number(), MANY + 1);
	assert_false(comes(20));
	assert_int_equal(report().missed, missed);
	assert_int_equal(report().waiting, 0);
}

/* The socket is there and nobody reads it. */
static void one_that_does_not_read_holds_up_nobody(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_SYSLOG, 1 << 20);
	int64_t began = clock_steady_ms(&clock_system);
	for (int i = 1; i <= MANY; i++)
		put_number(i);
	assert_true(clock_steady_ms(&clock_system) - began < 1000);
	(void)usleep(50000);
	assert_true(report().delivered < MANY);
	for (int i = 1; i <= MANY; i++)
		assert_int_equal(next_number(), i);
	assert_int_equal(report().missed, 0);
}

/* ---- settings ---- */

static void none_is_told_nothing(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_NONE, 4096);
	put_number(1);
	assert_false(comes(20));
	struct audit_sink_options options = options_of(AUDIT_SINK_JOURNAL);
	audit_sink_set(sink, &options);
	put_number(2);
	assert_int_equal(next_number(), 2);
	options.kind = AUDIT_SINK_NONE;
	audit_sink_set(sink, &options);
	put_number(3);
	assert_false(comes(20));
	assert_int_equal(report().missed, 0);
}

static void another_socket_gets_what_waits(void **state)
{
	(void)state;
	struct audit_sink_options options = options_of(AUDIT_SINK_JOURNAL);
	options.socket = "/nonexistent/holdfast";
	assert_false(err_failed(audit_sink_open_tuned(&options, &small, &clock_system, &sink)));
	put_number(1);
	wait_until_failing();
	options = options_of(AUDIT_SINK_SYSLOG);
	audit_sink_set(sink, &options);
	const char *text = receive();
	assert_int_equal(strncmp(text, "<86>1 ", 6), 0);
	assert_non_null(strstr(text, "{\"number\":1,"));
	assert_string_equal(report().socket, address.sun_path);
}

static void each_kind_knows_where_it_listens(void **state)
{
	(void)state;
	struct audit_sink_options options = options_of(AUDIT_SINK_SYSLOG);
	options.socket = "";
	assert_false(err_failed(audit_sink_open_tuned(&options, &small, &clock_system, &sink)));
	assert_string_equal(report().socket, "/dev/log");
	options.kind = AUDIT_SINK_JOURNAL;
	audit_sink_set(sink, &options);
	assert_string_equal(report().socket, "/run/systemd/journal/socket");
}

static void closing_sends_what_waits(void **state)
{
	(void)state;
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	for (int i = 1; i <= 5; i++)
		put_number(i);
	audit_sink_close(&sink);
	for (int i = 1; i <= 5; i++)
		assert_int_equal(next_number(), i);
}

static void closing_without_anybody_there_counts_them(void **state)
{
	(void)state;
	uint64_t counted = metric_get(METRIC_AUDIT_SINK_MISSED, 0, 0);
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	go_away();
	for (int i = 1; i <= 5; i++)
		put_number(i);
	int64_t began = clock_steady_ms(&clock_system);
	audit_sink_close(&sink);
	assert_true(clock_steady_ms(&clock_system) - began < 2000);
	assert_int_equal(metric_get(METRIC_AUDIT_SINK_MISSED, 0, 0), counted + 5);
}

/* ---- behind the log ---- */

static void every_durable_line_is_told_as_it_stands_in_the_file(void **state)
{
	(void)state;
	struct audit_log *log = NULL;
	static char told[65536];
	struct writer w;
	size_t len = 0;
	open_sink(AUDIT_SINK_JOURNAL, 1 << 20);
	assert_false(err_failed(audit_log_open(
		&(struct audit_log_options){
			.directory = fixture_directory, .clock = &clock_system, .sink = sink},
		&log)));
	for (int i = 0; i < 20; i++)
		assert_false(err_failed(
			audit_log_append_wait(log, VIEW_LITERAL(RECORD("Encrypt", "") "}"))));
	audit_log_close(&log);
	writer_init(&w, told, sizeof told);
	for (int i = 0; i < 20; i++) {
		const char *line = receive() + strlen("MESSAGE=");
		writer_format(&w, "%.*s\n", (int)strcspn(line, "\n"), line);
	}
	assert_false(err_failed(writer_end_text(&w)));
	assert_string_equal(told, fixture_read_chained(&len));
	assert_non_null(strstr(told, "\"chain\":{\"id\":"));
}

/* P3 the other way round: what is not on the disk is told nobody. */
static void a_line_that_is_not_durable_is_not_told(void **state)
{
	(void)state;
	struct audit_log *log = NULL;
	const struct audit_log_tuning tuning = {
		.io = &faulty_io, .zeros_bytes = 4096, .probe_ms = 1};
	open_sink(AUDIT_SINK_JOURNAL, 65536);
	assert_false(err_failed(audit_log_open_tuned(
		&(struct audit_log_options){
			.directory = fixture_directory, .clock = &clock_system, .sink = sink},
		&tuning, &log)));
	atomic_store(&faults.sync_errno, EIO);
	assert_true(
		err_failed(audit_log_append_wait(log, VIEW_LITERAL(RECORD("Encrypt", "") "}"))));
	assert_false(comes(20));
	atomic_store(&faults.sync_errno, 0);
	audit_log_close(&log);
	assert_false(comes(20));
}

/* ---- the queue ---- */

#define TURNS 5000

static void the_queue_keeps_bytes_and_order(void **state)
{
	(void)state;
	struct sink_queue queue;
	struct buf line;
	uint8_t bytes[256];
	unsigned put_at = 0, taken = 0;
	uint64_t missed = 0;
	buf_init(&line, SINK_LINE_MAX);
	assert_false(err_failed(sink_queue_init(&queue, 1000)));
	for (unsigned turn = 0; turn < TURNS; turn++) {
		size_t len = 1 + (put_at * 37) % 200;
		for (size_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)(put_at + i);
		if (turn % 3 != 2) {
			size_t half = len / 2;
			put_at += sink_queue_put(&queue, view_of(bytes, half),
						 view_of(bytes + half, len - half), put_at);
			continue;
		}
		bool got = false;
		assert_false(err_failed(sink_queue_take(&queue, &line, &missed, &got)));
		assert_true(got);
		assert_int_equal(missed, taken);
		assert_int_equal(line.len, 1 + (taken * 37) % 200);
		for (size_t i = 0; i < line.len; i++)
			assert_int_equal(line.ptr[i], (uint8_t)(taken + i));
		taken++;
	}
	assert_true(taken > TURNS / 4 && put_at > taken);
	sink_queue_cleanup(&queue);
	buf_cleanup(&line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(syslog_gets_rfc_5424),
		TEST(what_failed_is_a_notice),
		TEST(what_has_no_name_has_none),
		TEST(the_journal_gets_fields),
		TEST(a_value_of_two_lines_is_one_value),
		TEST(the_journal_gets_a_sealed_file_for_what_is_too_large),
		TEST(what_syslog_cannot_take_is_counted),
		TEST(lines_wait_while_it_is_away),
		TEST(what_finds_no_room_is_noted_where_it_is_missing),
		TEST(one_that_does_not_read_holds_up_nobody),
		TEST(none_is_told_nothing),
		TEST(another_socket_gets_what_waits),
		TEST(each_kind_knows_where_it_listens),
		TEST(closing_sends_what_waits),
		TEST(closing_without_anybody_there_counts_them),
		TEST(every_durable_line_is_told_as_it_stands_in_the_file),
		TEST(a_line_that_is_not_durable_is_not_told),
		cmocka_unit_test(the_queue_keeps_bytes_and_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
