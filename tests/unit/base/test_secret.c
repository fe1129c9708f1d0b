/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: locked, undumpable, wiped, and nobody else's. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"

#define LINK_BYTES sizeof(void *) /* a free slot begins with the free list's link */

static void room_is_a_size_class_and_zeroed(void **state)
{
	(void)state;
	static const size_t sizes[][2] = {{0, 64},      {1, 64},      {64, 64},      {65, 128},
					  {4096, 4096}, {4097, 8192}, {16384, 16384}};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		CLEANUP(secret_free) struct secret *s = NULL;
		assert_false(err_failed(secret_new(sizes[i][0], &s)));
		assert_int_equal(s->cap, sizes[i][1]);
		assert_int_equal(s->len, 0);
		for (size_t at = 0; at < s->cap; at++)
			assert_int_equal(s->ptr[at], 0);
		memset(s->ptr, 0x5a, s->cap);
	}
}

static void what_is_too_large_is_refused(void **state)
{
	(void)state;
	struct secret *s = (struct secret *)1;
	assert_true(err_is(secret_new(SECRET_MAX + 1, &s), E_BOUNDS));
	assert_null(s);
	s = (struct secret *)1;
	assert_true(err_is(secret_new_from(view_of(&s, SIZE_MAX), &s), E_BOUNDS));
	assert_null(s);
}

/* The slab stays mapped, so the place can be looked at after the secret is gone. */
static void freeing_wipes(void **state)
{
	(void)state;
	for (size_t cap = 64; cap <= SECRET_MAX; cap *= 2) {
		struct secret *s = NULL;
		assert_false(err_failed(secret_new(cap, &s)));
		const volatile uint8_t *place = s->ptr;
		memset(s->ptr, 0xa5, cap);
		s->len = 1; /* what is behind len is wiped too */
		secret_free(&s);
		assert_null(s);
		for (size_t at = LINK_BYTES; at < cap; at++)
			assert_int_equal(place[at], 0);
		size_t left = 0;
		for (size_t at = 0; at < LINK_BYTES; at++)
			left += place[at] == 0xa5; /* an address may have such a byte */
		assert_true(left < LINK_BYTES);
	}
	struct secret *none = NULL;
	secret_free(&none);
}

static void a_place_that_is_used_again_is_clean(void **state)
{
	(void)state;
	struct secret *s = NULL;
	assert_false(
		err_failed(secret_new_from(VIEW_LITERAL("a private key of 64 bytes or so"), &s)));
	const uint8_t *place = s->ptr;
	secret_free(&s);
	assert_false(err_failed(secret_new(64, &s)));
	assert_ptr_equal(s->ptr, place);
	for (size_t at = 0; at < s->cap; at++)
		assert_int_equal(s->ptr[at], 0);
	secret_free(&s);
}

static long status_kib(const char *name)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "re");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			kib = strtol(line + strlen(name), NULL, 10);
	(void)fclose(f);
	return kib;
}

static void pages_are_locked(void **state)
{
	(void)state;
	CLEANUP(secret_free) struct secret *s = NULL;
	assert_false(err_failed(secret_new(64, &s)));
	assert_true(secret_usage().locked_bytes >= 64 << 10);
#ifndef HOLDFAST_SANITIZED
	/* Sanitizers turn mlock(2) into nothing. */
	assert_int_equal(status_kib("VmLck:") * 1024, (long)secret_usage().locked_bytes);
#else
	assert_true(status_kib("VmLck:") >= 0);
#endif
}

/* The flags of the mapping that holds `place`, as smaps has them. */
static void mapping_flags(const void *place, char flags[256])
{
	char line[512];
	bool inside = false;
	FILE *f = fopen("/proc/self/smaps", "re");
	assert_non_null(f);
	flags[0] = '\0';
	while (fgets(line, sizeof line, f) != NULL) {
		unsigned long from = 0;
		unsigned long to = 0;
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = (uintptr_t)place >= from && (uintptr_t)place < to;
		if (inside && strncmp(line, "VmFlags:", 8) == 0)
			(void)snprintf(flags, 256, "%.200s", line);
	}
	(void)fclose(f);
}

static void pages_are_left_out_of_core_dumps(void **state)
{
	(void)state;
	char flags[256];
	CLEANUP(secret_free) struct secret *s = NULL;
	assert_false(err_failed(secret_new(64, &s)));
	mapping_flags(s->ptr, flags);
	assert_non_null(strstr(flags, " dd"));
}

