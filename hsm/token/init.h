/* SPDX-License-Identifier: Apache-2.0 */
/* `holdfast-token --init-token`: a new token in a free slot, and PIN files where there are none. */
#ifndef HOLDFAST_HSM_TOKEN_INIT_H
#define HOLDFAST_HSM_TOKEN_INIT_H

#include "config/settings.h"

#define INIT_LABEL_MAX 32 /* PKCS#11 3.1 §5.5.7: the label is 32 bytes long */

struct init_options {
	const char *label;
	const char *pin_path;    /* NULL: the file of pin_source */
	const char *so_pin_path; /* NULL: pin_path and "-so" */
};

/* The exit status; what was done, or what to do, is said on standard output or error. */
int init_token(const struct settings *settings, const struct init_options *options);

#endif
