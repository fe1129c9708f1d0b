/* SPDX-License-Identifier: Apache-2.0 */
/* What a target asserts with: libFuzzer keeps an input that aborts. */
#ifndef HOLDFAST_TESTS_FUZZ_TARGET_H
#define HOLDFAST_TESTS_FUZZ_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool condition)
{
	if (!condition)
		abort();
}

#endif
