/* SPDX-License-Identifier: Apache-2.0 */
/* How the failure of a call looks to its client, in the protocol that it speaks. */
#ifndef HOLDFAST_SERVICE_ERRORS_H
#define HOLDFAST_SERVICE_ERRORS_H

#include "service/errors_kms.h"
#include "service/work.h"

/* Name, status and text of work->failure; never NULL. */
const struct error_kms *error_of(const struct call_work *work);
struct view error_text(const struct call_work *work);

/* The body of the reply appended. E_NOMEM, E_BOUNDS. */
NODISCARD struct err error_write(struct call_work *work);

#endif
