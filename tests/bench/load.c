/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator that costs little beside the service that it measures: one thread, kept-alive
 * connections, each with one request under way; the request is signed once a minute and sent as it
 * is.
 *
 *   load PORT CREDENTIALS REGION OPERATION BODY CONNECTIONS SECONDS [CA]
 *
 * CA: the PEM file of the authority of the service's certificate; with it, TLS is spoken.
 * CREDENTIALS is a file as holdfastd --init leaves it, or - for unsigned requests. Prints one line
 * of JSON: answers per second, answers that were not 200 (and the first of them), latencies.
 */
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "client/signer.h"

#define CONNECTIONS_MAX 8192
#define REQUEST_MAX (64 << 10)
#define REPLY_MAX (64 << 10)
#define EVENTS_MAX 256
#define SIGN_AGAIN_MS 60000
#define SAMPLES_MAX (1 << 22)
#define WARM_UP_MS 500

struct connection {
	int fd;
	gnutls_session_t tls; /* NULL: plain */
	int64_t sent_ns;
	size_t len;      /* of the reply, so far */
	size_t expected; /* of the reply, whole; 0: not known yet */
	char reply[REPLY_MAX];
};

static struct {
	char request[REQUEST_MAX];
	size_t request_len;
	int64_t signed_ms;
	struct signer signer;
	bool unsigned_;
	uint16_t port;
	gnutls_certificate_credentials_t tls; /* NULL: plain */
	char host[32];
	const char *target, *body;
	int epoll;
	uint64_t answers, errors;
	bool counting;
	char first_error[512];
	uint32_t *samples_us;
	size_t sample_count;
} load;

static void fail(const char *what)
{
	(void)fprintf(stderr, "load: %s (errno %d)\n", what, errno);
	exit(1);
}

static void check(struct err e, const char *what)
{
	if (!err_failed(e))
		return;
	(void)fprintf(stderr, "load: %s: %s\n", what, err_meaning(e));
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec t = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* "name = value" of an INI file; the buffer keeps the value. */
static void read_credentials(const char *path)
{
	static char text[4096];
	FILE *file = fopen(path, "re");
	if (file == NULL)
		fail(path);
	size_t len = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	struct view rest = view_of(text, len);
	struct view secret = VIEW_NONE;
	while (rest.ptr != NULL) {
		struct view value = view_cut(&rest, '\n');
		struct view name = view_trim(view_cut(&value, '='));
		if (view_equal_text(name, "aws_access_key_id"))
			load.signer.access_key_id = view_trim(value);
		if (view_equal_text(name, "aws_secret_access_key"))
			secret = view_trim(value);
	}
	static struct secret *kept;
	check(secret_new_from(secret, &kept), "the secret access key");
	load.signer.secret_key = kept;
}

static void make_request(void)
{
	static const char type[] = "application/x-amz-json-1.1";
	char more[SIGNER_AUTHORIZATION_MAX + 128] = "";
	load.signed_ms = clock_real_ms(&clock_system);
	if (!load.unsigned_) {
		struct signer_headers headers;
		const struct signer_request request = {.host = view_of_text(load.host),
						       .path = VIEW_LITERAL("/"),
						       .content_type = view_of_text(type),
						       .target = view_of_text(load.target),
						       .body = view_of_text(load.body),
						       .now_ms = load.signed_ms};
		check(signer_sign(&load.signer, &request, &headers), "signing");
		check(text_format(more, sizeof more, "X-Amz-Date: %s\r\nAuthorization: %s\r\n",
				  headers.date, headers.authorization),
		      "headers");
	}
	check(text_format(load.request, sizeof load.request,
			  "POST / HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n"
			  "X-Amz-Target: %s\r\nContent-Length: %zu\r\n%s\r\n%s",
			  load.host, type, load.target, strlen(load.body), more, load.body),
	      "request");
	load.request_len = strlen(load.request);
}

static void send_request(struct connection *c)
{
	c->len = c->expected = 0;
	c->sent_ns = now_ns();
	/* Small enough for any socket buffer that is empty. */
	if (c->tls != NULL) {
		if (gnutls_record_send(c->tls, load.request, load.request_len) !=
		    (ssize_t)load.request_len)
			fail("send over TLS");
		return;
	}
	if (send(c->fd, load.request, load.request_len, MSG_NOSIGNAL) != (ssize_t)load.request_len)
		fail("send");
}

static void trust(const char *ca)
{
	if (gnutls_certificate_allocate_credentials(&load.tls) != 0 ||
	    gnutls_certificate_set_x509_trust_file(load.tls, ca, GNUTLS_X509_FMT_PEM) < 1)
		fail(ca);
}

static void shake_hands(struct connection *c)
{
	if (gnutls_init(&c->tls, GNUTLS_CLIENT) != 0 || gnutls_set_default_priority(c->tls) != 0 ||
	    gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, load.tls) != 0)
		fail("TLS");
	gnutls_session_set_verify_cert(c->tls, "127.0.0.1", 0);
	gnutls_transport_set_int(c->tls, c->fd);
	int code = gnutls_handshake(c->tls);
	if (code != 0)
		fail(gnutls_strerror(code));
}

