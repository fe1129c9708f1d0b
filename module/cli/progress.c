/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 500
#define BETWEEN_MS 100
#define MS_PER_S 1000
#define PERCENT 100

void progress_init(struct progress *p, const char *what, bool quiet)
{
	*p = (struct progress){.what = what,
			       .quiet = quiet || isatty(STDERR_FILENO) == 0,
			       .began_ms = clock_steady_ms(&clock_system)};
	p->said_ms = p->began_ms + PATIENCE_MS - BETWEEN_MS;
}

void progress_tell(void *user, uint64_t done, uint64_t all)
{
	struct progress *p = (struct progress *)user;
	if (p->quiet || all == 0)
		return;
	int64_t now = clock_steady_ms(&clock_system);
	if (now - p->said_ms < BETWEEN_MS)
		return;
	p->said_ms = now;
	p->shown = true;
	double share = (double)done / (double)all;
	double left_s = done > 0 ? (double)(now - p->began_ms) / MS_PER_S * (1 / share - 1) : 0;
	(void)fprintf(stderr, "\r%s: %3.0f %%, %.0f s left\033[K", p->what, share * PERCENT,
		      left_s);
	(void)fflush(stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		(void)fputs("\r\033[K", stderr);
	p->shown = false;
}
