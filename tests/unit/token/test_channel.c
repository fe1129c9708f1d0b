/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "hsm/channel.h"
#include "sample.h"

#define NOW_MS 1000000
#define SMALL_FRAMES 100

/* A channel, and the bare other end of its socket. */
struct pair {
	struct channel channel;
	int peer;
};

static int setup(void **state)
{
	struct pair *pair = NULL;
	int fds[2];
	if (err_failed(MEM_NEW(&pair)) || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return -1;
	pair->peer = fds[1];
	*state = pair;
	return err_failed(channel_open(&pair->channel, fds[0])) ? -1 : 0;
}

static int teardown(void **state)
{
	struct pair *pair = (struct pair *)*state;
	channel_close(&pair->channel);
	(void)close(pair->peer);
	mem_free(pair);
	return 0;
}

static void send_all(struct pair *pair, struct view bytes)
{
	assert_int_equal(send(pair->peer, bytes.ptr, bytes.len, 0), bytes.len);
}

static bool receive(struct pair *pair, struct wire_frame *frame)
{
	bool got = false;
	struct err e = channel_receive(&pair->channel);
	assert_true(!err_failed(e) || err_is(e, E_WOULD_BLOCK));
	assert_false(err_failed(channel_next(&pair->channel, frame, &got)));
	return got;
}

static void assert_seal(const struct wire_frame *frame)
{
	struct wire_request got;
	assert_false(err_failed(wire_request_read(frame, NOW_MS, &got)));
	assert_int_equal(got.op.verb, HSM_SEAL);
	assert_int_equal(got.op.to.context.len, HSM_CONTEXT_MAX);
	assert_int_equal(got.plaintext->len, HSM_PLAINTEXT_MAX);
	assert_int_equal(got.plaintext->ptr[HSM_PLAINTEXT_MAX - 1], SAMPLE_PLAINTEXT_BYTE);
	wire_request_cleanup(&got);
}

static struct buf seal_frame(void)
{
	struct hsm_op op;
	struct buf bytes;
	buf_init(&bytes, WIRE_FRAME_MAX);
	sample_request(&op, HSM_SEAL);
	sample_request_frame(&op, &bytes);
	sample_cleanup(&op);
	return bytes;
}

/* However the stream is cut, the frame arrives whole and once. */
static void dribble(struct pair *pair, size_t step)
{
	struct buf bytes = seal_frame();
	struct wire_frame frame;
	size_t frames = 0;
	for (size_t at = 0; at < bytes.len; at += step) {
		send_all(pair, view_part(buf_view(&bytes), at, step));
		for (size_t left = 0; left <= step; left += CHANNEL_CHUNK / 2) {
			if (!receive(pair, &frame))
				continue;
			assert_seal(&frame);
			frames++;
		}
	}
	assert_int_equal(frames, 1);
	assert_false(receive(pair, &frame));
	assert_false(channel_in_frame(&pair->channel));
	buf_cleanup(&bytes);
}

static void test_large_frame_in_pieces(void **state)
{
	dribble((struct pair *)*state, 1);
	dribble((struct pair *)*state, 4099);
	dribble((struct pair *)*state, 30011);
}

static void test_large_frame_keeps_its_plaintext_in_locked_memory(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct buf bytes = seal_frame();
	struct wire_frame frame;
	send_all(pair, buf_view(&bytes));
	while (!receive(pair, &frame))
		assert_null(memchr(pair->channel.large_body.ptr, SAMPLE_PLAINTEXT_BYTE,
				   pair->channel.large_body.len));
	assert_ptr_equal(frame.body.ptr, pair->channel.large_body.ptr);
	assert_true(frame.plaintext.ptr >= pair->channel.in->ptr &&
		    frame.plaintext.ptr < pair->channel.in->ptr + pair->channel.in->cap);
	buf_cleanup(&bytes);
}

static void test_consumed_input_is_wiped(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct hsm_op op;
	struct buf bytes;
	struct wire_frame frame;
	buf_init(&bytes, WIRE_FRAME_MAX);
	sample_request(&op, HSM_SEAL);
	op.to.context = VIEW_NONE;
	sample_request_frame(&op, &bytes);
	send_all(pair, buf_view(&bytes));
	assert_true(receive(pair, &frame));
	struct secret *in = pair->channel.in;
	assert_non_null(memchr(in->ptr, SAMPLE_PLAINTEXT_BYTE, in->cap));
	assert_false(receive(pair, &frame));
	assert_null(memchr(in->ptr, SAMPLE_PLAINTEXT_BYTE, in->cap));
	buf_cleanup(&bytes);
	sample_cleanup(&op);
}

static void test_oversize_is_refused(void **state)
{
	struct pair *pair = (struct pair *)*state;
	uint8_t head[WIRE_HEAD_LEN] = {0xff, 0xff, 0xff, 0xff, WIRE_VERSION, WIRE_REQUEST};
	struct wire_frame frame;
	bool got = true;
	send_all(pair, VIEW_ARRAY(head));
	assert_false(err_failed(channel_receive(&pair->channel)));
	assert_true(err_is(channel_next(&pair->channel, &frame, &got), E_HSM_PROTOCOL));
	assert_false(got);
	assert_int_equal(pair->channel.large_body.cap, 0);
}

static void test_end_of_stream_is_told(void **state)
{
	struct pair *pair = (struct pair *)*state;
	assert_true(err_is(channel_receive(&pair->channel), E_WOULD_BLOCK));
	assert_int_equal(shutdown(pair->peer, SHUT_RDWR), 0);
	assert_true(err_is(channel_receive(&pair->channel), E_HSM_AWAY));
}

/* Out. */

static void queue(struct pair *pair, const struct hsm_op *op)
{
	struct channel_room room;
	assert_false(err_failed(channel_room(&pair->channel, wire_request_size(op), &room)));
	wire_request_write(op, op->tag, &room.wire);
	assert_false(err_failed(channel_commit(&pair->channel, &room)));
}

static void drain(struct pair *pair, struct buf *out, size_t len)
{
	uint8_t part[8192];
	while (out->len < len) {
		assert_false(err_failed(channel_flush(&pair->channel)));
		ssize_t n = recv(pair->peer, part, sizeof part, 0);
		assert_true(n > 0);
		assert_false(err_failed(buf_append(out, view_of(part, (size_t)n))));
	}
}

static void test_small_frames_leave_together(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct hsm_op op;
	struct iovec iov[CHANNEL_IOV_MAX];
	sample_request(&op, HSM_PROBE);
	for (int i = 0; i < SMALL_FRAMES; i++)
		queue(pair, &op);
	assert_int_equal(channel_pending(&pair->channel, iov), 1);
	assert_int_equal(iov[0].iov_len, SMALL_FRAMES * WIRE_HEAD_LEN);
	assert_int_equal(pair->channel.out_bytes, SMALL_FRAMES * WIRE_HEAD_LEN);
}

static void test_order_and_bytes_hold_for_all_sizes(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct buf expected;
	struct buf got;
	buf_init(&expected, 16 << 20);
	buf_init(&got, 16 << 20);
	for (int round = 0; round < 3; round++) {
		for (enum hsm_verb verb = HSM_SEAL; verb < HSM_VERB_COUNT; verb++) {
			struct hsm_op op;
			sample_request(&op, verb);
			queue(pair, &op);
			sample_request_frame(&op, &expected);
			sample_cleanup(&op);
		}
	}
	assert_int_equal(pair->channel.out_bytes, expected.len);
	drain(pair, &got, expected.len);
	assert_int_equal(pair->channel.out_bytes, 0);
	assert_true(view_equal(buf_view(&expected), buf_view(&got)));
	buf_cleanup(&expected);
	buf_cleanup(&got);
}

static void test_sent_output_is_wiped(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct hsm_op op;
	struct buf got;
	struct iovec iov[CHANNEL_IOV_MAX];
	buf_init(&got, WIRE_FRAME_MAX);
	sample_request(&op, HSM_SEAL);
	op.to.context = VIEW_NONE;
	queue(pair, &op);
	assert_int_equal(channel_pending(&pair->channel, iov), 1);
	assert_non_null(memchr(iov[0].iov_base, SAMPLE_PLAINTEXT_BYTE, iov[0].iov_len));
	drain(pair, &got, iov[0].iov_len);
	assert_non_null(pair->channel.spare);
	assert_null(memchr(iov[0].iov_base, SAMPLE_PLAINTEXT_BYTE, iov[0].iov_len));
	buf_cleanup(&got);
	sample_cleanup(&op);
}

static void test_frame_of_another_size_than_announced_is_dropped(void **state)
{
	struct pair *pair = (struct pair *)*state;
	struct hsm_op op;
	struct channel_room room;
	sample_request(&op, HSM_MAC);
	struct wire_size size = wire_request_size(&op);
	size.body--;
	assert_false(err_failed(channel_room(&pair->channel, size, &room)));
	wire_request_write(&op, 1, &room.wire);
	assert_true(err_is(channel_commit(&pair->channel, &room), E_BUG));
	assert_int_equal(pair->channel.out_bytes, 0);
}

static void test_no_secret_is_left_behind(void **state)
{
	(void)state;
	size_t before = secret_usage().live_count;
	void *own = NULL;
	assert_int_equal(setup(&own), 0);
	struct hsm_op op;
	sample_request(&op, HSM_SEAL);
	for (int i = 0; i < 5; i++)
		queue((struct pair *)own, &op);
	sample_cleanup(&op);
	assert_true(secret_usage().live_count > before);
	assert_int_equal(teardown(&own), 0);
	assert_int_equal(secret_usage().live_count, before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_large_frame_in_pieces),
		TEST(test_large_frame_keeps_its_plaintext_in_locked_memory),
		TEST(test_consumed_input_is_wiped),
		TEST(test_oversize_is_refused),
		TEST(test_end_of_stream_is_told),
		TEST(test_small_frames_leave_together),
		TEST(test_order_and_bytes_hold_for_all_sizes),
		TEST(test_sent_output_is_wiped),
		TEST(test_frame_of_another_size_than_announced_is_dropped),
		TEST(test_no_secret_is_left_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
