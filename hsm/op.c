/* SPDX-License-Identifier: Apache-2.0 */
/* What both implementations of hsm.h share: the life of an operation's outputs. */
#include "base/mem.h"
#include "hsm/hsm.h"

void hsm_op_cleanup(struct hsm_op *op)
{
	buf_cleanup(&op->sealed);
	secret_free(&op->plaintext_out);
	mem_free(TAKE(op->macs));
	mem_free(TAKE(op->objects));
	op->object_count = 0;
}
