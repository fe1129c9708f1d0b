/* SPDX-License-Identifier: Apache-2.0 */
/* Files of indexes, beside their segments. */
#ifndef HOLDFAST_AUDIT_INDEX_DISK_H
#define HOLDFAST_AUDIT_INDEX_DISK_H

#include "audit/index.h"

/* The index of a complete segment. *out: audit_index_cleanup(). E_NOT_FOUND; E_FORMAT: it is none,
 * not sealed by us, or of the segment as it once was; E_AUDIT; what the sealer answers. */
NODISCARD struct err audit_index_load(int directory, const char *segment,
				      const struct audit_index_sealer *sealer,
				      struct audit_index *out);

/* In place of an older one, or not at all. E_AUDIT, E_SYSTEM; what the sealer answers. */
NODISCARD struct err audit_index_save(int directory, const char *segment,
				      const struct audit_index_sealer *sealer,
				      const struct audit_index *index);

#endif
