/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the port kms/manifest.h. */
#ifndef HOLDFAST_STORE_SQLITE_MANIFEST_PORTS_H
#define HOLDFAST_STORE_SQLITE_MANIFEST_PORTS_H

#include "store/sqlite/ports.h"

/* manifest.c */
NODISCARD struct err sqlite_manifest_mark(void *self, struct kms_mark *out);
bool sqlite_manifest_denies(void *self, const struct kms_mark *mark);
NODISCARD struct err sqlite_manifest_doubt(void *self);
void sqlite_manifest_freeze(void *self);

/* survey.c */
NODISCARD struct err sqlite_survey(void *self, const struct kms_survey_options *options,
				   struct kms_survey *out);
NODISCARD struct err sqlite_manifest_begin(void *self);
NODISCARD struct err sqlite_manifest_accept(void *self, const struct kms_survey *survey,
					    const struct kms_outbox_record *outbox);

/* discard.c */
NODISCARD struct err sqlite_discard(void *self, uint64_t *removed, uint64_t *left);

/* heads.c */
NODISCARD struct err sqlite_head_load(void *self, const char *log, struct kms_audit_head *out);
NODISCARD struct err sqlite_head_save(void *self, const struct kms_audit_head *head);
NODISCARD struct err sqlite_head_list(void *self, struct kms_audit_head **out, size_t *count);

/* copy.c */
NODISCARD struct err sqlite_copy(void *self, const char *path);

#endif
