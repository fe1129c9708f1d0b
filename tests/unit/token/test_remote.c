/* SPDX-License-Identifier: Apache-2.0 */
/* hsm/remote.c against a token that the test plays itself, frame by frame. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "hsm/channel.h"
#include "hsm/remote.h"

#define TAG_AT 8         /* in a head */
#define PATIENCE_MS 5000 /* nothing here takes so long unless it is broken */
#define IN_FLIGHT 8

struct stage {
	char directory[32];
	struct sockaddr_un address;
	int listen_fd;
	struct channel channel;
	struct hsm *hsm;
};

/* An operation and its end. */
struct ask {
	struct hsm_op op;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool ended;
	struct err result;
};

static int64_t now_ms(void)
{
	return clock_steady_ms(&clock_system);
}

static void stage_listen(struct stage *stage)
{
	(void)unlink(stage->address.sun_path);
	stage->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(stage->listen_fd, (struct sockaddr *)&stage->address, sizeof stage->address),
		0);
	assert_int_equal(listen(stage->listen_fd, 4), 0);
}

static int setup(void **state)
{
	struct stage *stage = NULL;
	assert_false(err_failed(MEM_NEW(&stage)));
	assert_false(err_failed(text_copy(stage->directory, sizeof stage->directory,
					  VIEW_LITERAL("/tmp/holdfast-remote-XXXXXX"))));
	assert_non_null(mkdtemp(stage->directory));
	stage->address.sun_family = AF_UNIX;
	assert_false(err_failed(text_format(stage->address.sun_path, sizeof stage->address.sun_path,
					    "%s/token", stage->directory)));
	stage->channel.fd = -1;
	stage_listen(stage);
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = (struct stage *)*state;
	hsm_close(&stage->hsm);
	channel_close(&stage->channel);
	if (stage->listen_fd >= 0)
		(void)close(stage->listen_fd);
	(void)unlink(stage->address.sun_path);
	(void)rmdir(stage->directory);
	mem_free(stage);
	return 0;
}

static void stage_open(struct stage *stage, int64_t expected_uid)
{
	struct hsm_remote_options options = {.socket_path = stage->address.sun_path,
					     .expected_uid = expected_uid,
					     .in_flight_max = IN_FLIGHT,
					     .reconnect_min_ms = 1,
					     .reconnect_max_ms = 20,
					     .clock = &clock_system};
	assert_false(err_failed(hsm_remote_open(&options, &stage->hsm)));
}

/* Playing the token. */

static void flush(struct stage *stage)
{
	assert_false(err_failed(channel_flush(&stage->channel)));
}

static void accept_one(struct stage *stage)
{
	struct pollfd fd = {stage->listen_fd, POLLIN, 0};
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	channel_close(&stage->channel);
	assert_false(
		err_failed(channel_open(&stage->channel, accept(stage->listen_fd, NULL, NULL))));
}

static void tell(struct stage *stage, enum hsm_condition condition)
{
	struct hsm_status status = {.condition = condition, .last_error = OK, .token_label = "t"};
	struct channel_room room;
	assert_false(err_failed(channel_room(&stage->channel, wire_status_size(&status), &room)));
	wire_status_write(&status, &room.wire);
	assert_false(err_failed(channel_commit(&stage->channel, &room)));
	flush(stage);
}

static void greet(struct stage *stage, enum hsm_condition condition)
{
	struct channel_room room;
	accept_one(stage);
	assert_false(err_failed(channel_room(&stage->channel, wire_hello_size(), &room)));
	wire_hello_write(&room.wire);
	assert_false(err_failed(channel_commit(&stage->channel, &room)));
	tell(stage, condition);
}

