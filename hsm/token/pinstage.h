/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a change of the PIN has come to, kept on disk so that a process that dies at any step leaves
 * something to go on with. The new PIN lies beside the file of the old one; its name is the stage:
 *
 *   <file>.new       written; the token has not been asked: worth nothing
 *   <file>.changing  C_SetPIN was begun: one of the two PINs is right, the new one is tried first
 *   <file>.tried     the same, and the new one was tried meanwhile: the old one is tried first
 *   <file>.refused   the token refused both: nothing is tried any more until somebody has looked
 *
 * A mark in the state directory names the file, for the start of the service.
 */
#ifndef HOLDFAST_HSM_TOKEN_PINSTAGE_H
#define HOLDFAST_HSM_TOKEN_PINSTAGE_H

#include "base/secret.h"
#include "config/settings.h"

enum pinstage { PINSTAGE_NONE, PINSTAGE_NEW, PINSTAGE_CHANGING, PINSTAGE_TRIED, PINSTAGE_REFUSED };

/* Where the new PIN of `file` lies in this stage. E_BOUNDS. */
NODISCARD struct err pinstage_path(const char *file, enum pinstage stage, char *out, size_t cap);

/* The furthest stage that there is a file of. E_SYSTEM when that cannot be asked. */
NODISCARD struct err pinstage_find(const char *file, enum pinstage *out);

/* Writes the new PIN for stage NEW, in the place of another: 0600, owner and group as of `file`,
 * on disk. E_SYSTEM. */
NODISCARD struct err pinstage_write(const char *file, const struct secret *pin);

/* From stage to stage, on disk when it returns. To NONE: the new PIN replaces the old file. */
NODISCARD struct err pinstage_move(const char *file, enum pinstage from, enum pinstage to);

/* Forgets the new PIN: the token has the old one. */
NODISCARD struct err pinstage_drop(const char *file, enum pinstage stage);

/* The mark: sets it, removes it, on disk. */
NODISCARD struct err pinstage_mark(const char *state_directory, const char *file);
NODISCARD struct err pinstage_unmark(const char *state_directory);

/*
 * At the start of the service: E_SETTINGS with a line for people when a change was begun and not
 * finished, as the token must not be asked with a PIN that may be the wrong one.
 */
NODISCARD struct err pinstage_check(const char *state_directory,
				    char message[SETTINGS_MESSAGE_MAX]);

#endif
