/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be found where in one segment: for each block of lines its times, and a Bloom filter
 * over the values (disclosure.h) that its events can be found by, each account's for itself.
 *
 * Derived, and never believed: it says which blocks may be passed over, and every hit is read from
 * the log again. As an index that was made to lie could hide events, the file <segment>.index
 * beside the segment carries a seal; one that is missing, stale, damaged or not sealed by us is
 * made anew.
 */
#ifndef HOLDFAST_AUDIT_INDEX_H
#define HOLDFAST_AUDIT_INDEX_H

#include "audit/disclosure.h"

#define AUDIT_INDEX_SUFFIX ".index"
#define AUDIT_INDEX_SEAL_LEN 32
#define AUDIT_INDEX_BLOCK ((uint32_t)256 << 10) /* bytes of lines at which a block ends */
/* Of a file: a segment has at most 4 GiB, and a block's filter a hundredth of its lines. */
#define AUDIT_INDEX_BYTES_MAX ((size_t)192 << 20)

/* Seals a digest so that only holders of the installation's keys can: service/. Blocks. */
struct audit_index_sealer {
	NODISCARD struct err (*seal)(void *self, struct view digest,
				     uint8_t out[AUDIT_INDEX_SEAL_LEN]);
	void *self;
};

struct audit_index_block {
	uint64_t offset; /* in the segment; where the one before ends */
	uint32_t bytes;  /* whole lines */
	uint32_t records;
	int64_t first_ms, last_ms;     /* of the events; without any, first > last */
	uint32_t filter, filter_bytes; /* in the index's filters */
};

struct audit_index {
	uint64_t covered; /* bytes of the segment that the blocks are about, from its start */
	struct audit_index_block *blocks;
	size_t count, cap;
	struct buf filters;
};

void audit_index_init(struct audit_index *index);
void audit_index_cleanup(struct audit_index *index);
size_t audit_index_bytes(const struct audit_index *index);

/* Another like it. *out: init'ed; audit_index_cleanup(). E_NOMEM. */
NODISCARD struct err audit_index_copy(const struct audit_index *index, struct audit_index *out);

/* Makes an index, line by line, in the order of the segment. */
struct audit_index_builder;
NODISCARD struct err audit_index_builder_new(struct audit_index_builder **out);
void audit_index_builder_free(struct audit_index_builder **builder);

/* Forgets what it was given: for another segment, or the same again. */
void audit_index_builder_restart(struct audit_index_builder *builder);

/* A line that ends before `end`, an offset in the segment, and follows what was added before; what
 * is no record is covered, and found by nothing. *block: a block was ended, and is in the index. */
NODISCARD struct err audit_index_builder_add(struct audit_index_builder *builder, struct view line,
					     uint64_t end, bool *block);

/* Ends the last block there. */
NODISCARD struct err audit_index_builder_end(struct audit_index_builder *builder, uint64_t end);

/* The index so far: whole blocks. Borrowed. */
const struct audit_index *audit_index_builder_index(const struct audit_index_builder *builder);

/* What is looked for. */
struct audit_wanted {
	struct view account;
	enum audit_attribute attribute;
	struct view value;          /* empty for AUDIT_ANY */
	int64_t since_ms, until_ms; /* both included */
};

/* What stands for account, attribute and value in the filters; the same for every index. */
uint64_t audit_wanted_term(const struct audit_wanted *wanted);

/* Whether the block may hold an event of that term in that time: false is certain. */
bool audit_index_may_hold(const struct audit_index *index, const struct audit_index_block *block,
			  const struct audit_wanted *wanted, uint64_t term);

/* The file: appended to `out`, and read back. Of the segment with this name, whose size is that of
 * a complete segment. E_FORMAT: not such a file. E_NOMEM; what the
 * sealer answers. */
NODISCARD struct err audit_index_encode(const struct audit_index *index, const char *segment,
					const struct audit_index_sealer *sealer, struct buf *out);
/* What stands before the seal, and its seal, appended: the last step of encoding. */
NODISCARD struct err audit_index_seal_content(struct view content,
					      const struct audit_index_sealer *sealer,
					      struct buf *out);
NODISCARD struct err audit_index_decode(struct view file, const char *segment,
					const struct audit_index_sealer *sealer,
					struct audit_index *out);

#endif
