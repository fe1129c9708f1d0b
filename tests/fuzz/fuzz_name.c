/* SPDX-License-Identifier: Apache-2.0 */
/* A KeyId member, and the label of a token object: what is accepted must be written again as it
 * came. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "kms/key.h"

#define INSTALLATION "00112233445566778899aabbccddeeff"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kms_scope home = {"aws", "eu-test-1", "123456789012"};

static void name_check(struct view text)
{
	struct kms_name name;
	char id[KMS_KEY_ID_TEXT + 1];
	char arn[KMS_KEY_ARN_TEXT];
	if (err_failed(kms_name_parse(text, &home, &name)))
		return;
	if (name.kind == KMS_NAME_KEY_ID) {
		kms_key_id_format(&name.id, id);
		if (!view_equal_text(text, id))
			abort();
	} else if (name.kind == KMS_NAME_KEY_ARN) {
		kms_key_arn_format(&name.scope, &name.id, arn);
		if (!view_equal_text(text, arn))
			abort();
	} else if (name.alias.len == 0 || name.alias.ptr + name.alias.len != text.ptr + text.len) {
		abort();
	}
}

static void label_check(struct view text)
{
	CLEANUP(mem_free_at) char *label = NULL;
	char again[HSM_LABEL_MAX + 1];
	struct kms_key_id id;
	uint32_t number = 0;
	if (err_failed(text_new(text, &label)))
		return;
	if (err_failed(kms_version_label_parse(INSTALLATION, label, &id, &number)))
		return;
	if (err_failed(kms_version_label(INSTALLATION, &id, number, again)) ||
	    !text_equal(label, again))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	name_check(view_of(data, size));
	label_check(view_of(data, size));
	return 0;
}
