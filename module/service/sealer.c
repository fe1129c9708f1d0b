/* SPDX-License-Identifier: Apache-2.0 */
/* The port kms/sealer.h over HSM_MAC, in batches that the token takes. */
#include "base/mem.h"
#include "hsm/hsm.h"
#include "service/service.h"

#define TIMEOUT_DEFAULT_MS 5000

/* How many of the messages fit one operation: at least one. */
static size_t batch_length(const struct view *messages, size_t count)
{
	size_t bytes = 0, n = 0;
	while (n < count && n < HSM_MAC_BATCH_MAX &&
	       (n == 0 || messages[n].len <= HSM_MAC_BYTES_MAX - bytes))
		bytes += messages[n++].len;
	return n;
}

static struct err seal_batch(const struct service_sealer *sealer, uint32_t timeout_ms,
			     const struct view *messages, size_t count,
			     uint8_t (*seals)[KMS_SEAL_LEN])
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_MAC,
			    .deadline_ms = clock_steady_ms(sealer->clock) + timeout_ms,
			    .from = {.key = sealer->key},
			    .messages = messages,
			    .message_count = count};
	TRY(hsm_call(sealer->hsm, &op));
	ENSURE(op.macs != NULL);
	mem_copy(seals, count * KMS_SEAL_LEN, op.macs, count * HSM_MAC_LEN);
	return OK;
}

static uint32_t timeout_of(const struct service_sealer *sealer)
{
	return sealer->timeout_ms ? sealer->timeout_ms : TIMEOUT_DEFAULT_MS;
}

static struct err seal_within(void *self, const struct view *messages, size_t count,
			      uint32_t timeout_ms, uint8_t (*seals)[KMS_SEAL_LEN])
{
	_Static_assert(KMS_SEAL_LEN == HSM_MAC_LEN, "a seal is one MAC");
	const struct service_sealer *sealer = (const struct service_sealer *)self;
	uint32_t each_ms = MIN_OF(timeout_ms, timeout_of(sealer));
	for (size_t done = 0; done < count;) {
		REQUIRE(messages[done].len <= HSM_MAC_MESSAGE_MAX, E_BOUNDS);
		size_t n = batch_length(&messages[done], count - done);
		TRY(seal_batch(sealer, each_ms, &messages[done], n, &seals[done]));
		done += n;
	}
	return OK;
}

static struct err seal(void *self, const struct view *messages, size_t count,
		       uint8_t (*seals)[KMS_SEAL_LEN])
{
	return seal_within(self, messages, count, timeout_of(self), seals);
}

struct kms_sealer service_sealer_port(struct service_sealer *sealer)
{
	return (struct kms_sealer){.seal = seal, .seal_within = seal_within, .self = sealer};
}

/* Apart from every row of the store by its first block, which no table is called. */
static struct err seal_index(void *self, struct view digest, uint8_t out[AUDIT_INDEX_SEAL_LEN])
{
	_Static_assert(AUDIT_INDEX_SEAL_LEN == KMS_SEAL_LEN, "a seal is a seal");
	uint8_t room[64], seals[1][KMS_SEAL_LEN];
	struct writer w;
	writer_init(&w, room, sizeof room);
	writer_block16(&w, VIEW_LITERAL("holdfast audit index"));
	writer_block16(&w, digest);
	TRY(writer_end(&w));
	const struct view message = view_of(room, w.len);
	TRY(seal(self, &message, 1, seals));
	mem_copy(out, AUDIT_INDEX_SEAL_LEN, seals[0], sizeof seals[0]);
	return OK;
}

struct audit_index_sealer service_index_sealer(struct service_sealer *sealer)
{
	return (struct audit_index_sealer){.seal = seal_index, .self = sealer};
}
