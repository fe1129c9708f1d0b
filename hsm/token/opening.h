/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the token on a thread of its own, because the vendor's module may block for seconds: again
 * and again while the token is away, once only when the answer is a refusal.
 */
#ifndef HOLDFAST_HSM_TOKEN_OPENING_H
#define HOLDFAST_HSM_TOKEN_OPENING_H

#include "base/secret.h"
#include "hsm/token/orders.h"

struct opening;

/* Starts the thread; *out: opening_stop(). Everything is borrowed until then. */
NODISCARD struct err opening_start(const struct orders *orders, const struct secret *pin,
				   struct orders_page *page, struct opening **out);

/*
 * Where it is: HSM_UP (then *hsm is the open token, owned by the opening), or CONNECTING, AWAY,
 * PIN_REFUSED, REFUSED_UNSAFE with the reason. Never blocks.
 */
enum hsm_condition opening_look(struct opening *opening, struct hsm **hsm, struct err *why);

/*
 * Ends the thread and closes the token: operations under way end with E_CANCELLED. Blocks for as
 * long as the module does; *opening becomes NULL.
 */
void opening_stop(struct opening **opening);

#endif
