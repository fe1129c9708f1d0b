/* SPDX-License-Identifier: Apache-2.0 */
/* HSM_RANDOM, HSM_MAC, HSM_PROBE, and the drawing of random secrets. */
#include "base/mem.h"
#include "hsm/p11/canary.h"

/* What a dying module leaves behind that answers CKR_OK and writes nothing. */
static const uint8_t nothing[HSM_RANDOM_MAX];

NODISCARD struct err p11_random_check(const struct hsm_op *op)
{
	REQUIRE(op->length >= 1 && op->length <= HSM_RANDOM_MAX, E_BOUNDS);
	return OK;
}

/* So many bytes are drawn at least, so that what is no randomness can be told from bad luck. */
#define DRAW_MIN 16

NODISCARD struct err p11_draw(struct p11_lane *lane, size_t length, struct secret **out)
{
	CLEANUP(secret_free) struct secret *drawn = NULL;
	size_t n = MAX_OF(length, (size_t)DRAW_MIN);
	REQUIRE(n <= sizeof(nothing), E_BOUNDS);
	TRY(secret_new(n, &drawn));
	TRY(P11_CALL(&lane->hsm->module.funnel, C_GenerateRandom, lane->session, drawn->ptr,
		     (CK_ULONG)n));
	REQUIRE(!mem_equal_constant_time(drawn->ptr, nothing, n), E_HSM_UNSAFE);
	mem_wipe(drawn->ptr + length, n - length);
	drawn->len = length;
	*out = TAKE(drawn);
	return OK;
}

NODISCARD struct err p11_random_execute(struct p11_lane *lane, struct hsm_op *op)
{
	return p11_draw(lane, op->length, &op->plaintext_out);
}

NODISCARD struct err p11_mac_check(const struct hsm_op *op)
{
	REQUIRE(op->message_count >= 1 && op->message_count <= HSM_MAC_BATCH_MAX, E_BOUNDS);
	REQUIRE(op->messages != NULL, E_FORMAT);
	size_t total = 0;
	for (size_t i = 0; i < op->message_count; i++) {
		REQUIRE(op->messages[i].len >= 1, E_BOUNDS);
		REQUIRE(op->messages[i].len <= HSM_MAC_MESSAGE_MAX, E_BOUNDS);
		total += op->messages[i].len;
	}
	REQUIRE(total <= HSM_MAC_BYTES_MAX, E_BOUNDS);
	return OK;
}

static struct err mac_one(struct p11_lane *lane, CK_OBJECT_HANDLE key, struct view message,
			  uint8_t out[HSM_MAC_LEN])
{
	struct p11_funnel *funnel = &lane->hsm->module.funnel;
	CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
	CK_ULONG len = HSM_MAC_LEN;
	TRY(P11_CALL(funnel, C_SignInit, lane->session, &mechanism, key));
	TRY(P11_CALL(funnel, C_Sign, lane->session, (CK_BYTE *)(uintptr_t)message.ptr,
		     (CK_ULONG)message.len, out, &len));
	REQUIRE(len == HSM_MAC_LEN && !mem_equal(out, nothing, HSM_MAC_LEN), E_HSM_UNSAFE);
	return OK;
}

NODISCARD struct err p11_mac_execute(struct p11_lane *lane, struct hsm_op *op)
{
	struct p11_object object;
	TRY(p11_objects_get(&lane->hsm->objects, &op->from.key, &object));
	REQUIRE(object.shown.role == HSM_ROLE_ROW_SEAL, E_HSM_KEY_ROLE);
	REQUIRE(object.shown.sound, E_HSM_ATTRIBUTES);
	CLEANUP(mem_free_at) uint8_t(*macs)[HSM_MAC_LEN] = NULL;
	TRY(MEM_NEW_ARRAY(op->message_count, &macs));
	for (size_t i = 0; i < op->message_count; i++)
		TRY(mac_one(lane, object.handle, op->messages[i], macs[i]));
	op->macs = TAKE(macs);
	return OK;
}

NODISCARD struct err p11_probe_check(UNUSED const struct hsm_op *op)
{
	return OK;
}

NODISCARD struct err p11_probe_execute(struct p11_lane *lane, UNUSED struct hsm_op *op)
{
	return p11_canary_run(lane);
}
