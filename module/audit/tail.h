/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder's own header: what proves the last lines of a log that is opened. Whoever can write to
 * the folder may have put some there while nobody watched, and the next signature covers them: so
 * they are told before it is made (resumption.h).
 */
#ifndef HOLDFAST_AUDIT_TAIL_H
#define HOLDFAST_AUDIT_TAIL_H

#include "audit/log.h"

/* Reads from the end back to the last line that a signature attests: few lines, as a rule. What
 * does not belong to one chain ends it. E_AUDIT, E_NOMEM. */
NODISCARD struct err tail_look(int directory, const struct audit_signer *signer,
			       struct audit_tail *out);

#endif
