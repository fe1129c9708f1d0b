/* SPDX-License-Identifier: Apache-2.0 */
/* What the process protocol refuses: cut and prolonged frames, and everything beyond a bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sample.h"

#define NOW_MS 1000000
#define FRAME_ROOM (1 << 20)

static struct buf frame_buf(void)
{
	struct buf b;
	buf_init(&b, FRAME_ROOM);
	return b;
}

/* Truncations: a frame that lost any number of bytes, its length told truly, is refused. */

/* Small inputs, so that every truncation can be tried. */
static void make_small(struct hsm_op *op)
{
	op->from.context = op->to.context = view_part(op->to.context, 0, 3);
	op->sealed_in = view_part(op->sealed_in, 0, HSM_SEALED_OVERHEAD + 2);
	op->message_count = 3;
	op->length = 4;
	mem_zero(op->object.label + 2, sizeof op->object.label - 2);
	mem_zero(op->anchor.prefix + 2, sizeof op->anchor.prefix - 2);
}

static bool request_accepts(struct view bytes)
{
	struct wire_frame frame;
	struct wire_request got;
	if (err_failed(sample_cut(bytes, &frame)) ||
	    err_failed(wire_request_read(&frame, NOW_MS, &got)))
		return false;
	wire_request_cleanup(&got);
	return true;
}

static void test_every_truncation_of_every_request(void **state)
{
	(void)state;
	for (enum hsm_verb verb = HSM_SEAL; verb < HSM_VERB_COUNT; verb++) {
		struct hsm_op op;
		struct buf bytes = frame_buf();
		sample_request(&op, verb);
		make_small(&op);
		sample_request_frame(&op, &bytes);
		size_t plaintext = wire_request_size(&op).plaintext;
		assert_true(request_accepts(buf_view(&bytes)));
		for (size_t len = bytes.len - 1; len > WIRE_HEAD_LEN + plaintext; len--) {
			sample_shorten(&bytes, plaintext, len);
			assert_false(request_accepts(view_of(bytes.ptr, len)));
		}
		for (size_t len = 0; len < WIRE_HEAD_LEN; len++)
			assert_false(request_accepts(view_of(bytes.ptr, len)));
		buf_cleanup(&bytes);
		sample_cleanup(&op);
	}
}

static bool reply_accepts(struct hsm_op *asker, struct view bytes)
{
	struct wire_frame frame;
	struct err result;
	bool accepted = !err_failed(sample_cut(bytes, &frame)) &&
			!err_failed(wire_reply_read(&frame, asker, &result));
	hsm_op_cleanup(asker);
	return accepted;
}

static void small_outputs(struct hsm_op *op)
{
	sample_outputs(op);
	size_t sealed = op->verb == HSM_RESEAL            ? op->sealed_in.len
			: op->verb == HSM_GENERATE_SEALED ? op->length + HSM_SEALED_OVERHEAD
							  : HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD;
	op->sealed.len = MIN_OF(op->sealed.len, sealed);
	op->object_count = MIN_OF(op->object_count, (size_t)2);
	if (op->verb == HSM_OPEN)
		op->plaintext_out->len = op->sealed_in.len - HSM_SEALED_OVERHEAD;
}

static void test_every_truncation_of_every_reply(void **state)
{
	(void)state;
	for (enum hsm_verb verb = HSM_SEAL; verb < HSM_VERB_COUNT; verb++) {
		struct hsm_op server;
		struct hsm_op client;
		struct buf bytes = frame_buf();
		sample_request(&server, verb);
		sample_request(&client, verb);
		make_small(&server);
		make_small(&client);
		small_outputs(&server);
		sample_reply_frame(&server, OK, &bytes);
		size_t plaintext = wire_reply_size(&server, OK).plaintext;
		assert_true(reply_accepts(&client, buf_view(&bytes)));
		for (size_t len = bytes.len - 1; len >= WIRE_HEAD_LEN; len--) {
			sample_shorten(&bytes, plaintext, len);
			assert_false(reply_accepts(&client, view_of(bytes.ptr, len)));
		}
		buf_cleanup(&bytes);
		sample_cleanup(&server);
		sample_cleanup(&client);
	}
}

static void test_trailing_bytes_are_refused(void **state)
{
	(void)state;
	struct hsm_op op;
	struct buf bytes = frame_buf();
	sample_request(&op, HSM_PROBE);
	sample_request_frame(&op, &bytes);
	assert_false(err_failed(buf_append(&bytes, VIEW_LITERAL("x"))));
	sample_shorten(&bytes, 0, bytes.len);
	assert_false(request_accepts(buf_view(&bytes)));
	buf_cleanup(&bytes);
}

