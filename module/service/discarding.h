/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that do not carry their seal: what each table's keep from working, and what is given up with
 * one that an operator discards (holdfastd --recover --discard-refused). */
#ifndef HOLDFAST_SERVICE_DISCARDING_H
#define HOLDFAST_SERVICE_DISCARDING_H

#include "kms/manifest.h"

/*
 * Whether the service does not start while it refuses a row of that table: what the row says can
 * neither be left undone nor be done as it stands. Not so of the installation, without which no row
 * of any table is judged.
 */
bool discarding_needed(const char *table);

/* What discarding a row of that table means; "" for one that is none of the sealed. */
const char *discarding_meaning(const char *table);

/* Whether a row that was found keeps the service from starting. */
bool discarding_needed_by(const struct kms_survey *survey);

#endif
