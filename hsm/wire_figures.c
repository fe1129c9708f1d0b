/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FIGURES: three lists, each behind its number of rows, of which only those are sent that have
 * counted something; then the three single figures. Rows name what they are of by numbers that do
 * not change from one edition to the next.
 *
 *   operations  verb 1 | error number 1 | count 8
 *   times       verb 1 | METRIC_BUCKETS + 1 counts of 8 | sum 8
 *   CKRs        CKR 4 | count 8
 */
#include "base/reader.h"
#include "hsm/wire.h"
#include "hsm/wire_field.h"

#define OPERATION_LEN ((size_t)10)
#define TIME_LEN ((size_t)(1 + 8 * (METRIC_BUCKETS + 2)))
#define CKR_LEN ((size_t)12)
#define SINGLES_LEN ((size_t)24)
#define ROWS_MAX 4096 /* of one list */

_Static_assert(3 * 2 + HSM_FIGURES_VERBS * (ERR_CODE_COUNT * OPERATION_LEN + TIME_LEN) +
			       HSM_CKR_COUNT * CKR_LEN + SINGLES_LEN <=
		       WIRE_BODY_MAX,
	       "all figures fit a frame");
_Static_assert(HSM_FIGURES_VERBS *ERR_CODE_COUNT <= ROWS_MAX, "and a list");

struct rows {
	size_t operations, times, ckrs;
};

static uint64_t times_of(const struct hsm_figures *figures, size_t verb)
{
	uint64_t count = 0;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		count += figures->times[verb].buckets[i];
	return count;
}

static struct rows count_rows(const struct hsm_figures *figures)
{
	struct rows rows = {0};
	for (size_t verb = 0; verb < HSM_FIGURES_VERBS; verb++) {
		for (size_t code = 0; code < ERR_CODE_COUNT; code++)
			rows.operations += figures->operations[verb][code] != 0;
		rows.times += times_of(figures, verb) != 0;
	}
	for (size_t i = 0; i < HSM_CKR_COUNT; i++)
		rows.ckrs += figures->ckrs[i] != 0;
	return rows;
}

static size_t body_len(struct rows rows)
{
	return 3 * sizeof(uint16_t) + rows.operations * OPERATION_LEN + rows.times * TIME_LEN +
	       rows.ckrs * CKR_LEN + SINGLES_LEN;
}

struct wire_size wire_figures_size(const struct hsm_figures *figures)
{
	return (struct wire_size){0, body_len(count_rows(figures))};
}

static void put_operations(struct writer *w, const struct hsm_figures *figures)
{
	for (size_t verb = 0; verb < HSM_FIGURES_VERBS; verb++) {
		for (size_t code = 0; code < ERR_CODE_COUNT; code++) {
			if (figures->operations[verb][code] == 0)
				continue;
			writer_u8(w, (uint8_t)verb);
			writer_u8(w, wire_code_number((enum err_code)code));
			writer_u64(w, figures->operations[verb][code]);
		}
	}
}

static void put_times(struct writer *w, const struct hsm_figures *figures)
{
	for (size_t verb = 0; verb < HSM_FIGURES_VERBS; verb++) {
		if (times_of(figures, verb) == 0)
			continue;
		writer_u8(w, (uint8_t)verb);
		for (size_t i = 0; i <= METRIC_BUCKETS; i++)
			writer_u64(w, figures->times[verb].buckets[i]);
		writer_u64(w, figures->times[verb].sum_ns);
	}
}

static void put_ckrs(struct writer *w, const struct hsm_figures *figures)
{
	for (size_t i = 0; i < HSM_CKR_COUNT; i++) {
		if (figures->ckrs[i] == 0)
			continue;
		writer_u32(w, hsm_ckr_number(i));
		writer_u64(w, figures->ckrs[i]);
	}
}

void wire_figures_write(const struct hsm_figures *figures, const struct wire_room *room)
{
	struct rows rows = count_rows(figures);
	wire_head_write(room->front,
			&(struct wire_head){.kind = WIRE_FIGURES, .body_len = body_len(rows)});
	struct writer *w = room->body;
	writer_u16(w, (uint16_t)rows.operations);
	put_operations(w, figures);
	writer_u16(w, (uint16_t)rows.times);
	put_times(w, figures);
	writer_u16(w, (uint16_t)rows.ckrs);
	put_ckrs(w, figures);
	writer_u64(w, figures->queue);
	writer_u64(w, figures->recoveries);
	writer_u64(w, figures->restarts);
}

/* Several rows may come to the same figure: what is not known by itself is counted together. */
static void get_operation(struct reader *r, struct hsm_figures *out)
{
	uint8_t verb = reader_u8(r);
	uint8_t number = reader_u8(r);
	uint64_t count = reader_u64(r);
	enum err_code code = E_OK;
	if (verb < HSM_FIGURES_VERBS && wire_code_of(number, &code))
		out->operations[verb][code] += count;
}

static void get_time(struct reader *r, struct hsm_figures *out)
{
	uint8_t verb = reader_u8(r);
	struct metric_histogram unknown;
	struct metric_histogram *times = verb < HSM_FIGURES_VERBS ? &out->times[verb] : &unknown;
	for (size_t i = 0; i <= METRIC_BUCKETS; i++)
		times->buckets[i] = reader_u64(r);
	times->sum_ns = reader_u64(r);
}

static void get_ckr(struct reader *r, struct hsm_figures *out)
{
	uint32_t number = reader_u32(r);
	out->ckrs[hsm_ckr_index(number)] += reader_u64(r);
}

static struct err get_list(struct reader *r, void (*get)(struct reader *, struct hsm_figures *),
			   struct hsm_figures *out)
{
	uint16_t rows = reader_u16(r);
	REQUIRE(rows <= ROWS_MAX, E_HSM_PROTOCOL);
	for (uint16_t i = 0; i < rows; i++)
		get(r, out);
	return OK;
}

NODISCARD struct err wire_figures_read(const struct wire_frame *frame, struct hsm_figures *out)
{
	REQUIRE(wire_is_plain(frame, WIRE_FIGURES), E_HSM_PROTOCOL);
	*out = (struct hsm_figures){0};
	struct reader r;
	reader_init(&r, frame->body);
	TRY(get_list(&r, get_operation, out));
	TRY(get_list(&r, get_time, out));
	TRY(get_list(&r, get_ckr, out));
	out->queue = reader_u64(&r);
	out->recoveries = reader_u64(&r);
	out->restarts = reader_u64(&r);
	REQUIRE(!err_failed(reader_end(&r)), E_HSM_PROTOCOL);
	return OK;
}