static void without_locked_memory_there_is_no_secret(void **state)
{
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct secret *s = (struct secret *)1;
		const struct rlimit none = {0, 0};
		if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 ||
		    (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0))
			_exit(2);
		/* The class of 1 KiB has no slab yet in this program. */
		struct err e = secret_new(1000, &s);
		_exit(err_is(e, E_LOCKED_MEMORY) && s == NULL ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
#ifndef HOLDFAST_SANITIZED
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

static void secrets_compare_by_content_and_length(void **state)
{
	(void)state;
	CLEANUP(secret_free) struct secret *a = NULL;
	CLEANUP(secret_free) struct secret *b = NULL;
	assert_false(err_failed(secret_new_from(VIEW_LITERAL("secret"), &a)));
	assert_false(err_failed(secret_new_from(VIEW_LITERAL("secret"), &b)));
	assert_true(secret_equal(a, b));
	for (size_t at = 0; at < a->len; at++) {
		b->ptr[at] ^= 0x80;
		assert_false(secret_equal(a, b));
		b->ptr[at] ^= 0x80;
	}
	b->len--;
	assert_false(secret_equal(a, b));
	a->len = b->len = 0;
	assert_true(secret_equal(a, b));
	assert_true(view_equal_text(secret_view(a), ""));
	assert_int_equal(secret_view(NULL).len, 0);
}

static void usage_is_counted(void **state)
{
	(void)state;
	struct secret_usage before = secret_usage();
	struct secret *held[100];
	for (size_t i = 0; i < 100; i++)
		assert_false(err_failed(secret_new(200, &held[i])));
	assert_int_equal(secret_usage().used_bytes, before.used_bytes + 100 * 256);
	assert_int_equal(secret_usage().live_count, before.live_count + 100);
	assert_true(secret_usage().locked_bytes >= secret_usage().used_bytes);
	for (size_t i = 0; i < 100; i++)
		secret_free(&held[i]);
	assert_int_equal(secret_usage().used_bytes, before.used_bytes);
	assert_int_equal(secret_usage().live_count, before.live_count);
	/* What was freed serves again: no further page is locked. */
	size_t locked = secret_usage().locked_bytes;
	for (size_t i = 0; i < 1000; i++) {
		assert_false(err_failed(secret_new(200, &held[0])));
		secret_free(&held[0]);
	}
	assert_int_equal(secret_usage().locked_bytes, locked);
}

/* No two live secrets share a byte. */
static void *use_many(void *user)
{
	unsigned seed = (unsigned)(uintptr_t)user;
	struct secret *held[16] = {NULL};
	uint8_t marks[16] = {0};
	for (int i = 0; i < 20000; i++) {
		size_t at = (size_t)rand_r(&seed) % 16;
		for (size_t k = 0; held[at] != NULL && k < held[at]->cap; k++)
			if (held[at]->ptr[k] != marks[at])
				return user;
		secret_free(&held[at]);
		if (err_failed(secret_new((size_t)rand_r(&seed) % 500, &held[at])))
			return user;
		marks[at] = (uint8_t)rand_r(&seed);
		memset(held[at]->ptr, marks[at], held[at]->cap);
	}
	for (size_t at = 0; at < 16; at++)
		secret_free(&held[at]);
	return NULL;
}

static void threads_do_not_share_places(void **state)
{
	(void)state;
	pthread_t threads[4];
	size_t live = secret_usage().live_count;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_many, (void *)(i + 1)), 0);
	for (size_t i = 0; i < 4; i++) {
		void *wrong = NULL;
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
	assert_int_equal(secret_usage().live_count, live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_locked_memory_there_is_no_secret),
		cmocka_unit_test(room_is_a_size_class_and_zeroed),
		cmocka_unit_test(what_is_too_large_is_refused),
		cmocka_unit_test(freeing_wipes),
		cmocka_unit_test(a_place_that_is_used_again_is_clean),
		cmocka_unit_test(pages_are_locked),
		cmocka_unit_test(pages_are_left_out_of_core_dumps),
		cmocka_unit_test(secrets_compare_by_content_and_length),
		cmocka_unit_test(usage_is_counted),
		cmocka_unit_test(threads_do_not_share_places),
	};
	return cmocka_run_group_tests_name("base_secret", tests, NULL, NULL);
}
