/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of an encryption context, as blocks of 8-bit length. What is encoded must say all of the
 * pairs in order, and the pairs the other way round must give the same bytes.
 */
#include <stdlib.h>

#include "base/reader.h"
#include "kms/context.h"

#define PAIRS_MAX 64
#define CANONICAL_MAX (64 << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t pairs_read(struct view input, struct kms_context_pair *pairs)
{
	struct reader r;
	size_t count = 0;
	reader_init(&r, input);
	while (count < PAIRS_MAX && r.rest.len > 0 && !r.failed) {
		pairs[count].key = reader_bytes(&r, reader_u8(&r));
		pairs[count].value = reader_bytes(&r, reader_u8(&r));
		count += !r.failed;
	}
	return count;
}

/* `pairs` were sorted by the encoder. */
static void canonical_check(struct view canonical, const struct kms_context_pair *pairs,
			    size_t count)
{
	struct reader r;
	reader_init(&r, canonical);
	if (count > 0 && reader_u16(&r) != count)
		abort();
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && view_compare(pairs[i - 1].key, pairs[i].key) >= 0)
			abort();
		if (!view_equal(reader_block16(&r, CANONICAL_MAX), pairs[i].key) ||
		    !view_equal(reader_block16(&r, CANONICAL_MAX), pairs[i].value))
			abort();
	}
	if (err_failed(reader_end(&r)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kms_context_pair pairs[PAIRS_MAX];
	struct kms_context_pair reversed[PAIRS_MAX];
	CLEANUP(buf_cleanup) struct buf one;
	CLEANUP(buf_cleanup) struct buf two;
	buf_init(&one, CANONICAL_MAX);
	buf_init(&two, CANONICAL_MAX);
	size_t count = pairs_read(view_of(data, size), pairs);
	for (size_t i = 0; i < count; i++)
		reversed[i] = pairs[count - 1 - i];
	struct err first = kms_context_encode(pairs, count, &one);
	struct err second = kms_context_encode(reversed, count, &two);
	if (err_failed(first) != err_failed(second))
		abort();
	if (err_failed(first))
		return 0;
	canonical_check(buf_view(&one), pairs, count);
	if (!view_equal(buf_view(&one), buf_view(&two)))
		abort();
	return 0;
}
