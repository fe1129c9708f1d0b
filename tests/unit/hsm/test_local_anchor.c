/* SPDX-License-Identifier: Apache-2.0 */
/* HSM_ANCHOR_READ and HSM_ANCHOR_RAISE: an anchor only grows, whatever the token does. */
#include "test_local_token.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "hsm/p11/anchor.h"
#include "hsm/p11/template.h"

#define PREFIX "holdfast:unit"

static struct token token;
static enum token_kind kind;

static int setup(UNUSED void **state)
{
	token_make(&token, kind);
	token_open(&token);
	return 0;
}

static int teardown(UNUSED void **state)
{
	token_remove(&token);
	return 0;
}

static struct hsm_op anchor_op(enum hsm_verb verb, const char *prefix, uint64_t epoch)
{
	struct hsm_op op = op_of(verb);
	assert_ok(text_copy(op.anchor.prefix, sizeof(op.anchor.prefix), view_of_text(prefix)));
	op.anchor.epoch = epoch;
	if (epoch > 0)
		op.anchor.digest[0] = (uint8_t)(epoch * 7);
	return op;
}

static struct err raise_to(uint64_t epoch)
{
	struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, PREFIX, epoch);
	TRY(hsm_call(token.hsm, &op));
	REQUIRE(op.anchor.epoch >= epoch, E_BUG);
	return OK;
}

static void assert_anchor(uint64_t epoch)
{
	struct hsm_op expected = anchor_op(HSM_ANCHOR_READ, PREFIX, epoch);
	struct hsm_op op = anchor_op(HSM_ANCHOR_READ, PREFIX, 0);
	assert_ok(hsm_call(token.hsm, &op));
	assert_int_equal(op.anchor.epoch, epoch);
	assert_memory_equal(op.anchor.digest, expected.anchor.digest, HSM_ANCHOR_DIGEST_LEN);
}

static void there_is_none_at_first(UNUSED void **state)
{
	assert_anchor(0);
}

static void what_was_raised_is_read(UNUSED void **state)
{
	static const uint64_t epochs[] = {1, 2, 3, 10, 11, UINT64_MAX - 1, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++) {
		assert_ok(raise_to(epochs[i]));
		assert_anchor(epochs[i]);
	}
	token_close(&token);
	token_open(&token);
	assert_anchor(UINT64_MAX);
}

static void it_never_gets_lower(UNUSED void **state)
{
	assert_ok(raise_to(5));
	struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, PREFIX, 4);
	assert_ok(hsm_call(token.hsm, &op));
	assert_int_equal(op.anchor.epoch, 5);
	assert_int_equal(op.anchor.digest[0], 5 * 7);
	assert_ok(raise_to(5));
	assert_anchor(5);
}

static void one_epoch_has_one_digest(UNUSED void **state)
{
	assert_ok(raise_to(5));
	struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, PREFIX, 5);
	op.anchor.digest[HSM_ANCHOR_DIGEST_LEN - 1] ^= 1;
	assert_err(hsm_call(token.hsm, &op), E_HSM_ANCHOR);
	assert_anchor(5);
	assert_ok(raise_to(6));
}

static void installations_do_not_see_each_other(UNUSED void **state)
{
	char prefix[HSM_ANCHOR_PREFIX_MAX + 1];
	for (uint64_t n = 1; n <= P11_ANCHOR_SETS + 2; n++) {
		assert_ok(text_format(prefix, sizeof(prefix), "holdfast:unit-%u", (unsigned)n));
		struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, prefix, n);
		assert_ok(hsm_call(token.hsm, &op));
	}
	assert_anchor(0);
	for (uint64_t n = 1; n <= P11_ANCHOR_SETS + 2; n++) {
		assert_ok(text_format(prefix, sizeof(prefix), "holdfast:unit-%u", (unsigned)n));
		struct hsm_op op = anchor_op(HSM_ANCHOR_READ, prefix, 0);
		assert_ok(hsm_call(token.hsm, &op));
		assert_int_equal(op.anchor.epoch, n);
	}
}

