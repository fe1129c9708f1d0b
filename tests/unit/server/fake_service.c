/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/server/fake_service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"

#define WAIT_S 20

struct service {
	enum fake_mode mode;
	bool secret, ending;
	struct err ready;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	pthread_t thread;
	struct call *held[FAKE_HELD_MAX];
	size_t held_count, calls;
	struct fake_seen seen;
};

static atomic_size_t live;

NODISCARD struct err call_new(struct call **out)
{
	TRY(MEM_NEW(out));
	buf_init(&(*out)->body, CALL_BODY_MAX);
	atomic_fetch_add(&live, 1);
	return OK;
}

void call_free(struct call **call)
{
	if (*call == NULL)
		return;
	buf_cleanup(&(*call)->body);
	secret_free(&(*call)->body_secret);
	mem_free(TAKE(*call));
	atomic_fetch_sub(&live, 1);
}

size_t fake_service_live(void)
{
	return atomic_load(&live);
}

/* Echoes. */
static void answer(struct service *service, struct call *call)
{
	call->status = 200;
	call->content_type = "application/x-amz-json-1.1";
	struct err e =
		text_copy(call->request_id, sizeof call->request_id, VIEW_LITERAL(FAKE_REQUEST_ID));
	if (!err_failed(e) && service->secret)
		e = secret_new_from(call->http.body, &call->body_secret);
	else if (!err_failed(e))
		e = buf_append(&call->body, call->http.body);
	if (err_failed(e))
		call->status = 500;
	call->reply(call);
}

static void *run(void *user)
{
	struct service *service = user;
	(void)pthread_mutex_lock(&service->mutex);
	while (!service->ending || service->held_count > 0) {
		if (service->held_count == 0) {
			(void)pthread_cond_wait(&service->changed, &service->mutex);
			continue;
		}
		struct call *call = service->held[--service->held_count];
		(void)pthread_mutex_unlock(&service->mutex);
		answer(service, call);
		(void)pthread_mutex_lock(&service->mutex);
	}
	(void)pthread_mutex_unlock(&service->mutex);
	return NULL;
}

struct service *fake_service_new(enum fake_mode mode)
{
	struct service *service = NULL;
	if (err_failed(MEM_NEW(&service)))
		return NULL;
	service->mode = mode;
	service->ready = OK;
	(void)pthread_mutex_init(&service->mutex, NULL);
	(void)pthread_cond_init(&service->changed, NULL);
	if (mode == FAKE_THREAD)
		(void)pthread_create(&service->thread, NULL, run, service);
	return service;
}

void fake_service_free(struct service **at)
{
	struct service *service = *at;
	(void)pthread_mutex_lock(&service->mutex);
	service->ending = true;
	(void)pthread_cond_broadcast(&service->changed);
	(void)pthread_mutex_unlock(&service->mutex);
	if (service->mode == FAKE_THREAD)
		(void)pthread_join(service->thread, NULL);
	(void)pthread_cond_destroy(&service->changed);
	(void)pthread_mutex_destroy(&service->mutex);
	mem_free(TAKE(*at));
}

void fake_service_set_ready(struct service *service, struct err state)
{
	LOCK_SCOPE(&service->mutex);
	service->ready = state;
}

void fake_service_set_secret(struct service *service, bool secret)
{
	service->secret = secret;
}

NODISCARD struct err service_ready(struct service *service)
{
	LOCK_SCOPE(&service->mutex);
	return service->ready;
}

static void keep(char *dst, size_t cap, struct view text)
{
	if (err_failed(text_copy(dst, cap, view_part(text, 0, cap - 1))))
		dst[0] = '\0';
}

static void remember(struct fake_seen *seen, const struct call *call)
{
	*seen = (struct fake_seen){.door = call->door,
				   .header_count = call->http.header_count,
				   .body_len = call->http.body.len,
				   .peer_uid = call->peer_uid,
				   .peer_pid = call->peer_pid,
				   .secure = call->secure};
	keep(seen->tls_version, sizeof seen->tls_version, view_of_text(call->tls.version));
	keep(seen->method, sizeof seen->method, call->http.method);
	keep(seen->path, sizeof seen->path, call->http.path);
	keep(seen->query, sizeof seen->query, call->http.query);
	keep(seen->target, sizeof seen->target, call->target);
	keep(seen->agent, sizeof seen->agent, call->user_agent);
	keep(seen->source, sizeof seen->source, call->source_address);
	const struct http_header *first = call->http.headers;
	if (call->http.header_count > 0)
		(void)snprintf(seen->first_header, sizeof seen->first_header, "%.*s=%.*s",
			       (int)first->name.len, (const char *)first->name.ptr,
			       (int)first->value.len, (const char *)first->value.ptr);
}

void service_handle(struct service *service, struct call *call)
{
	(void)pthread_mutex_lock(&service->mutex);
	service->calls++;
	remember(&service->seen, call);
	bool at_once = service->mode == FAKE_AT_ONCE || service->held_count == FAKE_HELD_MAX;
	if (!at_once)
		service->held[service->held_count++] = call;
	(void)pthread_cond_broadcast(&service->changed);
	(void)pthread_mutex_unlock(&service->mutex);
	if (at_once)
		answer(service, call);
}

void fake_service_seen(struct service *service, struct fake_seen *out)
{
	LOCK_SCOPE(&service->mutex);
	*out = service->seen;
}

size_t fake_service_calls(struct service *service)
{
	LOCK_SCOPE(&service->mutex);
	return service->calls;
}

bool fake_service_wait_held(struct service *service, size_t count)
{
	struct timespec until = {0};
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	LOCK_SCOPE(&service->mutex);
	while (service->held_count < count) {
		if (pthread_cond_timedwait(&service->changed, &service->mutex, &until) != 0)
			return false;
	}
	return true;
}

void fake_service_release(struct service *service)
{
	for (;;) {
		(void)pthread_mutex_lock(&service->mutex);
		struct call *call =
			service->held_count > 0 ? service->held[--service->held_count] : NULL;
		(void)pthread_mutex_unlock(&service->mutex);
		if (call == NULL)
			return;
		answer(service, call);
	}
}
