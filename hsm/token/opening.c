/* SPDX-License-Identifier: Apache-2.0 */
#include "hsm/token/opening.h"

#include <pthread.h>
#include <time.h>

#include "base/lock.h"
#include "base/mem.h"

#define RETRY_MIN_MS 250
#define RETRY_MAX_MS 5000
#define NS_PER_MS 1000000

struct opening {
	struct hsm_local_options options;
	struct orders_page *page;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	enum hsm_condition condition;
	struct err why;
	struct hsm *hsm;
};

/* What an error of hsm_local_open() means for going on. */
static const struct {
	enum err_code code;
	enum hsm_condition condition;
} refusals[] = {
	{E_HSM_PIN, HSM_PIN_REFUSED},
	{E_HSM_UNSAFE, HSM_REFUSED_UNSAFE},
};

static enum hsm_condition condition_of(struct err e)
{
	if (!err_failed(e))
		return HSM_UP;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (err_is(e, refusals[i].code))
			return refusals[i].condition;
	return HSM_AWAY;
}

static enum hsm_condition try_once(struct opening *opening)
{
	struct hsm *hsm = NULL;
	opening->page->opening_since_ms = clock_steady_ms(opening->options.clock);
	struct err e = hsm_local_open(&opening->options, &hsm);
	opening->page->opening_since_ms = 0;
	enum hsm_condition condition = condition_of(e);
	if (condition == HSM_PIN_REFUSED)
		opening->page->watch.pin_refused = 1;
	LOCK_SCOPE(&opening->lock);
	bool news = opening->condition != condition || opening->why.code != e.code;
	if (err_failed(e) && news)
		log_event(LOG_ERROR, "token.not_opened",
			  LOG_TEXT("module", opening->options.module_path),
			  LOG_TEXT("uri", opening->options.uri), LOG_ERR(e));
	opening->condition = condition;
	opening->why = e;
	opening->hsm = hsm;
	return condition;
}

/* Waits; false when there is to be no other try. */
static bool wait_again(struct opening *opening, int64_t ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	int64_t ns = until.tv_nsec + ms * NS_PER_MS;
	until.tv_sec += ns / (1000 * NS_PER_MS);
	until.tv_nsec = ns % (1000 * NS_PER_MS);
	LOCK_SCOPE(&opening->lock);
	int timed_out = 0;
	while (!opening->stopping && timed_out == 0)
		timed_out = pthread_cond_clockwait(&opening->changed, &opening->lock,
						   CLOCK_MONOTONIC, &until);
	return !opening->stopping;
}

static void *run(void *context)
{
	struct opening *opening = (struct opening *)context;
	int64_t pause_ms = RETRY_MIN_MS;
	while (try_once(opening) == HSM_AWAY && wait_again(opening, pause_ms))
		pause_ms = MIN_OF(pause_ms * 2, (int64_t)RETRY_MAX_MS);
	return NULL;
}

NODISCARD struct err opening_start(const struct orders *orders, const struct secret *pin,
				   struct orders_page *page, struct opening **out)
{
	*out = NULL;
	CLEANUP(mem_free_at) struct opening *opening = NULL;
	TRY(MEM_NEW(&opening));
	*opening = (struct opening){
		.options = {.module_path = orders->module,
			    .uri = orders->uri,
			    .module_parameters = orders->module_parameters[0] != '\0'
							 ? orders->module_parameters
							 : NULL,
			    .pin = pin,
			    .suite = orders->suite,
			    .lanes = orders->lanes,
			    .message_key_messages = orders->message_key_messages,
			    .message_key_age_ms = orders->message_key_age_ms,
			    .message_key_cache = orders->message_key_cache,
			    .queue_max = orders->queue_max,
			    .watch = &page->watch,
			    .clock = &clock_system},
		.page = page,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
		.condition = HSM_CONNECTING,
		.why = OK,
	};
	int failed = pthread_create(&opening->thread, NULL, run, opening);
	if (failed != 0)
		return ERR_DETAIL(E_SYSTEM, failed);
	*out = TAKE(opening);
	return OK;
}

enum hsm_condition opening_look(struct opening *opening, struct hsm **hsm, struct err *why)
{
	LOCK_SCOPE(&opening->lock);
	*hsm = opening->hsm;
	*why = opening->why;
	return opening->condition;
}

void opening_stop(struct opening **opening)
{
	struct opening *gone = TAKE(*opening);
	if (gone == NULL)
		return;
	{
		LOCK_SCOPE(&gone->lock);
		gone->stopping = true;
		(void)pthread_cond_broadcast(&gone->changed);
	}
	(void)pthread_join(gone->thread, NULL);
	hsm_close(&gone->hsm);
	(void)pthread_cond_destroy(&gone->changed);
	(void)pthread_mutex_destroy(&gone->lock);
	mem_free(gone);
}
