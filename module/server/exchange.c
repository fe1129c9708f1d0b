/* SPDX-License-Identifier: Apache-2.0 */
#include "server/exchange.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/text.h"
#include "base/writer.h"
#include "codec/uuid.h"
#include "server/head.h"
#include "server/health.h"
#include "server/metrics.h"
#include "service/cloudtrail.h"

#define BODY_FIRST_ROOM (4 << 10)
#define OWN_BODY_MAX 2048
#define JSON_TYPE "application/x-amz-json-1.1"

enum stage {
	STAGE_HEAD,
	STAGE_BODY,
	STAGE_DISCARD,
	STAGE_SERVICE,
	STAGE_REPLIED,
	STAGE_ABANDONED,
	STAGE_ANSWERED
};

struct exchange {
	struct door *door;
	struct exchange *prev, *next; /* of the door's list */
	struct MHD_Connection *mhd;
	char *uri;
	char address[INET6_ADDRSTRLEN]; /* outlives the connection, as the call may */
	struct head head;
	const struct route *route;
	enum refusal refusal;
	struct buf body;
	uint64_t discarded;
	struct call *call;
	struct buf own_body; /* of what the door answers by itself */

	pthread_mutex_t mutex; /* of what follows */
	enum stage stage;
	unsigned holders;
};

struct answer {
	uint16_t status;
	const char *content_type;
	const char *request_id;
	const char *allow; /* NULL, or the method that the path takes: RFC 9110 §15.5.6 */
	struct view body;
	bool close;
};

static void release(struct exchange *ex)
{
	(void)pthread_mutex_lock(&ex->mutex);
	unsigned left = --ex->holders;
	(void)pthread_mutex_unlock(&ex->mutex);
	if (left > 0)
		return;
	call_free(&ex->call);
	buf_cleanup(&ex->body);
	buf_cleanup(&ex->own_body);
	head_cleanup(&ex->head);
	mem_free(ex->uri);
	(void)pthread_mutex_destroy(&ex->mutex);
	mem_free(ex);
}

static void hold(struct exchange *ex)
{
	LOCK_SCOPE(&ex->mutex);
	ex->holders++;
}

static enum stage stage_of(struct exchange *ex)
{
	LOCK_SCOPE(&ex->mutex);
	return ex->stage;
}

static void set_stage(struct exchange *ex, enum stage stage)
{
	LOCK_SCOPE(&ex->mutex);
	ex->stage = stage;
}

static void move(struct exchange *ex, enum watch_phase phase)
{
	struct door_connection *connection = door_connection_of(ex->mhd);
	if (connection != NULL)
		watch_move(&ex->door->watch, &connection->watch, phase);
}

struct exchange *exchange_new(struct door *door, struct MHD_Connection *connection, const char *uri)
{
	const struct door_connection *peer = door_connection_of(connection);
	if (peer == NULL || !tls_session_admits(&peer->tls))
		return NULL;
	CLEANUP(mem_free_at) char *copy = NULL;
	struct exchange *ex = NULL;
	if (err_failed(text_new(view_of_text(uri), &copy)) || err_failed(MEM_NEW(&ex)))
		return NULL;
	ex->door = door;
	ex->mhd = connection;
	ex->uri = TAKE(copy);
	ex->holders = 1;
	(void)pthread_mutex_init(&ex->mutex, NULL);
	buf_init(&ex->body, CALL_BODY_MAX);
	buf_init(&ex->own_body, OWN_BODY_MAX);
	move(ex, WATCH_RECEIVING);
	LOCK_SCOPE(&door->mutex);
	ex->next = door->exchanges;
	if (ex->next != NULL)
		ex->next->prev = ex;
	door->exchanges = ex;
	return ex;
}

