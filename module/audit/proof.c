/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/proof.h"

#include "audit/attestation.h"
#include "audit/reader.h"
#include "base/mem.h"
#include "base/text.h"
#include "crypto/ecdsa.h"

struct proof {
	const uint8_t *public_key;
	uint64_t from; /* sequence of the line to be proven */
	struct audit_point head;
	uint8_t (*hashes)[AUDIT_HASH_LEN]; /* of the last lines, by sequence */
	bool given;
};

static uint8_t *hash_of(const struct proof *proof, uint64_t sequence)
{
	return proof->hashes[sequence % AUDIT_ATTESTED_WITHIN];
}

static struct err check(struct proof *proof, const struct audit_link *link)
{
	struct attestation a;
	uint8_t digest[AUDIT_HASH_LEN];
	struct audit_point attested;
	if (err_failed(attestation_parse(link->record, &a)) || a.sequence < proof->from ||
	    a.sequence >= link->sequence || link->sequence - a.sequence > AUDIT_ATTESTED_WITHIN)
		return OK;
	audit_point_begin(&attested, proof->head.chain);
	attested.sequence = a.sequence;
	mem_copy(attested.hash, sizeof attested.hash, hash_of(proof, a.sequence), AUDIT_HASH_LEN);
	TRY(attestation_digest(&attested, a.time, digest));
	struct err e = ecdsa_p256_verify(proof->public_key, digest, a.signature);
	proof->given = !err_failed(e);
	return err_is(e, E_CRYPTO_SIGNATURE) ? OK : e;
}

static struct err follow(struct proof *proof, struct view line)
{
	struct audit_link link;
	const struct audit_point *head = &proof->head;
	REQUIRE(audit_link_parse(line, &link) && text_equal(link.chain, head->chain) &&
			link.sequence == head->sequence + 1 &&
			mem_equal(link.previous, head->hash, sizeof head->hash),
		E_AUDIT_CHAIN);
	if (audit_line_attests(line))
		TRY(check(proof, &link));
	TRY(audit_point_of(line, &proof->head));
	mem_copy(hash_of(proof, link.sequence), AUDIT_HASH_LEN, head->hash, sizeof head->hash);
	return OK;
}

static bool begins_another(const struct proof *proof, struct view line)
{
	struct audit_link link;
	return audit_link_parse(line, &link) && link.sequence == 1 &&
	       !text_equal(link.chain, proof->head.chain);
}

NODISCARD struct err proof_of_end(int directory, uint64_t next, const struct audit_point *end,
				  const uint8_t *public_key, bool *ends)
{
	bool got = false;
	struct audit_line line;
	CLEANUP(audit_reader_close) struct audit_reader *reader = NULL;
	CLEANUP(mem_free_at) uint8_t(*hashes)[AUDIT_HASH_LEN] = NULL;
	*ends = false;
	TRY(MEM_NEW_ARRAY(AUDIT_ATTESTED_WITHIN, &hashes));
	struct proof proof = {
		.public_key = public_key, .from = end->sequence, .head = *end, .hashes = hashes};
	mem_copy(hash_of(&proof, end->sequence), AUDIT_HASH_LEN, end->hash, sizeof end->hash);
	TRY(audit_reader_open_at(directory, &reader));
	TRY(audit_reader_seek(reader, next, 0));
	while (!proof.given) {
		TRY(audit_reader_next(reader, &line, &got));
		REQUIRE(got && !line.torn && !line.too_long, E_AUDIT_CHAIN);
		*ends = begins_another(&proof, line.text);
		if (*ends)
			return OK;
		TRY(follow(&proof, line.text));
	}
	return OK;
}
