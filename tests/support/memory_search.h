/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for bytes in all writable memory of this process, through the kernel, so that what was
 * freed and not wiped counts as well. The pattern is held inverted: a search must not find itself.
 */
#ifndef HOLDFAST_TESTS_SUPPORT_MEMORY_SEARCH_H
#define HOLDFAST_TESTS_SUPPORT_MEMORY_SEARCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"

#define MEMORY_PATTERN_LEN 32
#define MEMORY_WINDOW ((size_t)1 << 16)
#define MEMORY_SHADOW_MIN ((uint64_t)64 << 20) /* a mapping as large is a sanitizer's shadow */

struct memory_pattern {
	uint8_t inverted[MEMORY_PATTERN_LEN];
};

/* What is being looked at; left out of the search, which would else find everything twice. */
static uint8_t memory_window[MEMORY_WINDOW];

static inline void memory_pattern_init(struct memory_pattern *p,
				       const uint8_t bytes[MEMORY_PATTERN_LEN])
{
	for (size_t i = 0; i < MEMORY_PATTERN_LEN; i++)
		p->inverted[i] = bytes[i] ^ 0xff;
}

static inline size_t memory_count_in_window(size_t len, const struct memory_pattern *p)
{
	size_t hits = 0;
	for (size_t i = 0; i + MEMORY_PATTERN_LEN <= len; i++) {
		size_t same = 0;
		while (same < MEMORY_PATTERN_LEN &&
		       (memory_window[i + same] ^ p->inverted[same]) == 0xff)
			same++;
		hits += same == MEMORY_PATTERN_LEN;
	}
	return hits;
}

static inline size_t memory_count_in_range(int memory, uint64_t from, uint64_t to,
					   const struct memory_pattern *p)
{
	size_t hits = 0;
	for (uint64_t at = from; at < to; at += MEMORY_WINDOW - MEMORY_PATTERN_LEN + 1) {
		size_t want = (size_t)MIN_OF(to - at, MEMORY_WINDOW);
		ssize_t got = pread(memory, memory_window, want, (off_t)at);
		if (got <= 0)
			break;
		hits += memory_count_in_window((size_t)got, p);
	}
	return hits;
}

static inline size_t memory_count_in_mapping(int memory, uint64_t from, uint64_t to,
					     const struct memory_pattern *p)
{
	uint64_t ours = (uintptr_t)memory_window;
	if (ours < from || ours >= to)
		return memory_count_in_range(memory, from, to, p);
	return memory_count_in_range(memory, from, ours, p) +
	       memory_count_in_range(memory, ours + MEMORY_WINDOW, to, p);
}

/* How often the pattern stands in memory. */
static inline size_t memory_search(const struct memory_pattern *p)
{
	char line[512];
	size_t hits = 0;
	int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	FILE *maps = fopen("/proc/self/maps", "re");
	assert_true(memory >= 0 && maps != NULL);
	while (fgets(line, sizeof line, maps) != NULL) {
		unsigned long long from = 0, to = 0;
		char mode[5] = "";
		if (sscanf(line, "%llx-%llx %4s", &from, &to, mode) != 3 || mode[1] != 'w')
			continue;
		if (to - from < MEMORY_SHADOW_MIN)
			hits += memory_count_in_mapping(memory, from, to, p);
	}
	(void)fclose(maps);
	(void)close(memory);
	mem_wipe(memory_window, sizeof memory_window);
	return hits;
}

#endif
