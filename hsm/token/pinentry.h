/* SPDX-License-Identifier: Apache-2.0 */
/* Where a new PIN comes from: a file, a descriptor, the terminal, chance. Never argv, never the
 * environment. */
#ifndef HOLDFAST_HSM_TOKEN_PINENTRY_H
#define HOLDFAST_HSM_TOKEN_PINENTRY_H

#include "base/secret.h"
#include "config/settings.h"

/* Bytes that the token takes; max 0: it does not say. */
struct pinentry_limits {
	size_t min, max;
};

/*
 * `source` is file:PATH, fd:N, ask (twice, on the terminal, unseen) or random. E_SETTINGS with a
 * line for people: no such source, not readable, too short or too long for the token, not typed
 * twice alike. E_CANCELLED: given up at the terminal.
 */
NODISCARD struct err pinentry_read(const char *source, const struct pinentry_limits *limits,
				   struct secret **out, char message[SETTINGS_MESSAGE_MAX]);

#endif
