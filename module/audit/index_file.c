/* SPDX-License-Identifier: Apache-2.0 */
/*
 * magic 16 | name of the segment, behind its length | bytes covered 8 | blocks 4 | the blocks |
 * bytes of filters 4 | the filters | seal 32. A block: bytes 4 | records 4 | first 8 | last 8 |
 * bytes of its filter 4; offsets follow from what stands before. The seal is over SHA-256 of
 * everything before it, or is that digest where nothing seals.
 */
#include "audit/index.h"

#include "base/mem.h"
#include "base/reader.h"
#include "base/text.h"
#include "crypto/digest.h"

#define MAGIC "holdfast index 1"
#define NAME_MAX_LEN 64
#define BLOCK_BYTES (4 + 4 + 8 + 8 + 4)

static struct err seal_of(struct view content, const struct audit_index_sealer *sealer,
			  uint8_t out[AUDIT_INDEX_SEAL_LEN])
{
	uint8_t digest[SHA256_LEN];
	TRY(digest_sha256(&content, 1, digest));
	if (sealer != NULL && sealer->seal != NULL)
		return sealer->seal(sealer->self, VIEW_ARRAY(digest), out);
	mem_copy(out, AUDIT_INDEX_SEAL_LEN, digest, sizeof digest);
	return OK;
}

static void put_block(struct writer *w, const struct audit_index_block *block)
{
	writer_u32(w, block->bytes);
	writer_u32(w, block->records);
	writer_u64(w, (uint64_t)block->first_ms);
	writer_u64(w, (uint64_t)block->last_ms);
	writer_u32(w, block->filter_bytes);
}

NODISCARD struct err audit_index_seal_content(struct view content,
					      const struct audit_index_sealer *sealer,
					      struct buf *out)
{
	uint8_t seal[AUDIT_INDEX_SEAL_LEN];
	TRY(seal_of(content, sealer, seal));
	TRY(buf_append(out, content));
	return buf_append(out, VIEW_ARRAY(seal));
}

NODISCARD struct err audit_index_encode(const struct audit_index *index, const char *segment,
					const struct audit_index_sealer *sealer, struct buf *out)
{
	CLEANUP(buf_cleanup) struct buf content;
	struct writer w;
	buf_init(&content, AUDIT_INDEX_BYTES_MAX);
	TRY(buf_reserve(&content, index->filters.len + index->count * BLOCK_BYTES + 256));
	writer_init_buf(&w, &content);
	writer_text(&w, MAGIC);
	writer_block16(&w, view_of_text(segment));
	writer_u64(&w, index->covered);
	writer_u32(&w, (uint32_t)index->count);
	for (size_t i = 0; i < index->count; i++)
		put_block(&w, &index->blocks[i]);
	writer_block32(&w, buf_view(&index->filters));
	TRY(writer_end(&w));
	return audit_index_seal_content(buf_view(&content), sealer, out);
}

/* Each block begins where the one before ends, in the segment and in the filters. */
static void take_block(struct reader *r, struct audit_index *index)
{
	struct audit_index_block block = {0};
	if (index->count > 0) {
		const struct audit_index_block *before = &index->blocks[index->count - 1];
		block.offset = before->offset + before->bytes;
		block.filter = before->filter + before->filter_bytes;
	}
	block.bytes = reader_u32(r);
	block.records = reader_u32(r);
	block.first_ms = (int64_t)reader_u64(r);
	block.last_ms = (int64_t)reader_u64(r);
	block.filter_bytes = reader_u32(r);
	if (block.bytes == 0 || block.filter_bytes > AUDIT_INDEX_BYTES_MAX - block.filter)
		reader_fail(r);
	index->blocks[index->count++] = block;
}

static bool fits(const struct audit_index *index)
{
	if (index->count == 0)
		return index->covered == 0 && index->filters.len == 0;
	const struct audit_index_block *last = &index->blocks[index->count - 1];
	return last->offset + last->bytes == index->covered &&
	       (size_t)last->filter + last->filter_bytes == index->filters.len;
}

static struct err take_blocks(struct reader *r, struct audit_index *index)
{
	size_t count = reader_u32(r);
	REQUIRE(!r->failed && count <= r->rest.len / BLOCK_BYTES, E_FORMAT);
	TRY(MEM_NEW_ARRAY(MAX_OF(count, (size_t)1), &index->blocks));
	index->cap = MAX_OF(count, (size_t)1);
	while (index->count < count && !r->failed)
		take_block(r, index);
	return buf_append(&index->filters, reader_block32(r, AUDIT_INDEX_BYTES_MAX));
}

static struct err take_apart(struct view content, const char *segment, struct audit_index *index)
{
	struct reader r;
	reader_init(&r, content);
	struct view magic = reader_bytes(&r, sizeof MAGIC - 1);
	struct view name = reader_block16(&r, NAME_MAX_LEN);
	index->covered = reader_u64(&r);
	REQUIRE(view_equal_text(magic, MAGIC) && view_equal_text(name, segment), E_FORMAT);
	TRY(take_blocks(&r, index));
	TRY(reader_end(&r));
	REQUIRE(fits(index), E_FORMAT);
	return OK;
}

NODISCARD struct err audit_index_decode(struct view file, const char *segment,
					const struct audit_index_sealer *sealer,
					struct audit_index *out)
{
	uint8_t seal[AUDIT_INDEX_SEAL_LEN];
	CLEANUP(audit_index_cleanup) struct audit_index index;
	audit_index_init(&index);
	REQUIRE(file.len > sizeof seal && file.len <= AUDIT_INDEX_BYTES_MAX, E_FORMAT);
	struct view content = view_part(file, 0, file.len - sizeof seal);
	TRY(take_apart(content, segment, &index));
	TRY(seal_of(content, sealer, seal));
	REQUIRE(mem_equal_constant_time(seal, file.ptr + content.len, sizeof seal), E_FORMAT);
	*out = index;
	audit_index_init(&index);
	return OK;
}
