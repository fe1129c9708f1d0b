/* SPDX-License-Identifier: Apache-2.0 */
#include "server/watch.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/metric.h"

#define LOOKS_PER_TIMEOUT 8
#define LOOK_MIN_MS 10
#define LOOK_MAX_MS 1000

uint64_t watch_bytes_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_bytes_received;
}

/* A kept-alive connection whose next request has begun, but not far enough to be parsed. */
static void notice_first_byte(struct watch_entry *entry, int64_t now)
{
	uint64_t bytes = watch_bytes_received(entry->fd);
	if (!entry->looked) {
		entry->looked = true;
		entry->bytes_seen = bytes;
	} else if (bytes != entry->bytes_seen) {
		entry->phase = WATCH_RECEIVING;
		entry->since_ms = now;
	}
}

static void look_over(struct watch *w)
{
	int64_t now = clock_steady_ms(w->clock);
	for (struct watch_entry *at = w->first; at != NULL; at = at->next) {
		if (at->phase == WATCH_WAITING)
			notice_first_byte(at, now);
		uint32_t limit = w->limit_ms[at->phase];
		if (limit == 0 || now - at->since_ms < (int64_t)limit)
			continue;
		/* Once: it stays listed until its polling thread has closed it. */
		at->since_ms = now;
		w->timeouts++;
		metric_add(METRIC_CONNECTIONS_TIMED_OUT, w->door, 0, 1);
		(void)shutdown(at->fd, SHUT_RDWR);
	}
}

static uint32_t look_interval_ms(const struct watch *w)
{
	uint32_t shortest = MIN_OF(w->limit_ms[WATCH_WAITING], w->limit_ms[WATCH_RECEIVING]);
	return MIN_OF(MAX_OF(shortest / LOOKS_PER_TIMEOUT, (uint32_t)LOOK_MIN_MS),
		      (uint32_t)LOOK_MAX_MS);
}

static void *run(void *arg)
{
	struct watch *w = arg;
	LOCK_SCOPE(&w->mutex);
	while (!w->stopping) {
		const uint32_t interval = look_interval_ms(w);
		struct timespec until = {0};
		(void)clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += (long)(interval % 1000) * 1000000;
		until.tv_sec += interval / 1000 + until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&w->wake, &w->mutex, &until);
		if (!w->stopping)
			look_over(w);
	}
	return NULL;
}

static void put_limits(struct watch *w, uint32_t idle_ms, uint32_t request_ms)
{
	w->limit_ms[WATCH_FRESH] = request_ms;
	w->limit_ms[WATCH_WAITING] = idle_ms;
	w->limit_ms[WATCH_RECEIVING] = request_ms;
	w->limit_ms[WATCH_SENDING] = request_ms;
}

void watch_set_limits(struct watch *w, uint32_t idle_ms, uint32_t request_ms)
{
	LOCK_SCOPE(&w->mutex);
	put_limits(w, idle_ms, request_ms);
	(void)pthread_cond_signal(&w->wake);
}

NODISCARD struct err watch_start(struct watch *w, const struct clock *clock, uint32_t idle_ms,
				 uint32_t request_ms)
{
	*w = (struct watch){.clock = clock};
	put_limits(w, idle_ms, request_ms);
	pthread_condattr_t attributes;
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->wake, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	(void)pthread_mutex_init(&w->mutex, NULL);
	int failed = pthread_create(&w->thread, NULL, run, w);
	if (failed != 0) {
		watch_cleanup(w);
		return ERR_DETAIL(E_SYSTEM, failed);
	}
	w->running = true;
	return OK;
}

void watch_stop(struct watch *w)
{
	if (!w->running)
		return;
	(void)pthread_mutex_lock(&w->mutex);
	w->stopping = true;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->mutex);
	(void)pthread_join(w->thread, NULL);
	w->running = false;
}

void watch_cleanup(struct watch *w)
{
	(void)pthread_cond_destroy(&w->wake);
	(void)pthread_mutex_destroy(&w->mutex);
}

void watch_name(struct watch *w, enum metric_door door)
{
	LOCK_SCOPE(&w->mutex);
	w->door = door;
}

void watch_add(struct watch *w, struct watch_entry *entry, int fd)
{
	*entry = (struct watch_entry){
		.fd = fd, .phase = WATCH_FRESH, .since_ms = clock_steady_ms(w->clock)};
	LOCK_SCOPE(&w->mutex);
	entry->next = w->first;
	if (w->first != NULL)
		w->first->prev = entry;
	w->first = entry;
	w->count++;
	metric_set(METRIC_CONNECTIONS, w->door, 0, w->count);
}

void watch_remove(struct watch *w, struct watch_entry *entry)
{
	LOCK_SCOPE(&w->mutex);
	if (entry->next != NULL)
		entry->next->prev = entry->prev;
	if (entry->prev != NULL)
		entry->prev->next = entry->next;
	else
		w->first = entry->next;
	w->count--;
	metric_set(METRIC_CONNECTIONS, w->door, 0, w->count);
}

void watch_move(struct watch *w, struct watch_entry *entry, enum watch_phase phase)
{
	int64_t now = clock_steady_ms(w->clock);
	LOCK_SCOPE(&w->mutex);
	bool begun = entry->phase == WATCH_FRESH || entry->phase == WATCH_RECEIVING;
	if (phase != WATCH_RECEIVING || !begun)
		entry->since_ms = now;
	entry->phase = phase;
	entry->looked = false;
}

void watch_counts(struct watch *w, uint64_t *connections, uint64_t *timeouts)
{
	LOCK_SCOPE(&w->mutex);
	*connections = w->count;
	*timeouts = w->timeouts;
}
