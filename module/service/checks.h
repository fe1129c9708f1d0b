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

struct service_check_head {
	const char *name;
	enum service_level level;
	const char *remedy; /* kept unless the level is OK */
};

/*
 * Adds a row; `format` makes its detail, and one that is too long is cut. A row beyond the last
 * makes a failure of the last: nothing is lost silently.
 */
void service_check_put(struct service_checks *checks, const struct service_check_head *head,
		       const char *format, ...) PRINTF_LIKE(3, 4);

/* service_check_add(checks, name, level, remedy, format, ...) */
#define service_check_add(checks_, name_, level_, remedy_, ...)                             \
	service_check_put((checks_),                                                        \
			  &(const struct service_check_head){(name_), (level_), (remedy_)}, \
			  __VA_ARGS__)

/* The worst of all rows. */
enum service_level service_checks_level(const struct service_checks *checks);

/* "ok", "warning", "failure". */
const char *service_level_name(enum service_level level);

#endif
