/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was found at the end of this daemon's audit log, told before it is signed over: lines that
 * neither a signature nor the store's head speaks for, and another audit-signing key than before.
 */
#ifndef HOLDFAST_SERVICE_AUDIT_TAIL_H
#define HOLDFAST_SERVICE_AUDIT_TAIL_H

#include "base/err.h"

struct service;

/* After audit_head_check(), before audit_log_sign(). Logged, and in a record (audit/resumption.h)
 * that stands in front of all others of this run; without it nothing may be signed: E_AUDIT.
 * Nothing where all is as it should be. Blocks. */
NODISCARD struct err audit_tail_tell(struct service *service);

#endif
