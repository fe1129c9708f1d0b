/* SPDX-License-Identifier: Apache-2.0 */
/* The credentials of a listener: what is taken, what is refused, reloads, warnings. */
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "server/listener.h"
#include "server/pem_file.h"
#include "server/tls.h"
#include "server/tls_set.h"
#include "tests/unit/server/authority.h"
#include "tests/unit/server/fixture.h"

#define NOW_S INT64_C(1790000000)
#define DAY_S INT64_C(86400)
#define LOG_MAX 65536
#define HANDSHAKES 40

static struct authority files;
static struct clock_manual manual;
static int log_fd = -1;
static char log_text[LOG_MAX];

static const struct server_tls_options *options(void)
{
	static struct server_tls_options o;
	o = (struct server_tls_options){.certificate = files.certificate,
					.private_key = files.private_key,
					.client_ca = files.client_ca,
					.clients = SERVER_TLS_CLIENTS_REQUIRED};
	return &o;
}

static int set_up(void **state)
{
	(void)state;
	authority_init(&files);
	authority_issue(&files, "first", NOW_S - DAY_S, NOW_S + 100 * DAY_S);
	clock_manual_init(&manual, NOW_S * 1000);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	log_configure(LOG_FORM_TEXT, LOG_INFO, log_fd);
	return log_fd < 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_configure(LOG_FORM_TEXT, LOG_INFO, STDERR_FILENO);
	(void)close(log_fd);
	authority_cleanup(&files);
	return 0;
}

/* What was logged since the last time. */
static const char *logged(void)
{
	ssize_t n = pread(log_fd, log_text, sizeof log_text - 1, 0);
	log_text[n > 0 ? n : 0] = '\0';
	assert_int_equal(ftruncate(log_fd, 0), 0);
	assert_int_equal(lseek(log_fd, 0, SEEK_SET), 0);
	return log_text;
}

static struct tls *loaded(void)
{
	struct tls *tls = NULL;
	assert_string_equal(err_name(tls_new(options(), &manual.clock, &tls)), "E_OK");
	assert_non_null(tls);
	return tls;
}

static void refused(const char *says)
{
	struct tls *tls = NULL;
	assert_string_equal(err_name(tls_new(options(), &manual.clock, &tls)), "E_TLS");
	assert_null(tls);
	assert_non_null(strstr(logged(), says));
}

static void status_tells_the_certificate(void **state)
{
	(void)state;
	struct tls *tls = loaded();
	struct server_tls_status status;
	tls_status(tls, &status);
	assert_true(status.enabled);
	assert_string_equal(status.subject, "CN=first");
	assert_int_equal(strlen(status.fingerprint), CALL_TLS_FINGERPRINT_LEN);
	assert_int_equal(status.not_before_s, NOW_S - DAY_S);
	assert_int_equal(status.not_after_s, NOW_S + 100 * DAY_S);
	assert_int_equal(status.days_left, 100);
	clock_manual_advance(&manual, (100 * DAY_S + 1) * 1000);
	tls_status(tls, &status);
	assert_int_equal(status.days_left, -1);
	tls_free(&tls);
}

static void files_that_cannot_be_used_are_refused(void **state)
{
	(void)state;
	authority_write(files.client_ca, "none\n");
	refused("there is no PEM certificate of an authority in it");
	authority_write(files.private_key, "none\n");
	refused("there is no PEM private key in it");
	(void)unlink(files.private_key);
	refused("there is no such file");
	authority_write(files.certificate, "");
	refused("there is no PEM certificate in it");
}

static void files_that_others_can_change_or_read_are_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(files.private_key, 0604), 0);
	refused("others can read the private key");
	assert_int_equal(chmod(files.private_key, 0660), 0);
	refused("others can write the file");
	assert_int_equal(chmod(files.private_key, 0600), 0);
	assert_int_equal(chmod(files.client_ca, 0666), 0);
	refused("others can write the file");
	assert_int_equal(chmod(files.client_ca, 0644), 0);
	assert_int_equal(chmod(files.certificate, 0664), 0);
	refused("others can write the file");
}

