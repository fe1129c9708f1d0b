/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread with epoll: it accepts, reads, hands operations to the token's lanes and sends what
 * comes back through the outbox. It never waits for a lane or for a peer.
 */
#include "hsm/token/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/log_file.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/token/connection.h"
#include "hsm/token/opening.h"
#include "hsm/token/process.h"

#define EVENTS_MAX 64
#define ACCEPTS_MAX 16
#define TICK_MS 100
#define TICK_OPENING_MS 5      /* while operations wait for the token to be opened */
#define COUNTERS_EVERY_MS 1000 /* status goes out for its counters alone */
#define REFUSALS_EVERY_MS 1000 /* one log line for all refusals in between */
#define IN_FLIGHT_MIN 16
#define IN_FLIGHT_SHARE 4 /* one connection may fill a quarter of the token's queue */

struct worker {
	struct orders orders;
	struct orders_page *page;
	struct secret *pin;
	struct opening *opening;
	struct connection_host host;
	int epoll_fd;
	int signal_fd;
	struct connection *connections;
	size_t connection_count;
	int64_t ticked_ms;
	int64_t counters_ms;
	int64_t figures_ms;
	int64_t refused_ms; /* when a refusal was last logged */
	uint64_t refused;   /* not logged yet */
	int64_t drain_until_ms;
};

static int64_t now_ms(void)
{
	return clock_steady_ms(&clock_system);
}

/* The PIN. */

static struct err pin_receive(struct worker *w)
{
	TRY(secret_new(ORDERS_PIN_MAX, &w->pin));
	ssize_t n = 0;
	do {
		n = read(ORDERS_FD_PIN, w->pin->ptr + w->pin->len, ORDERS_PIN_MAX - w->pin->len);
		w->pin->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && w->pin->len < ORDERS_PIN_MAX);
	int saved = errno;
	(void)close(ORDERS_FD_PIN);
	if (n < 0)
		return ERR_DETAIL(E_SYSTEM, saved);
	if (!w->orders.has_pin)
		secret_free(&w->pin);
	return OK;
}

/* Connections. */

static bool peer_is_allowed(const struct worker *w, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	if (peer.uid == 0)
		return true;
	if (w->orders.user_count == 0)
		return peer.uid == geteuid();
	for (size_t i = 0; i < w->orders.user_count; i++)
		if (w->orders.users[i] == (int64_t)peer.uid)
			return true;
	return false;
}

/* At most one line a second, whoever knocks how often. */
static void refuse(struct worker *w, int fd, const char *why)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;
	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	(void)close(fd);
	w->refused++;
	if (now_ms() - w->refused_ms < REFUSALS_EVERY_MS)
		return;
	log_event(LOG_WARNING, "connection.refused", LOG_TEXT("why", why),
		  LOG_NUMBER("uid", peer.uid), LOG_NUMBER("pid", peer.pid),
		  LOG_NUMBER("refused", w->refused),
		  LOG_TEXT("action", "set daemon_users or connections_max in [token]"));
	w->refused_ms = now_ms();
	w->refused = 0;
}

static void drop(struct connection *c, struct err why)
{
	connection_close(c, why);
	c->marked = false;
}

/* Watches for what the connection can use now: input within its bounds, output while it has any. */
static void watch(struct worker *w, struct connection *c)
{
	uint32_t events = connection_may_read(c) ? EPOLLIN : 0;
	events |= c->channel.out_bytes > 0 ? EPOLLOUT : 0;
	if (events == c->events)
		return;
	struct epoll_event event = {.events = events, .data.ptr = c};
	if (epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, c->channel.fd, &event) != 0)
		drop(c, ERR_DETAIL(E_SYSTEM, errno));
	else
		c->events = events;
}

/* What follows every change of a connection: go on reading, send, watch. */
static void attend(struct worker *w, struct connection *c)
{
	c->marked = false;
	struct err e = connection_resume(c);
	if (!err_failed(e))
		e = connection_flush(c);
	if (err_failed(e))
		drop(c, e);
	else
		watch(w, c);
}

static void admit(struct worker *w, int fd)
{
	if (!peer_is_allowed(w, fd)) {
		refuse(w, fd, "this user may not connect");
		return;
	}
	if (w->connection_count >= w->orders.connections_max) {
		refuse(w, fd, "too many connections");
		return;
	}
	struct connection *c = NULL;
	struct err e = connection_open(&w->host, fd, &c);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	if (!err_failed(e) && epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		e = ERR_DETAIL(E_SYSTEM, errno);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "connection.not_admitted", LOG_ERR(e));
		connection_free(&c);
		return;
	}
	c->events = EPOLLIN;
	c->next = w->connections;
	w->connections = c;
	w->connection_count++;
	attend(w, c);
}

static void accept_some(struct worker *w)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd = accept4(ORDERS_FD_LISTEN, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		admit(w, fd);
	}
}

