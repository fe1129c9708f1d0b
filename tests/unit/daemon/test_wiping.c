/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was received and sent is nowhere in the process afterwards, libraries included: the program
 * is linked with module/daemon/wiping.c, as holdfastd is, and reads its own memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/entropy.h"
#include "base/mem.h"
#include "tests/unit/server/fixture.h"

#define MARKER_LEN 24
#define MASK 0x5a
#define WINDOW ((size_t)1 << 20)

static struct fixture f;

/* Only the masked form is kept, so that the search does not find itself. */
static uint8_t masked[MARKER_LEN];

static void make_marker(void)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	assert_int_equal(entropy_fill(masked, sizeof masked).code, E_OK);
	for (size_t i = 0; i < MARKER_LEN; i++)
		masked[i] = (uint8_t)(letters[masked[i] % 32] ^ MASK);
}

static void put_marker(char *dst)
{
	for (size_t i = 0; i < MARKER_LEN; i++)
		dst[i] = (char)(masked[i] ^ MASK);
}

static bool is_marker(const uint8_t *at)
{
	for (size_t i = 0; i < MARKER_LEN; i++) {
		if ((uint8_t)(at[i] ^ MASK) != masked[i])
			return false;
	}
	return true;
}

static size_t count_in(int memory, uint8_t *window, unsigned long from, unsigned long to)
{
	size_t found = 0;
	while (from + MARKER_LEN <= to) {
		size_t want = to - from < WINDOW ? to - from : WINDOW;
		ssize_t n = pread(memory, window, want, (off_t)from);
		if (n < MARKER_LEN)
			return found;
		size_t places = (size_t)n - MARKER_LEN + 1;
		for (size_t i = 0; i < places; i++)
			found += is_marker(window + i);
		from += places;
	}
	return found;
}

/* How often the marker is in this process's memory. */
static size_t count_markers(void)
{
	uint8_t *window =
		mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(window, MAP_FAILED);
	FILE *maps = fopen("/proc/self/maps", "r");
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(memory >= 0);
	unsigned long from = 0, to = 0, own = (unsigned long)window;
	char access[8], line[512];
	size_t found = 0;
	while (fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, access) != 3 || access[0] != 'r')
			continue;
		/* Neighbours may have been joined with the window into one mapping. */
		if (from <= own && own < to) {
			found += count_in(memory, window, from, own);
			from = own + WINDOW;
		}
		found += count_in(memory, window, from, to);
	}
	(void)fclose(maps);
	(void)close(memory);
	(void)munmap(window, WINDOW);
	return found;
}

/* Sends a body that carries the marker and drops every trace of it on the client's side. */
static int exchange_marker(void)
{
	char request[512];
	int len = snprintf(
		request, sizeof request,
		"POST / HTTP/1.1\r\nHost: h\r\nX-Secret: %0*d\r\nContent-Length: %d\r\n\r\n%0*d",
		MARKER_LEN, 0, MARKER_LEN, MARKER_LEN, 0);
	put_marker(strstr(request, "X-Secret: ") + 10);
	put_marker(request + len - MARKER_LEN);
	int fd = raw_connect(f.port);
	assert_true(raw_send(fd, view_of(request, (size_t)len)));
	mem_wipe(request, sizeof request);
	assert_true(raw_receive(fd, &f.reply));
	assert_true(is_marker((const uint8_t *)f.reply.body));
	mem_wipe(&f.reply, sizeof f.reply);
	return fd;
}

static void the_search_finds(void **state)
{
	(void)state;
	make_marker();
	assert_int_equal(count_markers(), 0);
	char *block = NULL;
	assert_int_equal(MEM_NEW_ARRAY(64, &block).code, E_OK);
	put_marker(block);
	assert_int_equal(count_markers(), 1);
	mem_free(block);
	assert_int_equal(count_markers(), 0);
}

/* A library's block: not from mem_alloc, not freed by mem_free. */
static void what_a_library_frees_is_wiped(void **state)
{
	(void)state;
	make_marker();
	char text[MARKER_LEN + 1] = "";
	put_marker(text);
	char *volatile copy = strdup(text);
	mem_wipe(text, sizeof text);
	assert_int_equal(count_markers(), 1);
	free(copy);
	assert_int_equal(count_markers(), 0);
}

static void what_grows_leaves_nothing_behind(void **state)
{
	(void)state;
	make_marker();
	char *block = malloc(64);
	assert_non_null(block);
	put_marker(block);
	for (size_t size = 128; size <= (size_t)4 << 20; size *= 2) {
		block = realloc(block, size);
		assert_non_null(block);
		assert_int_equal(count_markers(), 1);
	}
	block = realloc(block, 100);
	assert_non_null(block);
	assert_int_equal(count_markers(), 1);
	free(block);
	assert_int_equal(count_markers(), 0);
}

static void nothing_of_a_request_stays(void **state)
{
	(void)state;
	fixture_start(&f, FAKE_THREAD, (struct server_options){0});
	fake_service_set_secret(f.service, true);
	int fds[20];
	make_marker();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = exchange_marker();
	assert_true(fixture_wait_live(0));
	/* While the connections are kept alive, and after. */
	assert_int_equal(count_markers(), 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		(void)close(fds[i]);
	assert_true(fixture_wait_connections(&f, 0));
	assert_int_equal(count_markers(), 0);
	fixture_stop(&f);
	assert_int_equal(count_markers(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_finds),
		cmocka_unit_test(what_a_library_frees_is_wiped),
		cmocka_unit_test(what_grows_leaves_nothing_behind),
		cmocka_unit_test(nothing_of_a_request_stays),
	};
	return cmocka_run_group_tests_name("daemon wiping", tests, NULL, NULL);
}