/* Bounds. */

static void put_head(uint8_t head[WIRE_HEAD_LEN], uint32_t length, uint8_t version)
{
	struct writer w;
	mem_zero(head, WIRE_HEAD_LEN);
	writer_init(&w, head, WIRE_HEAD_LEN);
	writer_u32(&w, length);
	writer_u8(&w, version);
	writer_u8(&w, WIRE_REQUEST);
	writer_u8(&w, HSM_PROBE);
}

/* The head alone decides, so nothing can have been allocated for the rest. */
static void test_oversize_is_refused_by_the_head(void **state)
{
	(void)state;
	uint8_t bytes[WIRE_HEAD_LEN];
	struct wire_head head;
	static const uint32_t lengths[] = {WIRE_HEAD_LEN - 4 + WIRE_BODY_MAX + 1, UINT32_MAX,
					   UINT32_MAX - 3, 0, WIRE_HEAD_LEN - 5};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		put_head(bytes, lengths[i], WIRE_VERSION);
		assert_true(err_is(wire_head_read(VIEW_ARRAY(bytes), &head), E_HSM_PROTOCOL));
	}
	put_head(bytes, WIRE_HEAD_LEN - 4 + WIRE_BODY_MAX, WIRE_VERSION);
	assert_false(err_failed(wire_head_read(VIEW_ARRAY(bytes), &head)));
	assert_int_equal(head.body_len, WIRE_BODY_MAX);
}

static void test_another_version_is_told(void **state)
{
	(void)state;
	uint8_t bytes[WIRE_HEAD_LEN];
	struct wire_head head;
	put_head(bytes, WIRE_HEAD_LEN - 4, 77);
	struct err e = wire_head_read(VIEW_ARRAY(bytes), &head);
	assert_true(err_is(e, E_HSM_PROTOCOL));
	assert_int_equal(e.detail, 77);
}

static void test_deadline_is_cut(void **state)
{
	(void)state;
	struct hsm_op op;
	struct buf bytes = frame_buf();
	struct wire_frame frame;
	struct wire_request got;
	sample_request(&op, HSM_PROBE);
	op.deadline_ms = INT64_MAX;
	sample_request_frame(&op, &bytes);
	assert_false(err_failed(sample_cut(buf_view(&bytes), &frame)));
	assert_false(err_failed(wire_request_read(&frame, NOW_MS, &got)));
	assert_int_equal(got.op.deadline_ms, NOW_MS + WIRE_DEADLINE_MAX_MS);
	wire_request_cleanup(&got);
	buf_cleanup(&bytes);
}

static void refuse(struct hsm_op *op)
{
	assert_true(err_is(wire_request_check(op), E_BOUNDS));
}

static void test_inputs_beyond_the_bounds_are_refused(void **state)
{
	(void)state;
	static uint8_t large[HSM_MAC_BYTES_MAX + 1];
	struct hsm_op op;
	sample_request(&op, HSM_OPEN);
	op.from.header = VIEW_NONE;
	refuse(&op);
	sample_request(&op, HSM_OPEN);
	op.from.header = view_of(large, HSM_HEADER_MAX + 1);
	refuse(&op);
	sample_request(&op, HSM_OPEN);
	op.from.context = view_of(large, HSM_CONTEXT_MAX + 1);
	refuse(&op);
	sample_request(&op, HSM_OPEN);
	op.from.suite = HSM_SUITE_NONE;
	refuse(&op);
	sample_request(&op, HSM_OPEN);
	op.sealed_in = view_of(large, HSM_SEALED_OVERHEAD - 1);
	refuse(&op);
	sample_request(&op, HSM_OPEN);
	op.sealed_in = view_of(large, HSM_PLAINTEXT_MAX + HSM_SEALED_OVERHEAD + 1);
	refuse(&op);
	sample_request(&op, HSM_RANDOM);
	op.length = HSM_RANDOM_MAX + 1;
	refuse(&op);
	op.length = 0;
	refuse(&op);
	struct view one = view_of(large, HSM_MAC_MESSAGE_MAX + 1);
	sample_request(&op, HSM_MAC);
	op.messages = &one;
	op.message_count = 1;
	refuse(&op);
	op.message_count = 0;
	refuse(&op);
	sample_request(&op, HSM_PROBE);
	op.deadline_ms = 0;
	refuse(&op);
	op.deadline_ms = 1;
	op.verb = HSM_VERB_COUNT;
	refuse(&op);
}

