/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few words that this code adds to C. Only TRY, CLEANUP, TAKE, REQUIRE and ENSURE may hide
 * control flow; TRY, REQUIRE and ENSURE live in err.h.
 */
#ifndef HOLDFAST_BASE_MACROS_H
#define HOLDFAST_BASE_MACROS_H

#include <stddef.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define UNUSED __attribute__((unused))

/* Large room that is written before it is read, on a hot path: the compiler need not zero it. */
#define UNINITIALISED __attribute__((uninitialized))

/* Runs `fn(&variable)` when the variable leaves its scope; declared where the resource is taken. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hands a pointer over: yields its value and leaves NULL behind, so that its CLEANUP does nothing.
 */
#define TAKE(pointer)                                  \
	({                                             \
		__typeof__(pointer) take_ = (pointer); \
		(pointer) = NULL;                      \
		take_;                                 \
	})

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#endif
