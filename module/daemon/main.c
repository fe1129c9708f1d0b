/* SPDX-License-Identifier: Apache-2.0 */
/* holdfastd: reads the settings, builds the service (wiring.c), serves until it is told to stop. */
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "codec/json.h"
#include "daemon/arguments.h"
#include "daemon/init.h"
#include "daemon/sandbox.h"
#include "daemon/signals.h"
#include "daemon/wiring.h"

#define LOOK_MS 1000
#define DESCRIPTORS_BESIDE_CONNECTIONS 256

/* As sysexits.h has them; documented in --help. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_USAGE = 64,
	EXIT_UNAVAILABLE = 69,
	EXIT_DEFECT = 70,
	EXIT_SETTINGS = 78
};

static int exit_status(struct err e)
{
	switch (err_category(e)) {
	case ERR_NONE:
		return EXIT_OK;
	case ERR_OPERATOR:
	case ERR_CALLER:
	case ERR_DENIED:
		return err_is(e, E_USAGE) ? EXIT_USAGE : EXIT_SETTINGS;
	case ERR_CAPACITY:
	case ERR_UNAVAILABLE:
		return err_is(e, E_CANCELLED) ? EXIT_OK : EXIT_UNAVAILABLE;
	case ERR_INTERNAL:
		break;
	}
	return EXIT_DEFECT;
}

static void configure_log(const struct settings *settings)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {{"error", LOG_ERROR},
		      {"warning", LOG_WARNING},
		      {"info", LOG_INFO},
		      {"debug", LOG_DEBUG}};
	enum log_level level = LOG_INFO;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (text_equal(settings->log.level, levels[i].name))
			level = levels[i].level;
	}
	const char *form = settings->log.form;
	/* systemd.exec(5): set when standard error is connected to the journal. */
	bool journal = text_equal(form, "journal") ||
		       (text_equal(form, "auto") && getenv("JOURNAL_STREAM") != NULL);
	enum log_form chosen = text_equal(form, "json") ? LOG_FORM_JSON : LOG_FORM_TEXT;
	log_configure(journal ? LOG_FORM_JOURNAL : chosen, level, STDERR_FILENO);
}

static struct err load_settings(const char *path, struct settings *settings)
{
	char message[SETTINGS_MESSAGE_MAX];
	struct err result = settings_read(path, settings, message);
	if (err_failed(result)) {
		(void)fprintf(stderr, "holdfastd: %s\n", message);
		return result;
	}
	configure_log(settings);
	return wiring_check(settings);
}

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

static void serve(struct wiring *w)
{
	uint64_t watchdog_us = 0;
	bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
	int look_ms = LOOK_MS;
	if (watched && watchdog_us / 3000 < LOOK_MS)
		look_ms = (int)(watchdog_us / 3000);
	bool ready = true;
	for (;;) {
		watch_readiness(w, &ready);
		if (watched)
			(void)sd_notify(0, "WATCHDOG=1");
		enum signals_event event = signals_wait(w->signals, look_ms);
		if (event == SIGNALS_STOP)
			return;
		if (event == SIGNALS_RELOAD)
			log_event(LOG_INFO, "daemon.reload_ignored",
				  LOG_TEXT("action", "restart holdfastd to read its settings"));
	}
}

static struct err run_service(struct wiring *w)
{
	const struct settings *s = w->settings;
	if (chdir("/") != 0)
		return ERR(E_SYSTEM);
	metric_process_start();
	sandbox_limits((uint64_t)s->server.connections_max + DESCRIPTORS_BESIDE_CONNECTIONS);
	TRY(wiring_start(w));
	log_event(LOG_INFO, "daemon.serving", LOG_TEXT("listen", s->server.listen),
		  LOG_NUMBER("port", server_port(w->server)), LOG_TEXT("admin", s->admin.socket),
		  LOG_TEXT("version", HOLDFAST_VERSION));
	(void)sd_notifyf(0, "READY=1\nSTATUS=serving on %s", s->server.listen);
	serve(w);
	(void)sd_notifyf(0, "STOPPING=1\nSTATUS=finishing calls under way");
	log_event(LOG_INFO, "daemon.stopping", LOG_NUMBER("wait_s", s->service.drain_timeout_s));
	bool all = wiring_drain(w);
	if (!all)
		log_event(LOG_WARNING, "daemon.calls_cut_off",
			  LOG_TEXT("action", "raise drain_timeout_s in [service] if this lasts"));
	return OK;
}

static struct err run_with(const struct arguments *arguments, const struct settings *settings)
{
	struct wiring w = {.settings = settings, .signals = -1};
	TRY(json_start());
	TRY(signals_open(&w.signals));
	struct err result =
		arguments->mode == ARGUMENTS_INIT ? init_run(&w, arguments) : run_service(&w);
	wiring_stop(&w);
	(void)close(w.signals);
	return result;
}

int main(int argc, char **argv)
{
	static struct settings settings;
	struct arguments arguments;
	char message[ARGUMENTS_MESSAGE_MAX];
	struct err result = arguments_parse(argc, argv, &arguments, message);
	if (err_failed(result)) {
		(void)fprintf(stderr, "holdfastd: %s\nSee holdfastd --help.\n", message);
		return exit_status(result);
	}
	if (arguments.mode == ARGUMENTS_HELP)
		return fputs(arguments_help, stdout) < 0 ? EXIT_DEFECT : EXIT_OK;
	if (arguments.mode == ARGUMENTS_VERSION)
		return puts("holdfastd " HOLDFAST_VERSION) < 0 ? EXIT_DEFECT : EXIT_OK;
	result = sandbox_enter();
	if (!err_failed(result))
		result = load_settings(arguments.config, &settings);
	if (!err_failed(result) && arguments.mode == ARGUMENTS_CHECK)
		(void)fprintf(stderr, "holdfastd: the settings in %s are sound.\n",
			      arguments.config);
	else if (!err_failed(result))
		result = run_with(&arguments, &settings);
	if (!err_failed(result) && arguments.mode == ARGUMENTS_SERVE)
		log_event(LOG_INFO, "daemon.stopped", LOG_TEXT("reason", "as asked"));
	return exit_status(result);
}