static void test_anchors_beyond_the_bounds_are_refused(void **state)
{
	(void)state;
	static const enum hsm_verb verbs[] = {HSM_ANCHOR_READ, HSM_ANCHOR_RAISE};
	struct hsm_op op;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		sample_request(&op, verbs[i]);
		assert_false(err_failed(wire_request_check(&op)));
		op.anchor.prefix[HSM_ANCHOR_PREFIX_MAX] = 'x'; /* no end */
		refuse(&op);
		op.anchor.prefix[0] = '\0';
		refuse(&op);
	}
	sample_request(&op, HSM_ANCHOR_RAISE);
	op.anchor.epoch = 0;
	refuse(&op);
	op.verb = HSM_ANCHOR_READ;
	assert_false(err_failed(wire_request_check(&op)));
}

/* Offers `server`'s outputs to somebody who asked with `client`. */
static bool reply_crosses(const struct hsm_op *server, struct hsm_op *client)
{
	struct buf bytes = frame_buf();
	sample_reply_frame(server, OK, &bytes);
	bool crosses = reply_accepts(client, buf_view(&bytes));
	buf_cleanup(&bytes);
	return crosses;
}

/* Whatever the token's process says: an anchor below the one asked for is no answer. */
static void test_a_lower_anchor_is_no_answer(void **state)
{
	(void)state;
	struct hsm_op server;
	struct hsm_op client;
	sample_request(&server, HSM_ANCHOR_RAISE);
	sample_request(&client, HSM_ANCHOR_RAISE);
	client.anchor.epoch = 5;
	server.anchor.epoch = 5;
	assert_true(reply_crosses(&server, &client));
	client.anchor.epoch = 5;
	server.anchor.epoch = 4;
	assert_false(reply_crosses(&server, &client));
	server.verb = client.verb = HSM_ANCHOR_READ;
	assert_true(reply_crosses(&server, &client));
	assert_int_equal(client.anchor.epoch, 4);
}

static void test_outputs_of_evidence_are_checked(void **state)
{
	(void)state;
	struct hsm_op server;
	struct hsm_op client;
	sample_request(&client, HSM_PUBLIC_KEY);
	sample_request(&server, HSM_PUBLIC_KEY);
	assert_false(reply_crosses(&server, &client)); /* no point */
	server.point[0] = 4;
	assert_true(reply_crosses(&server, &client));
	server.verb = client.verb = HSM_DESCRIBE;
	server.attributes.known = 1U << HSM_ATTRIBUTE_COUNT;
	assert_false(reply_crosses(&server, &client));
	server.attributes.known = 1;
	server.attributes.set = 2;
	assert_false(reply_crosses(&server, &client));
	assert_true(err_is(wire_reply_check(&server), E_BUG));
	server.attributes.set = 1;
	assert_true(reply_crosses(&server, &client));
}

static void test_batch_beyond_its_bytes_is_refused(void **state)
{
	(void)state;
	static uint8_t large[HSM_MAC_MESSAGE_MAX];
	struct view many[HSM_MAC_BYTES_MAX / HSM_MAC_MESSAGE_MAX + 1];
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = VIEW_ARRAY(large);
	struct hsm_op op;
	sample_request(&op, HSM_MAC);
	op.messages = many;
	op.message_count = ARRAY_LEN(many);
	refuse(&op);
	op.message_count--;
	assert_false(err_failed(wire_request_check(&op)));
}

static void test_missing_plaintext_is_refused(void **state)
{
	(void)state;
	struct hsm_op op;
	sample_request(&op, HSM_SEAL);
	sample_cleanup(&op);
	refuse(&op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_truncation_of_every_request),
		cmocka_unit_test(test_every_truncation_of_every_reply),
		cmocka_unit_test(test_trailing_bytes_are_refused),
		cmocka_unit_test(test_oversize_is_refused_by_the_head),
		cmocka_unit_test(test_another_version_is_told),
		cmocka_unit_test(test_deadline_is_cut),
		cmocka_unit_test(test_inputs_beyond_the_bounds_are_refused),
		cmocka_unit_test(test_anchors_beyond_the_bounds_are_refused),
		cmocka_unit_test(test_a_lower_anchor_is_no_answer),
		cmocka_unit_test(test_outputs_of_evidence_are_checked),
		cmocka_unit_test(test_batch_beyond_its_bytes_is_refused),
		cmocka_unit_test(test_missing_plaintext_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
