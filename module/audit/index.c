/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building an index, and asking it. How it is written: index_file.c.
 *
 * A filter has 16 bits for each value and sets 11 of them: one block in two thousand is read for
 * nothing. Where the bits are is told by two halves of a hash of the value, which only has to be
 * even, not secret: a client that aims for collisions makes its own searches slower.
 */
#include "audit/index.h"

#include "base/mem.h"

#define BITS_PER_TERM 16
#define PROBES 11
#define BLOCKS_STEP 64
#define SET_SLOTS ((size_t)32768)                /* a power of two */
#define TERMS_MAX (SET_SLOTS / 2)                /* of a block: it ends early */
#define HASH_OFFSET UINT64_C(0xcbf29ce484222325) /* FNV-1a, 64 bits */
#define HASH_PRIME UINT64_C(0x100000001b3)

struct audit_index_builder {
	struct audit_index index;
	struct audit_index_block block; /* that is being filled */
	uint64_t *set;                  /* hashes of its values; 0: empty */
	uint64_t *terms;                /* the same in a row */
	size_t count;
	struct view account; /* of the copy whose values are added */
};

/* --- Values to bits. --- */

static uint64_t hash_bytes(uint64_t hash, struct view bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		hash = (hash ^ bytes.ptr[i]) * HASH_PRIME;
	return hash;
}