static void serve(struct worker *w, struct connection *c, uint32_t events)
{
	if (!connection_is_open(c))
		return;
	struct err e = OK;
	if ((events & EPOLLIN) != 0)
		e = connection_read(c);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		e = ERR(E_HSM_AWAY);
	if (err_failed(e))
		drop(c, e);
	else
		attend(w, c);
}

/* Frees what was closed and has nothing under way. Only between rounds: epoll may have named it. */
static void reap(struct worker *w)
{
	struct connection **at = &w->connections;
	while (*at != NULL) {
		struct connection *c = *at;
		if (connection_is_open(c) || c->in_flight > 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		w->connection_count--;
		connection_free(&c);
	}
}

static void reply_all(struct worker *w)
{
	struct job *job = job_outbox_take(&w->host.outbox);
	while (job != NULL) {
		struct job *next = job->next;
		struct connection *c = job->connection;
		struct err e = connection_reply(c, &job);
		if (err_failed(e) && connection_is_open(c))
			drop(c, e);
		c->marked = connection_is_open(c);
		job = next;
	}
	for (struct connection *c = w->connections; c != NULL; c = c->next)
		if (c->marked)
			attend(w, c);
}

/* The token's condition. */

static void status_now(struct worker *w, struct hsm_status *out)
{
	struct hsm *hsm = NULL;
	struct err why = w->orders.latched_error;
	enum hsm_condition condition = w->orders.latched;
	if (w->opening != NULL)
		condition = opening_look(w->opening, &hsm, &why);
	w->host.hsm = hsm;
	*out = (struct hsm_status){.condition = condition, .last_error = why};
	if (hsm != NULL)
		hsm_status(hsm, out);
}

static bool status_differs(const struct hsm_status *a, const struct hsm_status *b)
{
	return a->condition != b->condition || a->last_error.code != b->last_error.code ||
	       a->suite != b->suite || a->lanes != b->lanes || a->generation != b->generation ||
	       !text_equal(a->serial, b->serial) || !text_equal(a->token_label, b->token_label);
}

static void status_set(struct worker *w, const struct hsm_status *fresh)
{
	w->host.status = *fresh;
	w->page->error_code = fresh->last_error.code;
	w->page->error_detail = fresh->last_error.detail;
	w->page->condition = fresh->condition;
}

static void status_tell(struct worker *w)
{
	struct hsm_status fresh;
	status_now(w, &fresh);
	bool differs = status_differs(&fresh, &w->host.status);
	bool counted = fresh.operations != w->host.status.operations &&
		       now_ms() - w->counters_ms >= COUNTERS_EVERY_MS;
	if (!differs && !counted)
		return;
	w->counters_ms = now_ms();
	status_set(w, &fresh);
	for (struct connection *c = w->connections; c != NULL; c = c->next) {
		if (!connection_is_open(c) || (!differs && c->channel.out_bytes > 0))
			continue;
		struct err e = connection_tell_status(c);
		if (err_failed(e))
			drop(c, e);
		else
			attend(w, c);
	}
}

/* Once a second, when there is something new, to those who take what they are sent. */
static void figures_tell(struct worker *w)
{
	static struct hsm_figures fresh; /* large; the worker's thread alone */
	if (now_ms() - w->figures_ms < COUNTERS_EVERY_MS)
		return;
	w->figures_ms = now_ms();
	hsm_figures_copy(&fresh, &w->page->watch.figures);
	if (mem_equal(&fresh, &w->host.figures, sizeof fresh))
		return;
	w->host.figures = fresh;
	for (struct connection *c = w->connections; c != NULL; c = c->next) {
		if (!connection_is_open(c) || c->channel.out_bytes > 0)
			continue;
		struct err e = connection_tell_figures(c);
		if (err_failed(e))
			drop(c, e);
		else
			attend(w, c);
	}
}

static int tick_ms(const struct worker *w)
{
	return w->host.status.condition == HSM_CONNECTING ? TICK_OPENING_MS : TICK_MS;
}

static void tick(struct worker *w)
{
	int64_t now = now_ms();
	if (now - w->ticked_ms < tick_ms(w))
		return;
	w->ticked_ms = now;
	w->page->beat_ms = now;
	log_configure((enum log_form)w->page->log_form, (enum log_level)w->page->log_level,
		      STDERR_FILENO);
	log_file_set_limits(w->page->log_file_bytes, w->page->log_files_kept);
	status_tell(w);
	figures_tell(w);
	for (struct connection *c = w->connections; c != NULL; c = c->next) {
		struct err e = connection_is_open(c) ? connection_check(c) : OK;
		if (err_failed(e))
			drop(c, e);
	}
}

/* Stopping. */

static void drain_begin(struct worker *w)
{
	struct signalfd_siginfo info;
	ssize_t got = read(w->signal_fd, &info, sizeof info);
	(void)got;
	if (w->host.draining)
		return;
	log_event(LOG_INFO, "worker.draining", LOG_NUMBER("in_flight", w->host.in_flight));
	w->host.draining = true;
	w->drain_until_ms = now_ms() + WORKER_DRAIN_MAX_MS;
	(void)epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, ORDERS_FD_LISTEN, NULL);
	for (struct connection *c = w->connections; c != NULL; c = c->next)
		if (connection_is_open(c))
			watch(w, c);
}