/* The next frame within `ms`; false when none came. */
static bool next_frame(struct stage *stage, struct wire_frame *frame, int ms)
{
	bool got = false;
	int64_t end = now_ms() + ms;
	assert_false(err_failed(channel_next(&stage->channel, frame, &got)));
	while (!got && now_ms() <= end) {
		struct pollfd fd = {stage->channel.fd, POLLIN, 0};
		(void)poll(&fd, 1, (int)(end - now_ms()) + 1);
		struct err e = channel_receive(&stage->channel);
		assert_true(!err_failed(e) || err_is(e, E_WOULD_BLOCK));
		assert_false(err_failed(channel_next(&stage->channel, frame, &got)));
	}
	return got;
}

/* The next request's tag; the greeting is passed over. */
static uint64_t next_request(struct stage *stage, enum hsm_verb verb)
{
	struct wire_frame frame;
	do {
		assert_true(next_frame(stage, &frame, PATIENCE_MS));
	} while (frame.head.kind == WIRE_HELLO);
	assert_int_equal(frame.head.kind, WIRE_REQUEST);
	assert_int_equal(frame.head.verb, verb);
	return frame.head.tag;
}

static void answer(struct stage *stage, enum hsm_verb verb, uint64_t tag, struct err result)
{
	struct hsm_op op = {.verb = verb, .tag = tag};
	struct channel_room room;
	assert_false(
		err_failed(channel_room(&stage->channel, wire_reply_size(&op, result), &room)));
	wire_reply_write(&op, result, &room.wire);
	assert_false(err_failed(channel_commit(&stage->channel, &room)));
	flush(stage);
}

static void drop_connection(struct stage *stage)
{
	channel_close(&stage->channel);
}

/* Asking. */

static void ask_done(struct hsm_op *op, struct err result)
{
	struct ask *ask = (struct ask *)op->user;
	LOCK_SCOPE(&ask->lock);
	assert_false(ask->ended);
	ask->result = result;
	ask->ended = true;
	(void)pthread_cond_signal(&ask->changed);
}

static void ask_start(struct stage *stage, struct ask *ask, enum hsm_verb verb, int64_t ms)
{
	*ask = (struct ask){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	ask->op = (struct hsm_op){.verb = verb, .done = ask_done, .user = ask};
	ask->op.deadline_ms = now_ms() + ms;
	ask->op.anchor = (struct hsm_anchor){.prefix = "holdfast:unit", .epoch = 7};
	hsm_submit(stage->hsm, &ask->op);
}

static struct err ask_end(struct ask *ask)
{
	LOCK_SCOPE(&ask->lock);
	while (!ask->ended)
		(void)pthread_cond_wait(&ask->changed, &ask->lock);
	return ask->result;
}

static bool ask_ended(struct ask *ask)
{
	LOCK_SCOPE(&ask->lock);
	return ask->ended;
}

/* The tests. */

static void test_an_operation_is_answered(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	stage_open(stage, -1);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	greet(stage, HSM_UP);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&ask)));
	struct hsm_status status;
	hsm_status(stage->hsm, &status);
	assert_int_equal(status.condition, HSM_UP);
	assert_string_equal(status.token_label, "t");
	assert_int_equal(status.operations, 1);
}

#define NAME "0b1c2d3e-4f50-4172-8394-a5b6c7d8e9f0"

/* What the token hears of an operation that is asked for within a request. */
static void ask_within_request(struct stage *stage, struct wire_frame *frame)
{
	struct ask ask;
	LOG_REQUEST_SCOPE(NAME);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	do {
		assert_true(next_frame(stage, frame, PATIENCE_MS));
	} while (frame->head.kind == WIRE_HELLO);
	answer(stage, HSM_PROBE, frame->head.tag, OK);
	assert_false(err_failed(ask_end(&ask)));
}

static void test_the_request_is_named(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct wire_frame frame;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_within_request(stage, &frame);
	assert_int_equal(frame.head.flags, WIRE_FLAG_NAMED);
	assert_true(view_equal_text(frame.body, NAME));
}

/* A token's process of the first edition says no features, and would refuse what it is sent. */
static void greet_as_of_old(struct stage *stage)
{
	struct channel_room room;
	accept_one(stage);
	assert_false(err_failed(channel_room(&stage->channel, wire_hello_size(), &room)));
	wire_hello_write(&room.wire);
	mem_zero(room.wire.front->ptr + TAG_AT, sizeof(uint64_t));
	assert_false(err_failed(channel_commit(&stage->channel, &room)));
	tell(stage, HSM_UP);
}

