/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a settings file that was read again changes: which settings differ, which of them a running
 * process takes over, and which wait for its restart (the `reload` flag of table.c).
 */
#ifndef HOLDFAST_CONFIG_CHANGES_H
#define HOLDFAST_CONFIG_CHANGES_H

#include "config/settings.h"

/* Which program asks: each is told of its own settings alone. */
enum changes_reader { CHANGES_HOLDFASTD, CHANGES_HOLDFAST_TOKEN };

struct changes_setting {
	const char *section, *name; /* static */
	bool applied;               /* false: it needs a restart */
};

/*
 * The settings that differ between what is in force and what was read: at most `max` of them into
 * `out`; the number of all.
 */
size_t changes_find(const struct settings *in_force, const struct settings *fresh,
		    enum changes_reader reader, struct changes_setting *out, size_t max);

/* Puts every setting that a running process takes over into *in_force; the others stay. */
void changes_apply(struct settings *in_force, const struct settings *fresh);

#endif
