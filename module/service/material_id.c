/* SPDX-License-Identifier: Apache-2.0 */
#include "service/material_id.h"

#include "base/mem.h"
#include "base/writer.h"

#define MESSAGE_MAX 128

/* Apart from every row of the store by its first block, which no table is called. */
static struct err write_message(const struct kms_version *version, struct writer *w)
{
	writer_block16(w, VIEW_LITERAL("holdfast material id 1"));
	writer_u8(w, version->key_id.multi_region);
	writer_bytes(w, VIEW_ARRAY(version->key_id.bytes));
	writer_u32(w, version->number);
	writer_bytes(w, VIEW_ARRAY(version->token_id.bytes));
	return writer_end(w);
}

NODISCARD struct err material_id_make(const struct kms_sealer *sealer, struct kms_version *version)
{
	_Static_assert(KMS_MATERIAL_ID_LEN == KMS_SEAL_LEN, "a material id is one MAC");
	uint8_t room[MESSAGE_MAX], macs[1][KMS_SEAL_LEN];
	struct writer w;
	writer_init(&w, room, sizeof room);
	TRY(write_message(version, &w));
	const struct view message = view_of(room, w.len);
	TRY(sealer->seal(sealer->self, &message, 1, macs));
	mem_copy(version->material_id, sizeof version->material_id, macs[0], sizeof macs[0]);
	return OK;
}
