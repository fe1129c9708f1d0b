/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of a test's own. Not for more than one thread. */
#ifndef HOLDFAST_TESTS_UNIT_EVENT_FOLDER_H
#define HOLDFAST_TESTS_UNIT_EVENT_FOLDER_H

#include <stddef.h>
#include <sys/stat.h>

int folder_setup(void **state);
int folder_teardown(void **state); /* with what lies in it */

/* <folder>/<name>; stays until four more were asked for. */
const char *folder_path(const char *name);

/* The whole file with a NUL behind it; NULL: it is not there. Stays until the next call. */
const char *folder_read(const char *name);
void folder_write(const char *name, const char *text, mode_t mode);

/* From now on no file may grow beyond so many bytes (EFBIG); -1: any may. */
void folder_limit(long bytes);

#endif
