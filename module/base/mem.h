/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the only file that calls malloc, memcpy and their kin. Everything handed out is zeroed,
 * everything taken back is wiped.
 */
#ifndef HOLDFAST_BASE_MEM_H
#define HOLDFAST_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* No single allocation of ours is larger: a wire length can never become a huge malloc. */
#define MEM_ALLOC_MAX ((size_t)256 << 20)

/*
 * Zeroed room for `count` elements of `size` bytes; *out is owned by the caller, mem_free().
 * Fails with E_NOMEM, or E_BOUNDS above MEM_ALLOC_MAX; then *out is NULL.
 */
NODISCARD struct err mem_alloc_array(size_t count, size_t size, void **out);

/* As mem_alloc_array() for one object; `out` is the address of a typed pointer. */
#define MEM_NEW(out) mem_alloc_array(1, sizeof(**(out)), (void **)(out))
#define MEM_NEW_ARRAY(count, out) mem_alloc_array((count), sizeof(**(out)), (void **)(out))

/* Wipes and frees; `p` may be NULL. Only for memory that came from this header. */
void mem_free(void *p);

/* For CLEANUP(mem_free_at): `at` is the address of a pointer. */
void mem_free_at(void *at);

/* Copies n bytes; a copy larger than `cap` is a defect and ends the process. Regions may not
 * overlap. */
void mem_copy(void *dst, size_t cap, const void *src, size_t n);

/* As mem_copy(), for regions that overlap. */
void mem_move(void *dst, size_t cap, const void *src, size_t n);

void mem_zero(void *dst, size_t n);

/* As mem_zero(), never optimised away: for what was secret. */
void mem_wipe(void *dst, size_t n);

/* For bytes that are not secret. */
bool mem_equal(const void *a, const void *b, size_t n);

/* Order as of memcmp(): negative, 0, positive. For bytes that are not secret. */
int mem_compare(const void *a, const void *b, size_t n);

/* In time that depends on n alone: for secrets and authenticators. */
bool mem_equal_constant_time(const void *a, const void *b, size_t n);

#endif