static void open_connection(struct connection *c)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(load.port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int on = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
		fail("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (load.tls != NULL)
		shake_hands(c);
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
		fail("fcntl");
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		fail("epoll_ctl");
}

/* Once the headers are there: how long the whole reply is. */
static void find_length(struct connection *c)
{
	static const char name[] = "Content-Length: ";
	c->reply[c->len] = '\0';
	const char *end = strstr(c->reply, "\r\n\r\n");
	const char *length = strstr(c->reply, name);
	if (end == NULL)
		return;
	if (length == NULL || length > end)
		fail("a reply without Content-Length");
	c->expected =
		(size_t)(end + 4 - c->reply) + (size_t)strtoul(length + sizeof name - 1, NULL, 10);
}

static void count_answer(struct connection *c)
{
	if (!load.counting)
		return;
	load.answers++;
	if (load.sample_count < SAMPLES_MAX)
		load.samples_us[load.sample_count++] = (uint32_t)((now_ns() - c->sent_ns) / 1000);
	if (strncmp(c->reply, "HTTP/1.1 200", 12) == 0)
		return;
	load.errors++;
	if (load.first_error[0] == '\0')
		(void)snprintf(load.first_error, sizeof load.first_error, "%.*s",
			       (int)MIN_OF(c->len, sizeof load.first_error - 1), c->reply);
}

/* 0: nothing yet. */
static size_t receive(struct connection *c)
{
	void *room = c->reply + c->len;
	size_t size = REPLY_MAX - 1 - c->len;
	ssize_t n = c->tls ? gnutls_record_recv(c->tls, room, size) : recv(c->fd, room, size, 0);
	bool again = c->tls ? n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED
			    : n < 0 && (errno == EAGAIN || errno == EINTR);
	if (n <= 0 && !again)
		fail("the service closed a connection");
	return n > 0 ? (size_t)n : 0;
}

static void on_readable(struct connection *c)
{
	size_t n = receive(c);
	if (n == 0)
		return;
	c->len += n;
	if (c->expected == 0)
		find_length(c);
	if (c->expected > REPLY_MAX - 1)
		fail("a reply that is too long");
	if (c->expected == 0 || c->len < c->expected)
		return;
	count_answer(c);
	send_request(c);
}

/* Records that the TLS library holds already wake nobody: read until there are none. */
static void on_event(struct connection *c)
{
	do {
		on_readable(c);
	} while (c->tls != NULL && gnutls_record_check_pending(c->tls) > 0);
}

static void run_until(int64_t end_ns)
{
	struct epoll_event events[EVENTS_MAX];
	while (now_ns() < end_ns) {
		int n = epoll_wait(load.epoll, events, EVENTS_MAX, 100);
		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr);
		if (clock_real_ms(&clock_system) - load.signed_ms > SIGN_AGAIN_MS)
			make_request();
	}
}

static int by_value(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	return (left > right) - (left < right);
}

static uint32_t percentile(double part)
{
	if (load.sample_count == 0)
		return 0;
	return load.samples_us[(size_t)((double)(load.sample_count - 1) * part)];
}

static void report(size_t connections, double seconds)
{
	qsort(load.samples_us, load.sample_count, sizeof *load.samples_us, by_value);
	(void)printf("{\"operation\":\"%s\",\"connections\":%zu,\"seconds\":%.2f,\"rate\":%.0f,"
		     "\"answers\":%llu,\"errors\":%llu,\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,"
		     "\"p999_us\":%u,\"max_us\":%u}\n",
		     load.target, connections, seconds, (double)load.answers / seconds,
		     (unsigned long long)load.answers, (unsigned long long)load.errors,
		     percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999),
		     percentile(1.0));
	if (load.errors > 0)
		(void)fprintf(stderr, "load: first answer that was not 200:\n%s\n",
			      load.first_error);
}

static int64_t number(const char *text, int64_t max)
{
	int64_t value = 0;
	check(text_parse_integer(view_of_text(text), 1, max, &value), text);
	return value;
}

int main(int argc, char **argv)
{
	if (argc != 8 && argc != 9) {
		(void)fputs(
			"load PORT CREDENTIALS REGION OPERATION BODY CONNECTIONS SECONDS [CA]\n",
			stderr);
		return 64;
	}
	static char target[128];
	load.port = (uint16_t)number(argv[1], UINT16_MAX);
	check(text_format(load.host, sizeof load.host, "127.0.0.1:%u", load.port), "host");
	check(text_format(target, sizeof target, "TrentService.%s", argv[4]), "target");
	load.unsigned_ = strcmp(argv[2], "-") == 0;
	load.signer.region = view_of_text(argv[3]);
	load.signer.service = VIEW_LITERAL("kms");
	load.target = target;
	load.body = argv[5];
	if (!load.unsigned_)
		read_credentials(argv[2]);
	if (argc == 9)
		trust(argv[8]);
	make_request();
	size_t count = (size_t)number(argv[6], CONNECTIONS_MAX);
	int64_t seconds = number(argv[7], 3600);
	struct connection *connections = calloc(count, sizeof *connections);
	load.samples_us = calloc(SAMPLES_MAX, sizeof *load.samples_us);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (connections == NULL || load.samples_us == NULL || load.epoll < 0)
		fail("start");
	for (size_t i = 0; i < count; i++)
		open_connection(&connections[i]);
	for (size_t i = 0; i < count; i++)
		send_request(&connections[i]);
	run_until(now_ns() + (int64_t)WARM_UP_MS * 1000000);
	load.counting = true;
	int64_t begin = now_ns();
	run_until(begin + seconds * 1000000000);
	report(count, (double)(now_ns() - begin) / 1e9);
	free(connections);
	free(load.samples_us);
	return load.errors > 0 ? 1 : 0;
}