void exchange_finish(struct exchange *ex)
{
	move(ex, WATCH_WAITING);
	(void)pthread_mutex_lock(&ex->door->mutex);
	if (ex->next != NULL)
		ex->next->prev = ex->prev;
	if (ex->prev != NULL)
		ex->prev->next = ex->next;
	else
		ex->door->exchanges = ex->next;
	if (ex->door->stopping)
		(void)pthread_cond_signal(&ex->door->finished);
	(void)pthread_mutex_unlock(&ex->door->mutex);
	/* Not with the service any more, or never was; a late reply() finds it abandoned. */
	(void)pthread_mutex_lock(&ex->mutex);
	if (ex->stage == STAGE_SERVICE)
		ex->stage = STAGE_ABANDONED;
	(void)pthread_mutex_unlock(&ex->mutex);
	release(ex);
}

/* ---- sending ---- */

static void on_response_freed(void *user)
{
	release(user);
}

static void destroy_response(struct MHD_Response **response)
{
	if (*response != NULL)
		MHD_destroy_response(*response);
}

static bool add(struct MHD_Response *response, const char *name, const char *value)
{
	return MHD_add_response_header(response, name, value) == MHD_YES;
}

/* The response borrows the body and holds the exchange; it is freed, and with it the body wiped, as
 * soon as the last byte is with the kernel. */
static enum MHD_Result send_answer(struct exchange *ex, const struct answer *answer)
{
	hold(ex);
	/* The library takes void * and does not write to it. */
	void *bytes = (void *)(uintptr_t)answer->body.ptr;
	CLEANUP(destroy_response)
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		answer->body.len, bytes, on_response_freed, ex);
	if (response == NULL) {
		release(ex);
		return MHD_NO;
	}
	bool whole = add(response, "Content-Type", answer->content_type) &&
		     add(response, "x-amzn-RequestId", answer->request_id) &&
		     (!answer->allow || add(response, "Allow", answer->allow)) &&
		     (!answer->close || add(response, "Connection", "close"));
	if (!whole)
		return MHD_NO;
	set_stage(ex, STAGE_ANSWERED);
	move(ex, WATCH_SENDING);
	return MHD_queue_response(ex->mhd, answer->status, response);
}

static enum MHD_Result send_own(struct exchange *ex, struct answer answer)
{
	char request_id[CALL_REQUEST_ID_LEN + 1];
	if (err_failed(uuid_make(request_id)))
		return MHD_NO;
	answer.request_id = request_id;
	answer.body = buf_view(&ex->own_body);
	return send_answer(ex, &answer);
}

static enum MHD_Result send_refusal(struct exchange *ex, bool close)
{
	const struct refusal_row *row = refusal_row(ex->refusal);
	if (err_failed(refusal_body(ex->refusal, &ex->own_body)))
		return MHD_NO;
	atomic_fetch_add_explicit(&ex->door->refusals, 1, memory_order_relaxed);
	metric_add(METRIC_HTTP_REFUSALS, ex->refusal, 0, 1);
	bool method = ex->refusal == REFUSAL_METHOD && ex->route != NULL;
	return send_own(ex, (struct answer){.status = row->status,
					    .content_type = JSON_TYPE,
					    .allow = method ? ex->route->method : NULL,
					    .close = close || row->close});
}

static bool is_stopping(struct door *door)
{
	LOCK_SCOPE(&door->mutex);
	return door->stopping;
}

static enum MHD_Result send_reply(struct exchange *ex)
{
	const struct call *call = ex->call;
	const struct answer answer = {
		.status = call->status,
		.content_type = call->content_type ? call->content_type : JSON_TYPE,
		.request_id = call->request_id,
		.body = call->body_secret ? secret_view(call->body_secret) : buf_view(&call->body),
		.close = is_stopping(ex->door),
	};
	return send_answer(ex, &answer);
}

/* ---- the service ---- */

static void on_reply(struct call *call)
{
	struct exchange *ex = call->user;
	(void)pthread_mutex_lock(&ex->mutex);
	if (ex->stage == STAGE_SERVICE) {
		ex->stage = STAGE_REPLIED;
		MHD_resume_connection(ex->mhd);
	}
	(void)pthread_mutex_unlock(&ex->mutex);
	release(ex);
}