static void a_key_of_root_may_be_for_a_group(void **state)
{
	(void)state;
	assert_int_equal(chmod(files.private_key, 0640), 0);
	if (geteuid() != 0) {
		refused("others can read the private key");
		return;
	}
	struct tls *tls = loaded();
	tls_free(&tls);
	assert_int_equal(chown(files.private_key, 65534, 65534), 0);
	refused("the file belongs to another user");
}

static void a_key_of_another_certificate_is_refused(void **state)
{
	(void)state;
	struct authority other;
	authority_init(&other);
	authority_issue(&other, "other", NOW_S, NOW_S + DAY_S);
	assert_int_equal(rename(other.private_key, files.private_key), 0);
	authority_cleanup(&other);
	refused("the private key does not belong to the certificate");
}

static void a_reload_is_all_or_nothing(void **state)
{
	(void)state;
	struct tls *tls = loaded();
	struct server_tls_status status;
	authority_issue(&files, "second", NOW_S - DAY_S, NOW_S + 50 * DAY_S);
	authority_write(files.client_ca, "none\n");
	assert_string_equal(err_name(tls_reload(tls)), "E_TLS");
	assert_non_null(strstr(logged(), "stay in force"));
	tls_status(tls, &status);
	assert_string_equal(status.subject, "CN=first");
	authority_issue(&files, "third", NOW_S - DAY_S, NOW_S + 50 * DAY_S);
	assert_string_equal(err_name(tls_reload(tls)), "E_OK");
	tls_status(tls, &status);
	assert_string_equal(status.subject, "CN=third");
	assert_int_equal(status.reloads, 1);
	assert_int_equal(status.reload_failures, 1);
	tls_free(&tls);
}

static void an_expired_certificate_does_not_replace_a_valid_one(void **state)
{
	(void)state;
	struct tls *tls = loaded();
	authority_issue(&files, "late", NOW_S - 2 * DAY_S, NOW_S - DAY_S);
	assert_string_equal(err_name(tls_reload(tls)), "E_TLS");
	/* Once the old one has ended too, the newer is taken. */
	clock_manual_advance(&manual, 101 * DAY_S * 1000);
	assert_string_equal(err_name(tls_reload(tls)), "E_OK");
	assert_non_null(strstr(logged(), "server.tls_certificate_expired"));
	tls_free(&tls);
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;
	for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
		count++;
	return count;
}

static void the_end_is_told_daily_from_thirty_days_before(void **state)
{
	(void)state;
	struct tls *tls = loaded();
	for (int64_t hour = 0; hour < 69 * 24; hour++) {
		clock_manual_advance(&manual, 3600 * 1000);
		tls_tend(tls);
	}
	assert_int_equal(count_of(logged(), "expires_soon"), 0);
	for (int64_t hour = 0; hour < 31 * 24; hour++) {
		clock_manual_advance(&manual, 3600 * 1000);
		tls_tend(tls);
	}
	const char *text = logged();
	assert_in_range(count_of(text, "server.tls_certificate_expires_soon"), 29, 31);
	assert_non_null(strstr(text, "days_left=29"));
	clock_manual_advance(&manual, 2 * DAY_S * 1000);
	tls_tend(tls);
	assert_int_equal(count_of(logged(), "server.tls_certificate_expired"), 1);
	tls_free(&tls);
}

