/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/failures.h"

#include "audit/record.h"
#include "base/lock.h"
#include "base/mem.h"
#include "base/text.h"
#include "codec/timestamp.h"
#include "codec/uuid.h"

#define REST "Various" /* the reason of the last overflow row */

static void table_free(struct failures_table **table)
{
	if (*table != NULL)
		map_cleanup(&(*table)->by_key);
	mem_free(TAKE(*table));
}

static struct err table_new(struct failures_table **out)
{
	CLEANUP(table_free) struct failures_table *table = NULL;
	TRY(MEM_NEW(&table));
	TRY(map_init(&table->by_key));
	*out = TAKE(table);
	return OK;
}

/* Empty, with the same hash seed and, for the next window, no memory of the old keys. */
static void table_clear(struct failures_table *table)
{
	map_cleanup(&table->by_key);
	mem_zero(table->rows, sizeof table->rows);
	table->sources = table->overflows = 0;
}

NODISCARD struct err failures_init(struct failures *f)
{
	*f = (struct failures){.lock = PTHREAD_MUTEX_INITIALIZER};
	TRY(table_new(&f->live));
	return table_new(&f->spare);
}

void failures_cleanup(struct failures *f)
{
	table_free(&f->live);
	table_free(&f->spare);
}

static struct view key_of(const struct failures_row *row)
{
	return view_of(row->key, (size_t)row->reason_len + 1 + row->source_len);
}

static struct view reason_of(const struct failures_row *row)
{
	return view_of(row->key, row->reason_len);
}

static struct view source_of(const struct failures_row *row)
{
	return view_part(key_of(row), (size_t)row->reason_len + 1, row->source_len);
}

static void row_init(struct failures_row *row, struct view source, struct view reason)
{
	source = view_part(source, 0, FAILURES_TEXT_MAX);
	reason = view_part(reason, 0, FAILURES_TEXT_MAX);
	*row = (struct failures_row){.reason_len = (uint8_t)reason.len,
				     .source_len = (uint8_t)source.len};
	mem_copy(row->key, sizeof row->key, reason.ptr, reason.len);
	mem_copy(row->key + reason.len + 1, sizeof row->key - reason.len - 1, source.ptr,
		 source.len);
}

/* The row for any further source with this reason; there always is one. */
static struct failures_row *overflow_row(struct failures_table *table, struct view reason)
{
	struct failures_row *rows = &table->rows[FAILURES_SOURCES];
	for (size_t i = 0; i < table->overflows; i++)
		if (view_equal(reason_of(&rows[i]), reason))
			return &rows[i];
	if (table->overflows == FAILURES_OVERFLOW)
		return &rows[FAILURES_OVERFLOW - 1];
	bool last = table->overflows == FAILURES_OVERFLOW - 1;
	struct failures_row *row = &rows[table->overflows++];
	row_init(row, VIEW_NONE, last ? VIEW_LITERAL(REST) : reason);
	row->overflow = true;
	return row;
}

/* The row to count `wanted` in. */
static struct failures_row *row_for(struct failures_table *table, const struct failures_row *wanted)
{
	void *old = NULL;
	struct failures_row *row = map_get(&table->by_key, key_of(wanted));
	if (row != NULL)
		return row;
	if (wanted->overflow || table->sources == FAILURES_SOURCES)
		return overflow_row(table, reason_of(wanted));
	row = &table->rows[table->sources];
	*row = *wanted;
	row->count = 0;
	if (err_failed(map_put(&table->by_key, key_of(row), row, &old)))
		return overflow_row(table, reason_of(wanted));
	table->sources++;
	return row;
}

/* Adds the counts of `more` to the table; whether it was empty before. */
static bool table_add(struct failures_table *table, const struct failures_row *more)
{
	bool empty = table->sources + table->overflows == 0;
	struct failures_row *row = row_for(table, more);
	row->first_ms = row->count ? MIN_OF(row->first_ms, more->first_ms) : more->first_ms;
	row->last_ms = row->count ? MAX_OF(row->last_ms, more->last_ms) : more->last_ms;
	row->count += more->count;
	return empty;
}

bool failures_count(struct failures *f, struct view source, struct view reason, int64_t now_ms)
{
	struct failures_row one;
	row_init(&one, source, reason);
	one.count = 1;
	one.first_ms = one.last_ms = now_ms;
	LOCK_SCOPE(&f->lock);
	return table_add(f->live, &one);
}

const struct failures_table *failures_take(struct failures *f)
{
	LOCK_SCOPE(&f->lock);
	if (f->live->sources + f->live->overflows == 0)
		return NULL;
	struct failures_table *taken = f->live;
	f->live = f->spare;
	f->spare = taken;
	return taken;
}

void failures_done(struct failures *f, bool written)
{
	LOCK_SCOPE(&f->lock);
	const struct failures_row *row = failures_row_at(f->spare, 0);
	for (size_t at = 0; !written && row != NULL; row = failures_row_at(f->spare, ++at))
		(void)table_add(f->live, row);
	table_clear(f->spare);
}

const struct failures_row *failures_row_at(const struct failures_table *table, size_t at)
{
	if (at < table->sources)
		return &table->rows[at];
	at -= table->sources;
	return at < table->overflows ? &table->rows[FAILURES_SOURCES + at] : NULL;
}

NODISCARD struct err failures_row_write(const struct failures_row *row, struct writer *w)
{
	char first[TIMESTAMP_ISO_TEXT];
	char last[TIMESTAMP_ISO_TEXT];
	char additional[160];
	timestamp_iso(row->first_ms, false, first);
	timestamp_iso(row->last_ms, false, last);
	TRY(text_format(additional, sizeof additional,
			"\"count\":%llu,\"firstSeen\":\"%s\",\"lastSeen\":\"%s\"%s",
			(unsigned long long)row->count, first, last,
			row->overflow ? ",\"manySources\":true" : ""));
	struct audit_record record = {
		.time_ms = row->last_ms,
		.event_source = "kms.amazonaws.com",
		.event_type = "AwsApiCall",
		.event_name = VIEW_LITERAL("AuthenticationFailure"),
		.identity_type = "Unknown",
		.source_address = source_of(row),
		.error_code = reason_of(row),
		.additional_members = view_of_text(additional),
	};
	TRY(uuid_make(record.event_id));
	return audit_record_write(&record, w);
}
