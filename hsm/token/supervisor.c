/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/exit.h"
#include "base/log_file.h"
#include "base/text.h"
#include "config/changes.h"
#include "hsm/token/pin.h"
#include "hsm/token/pinstage.h"
#include "hsm/token/place.h"
#include "hsm/token/process.h"
#include "hsm/token/spawn.h"
#include "hsm/token/worker.h"

#define TICK_MS 100
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 2000
#define REFUSED_MIN_MS 2000 /* after a worker that made a refused system call */
#define REFUSED_MAX_MS (60 * 1000)
#define HEALTHY_MS 10000            /* a worker that lived so long is followed by one at once */
#define STOP_MARGIN_MS 3000         /* beyond the worker's own bound */
#define OPENING_MAX_MS (180 * 1000) /* the module may take so long to find and open the token */
#define BEAT_EVERY_MS 1000          /* to the service manager */
#define US_PER_S 1000000LL
#define NS_PER_US 1000
#define CHANGES_MAX 128
#define BEAT_MAX_MS (10 * 1000) /* without a sign of life of the worker's thread */

struct supervisor {
	struct settings *settings; /* in force */
	const char *config;        /* the file that they are from */
	struct orders orders;
	struct secret *pin;
	int lock_fd;
	int listen_fd;
	bool bound;
	int page_fd;
	struct orders_page *page;
	int signal_fd;
	pid_t worker;        /* 0: none */
	bool spawned_before; /* there has been a worker */
	int64_t spawned_ms;
	int64_t spawn_at_ms;
	int64_t backoff_ms;
	bool replacing; /* the worker was told to end, to be followed at once */
	bool pin_newer; /* the PIN was read again since the worker got its copy */
	bool stopping;
	int64_t stop_by_ms;
	uint32_t told_condition;
	bool watched; /* the service manager wants to hear of us */
	int64_t beat_ms;
};

static int64_t now_ms(void)
{
	return clock_steady_ms(&clock_system);
}

/* The worker. */

static void page_tell_log(struct supervisor *s)
{
	s->page->log_form = s->orders.log_form;
	s->page->log_level = s->orders.log_level;
	s->page->log_file_bytes = s->orders.log_file_bytes;
	s->page->log_files_kept = s->orders.log_files_kept;
}

static void page_reset(struct supervisor *s)
{
	struct orders_page *page = s->page;
	for (size_t i = 0; i < HSM_LANES_MAX; i++)
		page->watch.deadline_ms[i] = 0;
	page->watch.pin_refused = 0;
	page->condition = 0;
	page_tell_log(s);
	page->opening_since_ms = 0;
	page->beat_ms = now_ms();
}

static void spawn(struct supervisor *s)
{
	page_reset(s);
	s->replacing = false;
	s->pin_newer = false;
	s->orders.has_pin = s->pin != NULL;
	struct spawn_options options = {&s->orders, s->pin, s->listen_fd, s->page_fd, s->lock_fd};
	s->spawned_ms = now_ms();
	struct err e = spawn_worker(&options, &s->worker);
	if (err_failed(e)) {
		log_event(LOG_ERROR, "worker.not_spawned", LOG_ERR(e));
		s->worker = 0;
		s->spawn_at_ms = now_ms() + BACKOFF_MAX_MS;
		return;
	}
	if (s->spawned_before)
		hsm_figures_add(&s->page->watch.figures.restarts, 1);
	s->spawned_before = true;
	log_event(LOG_INFO, "worker.spawned", LOG_NUMBER("pid", s->worker));
}

/* Tells the worker to end, and the next one to try the PIN, whatever this one says of its own. */
static void worker_replace(struct supervisor *s)
{
	s->orders.latched = HSM_UP;
	s->orders.latched_error = OK;
	if (s->worker == 0)
		return;
	s->replacing = true;
	(void)kill(s->worker, SIGTERM);
}

static bool was_pin_refused(const struct supervisor *s)
{
	return s->page->watch.pin_refused != 0 || s->page->condition == HSM_PIN_REFUSED;
}