static bool output_is_left(const struct worker *w)
{
	for (struct connection *c = w->connections; c != NULL; c = c->next)
		if (connection_is_open(c) && c->channel.out_bytes > 0)
			return true;
	return false;
}

static bool is_over(const struct worker *w)
{
	if (!w->host.draining)
		return false;
	return now_ms() >= w->drain_until_ms || (w->host.in_flight == 0 && !output_is_left(w));
}

static void finish(struct worker *w)
{
	opening_stop(&w->opening);
	w->host.hsm = NULL;
	reply_all(w);
	for (struct connection *c = w->connections; c != NULL; c = c->next)
		if (connection_is_open(c))
			connection_close(c, ERR(E_CANCELLED));
	reap(w);
	secret_free(&w->pin);
}

/* Starting. */

static struct err watch_fd(const struct worker *w, int fd, const void *mark)
{
	union {
		const void *in;
		void *out;
	} pointer = {.in = mark};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = pointer.out};
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? OK
								      : ERR_DETAIL(E_SYSTEM, errno);
}

static struct err descriptors_make(struct worker *w)
{
	/* What a terminal sends to the whole group is the supervisor's to decide on. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	sigset_t stop;
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &stop, NULL) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	w->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->signal_fd < 0 || w->epoll_fd < 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	TRY(job_outbox_init(&w->host.outbox));
	TRY(watch_fd(w, w->signal_fd, &w->signal_fd));
	TRY(watch_fd(w, w->host.outbox.event_fd, &w->host.outbox));
	return watch_fd(w, ORDERS_FD_LISTEN, w);
}

/* What the vendor's module may start must not keep the lock, nor the socket, when we are gone. */
static struct err descriptors_keep(void)
{
	for (int fd = ORDERS_FD_LISTEN; fd < ORDERS_FD_END; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			return ERR_DETAIL(E_SYSTEM, errno);
	return OK;
}

/* A file that cannot be had is no reason to stay away: standard error takes the lines. */
static void log_begin(struct worker *w)
{
	log_configure(w->orders.log_form, w->orders.log_level, STDERR_FILENO);
	struct err e = log_file_open(&(struct log_file_options){
		w->orders.log_file, w->orders.log_file_bytes, w->orders.log_files_kept});
	if (err_failed(e))
		log_event(LOG_WARNING, "log.file_not_opened", LOG_TEXT("file", w->orders.log_file),
			  LOG_ERR(e));
}

static struct err prepare(struct worker *w)
{
	TRY(process_harden());
	TRY(descriptors_keep());
	TRY(orders_read(ORDERS_FD_ORDERS, &w->orders));
	(void)close(ORDERS_FD_ORDERS);
	TRY(process_follow(w->orders.supervisor));
	TRY(orders_page_map(ORDERS_FD_PAGE, &w->page));
	log_begin(w);
	TRY(pin_receive(w));
	w->host.clock = &clock_system;
	w->host.in_flight_max =
		MAX_OF(w->orders.queue_max / IN_FLIGHT_SHARE, (uint32_t)IN_FLIGHT_MIN);
	w->page->beat_ms = now_ms();
	w->refused_ms = now_ms() - REFUSALS_EVERY_MS;
	TRY(descriptors_make(w));
	TRY(process_confine_worker(w->orders.seccomp, w->orders.extra_syscalls));
	if (w->orders.latched == HSM_UP)
		TRY(opening_start(&w->orders, w->pin, w->page, &w->opening));
	hsm_figures_copy(&w->host.figures, &w->page->watch.figures);
	struct hsm_status first;
	status_now(w, &first);
	status_set(w, &first);
	return OK;
}

static void dispatch(struct worker *w, const struct epoll_event *event)
{
	if (event->data.ptr == w)
		accept_some(w);
	else if (event->data.ptr == &w->signal_fd)
		drain_begin(w);
	else if (event->data.ptr != &w->host.outbox)
		serve(w, (struct connection *)event->data.ptr, event->events);
}

static void run(struct worker *w)
{
	struct epoll_event events[EVENTS_MAX];
	while (!is_over(w)) {
		int n = epoll_wait(w->epoll_fd, events, EVENTS_MAX, tick_ms(w));
		for (int i = 0; i < n; i++)
			dispatch(w, &events[i]);
		reply_all(w);
		tick(w);
		reap(w);
	}
}

int worker_main(void)
{
	static struct worker worker; /* large, and one per process */
	struct err e = prepare(&worker);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "worker.not_started", LOG_ERR(e));
		return 1;
	}
	run(&worker);
	finish(&worker);
	log_event(LOG_INFO, "worker.stopped", LOG_NUMBER("pid", getpid()));
	return 0;
}
