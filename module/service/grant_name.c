/* SPDX-License-Identifier: Apache-2.0 */
#include "service/grant_name.h"

#include "base/writer.h"

#define PAIR_MARK 0xff /* where a class has its constraint */
#define PAIR_TEXT_MAX ((size_t)4 * KMS_GRANT_PAIR_CHARACTERS_MAX)

static void begin(struct writer *w, struct grant_name *name, uint64_t holder, uint8_t mark)
{
	writer_init(w, name->bytes, sizeof name->bytes);
	writer_u64(w, holder);
	writer_u8(w, mark);
}

static bool end(const struct writer *w, struct grant_name *name)
{
	name->len = w->len;
	return !err_failed(writer_end(w));
}

static bool put_pair(struct writer *w, const struct auth_pair *pair)
{
	if (pair->name.len > PAIR_TEXT_MAX || pair->value.len > PAIR_TEXT_MAX)
		return false;
	writer_block16(w, pair->name);
	writer_block16(w, pair->value);
	return true;
}

struct view grant_name_holder(struct view grantee, struct view id,
			      uint8_t out[GRANT_HOLDER_NAME_MAX])
{
	struct writer w;
	writer_init(&w, out, GRANT_HOLDER_NAME_MAX);
	writer_bytes(&w, grantee);
	writer_u8(&w, 0);
	writer_bytes(&w, id);
	return err_failed(writer_end(&w)) ? VIEW_NONE : view_of(out, w.len);
}

bool grant_name_class(uint64_t holder, enum auth_grant_constraint constraint, struct view canonical,
		      struct grant_name *out)
{
	struct writer w;
	begin(&w, out, holder, (uint8_t)constraint);
	writer_bytes(&w, canonical);
	return end(&w, out);
}

/* As kms_context_encode() writes it: the pairs are in order. */
bool grant_name_context(uint64_t holder, const struct auth_pairs *context, struct grant_name *out)
{
	if (context->count > KMS_GRANT_PAIRS_MAX)
		return false;
	struct writer w;
	begin(&w, out, holder, AUTH_GRANT_EQUALS);
	if (context->count > 0)
		writer_u16(&w, (uint16_t)context->count);
	for (size_t i = 0; i < context->count; i++)
		if (!put_pair(&w, &context->pairs[i]))
			return false;
	return end(&w, out);
}

bool grant_name_pair(uint64_t holder, const struct auth_pair *pair, struct grant_name *out)
{
	struct writer w;
	begin(&w, out, holder, PAIR_MARK);
	return put_pair(&w, pair) && end(&w, out);
}
