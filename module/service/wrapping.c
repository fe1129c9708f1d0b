/* SPDX-License-Identifier: Apache-2.0 */
/* API secrets at rest: credentials_wrap() and credentials_unwrap(). */
#include "base/mem.h"
#include "base/writer.h"
#include "hsm/hsm.h"
#include "service/credentials.h"

#define WRAP_FORMAT 1
#define WRAP_HEADER_LEN 2
#define WRAP_CONTEXT_MAX 256

struct wrapping {
	uint8_t header[WRAP_HEADER_LEN];
	uint8_t context[WRAP_CONTEXT_MAX];
	struct hsm_sealing sealing;
};

static struct err prepare(const struct credentials_options *options,
			  const struct auth_access_key *key, struct wrapping *wrapping)
{
	const struct kms_installation *installation = &options->installation;
	wrapping->header[0] = WRAP_FORMAT;
	wrapping->header[1] = (uint8_t)installation->secret_wrap_suite;
	struct writer w;
	writer_init(&w, wrapping->context, sizeof wrapping->context);
	writer_block16(&w, view_of_text(key->principal.account));
	writer_block16(&w, view_of_text(key->principal.id));
	writer_block16(&w, view_of_text(key->principal.access_key_id));
	TRY(writer_end(&w));
	wrapping->sealing = (struct hsm_sealing){
		.key = installation->secret_wrap,
		.suite = installation->secret_wrap_suite,
		.purpose = HSM_PURPOSE_KMS,
		.header = VIEW_ARRAY(wrapping->header),
		.context = view_of(wrapping->context, w.len),
	};
	return OK;
}

static int64_t deadline_ms(const struct credentials_options *options)
{
	return clock_steady_ms(options->clock) + options->token_timeout_ms;
}

NODISCARD struct err credentials_wrap(const struct credentials_options *options,
				      const struct secret *secret_key, struct auth_access_key *key)
{
	struct wrapping wrapping;
	TRY(prepare(options, key, &wrapping));
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_SEAL,
			    .deadline_ms = deadline_ms(options),
			    .to = wrapping.sealing,
			    .plaintext = secret_key};
	TRY(hsm_call(options->hsm, &op));
	struct writer w;
	writer_init(&w, key->wrapped, sizeof key->wrapped);
	writer_bytes(&w, wrapping.sealing.header);
	writer_bytes(&w, buf_view(&op.sealed));
	TRY(writer_end(&w));
	key->wrapped_len = w.len;
	return OK;
}

NODISCARD struct err credentials_unwrap(const struct credentials_options *options,
					const struct auth_access_key *key, struct secret **out)
{
	struct wrapping wrapping;
	TRY(prepare(options, key, &wrapping));
	struct view wrapped = view_of(key->wrapped, key->wrapped_len);
	REQUIRE(view_starts_with(wrapped, wrapping.sealing.header), E_STORE_SEAL);
	CLEANUP(hsm_op_cleanup)
	struct hsm_op op = {.verb = HSM_OPEN,
			    .deadline_ms = deadline_ms(options),
			    .from = wrapping.sealing,
			    .sealed_in = view_part(wrapped, WRAP_HEADER_LEN, wrapped.len)};
	struct err e = hsm_call(options->hsm, &op);
	REQUIRE(!err_is(e, E_HSM_CIPHERTEXT), E_STORE_SEAL);
	TRY(e);
	*out = TAKE(op.plaintext_out);
	return OK;
}
