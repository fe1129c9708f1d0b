/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tls_failures.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/text.h"

static const struct {
	bool told;
	const char *reason;
	const char *action;
} texts[TLS_FAILURE_COUNT] = {
	[TLS_FAILURE_SILENT] = {false, "nothing was sent", ""},
	[TLS_FAILURE_NO_HELLO] = {true, "no TLS was spoken",
				  "have the client use https:// in its endpoint"},
	[TLS_FAILURE_NOTHING_IN_COMMON] = {true, "no version or suite in common",
					   "update the client, or see minimum_version in [tls]"},
	[TLS_FAILURE_BROKEN_OFF] = {true, "the client broke off",
				    "have the client trust the CA of this server's certificate, "
				    "and use a name that is in it"},
	[TLS_FAILURE_CLIENT_MISSING] = {true, "no client certificate was shown",
					"give the client a certificate of client_ca in [tls]"},
	[TLS_FAILURE_CLIENT_UNKNOWN_CA] = {true, "the client certificate is of another CA",
					   "give the client a certificate of client_ca in [tls]"},
	[TLS_FAILURE_CLIENT_TIME] = {true, "the client certificate is expired or not yet valid",
				     "renew the client's certificate; check both clocks"},
	[TLS_FAILURE_CLIENT_PURPOSE] = {true, "the client certificate is not for clients",
					"give the client one with the purpose clientAuth"},
	[TLS_FAILURE_CLIENT_UNFIT] = {true, "the client certificate cannot be accepted",
				      "check its signature algorithm, key size and issuer"},
};

void tls_failures_init(struct tls_failures *f)
{
	*f = (struct tls_failures){0};
	(void)pthread_mutex_init(&f->mutex, NULL);
}

void tls_failures_cleanup(struct tls_failures *f)
{
	(void)pthread_mutex_destroy(&f->mutex);
}

void tls_failures_count(struct tls_failures *f, enum tls_failure reason, const char *address)
{
	LOCK_SCOPE(&f->mutex);
	f->rows[reason].count++;
	if (err_failed(text_copy(f->rows[reason].address, sizeof f->rows[reason].address,
				 view_of_text(address))))
		f->rows[reason].address[0] = '\0';
}

void tls_failures_tell(struct tls_failures *f, int64_t now_ms)
{
	LOCK_SCOPE(&f->mutex);
	if (f->told_ms != 0 && now_ms - f->told_ms < TLS_FAILURES_WINDOW_MS)
		return;
	for (size_t i = 0; i < TLS_FAILURE_COUNT; i++) {
		uint64_t fresh = f->rows[i].count - f->rows[i].told;
		if (fresh == 0 || !texts[i].told)
			continue;
		f->rows[i].told = f->rows[i].count;
		f->told_ms = now_ms;
		log_event(LOG_WARNING, "server.tls_refused", LOG_TEXT("reason", texts[i].reason),
			  LOG_NUMBER("connections", fresh),
			  LOG_TEXT("last_address", f->rows[i].address),
			  LOG_TEXT("action", texts[i].action));
	}
}

uint64_t tls_failures_total(struct tls_failures *f)
{
	uint64_t total = 0;
	LOCK_SCOPE(&f->mutex);
	for (size_t i = 0; i < TLS_FAILURE_COUNT; i++)
		total += texts[i].told ? f->rows[i].count : 0;
	return total;
}
