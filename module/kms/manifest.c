/* SPDX-License-Identifier: Apache-2.0 */
#include "kms/manifest.h"

#include "base/mem.h"

const char *kms_finding_name(enum kms_finding_kind kind)
{
	static const char *const names[KMS_FINDING_COUNT] = {
		[KMS_FINDING_CHANGED] = "changed",   [KMS_FINDING_ADDED] = "added",
		[KMS_FINDING_MISSING] = "missing",   [KMS_FINDING_OLDER] = "older",
		[KMS_FINDING_MANIFEST] = "manifest", [KMS_FINDING_ROLLED_BACK] = "rolled back",
		[KMS_FINDING_FORKED] = "forked",     [KMS_FINDING_UNKNOWN] = "unknown",
		[KMS_FINDING_INDEX] = "index",
	};
	return kind > 0 && kind < KMS_FINDING_COUNT ? names[kind] : NULL;
}

void kms_survey_cleanup(struct kms_survey *survey)
{
	mem_free(TAKE(survey->findings));
	survey->finding_count = 0;
}
