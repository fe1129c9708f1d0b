/* SPDX-License-Identifier: Apache-2.0 */
/* How the programs end: exit.def has the table, and this says which row an error belongs to. */
#ifndef HOLDFAST_BASE_EXIT_H
#define HOLDFAST_BASE_EXIT_H

#include "base/err.h"

enum exit_status {
#define EXIT_ROW(name, number, meaning) name = (number),
#include "base/exit.def"
#undef EXIT_ROW
};

/* The status of a program that ends with this error; EXIT_DONE for OK and for E_CANCELLED (it was
 * told to stop). */
enum exit_status exit_of(struct err e);

/*
 * The same for a service that the service manager starts again: what is mended in another process,
 * without a hand on this one, is EXIT_AWAY, as only then another start is tried.
 */
enum exit_status exit_of_service(struct err e);

/* Every row as lines for --help, with a heading. */
extern const char exit_help[];

#endif