static void test_an_older_peer_is_sent_what_it_knows(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct wire_frame frame;
	stage_open(stage, -1);
	greet_as_of_old(stage);
	ask_within_request(stage, &frame);
	assert_int_equal(frame.head.flags, 0);
	assert_int_equal(frame.body.len, 0);
}

/* It would take a verb that it does not know for a breach of the protocol. */
static void test_an_older_peer_is_not_asked_for_evidence(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct wire_frame frame;
	stage_open(stage, -1);
	greet_as_of_old(stage);
	for (enum hsm_verb verb = HSM_SIGN; verb <= HSM_ANCHOR_RAISE; verb++) {
		struct ask ask;
		ask_start(stage, &ask, verb, PATIENCE_MS);
		assert_true(err_is(ask_end(&ask), E_HSM_UNSUPPORTED));
	}
	ask_within_request(stage, &frame); /* the connection stands */
}

static void test_evidence_is_sent_again(void **state)
{
	struct stage *stage = (struct stage *)*state;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	for (enum hsm_verb verb = HSM_SIGN; verb <= HSM_ANCHOR_RAISE; verb++) {
		struct ask ask;
		ask_start(stage, &ask, verb, PATIENCE_MS);
		(void)next_request(stage, verb);
		drop_connection(stage);
		greet(stage, HSM_UP);
		answer(stage, verb, next_request(stage, verb), ERR(E_HSM_ANCHOR));
		assert_true(err_is(ask_end(&ask), E_HSM_ANCHOR));
	}
}

static void test_figures_become_metrics(void **state)
{
	struct stage *stage = (struct stage *)*state;
	static struct hsm_figures figures;
	struct channel_room room;
	struct ask ask;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	figures = (struct hsm_figures){.restarts = 3};
	hsm_figures_count(&figures, HSM_OPEN, ERR(E_HSM_CIPHERTEXT), 1);
	hsm_figures_count_ckr(&figures, 0x30);
	assert_false(err_failed(channel_room(&stage->channel, wire_figures_size(&figures), &room)));
	wire_figures_write(&figures, &room.wire);
	assert_false(err_failed(channel_commit(&stage->channel, &room)));
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK); /* behind the figures */
	assert_false(err_failed(ask_end(&ask)));
	assert_int_equal(metric_get(METRIC_TOKEN_OPERATIONS, HSM_OPEN, E_HSM_CIPHERTEXT), 1);
	assert_int_equal(metric_get(METRIC_TOKEN_TIME, HSM_OPEN, 0), 1);
	assert_int_equal(metric_get(METRIC_TOKEN_ERRORS, HSM_CKR_INDEX_CKR_DEVICE_ERROR, 0), 1);
	assert_int_equal(metric_get(METRIC_TOKEN_WORKER_RESTARTS, 0, 0), 3);
}

static void test_answers_find_their_operations(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask asks[4];
	uint64_t tags[4];
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	for (size_t i = 0; i < 4; i++) {
		ask_start(stage, &asks[i], HSM_PROBE, PATIENCE_MS);
		tags[i] = next_request(stage, HSM_PROBE);
	}
	for (size_t i = 4; i > 0; i--)
		answer(stage, HSM_PROBE, tags[i - 1], ERR_DETAIL(E_HSM_REFUSED, i));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ask_end(&asks[i]).detail, i + 1);
}

