/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the port kms/agenda.h, which says what each promises. */
#ifndef HOLDFAST_STORE_SQLITE_AGENDA_PORTS_H
#define HOLDFAST_STORE_SQLITE_AGENDA_PORTS_H

#include "store/sqlite/ports.h"

/* agenda.c */
NODISCARD struct err sqlite_due_list(void *self, const struct kms_due_query *query,
				     struct kms_due **out, size_t *count);
NODISCARD struct err sqlite_due_count(void *self, const struct kms_due_query *query,
				      struct kms_due_count *out);

/* claims.c */
NODISCARD struct err sqlite_claim_take(void *self, const struct kms_claim *claim, int64_t now_ms);
NODISCARD struct err sqlite_claim_end(void *self, const struct kms_claim *claim);
NODISCARD struct err sqlite_claim_fail(void *self, const struct kms_claim *claim, int64_t retry_ms,
				       const char *error);
NODISCARD struct err sqlite_claim_attempts(void *self, const struct kms_claim *claim,
					   uint32_t *attempts);
NODISCARD struct err sqlite_failures(void *self, size_t limit, struct kms_due_failure **out,
				     size_t *count);

/* clock_marks.c */
NODISCARD struct err sqlite_mark_load(void *self, struct kms_clock_mark *out);
NODISCARD struct err sqlite_mark_save(void *self, const struct kms_clock_mark *mark,
				      const struct kms_outbox_record *outbox);

#endif
