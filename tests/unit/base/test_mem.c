/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: zeroed, bounded, wiped; a copy that would overflow ends the process. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#define LINK_BYTES 16 /* of the allocator, in what was freed */

static void memory_is_zeroed_and_bounded(void **state)
{
	(void)state;
	CLEANUP(mem_free_at) uint8_t *p = NULL;
	void *none = (void *)1;
	assert_false(err_failed(MEM_NEW_ARRAY(1000, &p)));
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(p[i], 0);
	assert_true(err_is(mem_alloc_array(MEM_ALLOC_MAX + 1, 1, &none), E_BOUNDS));
	assert_null(none);
	none = (void *)1;
	assert_true(err_is(mem_alloc_array(SIZE_MAX / 2, 3, &none), E_BOUNDS));
	assert_null(none);
	assert_false(err_failed(mem_alloc_array(0, 8, &none)));
	assert_non_null(none);
	mem_free(none);
	mem_free(NULL);
}

__attribute__((no_sanitize("address", "thread"))) static uint8_t peek(uintptr_t at)
{
	return *(const volatile uint8_t *)at;
}

static void freeing_wipes(void **state)
{
	(void)state;
	uint8_t *p = NULL;
	assert_false(err_failed(MEM_NEW_ARRAY(500, &p)));
	memset(p, 0xa5, 500);
	uintptr_t place = (uintptr_t)p;
	mem_free_at(&p);
	assert_null(p);
	for (size_t at = LINK_BYTES; at < 500; at++)
		assert_int_equal(peek(place + at), 0);
}

static void wiping_and_copying_do_what_they_say(void **state)
{
	(void)state;
	char a[8] = "abcdefg";
	char b[8] = "";
	mem_copy(b, sizeof b, a, sizeof a);
	assert_string_equal(b, "abcdefg");
	mem_move(b + 1, sizeof b - 1, b, 6);
	assert_string_equal(b, "aabcdef");
	mem_wipe(b, 4);
	assert_memory_equal(b, "\0\0\0\0def", 8);
	mem_zero(b, sizeof b);
	assert_memory_equal(b, "\0\0\0\0\0\0\0", 8);
	mem_copy(NULL, 0, NULL, 0);
	mem_move(NULL, 0, NULL, 0);
	mem_wipe(NULL, 0);
	mem_zero(NULL, 0);
}

static void overflow_by_copy(void)
{
	char dst[8];
	mem_copy(dst, 4, "12345", 5);
}

static void overflow_by_move(void)
{
	char dst[8];
	mem_move(dst, 4, "12345", 5);
}

/* In a child: the process ends by SIGABRT, having written nothing. */
static void aborts(void (*overflow)(void))
{
	int status = 0;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		overflow();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void a_copy_larger_than_its_room_ends_the_process(void **state)
{
	(void)state;
	aborts(overflow_by_copy);
	aborts(overflow_by_move);
}

static void comparisons_see_every_byte(void **state)
{
	(void)state;
	uint8_t a[64] = {0};
	uint8_t b[64] = {0};
	assert_true(mem_equal_constant_time(a, b, 64) && mem_equal(a, b, 64));
	assert_true(mem_equal_constant_time(NULL, NULL, 0) && mem_equal(NULL, NULL, 0));
	for (size_t at = 0; at < 64; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			b[at] = (uint8_t)(1u << bit);
			assert_false(mem_equal_constant_time(a, b, 64));
			assert_false(mem_equal(a, b, 64));
			assert_true(mem_equal_constant_time(a, b, at));
			assert_true(mem_compare(a, b, 64) < 0 && mem_compare(b, a, 64) > 0);
			b[at] = 0;
		}
	assert_int_equal(mem_compare(NULL, NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_bounded),
		cmocka_unit_test(freeing_wipes),
		cmocka_unit_test(wiping_and_copying_do_what_they_say),
		cmocka_unit_test(a_copy_larger_than_its_room_ends_the_process),
		cmocka_unit_test(comparisons_see_every_byte),
	};
	return cmocka_run_group_tests_name("base_mem", tests, NULL, NULL);
}
