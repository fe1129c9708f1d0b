/* SPDX-License-Identifier: Apache-2.0 */
#include "store/batch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "kms/key.h"

#define FIRST_CAP 8

_Static_assert(STORE_ROW_MAX <= HSM_MAC_MESSAGE_MAX, "every row can be sealed");

void store_batch_init(struct store_batch *batch)
{
	*batch = (struct store_batch){0};
	buf_init(&batch->bytes, STORE_BATCH_BYTES_MAX);
}

void store_batch_cleanup(struct store_batch *batch)
{
	buf_cleanup(&batch->bytes);
	mem_free(TAKE(batch->rows));
	batch->count = batch->cap = 0;
	struct store_batch *manifest = TAKE(batch->manifest);
	if (manifest == NULL)
		return;
	store_batch_cleanup(manifest); /* it has none of its own */
	mem_free(manifest);
}

static struct err rows_reserve(struct store_batch *batch)
{
	if (batch->count < batch->cap)
		return OK;
	size_t cap = batch->cap ? batch->cap * 2 : FIRST_CAP;
	REQUIRE(cap <= STORE_BATCH_ROWS_MAX, E_BOUNDS);
	struct store_batch_row *larger = NULL;
	TRY(MEM_NEW_ARRAY(cap, &larger));
	mem_copy(larger, cap * sizeof *larger, batch->rows, batch->count * sizeof *larger);
	mem_free(batch->rows);
	batch->rows = larger;
	batch->cap = cap;
	return OK;
}

static void row_commit(struct store_batch *batch, const struct store_table *table, size_t start,
		       struct view seal)
{
	struct store_batch_row *row = &batch->rows[batch->count++];
	*row = (struct store_batch_row){
		.table = table,
		.start = start,
		.len = batch->bytes.len - start,
		.sealed = seal.len > 0,
	};
	mem_copy(row->seal, sizeof row->seal, seal.ptr, seal.len);
}

NODISCARD struct err store_batch_add(struct store_batch *batch, const struct store_table *table,
				     const void *object)
{
	size_t start = batch->bytes.len;
	TRY(rows_reserve(batch));
	TRY(store_row_encode(table, object, &batch->bytes));
	row_commit(batch, table, start, VIEW_NONE);
	return OK;
}

NODISCARD struct err store_row_refuse(const struct store_table *table,
				      const struct store_value *values, const char *why)
{
	char key[STORE_KEY_TEXT];
	struct err refused = ERR(E_STORE_SEAL);
	store_row_key(table, values, key);
	metric_add(METRIC_ROWS_REFUSED, 0, 0, 1);
	log_event(LOG_ERROR, "store.row_refused", LOG_TEXT("table", table->name),
		  LOG_TEXT("row", key), LOG_TEXT("why", why), LOG_ERR(refused));
	return refused;
}

NODISCARD struct err store_batch_try_stored(struct store_batch *batch,
					    const struct store_table *table,
					    const struct store_value *values, struct view seal)
{
	size_t start = batch->bytes.len;
	REQUIRE(seal.len == 0 || seal.len == KMS_SEAL_LEN, E_FORMAT);
	TRY(rows_reserve(batch));
	TRY(store_row_write(table, values, &batch->bytes));
	row_commit(batch, table, start, seal);
	return OK;
}

NODISCARD struct err store_batch_add_stored(struct store_batch *batch,
					    const struct store_table *table,
					    const struct store_value *values, struct view seal)
{
	struct err result = store_batch_try_stored(batch, table, values, seal);
	if (!err_is(result, E_FORMAT))
		return result;
	bool whole = seal.len == 0 || seal.len == KMS_SEAL_LEN;
	return store_row_refuse(table, values,
				whole ? "a value is outside its bounds"
				      : "its seal has the wrong length");
}

struct view store_batch_row(const struct store_batch *batch, size_t at)
{
	return view_part(buf_view(&batch->bytes), batch->rows[at].start, batch->rows[at].len);
}

/* One call of the sealer for all rows; *out is count seals, mem_free(). */
static struct err seals_make(const struct store_batch *batch, const struct kms_sealer *sealer,
			     uint8_t (**out)[KMS_SEAL_LEN])
{
	CLEANUP(mem_free_at) struct view *messages = NULL;
	CLEANUP(mem_free_at) uint8_t(*seals)[KMS_SEAL_LEN] = NULL;
	TRY(MEM_NEW_ARRAY(batch->count, &messages));
	TRY(MEM_NEW_ARRAY(batch->count, &seals));
	for (size_t i = 0; i < batch->count; i++)
		messages[i] = store_batch_row(batch, i);
	TRY(sealer->seal(sealer->self, messages, batch->count, seals));
	*out = TAKE(seals);
	return OK;
}

NODISCARD struct err store_batch_seal(struct store_batch *batch, const struct kms_sealer *sealer)
{
	if (batch->count == 0)
		return OK;
	CLEANUP(mem_free_at) uint8_t(*seals)[KMS_SEAL_LEN] = NULL;
	TRY(seals_make(batch, sealer, &seals));
	for (size_t i = 0; i < batch->count; i++) {
		mem_copy(batch->rows[i].seal, KMS_SEAL_LEN, seals[i], KMS_SEAL_LEN);
		batch->rows[i].sealed = true;
	}
	return OK;
}

static struct err row_refuse(const struct store_batch *batch, size_t at, const char *why)
{
	struct store_value values[STORE_COLUMNS_MAX];
	TRY(store_row_values(batch->rows[at].table, store_batch_row(batch, at), values));
	return store_row_refuse(batch->rows[at].table, values, why);
}

NODISCARD struct err store_batch_check(const struct store_batch *batch,
				       const struct kms_sealer *sealer, bool *sound)
{
	if (batch->count == 0)
		return OK;
	CLEANUP(mem_free_at) uint8_t(*seals)[KMS_SEAL_LEN] = NULL;
	TRY(seals_make(batch, sealer, &seals));
	for (size_t i = 0; i < batch->count; i++)
		sound[i] = batch->rows[i].sealed &&
			   mem_equal_constant_time(batch->rows[i].seal, seals[i], KMS_SEAL_LEN);
	return OK;
}

NODISCARD struct err store_batch_verify(const struct store_batch *batch,
					const struct kms_sealer *sealer)
{
	CLEANUP(mem_free_at) bool *sound = NULL;
	struct err result = OK;
	TRY(MEM_NEW_ARRAY(batch->count, &sound));
	TRY(store_batch_check(batch, sealer, sound));
	for (size_t i = 0; i < batch->count; i++)
		if (!sound[i])
			result = row_refuse(batch, i,
					    batch->rows[i].sealed ? "its seal does not fit"
								  : "it carries no seal");
	return result;
}

NODISCARD struct err store_batch_decode(const struct store_batch *batch, size_t at, void *object)
{
	struct err result =
		store_row_decode(batch->rows[at].table, store_batch_row(batch, at), object);
	if (err_is(result, E_FORMAT))
		return row_refuse(batch, at, "it cannot be decoded");
	return result;
}
