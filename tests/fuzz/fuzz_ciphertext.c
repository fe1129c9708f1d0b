/* SPDX-License-Identifier: Apache-2.0 */
/* A ciphertext blob from anywhere: what is accepted must have exactly the header that its parts
 * make. */
#include <stdlib.h>

#include "kms/ciphertext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kms_ciphertext parsed;
	uint8_t header[KMS_CIPHERTEXT_HEADER_LEN];
	if (err_failed(kms_ciphertext_parse(view_of(data, size), &parsed)))
		return 0;
	struct kms_version version = {
		.key_id = parsed.key_id, .number = parsed.version, .suite = parsed.suite};
	kms_ciphertext_header(&version, header);
	if (!view_equal(VIEW_ARRAY(header), parsed.header) ||
	    parsed.header.len + parsed.sealed.len != size)
		abort();
	return 0;
}