/* Which service is called is told by the target; a form is for STS. */
static enum call_protocol protocol_of(const struct head *head, bool admin)
{
	if (admin)
		return CALL_PROTOCOL_JSON;
	if (head->form)
		return CALL_PROTOCOL_QUERY;
	return cloudtrail_has_target(head->target) ? CALL_PROTOCOL_CLOUDTRAIL : CALL_PROTOCOL_JSON;
}

static struct err make_call(struct exchange *ex)
{
	TRY(call_new(&ex->call));
	struct call *call = ex->call;
	const struct door_connection *peer = door_connection_of(ex->mhd);
	const struct head *head = &ex->head;
	bool admin = (ex->door->serves & DOOR_SERVES_ADMIN) != 0;
	call->door = admin ? CALL_DOOR_ADMIN : CALL_DOOR_PUBLIC;
	call->protocol = protocol_of(head, admin);
	call->http = (struct sigv4_request){
		.method = view_of_text(ex->route->method),
		.path = head->path,
		.query = head->query,
		.headers = head->headers,
		.header_count = head->count,
		.body = buf_view(&ex->body),
	};
	call->target = head->target;
	call->user_agent = head->user_agent;
	mem_copy(ex->address, sizeof ex->address, peer->address, sizeof peer->address);
	call->source_address = view_of_text(ex->address);
	call->secure = peer->tls.tls != NULL;
	tls_session_describe(&peer->tls, &call->tls);
	call->peer_uid = peer->peer_uid;
	call->peer_pid = peer->peer_pid;
	call->reply = on_reply;
	call->user = ex;
	return OK;
}

/* Suspends first: from then on the reply may come at any moment, on any thread. */
static bool suspend(struct exchange *ex)
{
	LOCK_SCOPE(&ex->door->mutex);
	if (ex->door->stopping)
		return false;
	MHD_suspend_connection(ex->mhd);
	(void)pthread_mutex_lock(&ex->mutex);
	ex->holders++;
	ex->stage = STAGE_SERVICE;
	(void)pthread_mutex_unlock(&ex->mutex);
	return true;
}

static enum MHD_Result hand_over(struct exchange *ex)
{
	if (err_failed(make_call(ex))) {
		ex->refusal = REFUSAL_INTERNAL;
		return send_refusal(ex, true);
	}
	move(ex, WATCH_HANDLING);
	if (!suspend(ex)) {
		ex->refusal = REFUSAL_STOPPING;
		return send_refusal(ex, true);
	}
	atomic_fetch_add_explicit(&ex->door->requests, 1, memory_order_relaxed);
	service_handle(ex->door->service, ex->call);
	return MHD_YES;
}

void exchange_abandon_all(struct door *door)
{
	for (struct exchange *ex = door->exchanges; ex != NULL; ex = ex->next) {
		LOCK_SCOPE(&ex->mutex);
		if (ex->stage != STAGE_SERVICE)
			continue;
		ex->stage = STAGE_ABANDONED;
		MHD_resume_connection(ex->mhd);
	}
}

size_t exchange_count_owed(struct door *door)
{
	size_t owed = 0;
	for (struct exchange *ex = door->exchanges; ex != NULL; ex = ex->next)
		owed += stage_of(ex) >= STAGE_REPLIED;
	return owed;
}

/* ---- receiving ---- */

struct collecting {
	struct head_field fields[SIGV4_HEADERS_MAX];
	size_t count;
};

static enum MHD_Result collect(void *user, enum MHD_ValueKind kind, const char *name,
			       size_t name_len, const char *value, size_t value_len)
{
	(void)kind;
	struct collecting *into = user;
	if (into->count < SIGV4_HEADERS_MAX)
		into->fields[into->count] = (struct head_field){
			view_of(name, name_len), view_of(value, value ? value_len : 0)};
	into->count++;
	return MHD_YES;
}