/*
 * The PIN was refused: it is never tried again by itself, as that could lock the token. Unless it
 * was the copy of a worker that is being replaced, or could be, by one with the PIN read since.
 */
static void latch_look(struct supervisor *s)
{
	if (!was_pin_refused(s) || s->orders.latched == HSM_PIN_REFUSED || s->replacing)
		return;
	if (s->pin_newer) {
		log_event(LOG_WARNING, "token.old_pin_refused",
			  LOG_TEXT("action", "the worker is replaced and tries the PIN that was "
					     "read since it started"));
		worker_replace(s);
		return;
	}
	s->orders.latched = HSM_PIN_REFUSED;
	s->orders.latched_error = ERR_DETAIL(E_HSM_PIN, s->page->error_detail);
	log_event(LOG_ERROR, "token.pin_refused",
		  LOG_TEXT("pin_source", s->settings->token.pin_source), LOG_ERR(ERR(E_HSM_PIN)));
}

static bool was_refused(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void ended_log(pid_t pid, int status)
{
	if (was_refused(status))
		log_event(LOG_ERROR, "worker.ended", LOG_NUMBER("pid", pid),
			  LOG_TEXT("why", "it made a system call that the sandbox refuses"),
			  LOG_TEXT("action", "see sandbox.refused before this line, which names "
					     "the call; if the token's module needs it, add it "
					     "to extra_syscalls in [token]"));
	else if (WIFSIGNALED(status))
		log_event(LOG_WARNING, "worker.ended", LOG_NUMBER("pid", pid),
			  LOG_TEXT("why", "killed by a signal"),
			  LOG_TEXT("signal", strsignal(WTERMSIG(status))),
			  LOG_TEXT("action", "it is replaced; if this repeats, see the module's "
					     "own log"));
	else
		log_event(WEXITSTATUS(status) == 0 ? LOG_INFO : LOG_ERROR, "worker.ended",
			  LOG_NUMBER("pid", pid), LOG_NUMBER("exit_status", WEXITSTATUS(status)));
}

static void worker_reap(struct supervisor *s)
{
	int status = 0;
	if (s->worker == 0 || waitpid(s->worker, &status, WNOHANG) != s->worker)
		return;
	ended_log(s->worker, status);
	latch_look(s);
	int64_t now = now_ms();
	bool refused = was_refused(status);
	bool at_once = s->replacing || now - s->spawned_ms >= HEALTHY_MS;
	s->backoff_ms = at_once ? 0 : s->backoff_ms;
	/* What was refused once will most likely be tried again: no reason to hurry. */
	if (refused)
		s->backoff_ms = MAX_OF(s->backoff_ms, (int64_t)REFUSED_MIN_MS);
	s->spawn_at_ms = now + s->backoff_ms;
	int64_t most = refused ? REFUSED_MAX_MS : BACKOFF_MAX_MS;
	s->backoff_ms = MIN_OF(MAX_OF(s->backoff_ms * 2, (int64_t)BACKOFF_MIN_MS), most);
	s->replacing = false;
	s->worker = 0;
}

static void worker_kill(struct supervisor *s, const char *why, int64_t lane, int64_t overdue_ms)
{
	LOG_REQUEST_SCOPE(lane >= 0 ? s->page->watch.requests[lane].id : "");
	log_event(LOG_ERROR, "worker.killed", LOG_NUMBER("pid", s->worker), LOG_TEXT("why", why),
		  LOG_NUMBER("lane", lane), LOG_NUMBER("overdue_ms", overdue_ms),
		  LOG_TEXT("action", "check the token; raise hang_ms if it is only slow"));
	(void)kill(s->worker, SIGKILL);
}

static void worker_watch(struct supervisor *s)
{
	if (s->worker == 0)
		return;
	int64_t now = now_ms();
	for (int64_t i = 0; i < HSM_LANES_MAX; i++) {
		int64_t deadline = s->page->watch.deadline_ms[i];
		if (deadline != 0 && now > deadline + s->settings->token.hang_ms) {
			worker_kill(s, "the module does not return", i, now - deadline);
			return;
		}
	}
	int64_t opening = s->page->opening_since_ms;
	int64_t beat = s->page->beat_ms;
	if (opening != 0 && now - opening > OPENING_MAX_MS)
		worker_kill(s, "the token takes too long to open", -1, now - opening);
	else if (now - beat > BEAT_MAX_MS)
		worker_kill(s, "the worker does not react", -1, now - beat);
}

/* Signals. */

static void stop_begin(struct supervisor *s, uint32_t number)
{
	if (s->stopping)
		return;
	log_event(LOG_INFO, "supervisor.stopping",
		  LOG_TEXT("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
	(void)sd_notify(0, "STOPPING=1\nSTATUS=finishing what is under way");
	s->stopping = true;
	s->stop_by_ms = now_ms() + WORKER_DRAIN_MAX_MS + STOP_MARGIN_MS;
	if (s->worker != 0)
		(void)kill(s->worker, SIGTERM);
}

/* *kept: there is nothing to read it from, and the one that is there stays. */
static struct err pin_again(const char *source, struct secret **fresh, bool *kept,
			    char message[SETTINGS_MESSAGE_MAX])
{
	*kept = view_starts_with(view_of_text(source), VIEW_LITERAL("fd:"));
	if (!*kept)
		return pin_read(source, fresh, message);
	log_event(LOG_WARNING, "pin.kept", LOG_TEXT("pin_source", source),
		  LOG_TEXT("why", "a descriptor can be read only once"),
		  LOG_TEXT("action", "restart holdfast-token for another PIN"));
	return OK;
}

static bool pin_is(const struct secret *known, const struct secret *fresh)
{
	return known == NULL || fresh == NULL ? known == fresh : secret_equal(known, fresh);
}

/*
 * The new PIN, and for a worker without use of the token the order to be replaced by one that tries
 * it. One that is as before changes nothing: whoever wants another setting read again must not lock
 * a token that has refused this PIN already.
 */
static void pin_take(struct supervisor *s, struct secret **fresh)
{
	bool same = pin_is(s->pin, *fresh);
	log_event(LOG_INFO, "pin.read_again", LOG_TEXT("pin_source", s->settings->token.pin_source),
		  LOG_TEXT("pin", same ? "as before" : "another one"));
	if (same) {
		if (s->orders.latched == HSM_PIN_REFUSED || was_pin_refused(s))
			log_event(LOG_WARNING, "token.pin_not_tried",
				  LOG_TEXT("why", "the token has refused this very PIN"),
				  LOG_TEXT("action", "correct pin_source and send SIGHUP; if the "
						     "token was mended instead, restart "
						     "holdfast-token"));
		return;
	}
	secret_free(&s->pin);
	s->pin = TAKE(*fresh);
	if (s->worker != 0 && s->page->condition == HSM_UP) {
		s->pin_newer = true;
		return;
	}
	s->page->watch.pin_refused = 0;
	s->page->condition = 0;
	worker_replace(s);
}

/* What a running instance takes over: the log's form, level and sizes here and in the worker,
 * hang_ms. */
static void settings_take(struct supervisor *s, const struct settings *fresh,
			  const struct orders *orders)
{
	struct changes_setting changed[CHANGES_MAX];
	size_t found = changes_find(s->settings, fresh, CHANGES_HOLDFAST_TOKEN, changed,
				    ARRAY_LEN(changed));
	changes_apply(s->settings, fresh);
	s->orders.log_form = orders->log_form;
	s->orders.log_level = orders->log_level;
	s->orders.log_file_bytes = orders->log_file_bytes;
	s->orders.log_files_kept = orders->log_files_kept;
	page_tell_log(s);
	log_file_set_limits(s->orders.log_file_bytes, s->orders.log_files_kept);
	log_configure(s->orders.log_form, s->orders.log_level, STDERR_FILENO);
	for (size_t i = 0; i < MIN_OF(found, ARRAY_LEN(changed)); i++)
		log_event(changed[i].applied ? LOG_INFO : LOG_WARNING,
			  changed[i].applied ? "settings.applied" : "settings.needs_restart",
			  LOG_TEXT("section", changed[i].section),
			  LOG_TEXT("setting", changed[i].name));
	log_event(LOG_INFO, "settings.reloaded", LOG_TEXT("file", s->config),
		  LOG_NUMBER("changed", found));
}

/* SIGHUP: settings and PIN are read whole before either is taken. */
static struct err reload_all(struct supervisor *s, char message[SETTINGS_MESSAGE_MAX])
{
	static struct orders orders; /* large */
	struct settings fresh;
	bool kept = false;
	CLEANUP(secret_free) struct secret *pin = NULL;
	TRY(settings_read(s->config, &fresh, message));
	TRY(orders_from_settings(&fresh, &orders, message));
	TRY(pin_again(fresh.token.pin_source, &pin, &kept, message));
	settings_take(s, &fresh, &orders);
	if (!kept)
		pin_take(s, &pin);
	return OK;
}

/* systemd.service(5), sd_notify(3): a reload is announced with its time, and ended by READY=1. */
static void reload(struct supervisor *s)
{
	char message[SETTINGS_MESSAGE_MAX] = "";
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
			 (long long)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US);
	struct err e = reload_all(s, message);
	if (err_failed(e))
		log_event(LOG_ERROR, "settings.not_reloaded", LOG_TEXT("what", message),
			  LOG_TEXT("effect", "nothing has changed"), LOG_ERR(e));
	(void)sd_notify(0, "READY=1");
}

static void signals_take(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
			stop_begin(s, info.ssi_signo);
		else if (info.ssi_signo == SIGHUP && !s->stopping)
			reload(s);
	}
}

/* Telling. */

static const char *const conditions[] = {
	[0] = "starting the worker",
	[HSM_UP] = "the token is ready",
	[HSM_CONNECTING] = "opening the token",
	[HSM_AWAY] = "the token cannot be reached; trying again",
	[HSM_PIN_REFUSED] = "the token refused the PIN; correct pin_source, then send SIGHUP",
	[HSM_REFUSED_UNSAFE] = "the token failed a safety probe and is not used",
};

/* sd_watchdog_enabled(3); its interval is no shorter than a few seconds in any unit of ours. */
static void beat(struct supervisor *s)
{
	if (!s->watched || now_ms() - s->beat_ms < BEAT_EVERY_MS)
		return;
	s->beat_ms = now_ms();
	(void)sd_notify(0, "WATCHDOG=1");
}

static void tell(struct supervisor *s)
{
	uint32_t condition = s->page->condition;
	if (condition == s->told_condition || condition >= ARRAY_LEN(conditions))
		return;
	s->told_condition = condition;
	(void)sd_notifyf(0, "STATUS=%s", conditions[condition]);
	if (condition == 0 || s->stopping)
		return;
	log_event(condition == HSM_UP || condition == HSM_CONNECTING ? LOG_INFO : LOG_ERROR,
		  "token.condition", LOG_TEXT("what", conditions[condition]));
}

/* Running. */

static bool is_over(struct supervisor *s)
{
	if (!s->stopping)
		return false;
	if (s->worker != 0 && now_ms() > s->stop_by_ms) {
		worker_kill(s, "it does not stop", -1, now_ms() - s->stop_by_ms);
		s->stop_by_ms = now_ms() + STOP_MARGIN_MS;
	}
	return s->worker == 0;
}

static void round_once(struct supervisor *s)
{
	struct pollfd fd = {s->signal_fd, POLLIN, 0};
	int64_t wait = TICK_MS;
	if (s->worker == 0)
		wait = MIN_OF(wait, MAX_OF(s->spawn_at_ms - now_ms(), (int64_t)0));
	(void)poll(&fd, 1, (int)wait);
	signals_take(s);
	worker_reap(s);
	worker_watch(s);
	latch_look(s);
	if (s->worker == 0 && !s->stopping && now_ms() >= s->spawn_at_ms)
		spawn(s);
	tell(s);
	beat(s);
}

static struct err signals_block(struct supervisor *s)
{
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_DETAIL(E_SYSTEM, errno);
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->signal_fd >= 0 ? OK : ERR_DETAIL(E_SYSTEM, errno);
}

static void root_warn(void)
{
	if (geteuid() == 0)
		log_event(LOG_WARNING, "supervisor.runs_as_root",
			  LOG_TEXT("effect", "without capabilities, but the owner of root's files"),
			  LOG_TEXT("action", "start it as a user of its own, as "
					     "holdfast-token.service does"));
}

static struct err log_begin(const struct supervisor *s, char message[SETTINGS_MESSAGE_MAX])
{
	const struct orders *o = &s->orders;
	const struct log_file_options file = {o->log_file, o->log_file_bytes, o->log_files_kept};
	struct err e = log_file_open(&file);
	if (err_failed(e))
		(void)!err_failed(text_format(message, SETTINGS_MESSAGE_MAX,
					      "[token] log_file: %s cannot be opened (%s); make "
					      "its folder, owned by the user that runs "
					      "holdfast-token",
					      o->log_file, strerrordesc_np((int)e.detail)));
	log_configure(o->log_form, o->log_level, STDERR_FILENO);
	return e;
}

static struct err prepare(struct supervisor *s, char message[SETTINGS_MESSAGE_MAX])
{
	const struct settings *settings = s->settings;
	TRY(process_harden());
	TRY(signals_block(s));
	TRY(orders_from_settings(settings, &s->orders, message));
	TRY(log_begin(s, message));
	TRY(place_lock(settings->token.state_directory, &s->lock_fd, message));
	TRY(pinstage_check(settings->token.state_directory, message));
	TRY(place_listen(settings->token.socket, &s->listen_fd, &s->bound, message));
	TRY(pin_read(settings->token.pin_source, &s->pin, message));
	TRY(orders_page_new(&s->page_fd, &s->page));
	root_warn();
	return process_confine_supervisor(s->orders.seccomp, s->orders.extra_syscalls);
}

static void finish(struct supervisor *s)
{
	secret_free(&s->pin);
	/* Before the lock goes, so that it cannot be the socket of an instance that follows. */
	if (s->bound)
		(void)unlink(s->settings->token.socket);
	if (s->listen_fd >= 0)
		(void)close(s->listen_fd);
	if (s->lock_fd >= 0)
		(void)close(s->lock_fd);
}

static int not_started(struct err e, const char *message)
{
	process_complain(message, e);
	log_event(LOG_ERROR, "supervisor.not_started", LOG_ERR(e));
	return (int)exit_of(e);
}

int supervisor_main(struct settings *settings, const char *config)
{
	static struct supervisor supervisor; /* large, and one per process */
	struct supervisor *s = &supervisor;
	*s = (struct supervisor){.settings = settings,
				 .config = config,
				 .lock_fd = -1,
				 .listen_fd = -1,
				 .page_fd = -1,
				 .signal_fd = -1};
	char message[SETTINGS_MESSAGE_MAX] = "";
	struct err e = prepare(s, message);
	if (err_failed(e)) {
		finish(s);
		return not_started(e, message);
	}
	log_event(LOG_INFO, "supervisor.started", LOG_NUMBER("pid", getpid()),
		  LOG_TEXT("socket", settings->token.socket),
		  LOG_TEXT("module", settings->token.module), LOG_TEXT("uri", settings->token.uri));
	s->watched = sd_watchdog_enabled(0, NULL) > 0;
	spawn(s);
	(void)sd_notify(0, "READY=1");
	while (!is_over(s))
		round_once(s);
	finish(s);
	log_event(LOG_INFO, "supervisor.stopped", LOG_NUMBER("pid", getpid()));
	return 0;
}
