/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of version objects: holdfast:<installation>:<key id>:<version>, in one written form. */
#include "base/text.h"
#include "kms/key.h"

#define LABEL_WORD "holdfast"

static bool is_installation(const char *text)
{
	struct view id = view_of_text(text);
	for (size_t i = 0; i < id.len; i++)
		if (!((id.ptr[i] >= '0' && id.ptr[i] <= '9') ||
		      (id.ptr[i] >= 'a' && id.ptr[i] <= 'f')))
			return false;
	return id.len == KMS_INSTALLATION_LEN;
}

NODISCARD struct err kms_version_label(const char *installation, const struct kms_key_id *key_id,
				       uint32_t number, char out[HSM_LABEL_MAX + 1])
{
	REQUIRE(is_installation(installation) && number > 0, E_FORMAT);
	char id_text[KMS_KEY_ID_TEXT + 1];
	kms_key_id_format(key_id, id_text);
	return text_format(out, HSM_LABEL_MAX + 1, LABEL_WORD ":%s:%s:%u", installation, id_text,
			   number);
}

NODISCARD struct err kms_version_label_parse(const char *installation, const char *label,
					     struct kms_key_id *key_id, uint32_t *number)
{
	struct view rest = view_of_text(label);
	REQUIRE(view_equal_text(view_cut(&rest, ':'), LABEL_WORD), E_FORMAT);
	REQUIRE(is_installation(installation), E_FORMAT);
	REQUIRE(view_equal_text(view_cut(&rest, ':'), installation), E_FORMAT);
	struct kms_key_id id;
	TRY(kms_key_id_parse(view_cut(&rest, ':'), &id));
	/* No zeros in front: two labels never name one version. */
	REQUIRE(rest.len > 0 && rest.ptr[0] >= '1' && rest.ptr[0] <= '9', E_FORMAT);
	int64_t value = 0;
	REQUIRE(!err_failed(text_parse_integer(rest, 1, UINT32_MAX, &value)), E_FORMAT);
	*key_id = id;
	*number = (uint32_t)value;
	return OK;
}
