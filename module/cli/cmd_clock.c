/* SPDX-License-Identifier: Apache-2.0 */
/* holdfast clock: whether the clock is trusted by what destroys, and the operator's word that it
 * is right. */
#include "cli/command.h"

static const struct argument none[] = {ARGUMENTS_END};

static const struct verb verbs[] = {
	{.name = "show",
	 .operation = "DescribeClock",
	 .summary = "is it trusted, and if not, why and what to do",
	 .arguments = none},
	{.name = "accept",
	 .operation = "AcceptClock",
	 .summary = "say that it is right: from now on what is due by it is destroyed",
	 .arguments = none,
	 .next = "Check the date above: keys whose window is over by it are destroyed for good."},
	VERBS_END};

const struct command cmd_clock = {
	.name = "clock",
	.summary = "is the clock trusted: while it is not, nothing is destroyed",
	.verbs = verbs,
};
