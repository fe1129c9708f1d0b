/* SPDX-License-Identifier: Apache-2.0 */
#include "service/drawing.h"

#include "base/entropy.h"
#include "base/writer.h"
#include "codec/base64.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

NODISCARD struct err drawing_id(const char *prefix, size_t len, char *out)
{
	struct writer w;
	writer_init(&w, out, len + 1);
	writer_text(&w, prefix);
	while (w.len < len) {
		uint8_t byte;
		TRY(entropy_fill(&byte, sizeof byte));
		writer_u8(&w, (uint8_t)LETTERS[byte % (sizeof LETTERS - 1)]); /* 32 divides 256 */
	}
	return writer_end_text(&w);
}

NODISCARD struct err drawing_secret(struct hsm *hsm, int64_t deadline_ms, size_t bytes,
				    struct secret **out)
{
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_RANDOM, .deadline_ms = deadline_ms, .length = bytes};
	TRY(hsm_call(hsm, &op));
	CLEANUP(secret_free) struct secret *text = NULL;
	TRY(secret_new(BASE64_ENCODED_LEN(bytes), &text));
	struct writer w;
	writer_init_secret(&w, text);
	base64_encode(&w, secret_view(op.plaintext_out));
	TRY(writer_end_secret(&w, text));
	ENSURE(text->len == BASE64_ENCODED_LEN(bytes));
	*out = TAKE(text);
	return OK;
}
