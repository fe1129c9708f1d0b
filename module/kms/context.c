/* SPDX-License-Identifier: Apache-2.0 */
#include "kms/context.h"

#include <stdlib.h>

#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"

_Static_assert(KMS_CONTEXT_PAIRS_MAX <= UINT16_MAX, "the count fits in 16 bits");
_Static_assert(4 * KMS_CONTEXT_CHARACTERS_MAX <= UINT16_MAX, "a string's length fits in 16 bits");

static int by_key(const void *a, const void *b)
{
	return view_compare(((const struct kms_context_pair *)a)->key,
			    ((const struct kms_context_pair *)b)->key);
}

/* Characters are code points; 4 bytes each at most, so that what is checked first bounds the rest.
 */
static struct err string_check(struct view string, size_t *characters)
{
	REQUIRE(string.len <= (size_t)4 * KMS_CONTEXT_CHARACTERS_MAX, E_BOUNDS);
	REQUIRE(text_is_utf8(string), E_UTF8);
	*characters += text_length(string);
	REQUIRE(*characters <= KMS_CONTEXT_CHARACTERS_MAX, E_BOUNDS);
	return OK;
}

/* What is encoded must be fit to encode; *len is the length of the canonical form. */
static struct err pairs_check(const struct kms_context_pair *pairs, size_t count, size_t *len)
{
	REQUIRE(count <= KMS_CONTEXT_PAIRS_MAX, E_BOUNDS);
	size_t characters = 0;
	*len = sizeof(uint16_t);
	for (size_t i = 0; i < count; i++) {
		TRY(string_check(pairs[i].key, &characters));
		TRY(string_check(pairs[i].value, &characters));
		*len += 2 * sizeof(uint16_t) + pairs[i].key.len + pairs[i].value.len;
	}
	return OK;
}

NODISCARD struct err kms_context_encode(struct kms_context_pair *pairs, size_t count,
					struct buf *out)
{
	if (count == 0)
		return OK;
	size_t len = 0;
	TRY(pairs_check(pairs, count, &len));
	qsort(pairs, count, sizeof *pairs, by_key);
	for (size_t i = 1; i < count; i++)
		REQUIRE(!view_equal(pairs[i - 1].key, pairs[i].key), E_DUPLICATE);
	TRY(buf_reserve(out, len));
	struct writer w;
	writer_init_buf(&w, out);
	writer_u16(&w, (uint16_t)count);
	for (size_t i = 0; i < count; i++) {
		writer_block16(&w, pairs[i].key);
		writer_block16(&w, pairs[i].value);
	}
	return writer_end(&w);
}

static struct view read_string(struct reader *r, size_t *characters)
{
	struct view string = reader_block16(r, (size_t)4 * KMS_CONTEXT_CHARACTERS_MAX);
	if (err_failed(string_check(string, characters)))
		reader_fail(r);
	return string;
}

NODISCARD struct err kms_context_decode(struct view canonical, struct kms_context_pair *pairs,
					size_t max, size_t *count)
{
	*count = 0;
	if (canonical.len == 0)
		return OK;
	struct reader r;
	reader_init(&r, canonical);
	size_t n = reader_u16(&r), characters = 0;
	REQUIRE(n > 0, E_FORMAT);
	REQUIRE(n <= max && n <= KMS_CONTEXT_PAIRS_MAX, E_BOUNDS);
	for (size_t i = 0; i < n && !r.failed; i++) {
		pairs[i].key = read_string(&r, &characters);
		pairs[i].value = read_string(&r, &characters);
		if (i > 0 && view_compare(pairs[i - 1].key, pairs[i].key) >= 0)
			reader_fail(&r);
	}
	TRY(reader_end(&r));
	*count = n;
	return OK;
}
