/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the store, as bytes that carry a good seal by accident, and as the column values of a
 * damaged file. The first byte chooses the table, the second which of the two. What is accepted
 * must have one canonical form.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/reader.h"
#include "store/batch.h"
#include "store/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Room for every struct that a table becomes. */
union row {
	struct kms_installation installation;
	struct kms_key key;
	struct store_version version;
	struct kms_intent intent;
	struct kms_outbox_record record;
	struct store_principal principal;
	struct auth_access_key access_key;
	struct kms_alias alias;
	struct store_key_tag tag;
	struct kms_last_use last_use;
	struct store_claim claim;
	struct store_clock_mark clock_mark;
};

static const struct store_table *const tables[] = {
	&store_table_installation, &store_table_keys,    &store_table_versions,
	&store_table_intents,      &store_table_outbox,  &store_table_principals,
	&store_table_access_keys,  &store_table_aliases, &store_table_tags,
	&store_table_last_uses,    &store_table_claims,  &store_table_clock_marks,
};

static void canonical_check(const struct store_table *table, struct view canonical, bool must)
{
	union row row = {0};
	CLEANUP(buf_cleanup) struct buf again;
	buf_init(&again, STORE_ROW_MAX);
	struct err e = store_row_decode(table, canonical, &row);
	if (err_failed(e) && must)
		abort();
	if (err_failed(e))
		return;
	if (err_failed(store_row_encode(table, &row, &again)) ||
	    !view_equal(buf_view(&again), canonical))
		abort();
	store_row_cleanup(table, &row);
}

/* Values of whatever types, 16-bit lengths; then through the same door as those of a database. */
static void values_check(const struct store_table *table, struct reader *r)
{
	struct store_value values[STORE_COLUMNS_MAX] = {0};
	CLEANUP(store_batch_cleanup) struct store_batch batch;
	store_batch_init(&batch);
	for (size_t i = 0; i < table->column_count; i++) {
		values[i].tag = (enum store_tag)(reader_u8(r) & 3);
		if (values[i].tag == STORE_INTEGER)
			values[i].integer = (int64_t)reader_u64(r);
		else
			values[i].bytes = reader_block16(r, UINT16_MAX);
	}
	if (!err_failed(store_batch_add_stored(&batch, table, values, reader_remaining(r))))
		canonical_check(table, store_batch_row(&batch, 0), true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nothing[1];
	struct reader r;
	log_configure(LOG_FORM_TEXT, (enum log_level)0, -1);
	reader_init(&r, view_of(size ? data : nothing, size));
	const struct store_table *table = tables[reader_u8(&r) % ARRAY_LEN(tables)];
	if (reader_u8(&r) & 1)
		values_check(table, &r);
	else
		canonical_check(table, reader_remaining(&r), false);
	return 0;
}