static void only_prefixes_of_ours_are_taken(UNUSED void **state)
{
	static const char *const prefixes[] = {"", "holdfast:", "other:unit", "holdfast:a b",
					       "holdfast:\x7f"};
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		struct hsm_op op = anchor_op(HSM_ANCHOR_READ, prefixes[i], 0);
		assert_err(hsm_call(token.hsm, &op), E_FORMAT);
		op = anchor_op(HSM_ANCHOR_RAISE, prefixes[i], 1);
		assert_err(hsm_call(token.hsm, &op), E_FORMAT);
	}
	struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, PREFIX, 0);
	assert_err(hsm_call(token.hsm, &op), E_BOUNDS);
}

static uint64_t calls(enum p11_function function)
{
	return atomic_load(&token.hsm->module.funnel.calls[function]);
}

static void nothing_is_searched_for_on_the_way(UNUSED void **state)
{
	for (uint64_t n = 1; n <= 3; n++)
		assert_ok(raise_to(n));
	uint64_t searches = calls(P11_C_FindObjectsInit);
	uint64_t made = calls(P11_C_CreateObject) + calls(P11_C_GenerateKey);
	for (uint64_t n = 4; n <= 20; n++)
		assert_ok(raise_to(n));
	assert_anchor(20);
	assert_int_equal(calls(P11_C_FindObjectsInit), searches);
	assert_int_equal(calls(P11_C_CreateObject) + calls(P11_C_GenerateKey), made);
	assert_int_equal(token.hsm->anchors.sets[0].objects.count, 2);
}

/* It is no key: what lists keys does not show it. */
static void an_anchor_is_no_key(UNUSED void **state)
{
	assert_ok(raise_to(1));
	assert_ok(raise_to(2));
	token_close(&token);
	token_open(&token);
	CLEANUP(hsm_op_cleanup) struct hsm_op op = op_of(HSM_ENUMERATE);
	assert_ok(hsm_call(token.hsm, &op));
	assert_int_equal(op.object_count, 0);
}

/* As somebody makes it who has no PIN, where the token lets him. */
static void make_public(uint64_t epoch)
{
	struct p11_lane *lane = &token.hsm->lanes[token.hsm->lane_count]; /* the clerk's */
	struct p11_template what = {.count = 0};
	struct hsm_anchor value = anchor_op(HSM_ANCHOR_READ, PREFIX, epoch).anchor;
	char label[HSM_LABEL_MAX + 1];
	CK_OBJECT_HANDLE made = 0;
	assert_ok(p11_anchor_label_write(&value, 'a', label));
	p11_template_number(&what, CKA_CLASS, CKO_DATA);
	p11_template_bool(&what, CKA_TOKEN, true);
	p11_template_bool(&what, CKA_PRIVATE, false);
	p11_template_bytes(&what, CKA_APPLICATION, view_of_text(PREFIX));
	p11_template_bytes(&what, CKA_LABEL, view_of_text(label));
	assert_ok(P11_CALL(&lane->hsm->module.funnel, C_CreateObject, lane->session, what.items,
			   what.count, &made));
}

static void objects_of_others_neither_hide_nor_raise_it(UNUSED void **state)
{
	assert_ok(raise_to(5));
	for (uint64_t n = 0; n < P11_FOUND_MAX; n++)
		make_public(n + 1);
	token_close(&token);
	token_open(&token);
	assert_anchor(5);
	assert_ok(raise_to(6));
	assert_anchor(6);
}

#define RAISES 40

static void *raise_many(UNUSED void *argument)
{
	for (uint64_t n = 1; n <= RAISES; n++) {
		struct hsm_op op = anchor_op(HSM_ANCHOR_RAISE, PREFIX, n);
		assert_ok(hsm_call(token.hsm, &op));
		assert_true(op.anchor.epoch >= n);
	}
	return NULL;
}

