/* SPDX-License-Identifier: Apache-2.0 */
#include "service/checks.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

/* What does not fit is cut rather than left out. */
static void put(char *out, size_t cap, const char *text)
{
	struct view all = view_of_text(text);
	(void)!err_failed(text_copy(out, cap, view_part(all, 0, cap - 1)));
}

void service_check_put(struct service_checks *checks, const struct service_check_head *head,
		       const char *format, ...)
{
	if (checks->count == SERVICE_CHECKS_MAX) {
		checks->rows[SERVICE_CHECKS_MAX - 1].level = SERVICE_LEVEL_FAILURE;
		return;
	}
	struct service_check *row = &checks->rows[checks->count++];
	*row = (struct service_check){.level = head->level};
	put(row->name, sizeof row->name, head->name);
	if (head->level != SERVICE_LEVEL_OK)
		put(row->remedy, sizeof row->remedy, head->remedy);
	va_list args;
	va_start(args, format);
	if (vsnprintf(row->detail, sizeof row->detail, format, args) < 0)
		row->detail[0] = '\0';
	va_end(args);
}

enum service_level service_checks_level(const struct service_checks *checks)
{
	enum service_level worst = SERVICE_LEVEL_OK;
	for (size_t i = 0; i < checks->count; i++)
		worst = MAX_OF(worst, checks->rows[i].level);
	return worst;
}

const char *service_level_name(enum service_level level)
{
	static const char *const names[] = {"ok", "warning", "failure"};
	return names[level];
}