/* Spreads what FNV leaves uneven in the upper bits (the finaliser of MurmurHash3). */
static uint64_t mix(uint64_t hash)
{
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ (hash >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ (hash >> 33);
}

static uint64_t term_of(struct view account, enum audit_attribute attribute, struct view value)
{
	const uint8_t lead[] = {(uint8_t)attribute, (uint8_t)account.len};
	uint64_t hash = hash_bytes(HASH_OFFSET, VIEW_ARRAY(lead));
	hash = mix(hash_bytes(hash_bytes(hash, account), value));
	return hash != 0 ? hash : 1;
}

/* The bits of a filter that a value has. */
struct probe {
	uint64_t at, step;
	uint64_t bits; /* of the filter */
};

static struct probe probe_begin(uint64_t term, uint64_t bits)
{
	return (struct probe){.at = term, .step = mix(term) | 1, .bits = bits};
}

static uint64_t probe_next(struct probe *probe)
{
	probe->at += probe->step;
	return probe->at % probe->bits;
}

static void filter_add(uint8_t *filter, uint32_t bytes, uint64_t term)
{
	struct probe probe = probe_begin(term, (uint64_t)bytes * 8);
	for (int i = 0; i < PROBES; i++) {
		uint64_t bit = probe_next(&probe);
		filter[bit / 8] = (uint8_t)(filter[bit / 8] | 1U << bit % 8);
	}
}

static bool filter_has(const uint8_t *filter, uint32_t bytes, uint64_t term)
{
	struct probe probe = probe_begin(term, (uint64_t)bytes * 8);
	for (int i = 0; i < PROBES; i++) {
		uint64_t bit = probe_next(&probe);
		if ((filter[bit / 8] & 1U << bit % 8) == 0)
			return false;
	}
	return true;
}

uint64_t audit_wanted_term(const struct audit_wanted *wanted)
{
	return term_of(wanted->account, wanted->attribute, wanted->value);
}

bool audit_index_may_hold(const struct audit_index *index, const struct audit_index_block *block,
			  const struct audit_wanted *wanted, uint64_t term)
{
	if (block->last_ms < wanted->since_ms || block->first_ms > wanted->until_ms ||
	    block->first_ms > block->last_ms || block->filter_bytes == 0)
		return false;
	return filter_has(index->filters.ptr + block->filter, block->filter_bytes, term);
}

/* --- The index. --- */

void audit_index_init(struct audit_index *index)
{
	*index = (struct audit_index){.covered = 0};
	buf_init(&index->filters, AUDIT_INDEX_BYTES_MAX);
}

void audit_index_cleanup(struct audit_index *index)
{
	mem_free(index->blocks);
	buf_cleanup(&index->filters);
	audit_index_init(index);
}

size_t audit_index_bytes(const struct audit_index *index)
{
	return index->cap * sizeof *index->blocks + index->filters.cap;
}

NODISCARD struct err audit_index_copy(const struct audit_index *index, struct audit_index *out)
{
	TRY(MEM_NEW_ARRAY(MAX_OF(index->count, (size_t)1), &out->blocks));
	out->cap = MAX_OF(index->count, (size_t)1);
	mem_copy(out->blocks, out->cap * sizeof *out->blocks, index->blocks,
		 index->count * sizeof *index->blocks);
	out->count = index->count;
	out->covered = index->covered;
	return buf_append(&out->filters, buf_view(&index->filters));
}

static struct err add_block(struct audit_index *index, const struct audit_index_block *block)
{
	if (index->count == index->cap) {
		struct audit_index_block *more = NULL;
		size_t cap = MAX_OF(2 * index->cap, (size_t)BLOCKS_STEP);
		TRY(MEM_NEW_ARRAY(cap, &more));
		mem_copy(more, cap * sizeof *more, index->blocks,
			 index->count * sizeof *index->blocks);
		mem_free(index->blocks);
		index->blocks = more;
		index->cap = cap;
	}
	index->blocks[index->count++] = *block;
	index->covered = block->offset + block->bytes;
	return OK;
}

/* --- Building. --- */

static void begin_block(struct audit_index_builder *b)
{
	b->block = (struct audit_index_block){
		.offset = b->index.covered, .first_ms = INT64_MAX, .last_ms = INT64_MIN};
	mem_zero(b->set, SET_SLOTS * sizeof *b->set);
	b->count = 0;
}

static void add_term(struct audit_index_builder *b, uint64_t term)
{
	size_t slot = (size_t)(term & (SET_SLOTS - 1));
	while (b->set[slot] != 0 && b->set[slot] != term)
		slot = (slot + 1) & (SET_SLOTS - 1);
	if (b->set[slot] == term)
		return;
	b->set[slot] = term;
	b->terms[b->count++] = term;
}

static void add_value(void *user, enum audit_attribute attribute, struct view value)
{
	struct audit_index_builder *b = user;
	add_term(b, term_of(b->account, attribute, value));
}

static struct err add_event(struct audit_index_builder *b, struct view line)
{
	CLEANUP(audit_event_cleanup) struct audit_event event;
	struct audit_copy copies[AUDIT_COPIES_MAX];
	size_t count = 0;
	struct err e = audit_event_read(line, &event);
	if (err_is(e, E_FORMAT))
		return OK;
	TRY(e);
	TRY(audit_copies(&event, copies, &count));
	for (size_t i = 0; i < count; i++) {
		b->account = copies[i].account;
		audit_copy_visit(&event, &copies[i], add_value, b);
	}
	b->block.records++;
	b->block.first_ms = MIN_OF(b->block.first_ms, event.time_ms);
	b->block.last_ms = MAX_OF(b->block.last_ms, event.time_ms);
	return OK;
}

static struct err put_filter(struct audit_index_builder *b)
{
	struct buf *filters = &b->index.filters;
	b->block.filter = (uint32_t)filters->len;
	b->block.filter_bytes = (uint32_t)(b->count * BITS_PER_TERM / 8);
	if (b->count == 0)
		return OK;
	TRY(buf_reserve(filters, b->block.filter_bytes));
	struct writer w;
	writer_init_buf(&w, filters);
	uint8_t *filter = writer_room(&w, b->block.filter_bytes);
	TRY(writer_end(&w));
	for (size_t i = 0; i < b->count; i++)
		filter_add(filter, b->block.filter_bytes, b->terms[i]);
	return OK;
}

NODISCARD struct err audit_index_builder_end(struct audit_index_builder *b, uint64_t end)
{
	REQUIRE(end >= b->block.offset && end - b->block.offset <= UINT32_MAX, E_BOUNDS);
	if (end == b->block.offset)
		return OK;
	b->block.bytes = (uint32_t)(end - b->block.offset);
	TRY(put_filter(b));
	TRY(add_block(&b->index, &b->block));
	begin_block(b);
	return OK;
}

/* What one event adds at most: each copy has nine values and two names for each resource. */
#define TERMS_OF_EVENT (AUDIT_COPIES_MAX * (9 + 2 * AUDIT_EVENT_RESOURCES_MAX))
_Static_assert(TERMS_MAX + TERMS_OF_EVENT < SET_SLOTS, "the set never fills");

NODISCARD struct err audit_index_builder_add(struct audit_index_builder *b, struct view line,
					     uint64_t end, bool *block)
{
	*block = false;
	TRY(add_event(b, line));
	if (end - b->block.offset < AUDIT_INDEX_BLOCK && b->count < TERMS_MAX)
		return OK;
	*block = true;
	return audit_index_builder_end(b, end);
}

void audit_index_builder_restart(struct audit_index_builder *b)
{
	audit_index_cleanup(&b->index);
	begin_block(b);
}

const struct audit_index *audit_index_builder_index(const struct audit_index_builder *b)
{
	return &b->index;
}

NODISCARD struct err audit_index_builder_new(struct audit_index_builder **out)
{
	CLEANUP(audit_index_builder_free) struct audit_index_builder *b = NULL;
	TRY(MEM_NEW(&b));
	audit_index_init(&b->index);
	TRY(MEM_NEW_ARRAY(SET_SLOTS, &b->set));
	TRY(MEM_NEW_ARRAY(SET_SLOTS, &b->terms));
	begin_block(b);
	*out = TAKE(b);
	return OK;
}

void audit_index_builder_free(struct audit_index_builder **at)
{
	struct audit_index_builder *b = TAKE(*at);
	if (b == NULL)
		return;
	audit_index_cleanup(&b->index);
	mem_free(b->set);
	mem_free(b->terms);
	mem_free(b);
}
