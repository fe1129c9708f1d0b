/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's own free() and realloc(), linked into holdfastd alone (and not with sanitizers,
 * which bring theirs). Our code wipes what it frees; libraries do not, and requests, headers and
 * JSON pass through theirs. So whatever is given back is wiped first, by whomever, and a block that
 * grows is moved by us instead of being left behind unwiped.
 *
 * glibc: a program may interpose malloc(3) and its kin; the originals stay reachable as __libc_*.
 * Every block comes from them, so malloc_usable_size(3) holds for all.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/mem.h"

extern void *__libc_malloc(size_t size);
extern void __libc_free(void *p);

/* A block is moved to a smaller one only when it would waste more than this. */
#define WASTE_MAX 4096

void wiping_free(void *p);
void *wiping_realloc(void *p, size_t size);

void wiping_free(void *p)
{
	if (p == NULL)
		return;
	int kept = errno; /* POSIX.1-2024: free() preserves errno */
	mem_wipe(p, malloc_usable_size(p));
	__libc_free(p);
	errno = kept;
}

void *wiping_realloc(void *p, size_t size)
{
	if (p == NULL)
		return __libc_malloc(size);
	if (size == 0) { /* as glibc has it */
		wiping_free(p);
		return NULL;
	}
	size_t have = malloc_usable_size(p);
	if (size <= have && have - size <= WASTE_MAX)
		return p;
	void *fresh = __libc_malloc(size);
	if (fresh == NULL)
		return NULL;
	mem_copy(fresh, size, p, MIN_OF(have, size));
	wiping_free(p);
	return fresh;
}

/* The names under which everybody else finds them. */
extern __typeof__(wiping_free) free __attribute__((alias("wiping_free")));
extern __typeof__(wiping_realloc) realloc __attribute__((alias("wiping_realloc")));
