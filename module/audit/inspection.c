/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behind a problem the inspection goes on from the line as it stands, so that one change makes one
 * problem or few. A gap is told as such until the missing lines turn up in another place.
 *
 * Signatures: each attestation is itself a line of the chain, so that a later one proves the
 * earlier ones, too. At first pass only some are checked, and always the last; when anything is
 * wrong, a strict pass names the first that is.
 */
#include "audit/inspection.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "codec/hex.h"
#include "crypto/digest.h"
#include "crypto/ecdsa.h"

#define CHECK_EVERY_BYTES (UINT64_C(256) << 10)

_Static_assert(ECDSA_P256_POINT_LEN == AUDIT_POINT_LEN &&
		       ECDSA_P256_SIGNATURE_LEN == AUDIT_SIGNATURE_LEN &&
		       ECDSA_P256_DIGEST_LEN == AUDIT_HASH_LEN,
	       "attestations are ECDSA over P-256");

/* --- Problems. --- */

static struct inspection_place place_of(const struct audit_line *line, uint64_t sequence)
{
	struct inspection_place place = {.segment_sequence = line->segment_sequence,
					 .offset = line->offset,
					 .number = line->number,
					 .sequence = sequence,
					 .known = true};
	(void)!err_failed(
		text_copy(place.segment, sizeof place.segment, view_of_text(line->segment)));
	return place;
}

void inspection_problem(struct inspection *in, enum audit_problem_kind kind,
			const struct inspection_place *place, const char *format, ...)
{
	struct audit_problem *first = &in->report->first;
	if (in->report->problems++ > 0)
		return;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(first->text, sizeof first->text, format, args);
	va_end(args);
	first->kind = kind;
	first->line = place->number;
	first->sequence = place->sequence;
	mem_copy(first->segment, sizeof first->segment, place->segment, sizeof place->segment);
	in->fault = *place;
}

#define NUMBER(value) ((unsigned long long)(value))

/* --- The place of a line. --- */

static void gap(struct inspection *in, const struct inspection_place *place)
{
	uint64_t from = in->report->head.sequence + 1, count = place->sequence - from;
	bool new_segment = place->segment_sequence != in->last.segment_sequence;
	bool segment_gone = place->segment_sequence > in->last.segment_sequence + 1;
	if (in->report->problems == 0) {
		in->missing_from = from;
		in->missing = count;
	}
	if (new_segment && segment_gone)
		inspection_problem(in, AUDIT_PROBLEM_SEGMENT, place,
				   "between %s and this segment one is missing: lines %llu to %llu",
				   in->last.segment, NUMBER(from), NUMBER(from + count - 1));
	else
		inspection_problem(in, AUDIT_PROBLEM_GAP, place,
				   "lines %llu to %llu are missing before this one", NUMBER(from),
				   NUMBER(from + count - 1));
}

/* What was missing stands here: it was no gap. */
static void out_of_order(struct inspection *in, const struct inspection_place *place)
{
	struct audit_problem *first = &in->report->first;
	inspection_problem(in, AUDIT_PROBLEM_REORDERED, place,
			   "the line before it has sequence %llu",
			   NUMBER(in->report->head.sequence));
	if (in->missing == 0 || place->sequence - in->missing_from >= in->missing)
		return;
	in->missing = 0;
	first->kind = AUDIT_PROBLEM_REORDERED;
	(void)!err_failed(text_format(first->text, sizeof first->text,
				      "the lines from %llu on, which belong before it, stand in %s "
				      "from line %llu on",
				      NUMBER(place->sequence), place->segment,
				      NUMBER(place->number)));
}

/* Whether the line is what follows from the one before. */
static void check_link(struct inspection *in, const struct audit_link *link,
		       const struct inspection_place *place)
{
	const struct audit_point *head = &in->report->head;
	bool follows = mem_equal(link->previous, head->hash, sizeof head->hash);
	bool same_chain = text_equal(link->chain, head->chain);
	bool next = link->sequence == head->sequence + 1;
	if (follows && same_chain && next)
		return;
	if (follows)
		inspection_problem(in, AUDIT_PROBLEM_CHANGED, place,
				   "its hash of the line before is right, its %s is not",
				   same_chain ? "sequence" : "chain");
	else if (!same_chain)
		inspection_problem(in, AUDIT_PROBLEM_CHAIN, place, "another chain (%s) stands here",
				   link->chain);
	else if (next)
		inspection_problem(in, AUDIT_PROBLEM_CHANGED, &in->last,
				   "the next line carries another hash of it");
	else if (link->sequence > head->sequence)
		gap(in, place);
	else
		out_of_order(in, place);
}

