/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

NODISCARD struct err mem_alloc_array(size_t count, size_t size, void **out)
{
	*out = NULL;
	size_t total = 0;
	if (__builtin_mul_overflow(count, size, &total) || total > MEM_ALLOC_MAX)
		return ERR(E_BOUNDS);
	*out = calloc(1, total ? total : 1);
	return *out ? OK : ERR(E_NOMEM);
}

void mem_free(void *p)
{
	if (p == NULL)
		return;
	explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

void mem_free_at(void *at)
{
	void **p = (void **)at;
	mem_free(TAKE(*p));
}

void mem_copy(void *dst, size_t cap, const void *src, size_t n)
{
	if (n > cap)
		abort();
	if (n > 0)
		memcpy(dst, src, n);
}

void mem_move(void *dst, size_t cap, const void *src, size_t n)
{
	if (n > cap)
		abort();
	if (n > 0)
		memmove(dst, src, n);
}

void mem_zero(void *dst, size_t n)
{
	if (n > 0)
		memset(dst, 0, n);
}

void mem_wipe(void *dst, size_t n)
{
	if (n > 0)
		explicit_bzero(dst, n);
}

bool mem_equal(const void *a, const void *b, size_t n)
{
	return n == 0 || memcmp(a, b, n) == 0;
}

int mem_compare(const void *a, const void *b, size_t n)
{
	return n == 0 ? 0 : memcmp(a, b, n);
}

bool mem_equal_constant_time(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *left = (const volatile uint8_t *)a;
	const volatile uint8_t *right = (const volatile uint8_t *)b;
	uint8_t difference = 0;
	for (size_t i = 0; i < n; i++)
		difference |= (uint8_t)(left[i] ^ right[i]);
	return difference == 0;
}