static void failures_are_told_once_per_window(void **state)
{
	(void)state;
	struct tls_failures f;
	tls_failures_init(&f);
	for (int i = 0; i < 1000; i++) {
		tls_failures_count(&f, TLS_FAILURE_NO_HELLO, "192.0.2.1");
		tls_failures_count(&f, TLS_FAILURE_SILENT, "192.0.2.2");
		tls_failures_tell(&f, 5000 + i);
	}
	const char *text = logged();
	assert_int_equal(count_of(text, "server.tls_refused"), 1);
	assert_int_equal(count_of(text, "192.0.2.2"), 0);
	tls_failures_tell(&f, 5000 + TLS_FAILURES_WINDOW_MS);
	text = logged();
	assert_int_equal(count_of(text, "server.tls_refused"), 1);
	assert_non_null(strstr(text, "connections=999"));
	tls_failures_tell(&f, 5000 + 2 * TLS_FAILURES_WINDOW_MS);
	assert_string_equal(logged(), "");
	assert_int_equal(tls_failures_total(&f), 1000);
	tls_failures_cleanup(&f);
}

/* ---- with a server ---- */

struct client {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int fd;
};

static int client_open(struct client *c, uint16_t port)
{
	c->fd = raw_connect(port);
	assert_true(c->fd >= 0);
	assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
	assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT), 0);
	assert_int_equal(gnutls_set_default_priority(c->session), 0);
	assert_int_equal(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials),
			 0);
	gnutls_transport_set_int(c->session, c->fd);
	int code = 0;
	do {
		code = gnutls_handshake(c->session);
	} while (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED);
	return code;
}

static bool client_ask(struct client *c)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	char reply[512] = "";
	size_t len = 0;
	if (gnutls_record_send(c->session, request, sizeof request - 1) <= 0)
		return false;
	/* Head and body may come in records of their own. */
	while (len < 4 || strcmp(reply + len - 4, "\nok\n") != 0) {
		ssize_t n = gnutls_record_recv(c->session, reply + len, sizeof reply - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		reply[len] = '\0';
	}
	return strncmp(reply, "HTTP/1.1 200", 12) == 0;
}

static void client_close(struct client *c)
{
	gnutls_deinit(c->session);
	gnutls_certificate_free_credentials(c->credentials);
	(void)close(c->fd);
}

static struct fixture f;

static void start_server(void)
{
	struct server_tls_options o = *options();
	o.clients = SERVER_TLS_CLIENTS_OFF;
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){.tls = o, .clock = &manual.clock});
}

static void *keep_reloading(void *user)
{
	atomic_bool *ending = user;
	while (!atomic_load(ending))
		if (err_failed(server_tls_reload(f.server)))
			break;
	return NULL;
}

