/* SPDX-License-Identifier: Apache-2.0 */
/* An index file and a record that somebody wrote: read without harm; what is taken of an index is
 * the same when it is written again, and asking it stays inside it. */
#include <stdlib.h>

#include "audit/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct audit_index *index)
{
	const struct audit_wanted wanted = {.until_ms = INT64_MAX};
	for (size_t i = 0; i < index->count; i++)
		(void)audit_index_may_hold(index, &index->blocks[i], &wanted,
					   audit_wanted_term(&wanted));
}

static void write_again(const struct audit_index *index, struct view file)
{
	CLEANUP(buf_cleanup) struct buf again;
	buf_init(&again, AUDIT_INDEX_BYTES_MAX);
	if (err_failed(audit_index_encode(index, "s", NULL, &again)) ||
	    !view_equal(buf_view(&again), file))
		abort();
}

/* The check sum is put right, so that what stands before it is reached. */
static void read_index(struct view content)
{
	CLEANUP(buf_cleanup) struct buf file;
	struct audit_index index;
	buf_init(&file, AUDIT_INDEX_BYTES_MAX);
	if (err_failed(audit_index_seal_content(content, NULL, &file)))
		return;
	if (err_failed(audit_index_decode(buf_view(&file), "s", NULL, &index)))
		return;
	ask(&index);
	write_again(&index, buf_view(&file));
	audit_index_cleanup(&index);
}

/* Whatever a record says, its copies can be made, and asked for what they tell. */
static void read_record(struct view line)
{
	CLEANUP(audit_event_cleanup) struct audit_event event;
	CLEANUP(buf_cleanup) struct buf text;
	struct audit_copy copies[AUDIT_COPIES_MAX];
	size_t count = 0;
	struct writer w;
	buf_init(&text, 1 << 20);
	if (err_failed(audit_event_read(line, &event)) ||
	    err_failed(audit_copies(&event, copies, &count)))
		return;
	for (size_t i = 0; i < count; i++) {
		buf_clear(&text);
		writer_init_buf(&w, &text);
		if (!audit_copy_matches(&event, &copies[i], AUDIT_ANY, VIEW_NONE))
			abort();
		(void)!err_failed(audit_copy_write(line, &event, &copies[i], &w));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_index(view_of(data, size));
	read_record(view_of(data, size));
	return 0;
}
