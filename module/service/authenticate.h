/* SPDX-License-Identifier: Apache-2.0 */
/* The first step: who is asking. */
#ifndef HOLDFAST_SERVICE_AUTHENTICATE_H
#define HOLDFAST_SERVICE_AUTHENTICATE_H

#include "service/work.h"

/* Fills work->principal. May run again after E_WOULD_BLOCK. E_AUTH_..., and what credentials.h
 * says. */
NODISCARD struct err authenticate(struct call_work *work);

#endif