static void test_a_deadline_is_kept_without_an_answer(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask late;
	struct ask next;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	int64_t begun = now_ms();
	ask_start(stage, &late, HSM_PROBE, 50);
	uint64_t tag = next_request(stage, HSM_PROBE);
	assert_true(err_is(ask_end(&late), E_HSM_TIMEOUT));
	assert_in_range(now_ms() - begun, 50, 50 + PATIENCE_MS / 2);
	ask_start(stage, &next, HSM_RANDOM, PATIENCE_MS);
	assert_true(err_is(ask_end(&next), E_BOUNDS)); /* no length: refused here */
	ask_start(stage, &next, HSM_PROBE, PATIENCE_MS);
	uint64_t fresh = next_request(stage, HSM_PROBE);
	answer(stage, HSM_PROBE, tag, ERR(E_HSM_REFUSED)); /* nobody waits for it any more */
	answer(stage, HSM_PROBE, fresh, OK);
	assert_false(err_failed(ask_end(&next)));
}

static void test_before_the_first_handshake_operations_wait(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	(void)close(stage->listen_fd);
	stage->listen_fd = -1;
	stage_open(stage, -1);
	ask_start(stage, &ask, HSM_PROBE, 100);
	assert_true(err_is(ask_end(&ask), E_HSM_TIMEOUT));
}

static void test_a_token_that_opens_is_waited_for(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	struct wire_frame frame;
	stage_open(stage, -1);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	greet(stage, HSM_CONNECTING);
	assert_true(next_frame(stage, &frame, PATIENCE_MS));
	assert_int_equal(frame.head.kind, WIRE_HELLO);
	assert_false(next_frame(stage, &frame, 30));
	tell(stage, HSM_UP);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&ask)));
}

static void test_what_was_under_way_is_sent_again(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	(void)next_request(stage, HSM_PROBE);
	drop_connection(stage);
	greet(stage, HSM_UP);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&ask)));
}

static void test_it_is_sent_again_twice_at_most(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	for (int sends = 0; sends < 3; sends++) {
		(void)next_request(stage, HSM_PROBE);
		assert_false(ask_ended(&ask));
		drop_connection(stage);
		greet(stage, HSM_UP);
	}
	assert_true(err_is(ask_end(&ask), E_HSM_AWAY));
}

static void test_what_changes_the_token_is_never_repeated(void **state)
{
	struct stage *stage = (struct stage *)*state;
	static const enum hsm_verb verbs[] = {HSM_KEY_GENERATE, HSM_KEY_DESTROY};
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		struct ask ask;
		struct wire_frame frame;
		ask_start(stage, &ask, verbs[i], PATIENCE_MS);
		(void)next_request(stage, verbs[i]);
		drop_connection(stage);
		assert_true(err_is(ask_end(&ask), E_HSM_AWAY));
		greet(stage, HSM_UP);
		assert_true(next_frame(stage, &frame, PATIENCE_MS));
		assert_int_equal(frame.head.kind, WIRE_HELLO);
		assert_false(next_frame(stage, &frame, 30));
	}
}

static void test_a_stopping_worker_is_no_failure(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), ERR(E_CANCELLED));
	drop_connection(stage);
	greet(stage, HSM_UP);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&ask)));
}

static void test_more_than_the_bound_is_busy(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask asks[IN_FLIGHT];
	struct ask more;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		ask_start(stage, &asks[i], HSM_PROBE, PATIENCE_MS);
	ask_start(stage, &more, HSM_PROBE, PATIENCE_MS);
	assert_true(err_is(ask_end(&more), E_BUSY));
	for (size_t i = 0; i < IN_FLIGHT; i++)
		answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	for (size_t i = 0; i < IN_FLIGHT; i++)
		assert_false(err_failed(ask_end(&asks[i])));
	ask_start(stage, &more, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&more)));
}