static enum refusal read_head(struct exchange *ex, const char *method, const char *version)
{
	struct collecting headers = {.count = 0};
	(void)MHD_get_connection_values_n(ex->mhd, MHD_HEADER_KIND, collect, &headers);
	if (err_failed(head_init(&ex->head, view_of_text(ex->uri), headers.fields, headers.count)))
		return REFUSAL_INTERNAL;
	enum refusal refusal = head_check(&ex->head, view_of_text(version));
	if (refusal != REFUSAL_NONE)
		return refusal;
	if (!door_connection_of(ex->mhd)->admitted)
		return REFUSAL_PEER;
	refusal = route_find(ex->door->serves, view_of_text(method), ex->head.path, &ex->route);
	if (refusal != REFUSAL_NONE)
		return refusal;
	return ex->head.content_length > CALL_BODY_MAX ? REFUSAL_TOO_LARGE : REFUSAL_NONE;
}

static enum MHD_Result on_head(struct exchange *ex, const char *method, const char *version)
{
	ex->refusal = read_head(ex, method, version);
	if (ex->refusal == REFUSAL_NONE) {
		size_t announced = (size_t)MAX_OF(ex->head.content_length, 0);
		set_stage(ex, STAGE_BODY);
		return err_failed(
			       buf_reserve(&ex->body, MIN_OF(announced, (size_t)BODY_FIRST_ROOM)))
			       ? MHD_NO
			       : MHD_YES;
	}
	/* A client that is still sending reads no answer; so let it finish, within reason. */
	bool at_once = refusal_row(ex->refusal)->close || ex->head.expects_continue ||
		       ex->head.content_length > SERVER_DISCARD_MAX;
	if (at_once)
		return send_refusal(ex, true);
	set_stage(ex, STAGE_DISCARD);
	return MHD_YES;
}

/* Chunked bodies tell their size only as they come. */
static enum MHD_Result on_body(struct exchange *ex, struct view data)
{
	if (!err_failed(buf_append(&ex->body, data)))
		return MHD_YES;
	bool large = data.len > CALL_BODY_MAX - ex->body.len;
	ex->refusal = large ? REFUSAL_TOO_LARGE : REFUSAL_INTERNAL;
	buf_cleanup(&ex->body);
	set_stage(ex, STAGE_DISCARD);
	return MHD_YES;
}

static enum MHD_Result on_discard(struct exchange *ex, struct view data)
{
	ex->discarded += data.len;
	return ex->discarded > SERVER_DISCARD_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result send_metrics(struct exchange *ex)
{
	buf_cleanup(&ex->own_body);
	buf_init(&ex->own_body, METRIC_TEXT_MAX);
	if (err_failed(metrics_answer(ex->door->service, &ex->own_body)))
		return MHD_NO;
	return send_own(ex, (struct answer){.status = 200, .content_type = METRIC_TEXT_TYPE});
}

static enum MHD_Result on_whole(struct exchange *ex)
{
	if (ex->route->kind == ROUTE_CALL)
		return hand_over(ex);
	if (ex->route->kind == ROUTE_METRICS)
		return send_metrics(ex);
	struct answer answer = {0};
	if (err_failed(health_answer(ex->door->service, ex->route->kind, &ex->own_body,
				     &answer.status)))
		return MHD_NO;
	answer.content_type = health_content_type(ex->route->kind);
	return send_own(ex, answer);
}

enum MHD_Result exchange_advance(struct exchange *ex, const char *method, const char *version,
				 struct view data)
{
	switch (stage_of(ex)) {
	case STAGE_HEAD:
		return on_head(ex, method, version);
	case STAGE_BODY:
		return data.len > 0 ? on_body(ex, data) : on_whole(ex);
	case STAGE_DISCARD:
		return data.len > 0 ? on_discard(ex, data) : send_refusal(ex, false);
	case STAGE_REPLIED:
		return send_reply(ex);
	case STAGE_ABANDONED:
		ex->refusal = REFUSAL_STOPPING;
		return send_refusal(ex, true);
	case STAGE_SERVICE:
	case STAGE_ANSWERED:
		break;
	}
	return MHD_YES;
}
