/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SoftHSM protected from itself. C_Login truncates token.object and writes it anew, so that a kill
 * in between leaves a token that nobody can log in to; and nothing it writes is ever synced. Here:
 * synced copies of token.object, their restoration before C_Initialize, and the syncing of what a
 * creation wrote. Does nothing for any other module.
 */
#ifndef HOLDFAST_HSM_P11_SOFTHSM_H
#define HOLDFAST_HSM_P11_SOFTHSM_H

#include <limits.h>
#include <time.h>

#include "base/err.h"
#include "hsm/p11/softhsm_watch.h"

/*
 * The copy lies in the token's own directory: SoftHSM looks there only at names that end in
 * ".object", and takes every directory beside it for a token.
 */
#define P11_SOFTHSM_COPY "token.object.holdfast"

struct p11_softhsm {
	bool active;
	char token_dir[PATH_MAX]; /* directories.tokendir */
	bool follows;             /* by `watch`, begun again when it was lost */
	struct p11_softhsm_watch watch;
};

/* Active when the module's file name begins with "libsofthsm2". E_SETTINGS when its configuration
 * names no token directory. */
NODISCARD struct err p11_softhsm_init(struct p11_softhsm *softhsm, const char *module_path);

/* Zeroed or initialised. */
void p11_softhsm_cleanup(struct p11_softhsm *softhsm);

/* Before C_Initialize: puts the copy back where token.object is missing, empty or broken. */
NODISCARD struct err p11_softhsm_restore(const struct p11_softhsm *softhsm);

/* Before C_Login: a synced copy of every token.object that is whole and differs from its copy. */
NODISCARD struct err p11_softhsm_keep(const struct p11_softhsm *softhsm);

/*
 * From here on, and from now on anew, the kernel tells p11_softhsm_sync() what was written. Where
 * it cannot, which is logged, or where this was not called, each sync reads the whole directory:
 * at 10,000 keys 20 ms.
 */
void p11_softhsm_follow(struct p11_softhsm *softhsm);

/* When something began, in the kernel's file time. */
struct p11_softhsm_mark {
	struct timespec since;
	int64_t offset_ns; /* of real time to monotonic time: changes when the clock is set */
};

/* Before something is written, for p11_softhsm_sync(). */
struct p11_softhsm_mark p11_softhsm_mark(struct p11_softhsm *softhsm);

/* After a creation, login or destruction: syncs every file written since `mark`, and the token's
 * directory. Without anybody to tell which: by the time of their last change, and every file when
 * the clock was set meanwhile. One at a time. */
NODISCARD struct err p11_softhsm_sync(struct p11_softhsm *softhsm, struct p11_softhsm_mark mark);

/*
 * At the start: syncs what was written within the last minute. Whoever wrote it may have been
 * killed before the sync, and the next one is asked what became of it; what is older the kernel has
 * written by itself (vm.dirty_expire_centisecs: 30 s).
 */
NODISCARD struct err p11_softhsm_sync_recent(const struct p11_softhsm *softhsm);

/* After C_InitToken: everything, and the directory of the tokens. */
NODISCARD struct err p11_softhsm_sync_new_token(const struct p11_softhsm *softhsm);

#endif