static void reloads_race_with_handshakes(void **state)
{
	(void)state;
	atomic_bool ending = false;
	pthread_t thread;
	struct client kept;
	start_server();
	assert_int_equal(client_open(&kept, f.port), 0);
	assert_int_equal(pthread_create(&thread, NULL, keep_reloading, &ending), 0);
	for (int i = 0; i < HANDSHAKES; i++) {
		struct client c;
		assert_int_equal(client_open(&c, f.port), 0);
		assert_true(client_ask(&c));
		assert_true(client_ask(&kept));
		client_close(&c);
	}
	atomic_store(&ending, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	client_close(&kept);
	assert_true(fixture_wait_connections(&f, 0));
	struct server_tls_status status;
	server_tls_status(f.server, &status);
	assert_true(status.reloads > 0);
	assert_int_equal(status.reload_failures, 0);
	assert_int_equal(status.handshakes, HANDSHAKES + 1);
	assert_int_equal(status.handshakes_failed, 0);
	fixture_stop(&f);
}

static void a_call_knows_how_it_came(void **state)
{
	(void)state;
	struct client c;
	struct fake_seen seen;
	const char *request = fixture_post("x");
	char reply[512];
	start_server();
	assert_int_equal(client_open(&c, f.port), 0);
	assert_true(gnutls_record_send(c.session, request, strlen(request)) > 0);
	assert_true(gnutls_record_recv(c.session, reply, sizeof reply) > 0);
	fake_service_seen(f.service, &seen);
	assert_true(seen.secure);
	assert_string_equal(seen.tls_version, "TLSv1.3");
	client_close(&c);
	fixture_stop(&f);
	fixture_start(&f, FAKE_AT_ONCE, (struct server_options){0});
	assert_int_equal(fixture_status(&f, request), 200);
	fake_service_seen(f.service, &seen);
	assert_false(seen.secure);
	fixture_stop(&f);
}

static void a_server_with_a_bad_certificate_does_not_start(void **state)
{
	(void)state;
	struct server *server = NULL;
	struct service *service = fake_service_new(FAKE_AT_ONCE);
	authority_write(files.certificate, "none\n");
	assert_string_equal(err_name(server_start(&(struct server_options){.service = service,
									   .listen = "127.0.0.1:0",
									   .tls = *options()},
						  &server)),
			    "E_TLS");
	assert_null(server);
	fake_service_free(&service);
}

/* --- a disk that does not answer, while the key is read --- */

#define STALL_MS 3000

static struct tls *stalled; /* NULL: files are read at once */
static pthread_t beginner;
static bool began_meanwhile;

struct err __real_pem_file_read_key(const char *path, struct secret **out,
				    struct pem_file_fault *fault);
struct err __wrap_pem_file_read_key(const char *path, struct secret **out,
				    struct pem_file_fault *fault);

static void *begin_connection(void *began)
{
	struct tls_set *set = tls_acquire(stalled);
	tls_set_release(&set);
	atomic_store((atomic_bool *)began, true);
	return NULL;
}

struct err __wrap_pem_file_read_key(const char *path, struct secret **out,
				    struct pem_file_fault *fault)
{
	static atomic_bool began;
	if (stalled == NULL)
		return __real_pem_file_read_key(path, out, fault);
	assert_int_equal(pthread_create(&beginner, NULL, begin_connection, &began), 0);
	for (unsigned ms = 0; ms < STALL_MS && !atomic_load(&began); ms += 10)
		(void)usleep(10000);
	began_meanwhile = atomic_load(&began);
	return __real_pem_file_read_key(path, out, fault);
}

static void connections_begin_while_a_reload_reads_its_files(void **state)
{
	(void)state;
	struct tls *tls = loaded();
	stalled = tls;
	assert_string_equal(err_name(tls_reload(tls)), "E_OK");
	assert_int_equal(pthread_join(beginner, NULL), 0);
	stalled = NULL;
	assert_true(began_meanwhile);
	tls_free(&tls);
}

static bool loopback(const char *listen)
{
	int fd = -1;
	uint16_t port = 0;
	assert_string_equal(err_name(listener_open_tcp(listen, &fd, &port)), "E_OK");
	bool found = listener_is_loopback(fd);
	(void)close(fd);
	return found;
}

static void a_listener_knows_whether_it_faces_the_network(void **state)
{
	(void)state;
	assert_true(loopback("127.0.0.1:0"));
	assert_true(loopback("127.8.9.1:0"));
	assert_true(loopback("[::1]:0"));
	assert_false(loopback("0.0.0.0:0"));
	assert_false(loopback("[::]:0"));
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(status_tells_the_certificate),
		TLS_TEST(files_that_cannot_be_used_are_refused),
		TLS_TEST(files_that_others_can_change_or_read_are_refused),
		TLS_TEST(a_key_of_root_may_be_for_a_group),
		TLS_TEST(a_key_of_another_certificate_is_refused),
		TLS_TEST(a_reload_is_all_or_nothing),
		TLS_TEST(an_expired_certificate_does_not_replace_a_valid_one),
		TLS_TEST(the_end_is_told_daily_from_thirty_days_before),
		TLS_TEST(failures_are_told_once_per_window),
		TLS_TEST(reloads_race_with_handshakes),
		TLS_TEST(connections_begin_while_a_reload_reads_its_files),
		TLS_TEST(a_call_knows_how_it_came),
		TLS_TEST(a_server_with_a_bad_certificate_does_not_start),
		TLS_TEST(a_listener_knows_whether_it_faces_the_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
