/* SPDX-License-Identifier: Apache-2.0 */
#include "config/page_file.h"

#include <stdio.h>

static void close_file(FILE **file)
{
	if (*file != NULL)
		(void)fclose(*file);
}

NODISCARD struct err page_file_read(const char *path, struct buf *out)
{
	CLEANUP(close_file) FILE *file = fopen(path, "r");
	REQUIRE(file != NULL, E_SETTINGS);
	char part[4096];
	for (size_t n; (n = fread(part, 1, sizeof part, file)) > 0;)
		TRY(buf_append(out, view_of(part, n)));
	REQUIRE(ferror(file) == 0, E_SETTINGS);
	return OK;
}

NODISCARD struct err page_file_write(const char *path, struct view text)
{
	CLEANUP(close_file) FILE *file = fopen(path, "w");
	REQUIRE(file != NULL && fwrite(text.ptr, 1, text.len, file) == text.len, E_SETTINGS);
	REQUIRE(fflush(file) == 0, E_SETTINGS);
	return OK;
}
