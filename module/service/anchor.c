/* SPDX-License-Identifier: Apache-2.0 */
#include "service/anchor.h"

#include "base/mem.h"
#include "base/text.h"

_Static_assert(KMS_MARK_DIGEST_LEN == HSM_ANCHOR_DIGEST_LEN, "a mark fits into an anchor");

static struct err call(const struct anchor_place *place, struct hsm_op *op, struct kms_mark *out)
{
	TRY(text_format(op->anchor.prefix, sizeof op->anchor.prefix, "holdfast:%s",
			place->installation->id));
	op->deadline_ms = place->deadline_ms;
	TRY(hsm_call(place->hsm, op));
	out->epoch = op->anchor.epoch;
	mem_copy(out->digest, sizeof out->digest, op->anchor.digest, sizeof op->anchor.digest);
	return OK;
}

NODISCARD struct err anchor_read(const struct anchor_place *place, struct kms_mark *out)
{
	CLEANUP(hsm_op_cleanup) struct hsm_op op = {.verb = HSM_ANCHOR_READ};
	return call(place, &op, out);
}

NODISCARD struct err anchor_raise(const struct anchor_place *place, const struct kms_mark *mark,
				  struct kms_mark *now)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_ANCHOR_RAISE, .anchor = {.epoch = mark->epoch}};
	struct kms_mark reached = {0};
	ENSURE(mark->epoch > 0);
	mem_copy(op.anchor.digest, sizeof op.anchor.digest, mark->digest, sizeof mark->digest);
	TRY(call(place, &op, &reached));
	/* Believing a token that forgets would break the promise that the caller is about to make.
	 */
	REQUIRE(anchor_covers(&reached, mark), E_HSM_ANCHOR);
	REQUIRE(reached.epoch > mark->epoch ||
			mem_equal_constant_time(reached.digest, mark->digest, sizeof mark->digest),
		E_HSM_ANCHOR);
	*now = reached;
	return OK;
}
