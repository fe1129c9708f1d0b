/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locked slabs. A slab is 64 KiB of mlock'ed, undumpable memory cut into slots of one size class;
 * slots go back to the free list of their class, wiped, and slabs are kept for the life of the
 * process.
 */
#include "base/secret.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/mem.h"

#define SLAB_SIZE ((size_t)64 << 10)
#define CLASS_SMALLEST ((size_t)64)
#define CLASS_COUNT 9 /* 64 bytes << 8 = 16 KiB = SECRET_MAX */

static_assert(CLASS_SMALLEST << (CLASS_COUNT - 1) == SECRET_MAX, "the last class holds SECRET_MAX");

struct slot {
	struct slot *next;
};

static struct {
	pthread_mutex_t lock;
	struct slot *free[CLASS_COUNT];
	struct secret_usage usage;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t class_of(size_t cap)
{
	size_t class = 0;
	while (CLASS_SMALLEST << class < cap)
		class ++;
	return class;
}

static struct err slab_add(size_t class)
{
	uint8_t *slab = (uint8_t *)mmap(NULL, SLAB_SIZE, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slab == MAP_FAILED)
		return ERR_DETAIL(E_NOMEM, errno);
	if (mlock(slab, SLAB_SIZE) != 0 || madvise(slab, SLAB_SIZE, MADV_DONTDUMP) != 0) {
		int saved = errno;
		(void)munmap(slab, SLAB_SIZE);
		return ERR_DETAIL(E_LOCKED_MEMORY, saved);
	}
	size_t size = CLASS_SMALLEST << class;
	for (size_t at = 0; at + size <= SLAB_SIZE; at += size) {
		struct slot *slot = (struct slot *)(void *)(slab + at);
		slot->next = pool.free[class];
		pool.free[class] = slot;
	}
	pool.usage.locked_bytes += SLAB_SIZE;
	return OK;
}

static struct err slot_take(size_t class, uint8_t **out)
{
	LOCK_SCOPE(&pool.lock);
	if (pool.free[class] == NULL)
		TRY(slab_add(class));
	struct slot *slot = pool.free[class];
	pool.free[class] = slot->next;
	slot->next = NULL;
	pool.usage.used_bytes += CLASS_SMALLEST << class;
	pool.usage.live_count++;
	*out = (uint8_t *)slot;
	return OK;
}

static void slot_return(size_t class, uint8_t *ptr)
{
	LOCK_SCOPE(&pool.lock);
	struct slot *slot = (struct slot *)(void *)ptr;
	slot->next = pool.free[class];
	pool.free[class] = slot;
	pool.usage.used_bytes -= CLASS_SMALLEST << class;
	pool.usage.live_count--;
}

NODISCARD struct err secret_new(size_t cap, struct secret **out)
{
	*out = NULL;
	if (cap > SECRET_MAX)
		return ERR(E_BOUNDS);
	CLEANUP(mem_free_at) struct secret *s = NULL;
	TRY(MEM_NEW(&s));
	size_t class = class_of(cap);
	TRY(slot_take(class, &s->ptr));
	s->cap = CLASS_SMALLEST << class;
	*out = TAKE(s);
	return OK;
}

NODISCARD struct err secret_new_from(struct view bytes, struct secret **out)
{
	TRY(secret_new(bytes.len, out));
	mem_copy((*out)->ptr, (*out)->cap, bytes.ptr, bytes.len);
	(*out)->len = bytes.len;
	return OK;
}

void secret_free(struct secret **s)
{
	struct secret *gone = TAKE(*s);
	if (gone == NULL)
		return;
	mem_wipe(gone->ptr, gone->cap);
	slot_return(class_of(gone->cap), gone->ptr);
	mem_free(gone);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && mem_equal_constant_time(a->ptr, b->ptr, a->len);
}

struct secret_usage secret_usage(void)
{
	LOCK_SCOPE(&pool.lock);
	return pool.usage;
}