static void several_raise_at_once(UNUSED void **state)
{
	pthread_t others[3];
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(pthread_create(&others[i], NULL, raise_many, NULL), 0);
	uint64_t last = 0;
	while (last < RAISES) {
		struct hsm_op op = anchor_op(HSM_ANCHOR_READ, PREFIX, 0);
		assert_ok(hsm_call(token.hsm, &op));
		assert_true(op.anchor.epoch >= last);
		last = op.anchor.epoch;
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_int_equal(pthread_join(others[i], NULL), 0);
	assert_anchor(RAISES);
	assert_int_equal(token.hsm->anchors.sets[0].objects.count, 2);
}

/* From here on: SoftHSM behind the shim. */

/* Whatever fails in a raise, what stood before stands, and the next try does it. */
static void a_raise_that_fails_leaves_the_last(UNUSED void **state)
{
	static const char *const scripts[] = {
		"C_SetAttributeValue ckr=0x30 times=1",
		"C_SetAttributeValue ckr=0x30 late=1 times=1",
		"C_SetAttributeValue ckr=0x5 times=1",
		"C_SetAttributeValue ckr=0x5 late=1 times=1",
		"C_SetAttributeValue ckr=0xb3 times=1",
		"C_SetAttributeValue ckr=0x82 times=1",
		"C_SetAttributeValue ckr=0x31 times=1",
		"C_SetAttributeValue ckr=0xe2\nC_CreateObject ckr=0xe2",
		"C_SetAttributeValue ckr=0x10\nC_CreateObject ckr=0x30 late=1 times=1",
		"C_SetAttributeValue ckr=0x10\nC_DestroyObject ckr=0x5 times=1",
		"C_GetAttributeValue ckr=0x82 times=1",
		"C_GetAttributeValue ckr=0x30 times=1",
		"C_GetAttributeValue ckr=0x5 times=1",
		"C_GetAttributeValue ckr=0x101 times=1",
		"C_FindObjectsInit ckr=0x5 times=1",
	};
	uint64_t epoch = 2;
	assert_ok(raise_to(1));
	assert_ok(raise_to(2));
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		token_shim(&token, scripts[i]);
		struct err e = raise_to(epoch + 1);
		token_shim(&token, "");
		token_await_up(&token);
		struct hsm_op op = anchor_op(HSM_ANCHOR_READ, PREFIX, 0);
		assert_ok(hsm_call(token.hsm, &op));
		if (op.anchor.epoch < epoch + (err_failed(e) ? 0 : 1) ||
		    op.anchor.epoch > epoch + 1)
			fail_msg("%s: %s, %u after %u", scripts[i], err_name(e),
				 (unsigned)op.anchor.epoch, (unsigned)epoch);
		assert_ok(raise_to(++epoch));
		assert_anchor(epoch);
	}
}

/* As tokens do that know no C_SetAttributeValue. */
static void where_no_label_can_be_set_another_object_is_made(UNUSED void **state)
{
	token_shim(&token, "C_SetAttributeValue ckr=0x10");
	for (uint64_t n = 1; n <= 5; n++)
		assert_ok(raise_to(n));
	assert_anchor(5);
	assert_int_equal(token.hsm->anchors.sets[0].objects.count, 2);
	token_close(&token);
	token_open(&token);
	assert_anchor(5);
	assert_int_equal(token.hsm->anchors.sets[0].objects.count, 2);
}

static void a_token_that_only_says_so_is_unsafe(UNUSED void **state)
{
	assert_ok(raise_to(1));
	assert_ok(raise_to(2));
	token_shim(&token, "C_SetAttributeValue lie=1");
	struct err e = raise_to(3);
	assert_true(err_is(e, E_HSM_UNSAFE) || err_is(e, E_HSM_AWAY));
	token_shim(&token, "");
	token_await_up(&token);
	assert_anchor(2);
}

/* Every anchor's file in SoftHSM's directory, newest first by what is in it: they hold nothing
 * readable, so the two youngest files are meant. */
static void youngest_object(char *out, size_t cap)
{
	char dir[128];
	token_directory(&token, dir, sizeof(dir));
	struct timespec youngest = {0};
	DIR *list = opendir(dir);
	assert_non_null(list);
	for (const struct dirent *d = readdir(list); d != NULL; d = readdir(list)) {
		char path[400];
		struct stat st;
		struct view name = view_of_text(d->d_name);
		assert_ok(text_format(path, sizeof(path), "%s/%s", dir, d->d_name));
		if (name.len != 43 || stat(path, &st) != 0) /* a UUID and ".object" */
			continue;
		if (st.st_mtim.tv_sec < youngest.tv_sec || (st.st_mtim.tv_sec == youngest.tv_sec &&
							    st.st_mtim.tv_nsec <= youngest.tv_nsec))
			continue;
		youngest = st.st_mtim;
		assert_ok(text_copy(out, cap, view_of_text(path)));
	}
	(void)closedir(list);
	assert_true(youngest.tv_sec > 0);
}

