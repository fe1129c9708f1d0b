/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/uuid.h"

#include "base/entropy.h"
#include "base/writer.h"
#include "codec/hex.h"

#define VERSION_BYTE 6
#define VARIANT_BYTE 8

NODISCARD struct err uuid_make(char out[UUID_TEXT_LEN + 1])
{
	static const size_t group_lens[] = {4, 2, 2, 2, 6}; /* bytes between dashes */
	uint8_t id[16];
	out[0] = '\0';
	TRY(entropy_fill(id, sizeof id));
	id[VERSION_BYTE] = (uint8_t)((id[VERSION_BYTE] & 0x0f) | 0x40);
	id[VARIANT_BYTE] = (uint8_t)((id[VARIANT_BYTE] & 0x3f) | 0x80);
	struct writer w;
	writer_init(&w, out, UUID_TEXT_LEN + 1);
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(group_lens); at += group_lens[i++]) {
		if (i > 0)
			writer_u8(&w, '-');
		hex_encode(&w, view_of(id + at, group_lens[i]));
	}
	return writer_end_text(&w);
}
