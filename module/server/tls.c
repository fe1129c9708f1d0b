/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "server/tls_set.h"

#define MS_PER_S 1000
#define DAY_S INT64_C(86400)
#define DAY_MS (DAY_S * MS_PER_S)

static int64_t now_s(const struct tls *tls)
{
	return clock_real_ms(tls->clock) / MS_PER_S;
}

/* Whole days until the end; negative: since. */
static int64_t days_left(const struct certificate *certificate, int64_t now)
{
	int64_t left = certificate->not_after_s - now;
	return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

static bool is_valid_at(const struct certificate *certificate, int64_t now)
{
	return now >= certificate->not_before_s && now <= certificate->not_after_s;
}

static void say_end(const struct tls *tls, const struct certificate *certificate)
{
	int64_t now = now_s(tls), days = days_left(certificate, now);
	const char *event = NULL;
	if (now < certificate->not_before_s)
		event = "server.tls_certificate_not_yet_valid";
	else if (days < 0)
		event = "server.tls_certificate_expired";
	else if (days < TLS_EXPIRY_WARNING_DAYS)
		event = "server.tls_certificate_expires_soon";
	if (event != NULL)
		log_event(LOG_WARNING, event, LOG_TEXT("file", tls->options.certificate),
			  LOG_TEXT("subject", certificate->subject), LOG_NUMBER("days_left", days),
			  LOG_TEXT("action", "renew the certificate (or check this machine's "
					     "clock), then reload holdfastd with SIGHUP"));
}

static void say_loaded(const struct tls *tls, const struct tls_set *set)
{
	const struct certificate *certificate = &set->certificate;
	log_event(LOG_INFO, "server.tls_loaded", LOG_TEXT("subject", certificate->subject),
		  LOG_TEXT("sha256", certificate->fingerprint),
		  LOG_NUMBER("days_left", days_left(certificate, now_s(tls))));
	say_end(tls, certificate);
}

/* A server without a valid certificate is worse than one with yesterday's. */
static struct err check_better(const struct tls *tls, const struct certificate *fresh)
{
	int64_t now = now_s(tls);
	if (is_valid_at(fresh, now) || !is_valid_at(&tls->set->certificate, now))
		return OK;
	log_event(LOG_ERROR, "server.tls_file_refused", LOG_TEXT("file", tls->options.certificate),
		  LOG_TEXT("what", "the new certificate is expired or not yet valid, and the old "
				   "one is valid; install a valid one"),
		  LOG_NUMBER("days_left", days_left(fresh, now)));
	return ERR(E_TLS);
}

static struct err replace(struct tls *tls, struct tls_set **fresh)
{
	TRY(check_better(tls, &(*fresh)->certificate));
	struct tls_set *old = tls->set;
	tls->set = TAKE(*fresh);
	tls->warned_ms = clock_steady_ms(tls->clock);
	say_loaded(tls, tls->set);
	tls_set_release(&old);
	return OK;
}

/* `e`: how the loading of *fresh went. */
static struct err settle_reload(struct tls *tls, struct err e, struct tls_set **fresh)
{
	LOCK_SCOPE(&tls->mutex);
	if (!err_failed(e))
		e = replace(tls, fresh);
	if (!err_failed(e)) {
		tls->reloads++;
		return OK;
	}
	tls->reload_failures++;
	log_event(LOG_ERROR, "server.tls_reload_failed",
		  LOG_TEXT("effect", "the certificate, key and client CA loaded before stay in "
				     "force"),
		  LOG_TEXT("subject", tls->set->certificate.subject), LOG_ERR(e));
	return e;
}

NODISCARD struct err tls_reload(struct tls *tls)
{
	LOCK_SCOPE(&tls->loading);
	CLEANUP(tls_set_release) struct tls_set *fresh = NULL;
	struct err e = tls_set_load(&tls->options, &fresh);
	return settle_reload(tls, e, &fresh);
}

static struct err keep_text(const char *from, char **kept, const char **out)
{
	TRY(text_new(view_of_text(from), kept));
	*out = *kept;
	return OK;
}

static struct err keep_options(struct tls *tls, const struct server_tls_options *options)
{
	tls->options = *options;
	TRY(keep_text(options->certificate, &tls->texts[0], &tls->options.certificate));
	TRY(keep_text(options->private_key, &tls->texts[1], &tls->options.private_key));
	return keep_text(options->client_ca, &tls->texts[2], &tls->options.client_ca);
}

NODISCARD struct err tls_new(const struct server_tls_options *options, const struct clock *clock,
			     struct tls **out)
{
	struct tls *fresh = NULL;
	TRY(MEM_NEW(&fresh));
	(void)pthread_mutex_init(&fresh->loading, NULL);
	(void)pthread_mutex_init(&fresh->mutex, NULL);
	tls_failures_init(&fresh->failures);
	CLEANUP(tls_free) struct tls *tls = fresh;
	tls->clock = clock;
	TRY(keep_options(tls, options));
	TRY(tls_set_load(&tls->options, &tls->set));
	tls->warned_ms = clock_steady_ms(clock);
	say_loaded(tls, tls->set);
	*out = TAKE(tls);
	return OK;
}

void tls_free(struct tls **at)
{
	struct tls *tls = *at;
	if (tls == NULL)
		return;
	tls_set_release(&tls->set);
	for (size_t i = 0; i < ARRAY_LEN(tls->texts); i++)
		mem_free(tls->texts[i]);
	tls_failures_cleanup(&tls->failures);
	(void)pthread_mutex_destroy(&tls->mutex);
	(void)pthread_mutex_destroy(&tls->loading);
	mem_free(TAKE(*at));
}

struct tls_set *tls_acquire(struct tls *tls)
{
	LOCK_SCOPE(&tls->mutex);
	return tls_set_acquire(tls->set);
}

static void copy_status(struct tls *tls, struct server_tls_status *out)
{
	LOCK_SCOPE(&tls->mutex);
	const struct certificate *certificate = &tls->set->certificate;
	*out = (struct server_tls_status){.enabled = true,
					  .not_before_s = certificate->not_before_s,
					  .not_after_s = certificate->not_after_s,
					  .days_left = days_left(certificate, now_s(tls)),
					  .reloads = tls->reloads,
					  .reload_failures = tls->reload_failures};
	mem_copy(out->subject, sizeof out->subject, certificate->subject,
		 sizeof certificate->subject);
	mem_copy(out->fingerprint, sizeof out->fingerprint, certificate->fingerprint,
		 sizeof certificate->fingerprint);
}

void tls_status(struct tls *tls, struct server_tls_status *out)
{
	copy_status(tls, out);
	out->handshakes = atomic_load_explicit(&tls->handshakes, memory_order_relaxed);
	out->handshakes_failed = tls_failures_total(&tls->failures);
}

static void warn_daily(struct tls *tls, int64_t now_ms)
{
	LOCK_SCOPE(&tls->mutex);
	if (now_ms - tls->warned_ms < DAY_MS)
		return;
	tls->warned_ms = now_ms;
	say_end(tls, &tls->set->certificate);
}

static void publish(struct tls *tls)
{
	struct server_tls_status status;
	tls_status(tls, &status);
	metric_set(METRIC_TLS_HANDSHAKES, METRIC_HANDSHAKE_OK, 0, status.handshakes);
	metric_set(METRIC_TLS_HANDSHAKES, METRIC_HANDSHAKE_FAILED, 0, status.handshakes_failed);
	metric_set(METRIC_TLS_CERTIFICATE_END, 0, 0, (uint64_t)MAX_OF(status.not_after_s, 0));
}

void tls_tend(struct tls *tls)
{
	int64_t now_ms = clock_steady_ms(tls->clock);
	publish(tls);
	tls_failures_tell(&tls->failures, now_ms);
	warn_daily(tls, now_ms);
}
