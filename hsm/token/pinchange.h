/* SPDX-License-Identifier: Apache-2.0 */
/* `holdfast-token --change-pin`: another user PIN for the token, while nobody serves it. */
#ifndef HOLDFAST_HSM_TOKEN_PINCHANGE_H
#define HOLDFAST_HSM_TOKEN_PINCHANGE_H

#include "config/settings.h"

struct pinchange_options {
	const char *pin_path; /* file of the PIN; NULL: the file of pin_source */
	const char *new_pin;  /* file:PATH, fd:N, ask, random; NULL: ask */
};

/*
 * Changes the PIN, or finishes a change that was interrupted (pinstage.h). The exit status; what
 * was done, or what to do, is said on standard output or error.
 */
int pinchange_main(const struct settings *settings, const struct pinchange_options *options);

#endif
