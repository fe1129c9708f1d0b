/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd: reads the settings, builds the service (wiring.c), serves until it is told to stop. */
#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"
#include "base/log.h"
#include "base/metric.h"
#include "codec/json.h"
#include "daemon/arguments.h"
#include "daemon/checks.h"
#include "daemon/init.h"
#include "daemon/recover.h"
#include "daemon/reload.h"
#include "daemon/sandbox.h"
#include "daemon/signals.h"
#include "daemon/wiring.h"

#define LOOK_MS 1000
#define US_PER_S 1000000LL
#define NS_PER_US 1000

/* Tells the service manager when readiness comes or goes; the log has it from the service. */
static void watch_readiness(struct wiring *w, bool *ready)
{
	struct err state = service_ready(w->service);
	if (*ready == !err_failed(state))
		return;
	*ready = !err_failed(state);
	if (*ready)
		(void)sd_notifyf(0, "STATUS=serving on %s", w->settings->server.listen);
	else
		(void)sd_notifyf(0, "STATUS=not ready: %s; %s", err_meaning(state),
				 err_action(state));
}

/* systemd.service(5), sd_notify(3): a reload is announced with its time, and ended by READY=1. */
static void do_reload(struct wiring *w, struct reload *reload)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reading the settings again",
			 (long long)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US);
	struct err e = reload_again(reload, w);
	(void)sd_notifyf(0, "READY=1\nSTATUS=serving on %s%s", w->settings->server.listen,
			 err_failed(e)
				 ? "; the reload was refused and nothing has changed: see the "
				   "log"
				 : "");
}

static void serve(struct wiring *w, struct reload *reload)
{
	uint64_t watchdog_us = 0;
	bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
	int look_ms = LOOK_MS;
	if (watched && watchdog_us / 3000 < LOOK_MS)
		look_ms = (int)(watchdog_us / 3000);
	bool ready = true;
	if (w->reload_asked)
		do_reload(w, reload);
	for (;;) {
		watch_readiness(w, &ready);
		server_tend(w->server);
		if (watched)
			(void)sd_notify(0, "WATCHDOG=1");
		enum signals_event event = signals_wait(w->signals, look_ms);
		if (event == SIGNALS_STOP)
			return;
		if (event == SIGNALS_RELOAD)
			do_reload(w, reload);
	}
}

static struct err run_service(struct wiring *w, struct reload *reload)
{
	const struct settings *s = w->settings;
	if (chdir("/") != 0)
		return ERR(E_SYSTEM);
	metric_process_start();
	sandbox_limits((uint64_t)s->server.connections_max);
	TRY(wiring_start(w));
	log_event(LOG_INFO, "daemon.serving", LOG_TEXT("listen", s->server.listen),
		  LOG_NUMBER("port", server_port(w->server)), LOG_TEXT("admin", s->admin.socket),
		  LOG_TEXT("version", HOLDFAST_VERSION));
	(void)sd_notifyf(0, "READY=1\nSTATUS=serving on %s", s->server.listen);
	serve(w, reload);
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=finishing calls under way");
	log_event(LOG_INFO, "daemon.stopping", LOG_NUMBER("wait_s", s->service.drain_timeout_s));
	bool all = wiring_drain(w);
	if (!all)
		log_event(LOG_WARNING, "daemon.calls_cut_off",
			  LOG_TEXT("action", "raise drain_timeout_s in [service] if this lasts"));
	return OK;
}

/* *recovered: how --recover ended, which is more than an error tells. */
static struct err run_mode(struct wiring *w, const struct arguments *arguments,
			   struct reload *reload, enum exit_status *recovered)
{
	if (arguments->mode == ARGUMENTS_INIT)
		return init_run(w, arguments);
	if (arguments->mode != ARGUMENTS_RECOVER)
		return run_service(w, reload);
	*recovered = recover_run(w, arguments);
	return OK;
}

static struct err run_with(const struct arguments *arguments, struct reload *reload,
			   enum exit_status *recovered)
{
	struct wiring w = {
		.settings = reload->in_force, .signals = -1, .parts = PTHREAD_MUTEX_INITIALIZER};
	struct checks_context checks = {.reload = reload, .w = &w};
	w.more_checks = checks_collect;
	w.more_checks_user = &checks;
	TRY(reload_start_log(reload));
	TRY(json_start());
	TRY(signals_open(&w.signals));
	struct err result = run_mode(&w, arguments, reload, recovered);
	wiring_stop(&w);
	(void)close(w.signals);
	return result;
}

int main(int argc, char **argv)
{
	static struct settings settings;
	static struct reload reload;
	struct arguments arguments;
	char message[ARGUMENTS_MESSAGE_MAX];
	enum exit_status recovered = EXIT_DONE;
	struct err result = arguments_parse(argc, argv, &arguments, message);
	if (err_failed(result)) {
		(void)fprintf(stderr, "holdfastd: %s\nSee holdfastd --help.\n", message);
		return (int)exit_of(result);
	}
	if (arguments.mode == ARGUMENTS_HELP)
		return fputs(arguments_help, stdout) < 0 || fputs(exit_help, stdout) < 0
			       ? EXIT_DEFECT
			       : EXIT_DONE;
	if (arguments.mode == ARGUMENTS_VERSION)
		return puts("holdfastd " HOLDFAST_VERSION) < 0 ? EXIT_DEFECT : EXIT_DONE;
	if (arguments.mode == ARGUMENTS_RECOVER)
		result = recover_become_owner(&arguments, &settings);
	if (!err_failed(result))
		result = sandbox_enter();
	if (!err_failed(result))
		result = reload_begin(&reload, arguments.config, &settings);
	if (!err_failed(result) && arguments.mode == ARGUMENTS_CHECK)
		(void)printf("%s: the settings are right\n", arguments.config);
	else if (!err_failed(result))
		result = run_with(&arguments, &reload, &recovered);
	if (!err_failed(result) && arguments.mode == ARGUMENTS_SERVE)
		log_event(LOG_INFO, "daemon.stopped", LOG_TEXT("reason", "as asked"));
	if (!err_failed(result) && arguments.mode == ARGUMENTS_RECOVER)
		return (int)recovered;
	return (int)(arguments.mode == ARGUMENTS_SERVE ? exit_of_service(result) : exit_of(result));
}