/* A beginning that is not the first line of a chain must be explained by a removal. */
static void begin(struct inspection *in, const struct audit_link *link,
		  const struct inspection_place *place)
{
	static const uint8_t zeros[AUDIT_HASH_LEN];
	in->begun = true;
	in->first = in->rest = *place;
	audit_point_begin(&in->before, link->chain);
	in->before.sequence = link->sequence - 1;
	mem_copy(in->before.hash, sizeof in->before.hash, link->previous, sizeof link->previous);
	in->explained = link->sequence == 1;
	if (link->sequence == 1 && !mem_equal(link->previous, zeros, sizeof zeros))
		inspection_problem(in, AUDIT_PROBLEM_CHANGED, place,
				   "the first line of a chain follows no other");
	if (link->sequence > 1 && in->report->unchained > 0)
		inspection_problem(in, AUDIT_PROBLEM_GAP, place,
				   "lines 1 to %llu are missing between the lines of an older "
				   "version and this one",
				   NUMBER(link->sequence - 1));
}

static void check_expected(struct inspection *in, const struct inspection_place *place)
{
	const struct audit_point *head = &in->report->head;
	const struct audit_point *expected = in->expected;
	if (expected == NULL || head->sequence != expected->sequence)
		return;
	in->expected_seen = true;
	bool same_chain = expected->chain[0] == '\0' || text_equal(expected->chain, head->chain);
	if (!same_chain || !mem_equal(head->hash, expected->hash, sizeof head->hash))
		inspection_problem(in, AUDIT_PROBLEM_CHANGED, place,
				   "it is not the line that was expected to have this sequence");
}

/* --- Attestations. --- */

static struct inspection_seen *seen_of(const struct inspection *in, uint64_t sequence)
{
	return &in->seen[sequence % AUDIT_ATTESTED_WITHIN];
}

/* Believes the last attestation, or not. */
static struct err settle(struct inspection *in)
{
	uint8_t digest[AUDIT_HASH_LEN];
	struct inspection_claim *claim = &in->claim;
	struct audit_verify_report *report = in->report;
	if (!claim->pending)
		return OK;
	claim->pending = false;
	in->checked_at = report->bytes;
	TRY(attestation_digest(&claim->point, claim->attestation.time, digest));
	struct err e =
		ecdsa_p256_verify(in->keys[claim->key].point, digest, claim->attestation.signature);
	if (err_is(e, E_CRYPTO_SIGNATURE)) {
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, &claim->place,
				   "it is no signature of line %llu by key %s",
				   NUMBER(claim->point.sequence), in->keys[claim->key].id);
		return OK;
	}
	TRY(e);
	report->attested = claim->point;
	in->attested_records = claim->records;
	in->rest = claim->rest;
	if (err_failed(timestamp_parse_iso(view_of_text(claim->attestation.time),
					   &report->attested_ms)))
		report->attested_ms = 0;
	return OK;
}

/* What can be said without its signature. NULL: all is well. */
static const char *fault_of(const struct attestation *a, uint64_t sequence)
{
	if (a->sequence >= sequence)
		return "it attests a line that is not before it";
	if (sequence - a->sequence > AUDIT_ATTESTED_WITHIN)
		return "it attests a line that is too far before it";
	return NULL;
}

/* key_count: none that was given. */
static size_t key_of(const struct inspection *in, const struct attestation *a)
{
	size_t key = 0;
	while (key < in->key_count && !text_equal(a->key, in->keys[key].id))
		key++;
	return key;
}

