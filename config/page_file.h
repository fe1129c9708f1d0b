/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the programs that write manual pages at build time; no part of the product. */
#ifndef HOLDFAST_CONFIG_PAGE_FILE_H
#define HOLDFAST_CONFIG_PAGE_FILE_H

#include "base/buf.h"

#define PAGE_BYTES_MAX ((size_t)1 << 20)

/* Appends the whole file. E_SETTINGS when it cannot be read, E_BOUNDS. */
NODISCARD struct err page_file_read(const char *path, struct buf *out);

/* The file is the text from then on. E_SETTINGS. */
NODISCARD struct err page_file_write(const char *path, struct view text);

#endif