/* What an interrupted write may leave: nothing, half of it, zeros, other bytes. */
enum tear { TEAR_EMPTY, TEAR_HALF, TEAR_ZEROS, TEAR_BITS };

static void tear(const char *path, enum tear how)
{
	uint8_t bytes[4096];
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	ssize_t n = read(fd, bytes, sizeof(bytes));
	assert_true(n > 200 && n < (ssize_t)sizeof(bytes));
	off_t kept = how == TEAR_EMPTY ? 0 : how == TEAR_HALF ? n / 2 : n;
	for (ssize_t i = n / 3; i < n; i++)
		bytes[i] = how == TEAR_ZEROS ? 0 : bytes[i];
	for (ssize_t i = 0; i < n && how == TEAR_BITS; i += 16)
		bytes[i] ^= i > 60 ? 1 : 0;
	assert_int_equal(pwrite(fd, bytes, (size_t)n, 0), n);
	assert_int_equal(ftruncate(fd, kept), 0);
	assert_int_equal(close(fd), 0);
}

static void a_torn_object_is_replaced_and_never_believed(UNUSED void **state)
{
	for (int how = TEAR_EMPTY; how <= TEAR_BITS; how++) {
		char path[400];
		uint64_t base = (uint64_t)how * 10;
		assert_ok(raise_to(base + 1));
		(void)usleep(20000); /* file times tell which was written last */
		assert_ok(raise_to(base + 2));
		youngest_object(path, sizeof(path));
		token_close(&token);
		tear(path, (enum tear)how);
		token_open(&token);
		assert_anchor(base + 1);
		assert_ok(raise_to(base + 3));
		assert_anchor(base + 3);
		token_close(&token);
		token_open(&token);
		assert_anchor(base + 3);
		assert_ok(raise_to(base + 4));
		assert_ok(raise_to(base + 5));
		assert_anchor(base + 5);
	}
}

static void labels_are_read_strictly(UNUSED void **state)
{
	struct p11_anchor got = {.valid = false};
	struct p11_anchor value = {.shown = {.prefix = PREFIX, .epoch = 0x1f}};
	char label[HSM_LABEL_MAX + 1];
	assert_ok(p11_anchor_label_write(&value.shown, 'b', label));
	assert_string_equal(label, PREFIX ":anchor-b:000000000000001f:"
					  "00000000000000000000000000000000");
	assert_true(p11_anchor_label_read(view_of_text(label), PREFIX, &got));
	assert_int_equal(got.shown.epoch, 0x1f);
	assert_int_equal(got.letter, 'b');
	size_t len = view_of_text(label).len;
	for (size_t i = 0; i < len; i++) {
		char was = label[i];
		label[i] = 'Z';
		assert_false(p11_anchor_label_read(view_of_text(label), PREFIX, &got));
		label[i] = was;
		assert_false(p11_anchor_label_read(view_of(label, i), PREFIX, &got));
	}
	label[len - 34] = 'F'; /* the same number, written otherwise */
	assert_false(p11_anchor_label_read(view_of_text(label), PREFIX, &got));
	value.shown.epoch = 0;
	assert_ok(p11_anchor_label_write(&value.shown, 'a', label));
	assert_false(p11_anchor_label_read(view_of_text(label), PREFIX, &got));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int on_any_token(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_is_none_at_first),
		TEST(what_was_raised_is_read),
		TEST(it_never_gets_lower),
		TEST(one_epoch_has_one_digest),
		TEST(installations_do_not_see_each_other),
		TEST(only_prefixes_of_ours_are_taken),
		TEST(nothing_is_searched_for_on_the_way),
		TEST(an_anchor_is_no_key),
		TEST(several_raise_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

static int on_the_shim(void)
{
	const struct CMUnitTest tests[] = {
		TEST(objects_of_others_neither_hide_nor_raise_it),
		TEST(a_raise_that_fails_leaves_the_last),
		TEST(where_no_label_can_be_set_another_object_is_made),
		TEST(a_token_that_only_says_so_is_unsafe),
		TEST(a_torn_object_is_replaced_and_never_believed),
		cmocka_unit_test(labels_are_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	bool nss = argc > 1 && view_equal_text(view_of_text(argv[1]), "nss");
	kind = nss ? TOKEN_NSS : TOKEN_SHIM;
	int failed = on_any_token();
	return nss ? failed : failed + on_the_shim();
}