/* What was found in the file goes to a terminal. */
static void unknown_key(struct inspection *in, const struct attestation *a,
			const struct inspection_place *place)
{
	uint8_t id[AUDIT_KEY_ID_LEN / 2];
	if (err_failed(hex_decode(view_of_text(a->key), id, sizeof id)))
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place,
				   "it was signed by another key");
	else
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place,
				   "it was signed by another key: %s", a->key);
}

/* --- Turns: one key after the other. --- */

static void keep_turn(struct inspection *in)
{
	struct audit_verify_report *report = in->report;
	if (report->turn_count > 0 && report->turn_count <= AUDIT_TURNS_MAX)
		report->turns[report->turn_count - 1] = in->turn;
}

static bool is_recorded(const struct inspection *in, size_t key)
{
	return in->turn.signatures > 0 &&
	       text_equal(in->resumed.previous_key, in->keys[in->turn.key].id) &&
	       text_equal(in->resumed.key, in->keys[key].id);
}

/* A key signs that has not signed the signature before. *may: it may do so here. */
static struct err begin_turn(struct inspection *in, const struct attestation *a, size_t key,
			     const struct inspection_place *place, bool *may)
{
	const struct audit_turn last = in->turn;
	const char *id = in->keys[key].id, *last_id = in->keys[last.key].id;
	uint64_t replaced = in->keys[key].replaced;
	bool recorded = is_recorded(in, key);
	*may = true;
	TRY(settle(in)); /* nothing later proves the last one of a key that is gone */
	if (last.signatures > 0)
		in->keys[last.key].replaced = place->sequence;
	in->turn = (struct audit_turn){
		.key = key,
		.from = last.signatures > 0 ? last.to + 1 : in->report->begin.sequence,
		.first = place->sequence,
		.recorded = recorded,
		.returned = replaced > 0,
	};
	in->report->turn_count++;
	in->report->returns += replaced > 0;
	if (replaced > 0 && !recorded) {
		*may = false;
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place,
				   "key %s signs again, after key %s had replaced it at line %llu: "
				   "its token may be in other hands",
				   id, last_id, NUMBER(replaced));
	} else if (last.signatures > 0 && a->sequence < last.last) {
		*may = false;
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place,
				   "key %s signs for line %llu, and key %s has still signed in "
				   "line %llu",
				   id, NUMBER(a->sequence), last_id, NUMBER(last.last));
	}
	return OK;
}

static struct err take_turn(struct inspection *in, const struct attestation *a, size_t key,
			    const struct inspection_place *place, bool *may)
{
	*may = true;
	if (in->turn.signatures == 0 || in->turn.key != key)
		TRY(begin_turn(in, a, key, place, may));
	in->turn.signatures++;
	in->turn.last = place->sequence;
	in->turn.to = MAX_OF(in->turn.to, a->sequence);
	in->resumed = (struct audit_resumption){.from = 0};
	keep_turn(in);
	return OK;
}

static void claim_rest(struct inspection *in, const struct attestation *a,
		       const struct inspection_place *place)
{
	const struct inspection_seen *next = seen_of(in, a->sequence + 1);
	in->claim.rest = *place;
	if (next->sequence == a->sequence + 1) {
		in->claim.rest.segment_sequence = next->segment_sequence;
		in->claim.rest.offset = next->offset;
	}
}

/* Lines that are not here any more, or that a problem hides, cannot be compared: what attests them
 * is passed over. */
static struct err attest_by(struct inspection *in, const struct attestation *a, size_t key,
			    const struct inspection_place *place)
{
	bool may = false;
	const struct inspection_seen *seen = seen_of(in, a->sequence);
	TRY(take_turn(in, a, key, place, &may));
	if (!may || seen->sequence != a->sequence)
		return OK;
	if (in->strict || in->report->bytes - in->checked_at >= CHECK_EVERY_BYTES)
		TRY(settle(in));
	in->claim = (struct inspection_claim){.pending = true,
					      .attestation = *a,
					      .key = key,
					      .records = seen->records,
					      .place = *place};
	audit_point_begin(&in->claim.point, in->report->head.chain);
	in->claim.point.sequence = a->sequence;
	mem_copy(in->claim.point.hash, AUDIT_HASH_LEN, seen->hash, sizeof seen->hash);
	claim_rest(in, a, place);
	return OK;
}

