/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `holdfast status` tells: one row per thing that can be well or not, each with a short text
 * and, when it is not well, with what to do. The service makes its rows, and asks the program that
 * it is part of for others (service_options.more_checks).
 */
#ifndef HOLDFAST_SERVICE_CHECKS_H
#define HOLDFAST_SERVICE_CHECKS_H

#include "base/err.h"

enum service_level {
	SERVICE_LEVEL_OK,
	SERVICE_LEVEL_WARNING, /* it serves; somebody should act soon */
	SERVICE_LEVEL_FAILURE, /* it does not serve as it should */
};

#define SERVICE_CHECK_NAME 24
#define SERVICE_CHECK_TEXT 384
#define SERVICE_CHECKS_MAX 32

struct service_check {
	char name[SERVICE_CHECK_NAME];
	enum service_level level;
	char detail[SERVICE_CHECK_TEXT];
	char remedy[SERVICE_CHECK_TEXT]; /* "" while the level is OK */
};

struct service_checks {
	struct service_check rows[SERVICE_CHECKS_MAX];
	size_t count;
};

/*
 * Adds a row; `format` makes its detail, and one that is too long is cut. `remedy` is kept unless
 * the level is OK. A row beyond the last makes a failure of the last: nothing is lost silently.
 */
void service_check_add(struct service_checks *checks, const char *name, enum service_level level,
		       const char *remedy, const char *format, ...) PRINTF_LIKE(5, 6);

/* The worst of all rows. */
enum service_level service_checks_level(const struct service_checks *checks);

/* "ok", "warning", "failure". */
const char *service_level_name(enum service_level level);

#endif