/* The breaker: what waits when it opens fails with it, what comes later at once. */
static void test_a_token_known_to_be_away_fails_at_once(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask waiting;
	struct ask later;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_start(stage, &waiting, HSM_PROBE, PATIENCE_MS);
	(void)next_request(stage, HSM_PROBE);
	(void)close(stage->listen_fd);
	stage->listen_fd = -1;
	int64_t begun = now_ms();
	drop_connection(stage);
	assert_true(err_is(ask_end(&waiting), E_HSM_AWAY));
	assert_in_range(now_ms() - begun, 1000, PATIENCE_MS / 2);
	begun = now_ms();
	ask_start(stage, &later, HSM_PROBE, PATIENCE_MS);
	assert_true(err_is(ask_end(&later), E_HSM_AWAY));
	assert_in_range(now_ms() - begun, 0, 100);
	struct hsm_status status;
	hsm_status(stage->hsm, &status);
	assert_int_equal(status.condition, HSM_AWAY);
	stage_listen(stage);
	greet(stage, HSM_UP);
	ask_start(stage, &later, HSM_PROBE, PATIENCE_MS);
	while (ask_ended(&later)) /* the handshake may still be on its way */
		ask_start(stage, &later, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&later)));
}

static void test_a_peer_of_another_user_is_refused(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask ask;
	struct hsm_status status;
	stage_open(stage, (int64_t)geteuid() + 1);
	ask_start(stage, &ask, HSM_PROBE, PATIENCE_MS);
	assert_true(err_is(ask_end(&ask), E_HSM_PEER));
	hsm_status(stage->hsm, &status);
	assert_true(err_is(status.last_error, E_HSM_PEER));
	accept_one(stage);
	struct wire_frame frame;
	bool got = false;
	struct pollfd fd = {stage->channel.fd, POLLIN, 0};
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
	assert_true(err_is(channel_receive(&stage->channel), E_HSM_AWAY)); /* not a byte was said */
	assert_false(err_failed(channel_next(&stage->channel, &frame, &got)));
	assert_false(got);
}

static void test_nonsense_ends_the_connection_and_not_more(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask broken;
	struct ask next;
	stage_open(stage, -1);
	greet(stage, HSM_UP);
	ask_start(stage, &broken, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_KEY_FIND, next_request(stage, HSM_PROBE), ERR(E_HSM_REFUSED));
	assert_true(err_is(ask_end(&broken), E_HSM_PROTOCOL));
	greet(stage, HSM_UP);
	ask_start(stage, &next, HSM_PROBE, PATIENCE_MS);
	answer(stage, HSM_PROBE, next_request(stage, HSM_PROBE), OK);
	assert_false(err_failed(ask_end(&next)));
}

static void test_closing_cancels(void **state)
{
	struct stage *stage = (struct stage *)*state;
	struct ask sent;
	struct ask waiting;
	stage_open(stage, -1);
	ask_start(stage, &waiting, HSM_PROBE, PATIENCE_MS);
	greet(stage, HSM_UP);
	ask_start(stage, &sent, HSM_PROBE, PATIENCE_MS);
	(void)next_request(stage, HSM_PROBE);
	hsm_close(&stage->hsm);
	assert_null(stage->hsm);
	assert_true(err_is(ask_end(&sent), E_CANCELLED));
	assert_true(err_is(ask_end(&waiting), E_CANCELLED));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_operation_is_answered),
		TEST(test_the_request_is_named),
		TEST(test_an_older_peer_is_sent_what_it_knows),
		TEST(test_an_older_peer_is_not_asked_for_evidence),
		TEST(test_evidence_is_sent_again),
		TEST(test_figures_become_metrics),
		TEST(test_answers_find_their_operations),
		TEST(test_a_deadline_is_kept_without_an_answer),
		TEST(test_before_the_first_handshake_operations_wait),
		TEST(test_a_token_that_opens_is_waited_for),
		TEST(test_what_was_under_way_is_sent_again),
		TEST(test_it_is_sent_again_twice_at_most),
		TEST(test_what_changes_the_token_is_never_repeated),
		TEST(test_a_stopping_worker_is_no_failure),
		TEST(test_more_than_the_bound_is_busy),
		TEST(test_a_token_known_to_be_away_fails_at_once),
		TEST(test_a_peer_of_another_user_is_refused),
		TEST(test_nonsense_ends_the_connection_and_not_more),
		TEST(test_closing_cancels),
	};
	log_configure(LOG_FORM_TEXT, LOG_LEVEL_ERROR, STDERR_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