static struct err attest(struct inspection *in, const struct audit_link *link,
			 const struct inspection_place *place)
{
	struct attestation a;
	in->report->attestations++;
	if (err_failed(attestation_parse(link->record, &a))) {
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place,
				   "it is no attestation of ours");
		return OK;
	}
	const char *fault = fault_of(&a, link->sequence);
	size_t key = key_of(in, &a);
	if (fault != NULL)
		inspection_problem(in, AUDIT_PROBLEM_SIGNATURE, place, "%s", fault);
	else if (key == in->key_count)
		unknown_key(in, &a, place);
	else
		return attest_by(in, &a, key, place);
	return OK;
}

/* --- What the service says of the log itself. --- */

static struct err verify_removal(const struct inspection *in, const struct removal *removal)
{
	uint8_t digest[AUDIT_HASH_LEN];
	TRY(removal_digest(&removal->last, digest));
	for (size_t i = 0; i < in->key_count; i++)
		if (text_equal(removal->key, in->keys[i].id))
			return ecdsa_p256_verify(in->keys[i].point, digest, removal->signature);
	return ERR(E_CRYPTO_SIGNATURE);
}

static struct err take_removal(struct inspection *in, struct view line)
{
	bool is = false;
	struct removal removal;
	TRY(removal_parse(line, &removal, &is));
	if (!is)
		return OK;
	struct err e = verify_removal(in, &removal);
	if (err_is(e, E_CRYPTO_SIGNATURE))
		return OK; /* it explains nothing; that it is there proves nothing */
	TRY(e);
	if (in->begun && removal.last.sequence <= in->before.sequence)
		in->report->removed_segments++;
	in->explained = in->explained || audit_point_equal(&removal.last, &in->before);
	return OK;
}

static void note_unproven(struct inspection *in, const struct audit_resumption *resumption)
{
	struct audit_verify_report *report = in->report;
	if (report->unproven_count < AUDIT_UNPROVEN_MAX)
		report->unproven[report->unproven_count] =
			(struct audit_unproven){.from = resumption->from,
						.to = resumption->to,
						.told = report->head.sequence,
						.behind_stop = resumption->behind_stop};
	report->unproven_count++;
	report->unproven_lines += resumption->to - resumption->from + 1;
	report->behind_stops += resumption->behind_stop;
}

/* What was signed before it may have been written by anybody, whatever is signed behind it. */
static struct err take_resumption(struct inspection *in, struct view line)
{
	bool is = false;
	struct audit_resumption resumption;
	TRY(audit_resumption_parse(line, &resumption, &is));
	if (!is)
		return OK;
	TRY(settle(in));
	if (resumption.from > 0 && resumption.to < in->report->head.sequence)
		note_unproven(in, &resumption);
	in->resumed = resumption;
	return OK;
}

static struct err take_record(struct inspection *in, struct view line)
{
	TRY(take_removal(in, line));
	return take_resumption(in, line);
}

/* --- One line. --- */

static void note_record(struct inspection *in, const struct inspection_place *place)
{
	in->report->records++;
	if (!in->first_record.known)
		in->first_record = *place;
	in->last_record = *place;
}

static struct err unchained(struct inspection *in, const struct audit_line *line)
{
	struct audit_verify_report *report = in->report;
	struct inspection_place place = place_of(line, 0);
	bool record = line->text.len > 2 && line->text.ptr[0] == '{' &&
		      line->text.ptr[line->text.len - 1] == '}' && !line->torn && !line->too_long;
	if (!in->begun)
		report->unchained++;
	else
		report->head.sequence++; /* its place, so that the next one is no gap as well */
	place.sequence = report->head.sequence;
	if (line->torn || line->too_long || !record)
		inspection_problem(in, AUDIT_PROBLEM_LINE, &place, "%s",
				   line->torn       ? "no newline ends it"
				   : line->too_long ? "it is longer than any record"
						    : "it is no record");
	else if (in->begun)
		inspection_problem(in, AUDIT_PROBLEM_LINE, &place, "it has no place in the chain");
	note_record(in, &place);
	in->last = place;
	return OK;
}

