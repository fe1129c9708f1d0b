/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/tail.h"

#include "audit/attestation.h"
#include "audit/point.h"
#include "audit/resumption.h"
#include "audit/segment.h"
#include "base/ascii.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/ecdsa.h"

#define ROOM (2 * POINT_WINDOW)
#define CLAIMS_MAX 16 /* signatures whose lines are still to come; others are passed over */

/* --- Lines, the last one first. --- */

struct walk {
	int directory, fd; /* fd: of the segment; -1: none yet */
	uint64_t below;    /* its number */
	uint64_t end;      /* bytes of it in front of the lines that were given */
	uint8_t *room;
	struct view text; /* the last of those */
};

static struct err older_segment(struct walk *walk, bool *got)
{
	char name[SEGMENT_NAME_MAX];
	file_close(&walk->fd);
	walk->fd = -1;
	walk->text = VIEW_NONE;
	struct err e = segment_find(walk->directory, walk->below, name, &walk->below);
	*got = !err_failed(e);
	if (err_is(e, E_NOT_FOUND))
		return OK;
	TRY(e);
	return point_open(walk->directory, name, &walk->fd, &walk->end);
}

static struct err refill(struct walk *walk)
{
	size_t want = MIN_OF(walk->end, (uint64_t)ROOM);
	return point_read(walk->fd, walk->end - want, walk->room, want, &walk->text);
}

/* Where the last line of the text begins, when all of it is there. */
static bool find_start(const struct walk *walk, size_t *start)
{
	if (walk->text.len == 0)
		return false;
	*start = point_line_start(walk->text, walk->text.len - 1);
	return *start > 0 || walk->text.len == walk->end;
}

/* *got false: there is none, or none of ours. The line is borrowed until the next. */
static struct err line_before(struct walk *walk, struct view *line, bool *got)
{
	size_t start = 0;
	*got = true;
	while (*got && walk->end == 0)
		TRY(older_segment(walk, got));
	if (!*got)
		return OK;
	if (!find_start(walk, &start))
		TRY(refill(walk));
	*got = find_start(walk, &start) && walk->text.ptr[walk->text.len - 1] == '\n';
	if (!*got)
		return OK;
	*line = view_part(walk->text, start, walk->text.len - 1 - start);
	walk->end -= walk->text.len - start;
	walk->text = view_part(walk->text, 0, start);
	return OK;
}

/* --- Signatures. --- */

struct look {
	const struct audit_signer *signer;
	struct audit_tail *out;
	struct attestation claims[CLAIMS_MAX]; /* in our key's name */
	size_t claim_count;
	struct attestation other; /* the last in another's */
	bool other_seen;
	bool done;
};

static bool is_key(const char *key)
{
	struct view id = view_of_text(key);
	return id.len == AUDIT_KEY_ID_LEN &&
	       ascii_consists_of(id, ASCII_DIGIT, VIEW_LITERAL("abcdef"));
}

static void note_attestation(struct look *look, const struct audit_link *link)
{
	struct attestation a;
	if (err_failed(attestation_parse(link->record, &a)) || a.sequence >= link->sequence ||
	    !is_key(a.key))
		return;
	if (!text_equal(a.key, look->signer->key)) {
		look->other = look->other_seen ? look->other : a;
		look->other_seen = true;
	} else if (look->claim_count < CLAIMS_MAX) {
		look->claims[look->claim_count++] = a;
	}
}

static void settle_for(struct look *look, const struct attestation *a)
{
	mem_copy(look->out->key, sizeof look->out->key, a->key, sizeof a->key);
	look->out->attested = a->sequence;
	look->done = true;
}

/* Whether it is our signature of this line. */
static struct err check(const struct look *look, const struct attestation *a, struct view line,
			bool *good)
{
	struct audit_point point;
	uint8_t digest[AUDIT_HASH_LEN];
	TRY(audit_point_of(line, &point));
	TRY(attestation_digest(&point, a->time, digest));
	struct err e = ecdsa_p256_verify(look->signer->public_key, digest, a->signature);
	*good = !err_failed(e);
	return err_is(e, E_CRYPTO_SIGNATURE) ? OK : e;
}

static struct err check_claims(struct look *look, uint64_t sequence, struct view line)
{
	bool good = false;
	size_t left = 0;
	for (size_t i = 0; i < look->claim_count && !good; i++) {
		const struct attestation a = look->claims[i];
		if (a.sequence < sequence) {
			look->claims[left++] = a;
			continue;
		}
		TRY(check(look, &a, line, &good));
		look->out->wrong += !good;
		if (good)
			settle_for(look, &a);
		if (good)
			TRY(audit_stop_parse(line, &look->out->stopped));
	}
	look->claim_count = left;
	return OK;
}

/* Another key's cannot be checked here: it is taken at its word, which is told as that key's. */
static void end_with_other(struct look *look)
{
	if (!look->done && look->claim_count == 0 && look->other_seen)
		settle_for(look, &look->other);
}

static struct err take(struct look *look, const struct audit_link *link, struct view line)
{
	struct audit_tail *out = look->out;
	TRY(check_claims(look, link->sequence, line));
	if (look->done)
		return OK;
	if (audit_line_attests(line))
		note_attestation(look, link);
	else if (out->last_record == 0)
		out->last_record = link->sequence;
	end_with_other(look);
	return OK;
}

static bool follows(const struct audit_tail *tail, uint64_t before, const struct audit_link *link)
{
	return tail->head.sequence == 0 ||
	       (link->sequence + 1 == before && text_equal(link->chain, tail->head.chain));
}

static void tail_walk_end(const struct walk *walk)
{
	file_close(&walk->fd);
}

NODISCARD struct err tail_look(int directory, const struct audit_signer *signer,
			       struct audit_tail *out)
{
	CLEANUP(mem_free_at) uint8_t *room = NULL;
	TRY(MEM_NEW_ARRAY(ROOM, &room));
	CLEANUP(tail_walk_end)
	struct walk walk = {.directory = directory, .fd = -1, .below = UINT64_MAX, .room = room};
	struct look look = {.signer = signer, .out = out};
	struct audit_link link = {.sequence = 0};
	*out = (struct audit_tail){.last_record = 0};
	while (!look.done) {
		struct view line;
		bool got = false;
		uint64_t before = link.sequence;
		TRY(line_before(&walk, &line, &got));
		if (!got || !audit_link_parse(line, &link) || !follows(out, before, &link))
			break;
		if (out->head.sequence == 0)
			TRY(audit_point_of(line, &out->head));
		TRY(take(&look, &link, line));
	}
	return OK;
}
