/* SPDX-License-Identifier: Apache-2.0 */
/* Digest and HMAC: NIST and RFC 4231 vectors, parts, threads, and that no key stays behind. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/entropy.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "crypto/digest.h"
#include "tests/support/memory_search.h"

static void assert_hex(const uint8_t digest[SHA256_LEN], const char *expected)
{
	uint8_t bytes[SHA256_LEN];
	assert_int_equal(hex_decode(view_of_text(expected), bytes, sizeof bytes).code, E_OK);
	assert_memory_equal(digest, bytes, sizeof bytes);
}

#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void digest_of_published_vectors(void **state)
{
	const struct view abc = VIEW_LITERAL("abc");
	const struct view two_blocks =
		VIEW_LITERAL("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq");
	uint8_t out[SHA256_LEN];
	(void)state;
	assert_int_equal(digest_sha256(&abc, 1, out).code, E_OK);
	assert_hex(out, SHA_ABC);
	assert_int_equal(digest_sha256(&two_blocks, 1, out).code, E_OK);
	assert_hex(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	assert_int_equal(digest_sha256(NULL, 0, out).code, E_OK);
	assert_hex(out, SHA_EMPTY);
}

static void parts_count_as_one_message(void **state)
{
	const struct view parts[] = {VIEW_NONE, VIEW_LITERAL("a"), VIEW_LITERAL("bc"), VIEW_NONE};
	uint8_t out[SHA256_LEN];
	(void)state;
	assert_int_equal(digest_sha256(parts, ARRAY_LEN(parts), out).code, E_OK);
	assert_hex(out, SHA_ABC);
}

static void mac_of_published_vectors(void **state)
{
	uint8_t aa[131], out[SHA256_LEN];
	const struct view parts[] = {VIEW_LITERAL("what do ya want "),
				     VIEW_LITERAL("for nothing?")};
	const struct view long_key =
		VIEW_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First");
	(void)state;
	for (size_t i = 0; i < sizeof aa; i++)
		aa[i] = 0xaa;
	/* RFC 4231 §4.3 and §4.7. */
	assert_int_equal(digest_hmac_sha256(VIEW_LITERAL("Jefe"), parts, 2, out).code, E_OK);
	assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(digest_hmac_sha256(VIEW_ARRAY(aa), &long_key, 1, out).code, E_OK);
	assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void keys_do_not_mix(void **state)
{
	uint8_t first[SHA256_LEN], empty[SHA256_LEN], again[SHA256_LEN];
	(void)state;
	assert_int_equal(digest_hmac_sha256(VIEW_LITERAL("k"), NULL, 0, first).code, E_OK);
	assert_int_equal(digest_hmac_sha256(VIEW_NONE, NULL, 0, empty).code, E_OK);
	assert_hex(empty, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	assert_int_equal(digest_hmac_sha256(VIEW_LITERAL("k"), NULL, 0, again).code, E_OK);
	assert_memory_equal(first, again, SHA256_LEN);
	assert_memory_not_equal(first, empty, SHA256_LEN);
}

static void result_may_replace_the_key(void **state)
{
	uint8_t key[SHA256_LEN] = {1}, expected[SHA256_LEN];
	(void)state;
	assert_int_equal(digest_hmac_sha256(VIEW_ARRAY(key), NULL, 0, expected).code, E_OK);
	assert_int_equal(digest_hmac_sha256(VIEW_ARRAY(key), NULL, 0, key).code, E_OK);
	assert_memory_equal(key, expected, SHA256_LEN);
}

#define THREADS 4
#define ROUNDS 200

static void *work(void *arg)
{
	bool *good = (bool *)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct view abc = VIEW_LITERAL("abc");
		uint8_t out[SHA256_LEN] = {0}, expected[SHA256_LEN];
		if (err_failed(digest_hmac_sha256(VIEW_ARRAY(out), &abc, 0, out)) ||
		    err_failed(digest_sha256(&abc, 1, out)) ||
		    err_failed(hex_decode(VIEW_LITERAL(SHA_ABC), expected, SHA256_LEN)) ||
		    !mem_equal(out, expected, SHA256_LEN))
			return NULL;
	}
	*good = true;
	return NULL;
}

static void threads_have_contexts_of_their_own(void **state)
{
	pthread_t threads[THREADS];
	bool good[THREADS] = {false};
	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &good[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_true(good[i]);
	}
}

static void no_key_stays_behind(void **state)
{
	static uint8_t key[MEMORY_PATTERN_LEN];
	struct memory_pattern pattern;
	const struct view abc = VIEW_LITERAL("abc");
	uint8_t out[SHA256_LEN];
	(void)state;
	assert_int_equal(entropy_fill(key, sizeof key).code, E_OK);
	memory_pattern_init(&pattern, key);
	assert_int_equal(memory_search(&pattern), 1); /* the search does find */
	assert_int_equal(digest_hmac_sha256(VIEW_ARRAY(key), &abc, 1, out).code, E_OK);
	mem_wipe(key, sizeof key);
	assert_int_equal(memory_search(&pattern), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_of_published_vectors),
		cmocka_unit_test(parts_count_as_one_message),
		cmocka_unit_test(mac_of_published_vectors),
		cmocka_unit_test(keys_do_not_mix),
		cmocka_unit_test(result_may_replace_the_key),
		cmocka_unit_test(threads_have_contexts_of_their_own),
		cmocka_unit_test(no_key_stays_behind),
	};
	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