static struct err chained(struct inspection *in, const struct audit_line *line,
			  const struct audit_link *link)
{
	struct audit_verify_report *report = in->report;
	struct inspection_place place = place_of(line, link->sequence);
	bool attests = audit_line_attests(line->text);
	if (in->begun)
		check_link(in, link, &place);
	else
		begin(in, link, &place);
	audit_point_begin(&report->head, link->chain);
	report->head.sequence = link->sequence;
	TRY(digest_sha256(&line->text, 1, report->head.hash));
	if (report->begin.sequence == 0)
		report->begin = report->head;
	check_expected(in, &place);
	if (attests)
		TRY(attest(in, link, &place));
	else
		note_record(in, &place);
	if (!attests)
		TRY(take_record(in, line->text));
	struct inspection_seen *seen = seen_of(in, link->sequence);
	*seen = (struct inspection_seen){.sequence = link->sequence,
					 .records = report->records,
					 .segment_sequence = line->segment_sequence,
					 .offset = line->offset};
	mem_copy(seen->hash, sizeof seen->hash, report->head.hash, sizeof report->head.hash);
	in->last = place;
	return OK;
}

NODISCARD struct err inspection_line(struct inspection *in, const struct audit_line *line)
{
	struct audit_link link;
	struct audit_verify_report *report = in->report;
	report->lines++;
	report->bytes += line->text.len + 1;
	if (!in->last.known || in->last.segment_sequence != line->segment_sequence)
		report->segments++;
	if (line->torn || line->too_long || !audit_link_parse(line->text, &link))
		return unchained(in, line);
	return chained(in, line, &link);
}

/* --- The whole. --- */

static void check_begin(struct inspection *in)
{
	struct audit_verify_report *report = in->report;
	uint64_t others = report->problems;
	if (!in->begun || in->explained || report->unchained > 0)
		return;
	report->problems = 0; /* it stands before all others */
	inspection_problem(in, AUDIT_PROBLEM_SEGMENT, &in->first,
			   "lines 1 to %llu are missing, and no record of the service's says that "
			   "they were removed by its rules",
			   NUMBER(in->before.sequence));
	report->problems += others;
}

static void check_end(struct inspection *in)
{
	const struct audit_verify_report *report = in->report;
	if (report->lines > 0 && !in->begun)
		inspection_problem(in, AUDIT_PROBLEM_CHAIN, &in->last,
				   "no line of the log has a place in a chain");
	if (in->expected == NULL || in->expected_seen || in->expected->sequence == 0)
		return;
	if (in->expected->sequence > report->head.sequence)
		inspection_problem(in, AUDIT_PROBLEM_SHORT, &in->last,
				   "the log ends here; line %llu was expected to be in it",
				   NUMBER(in->expected->sequence));
	else
		inspection_problem(in, AUDIT_PROBLEM_GAP, &in->last,
				   "line %llu, which was expected, is not in the log any more",
				   NUMBER(in->expected->sequence));
}

NODISCARD struct err inspection_end(struct inspection *in)
{
	struct audit_verify_report *report = in->report;
	TRY(settle(in));
	check_end(in);
	check_begin(in);
	report->unattested = report->records - MAX_OF(in->attested_records, report->unchained);
	return OK;
}

NODISCARD struct err inspection_init(struct inspection *in,
				     const struct audit_verify_options *options, bool strict,
				     struct audit_verify_report *report)
{
	*report = (struct audit_verify_report){0};
	*in = (struct inspection){.key_count = options->key_count,
				  .expected = options->expected,
				  .strict = strict,
				  .report = report};
	REQUIRE(in->key_count > 0 && in->key_count <= AUDIT_VERIFY_KEYS_MAX, E_BOUNDS);
	for (size_t i = 0; i < in->key_count; i++) {
		in->keys[i].point = options->public_keys + i * AUDIT_POINT_LEN;
		TRY(audit_key_id(in->keys[i].point, in->keys[i].id));
	}
	return MEM_NEW_ARRAY(AUDIT_ATTESTED_WITHIN, &in->seen);
}

void inspection_cleanup(struct inspection *in)
{
	mem_free(TAKE(in->seen));
}
