/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

char fixture_directory[64];
struct fixture_faults faults;
void (*fixture_before_sync)(int fd);
void (*fixture_after_sync)(int fd);

static char content[CONTENT_MAX + 1];
static char log_content[CONTENT_MAX + 1];

int fixture_setup(void **state)
{
	(void)state;
	static int quiet = -1;
	if (quiet < 0)
		quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_configure(LOG_FORM_TEXT, LOG_ERROR, quiet);
	memset(&faults, 0, sizeof faults);
	fixture_before_sync = fixture_after_sync = NULL;
	strcpy(fixture_directory, "/tmp/holdfast-audit-XXXXXX");
	return mkdtemp(fixture_directory) ? 0 : -1;
}

static void path_of(char path[512], const char *name)
{
	assert_false(err_failed(text_format(path, 512, "%s/%s", fixture_directory, name)));
}

int fixture_teardown(void **state)
{
	(void)state;
	DIR *d = opendir(fixture_directory);
	if (d == NULL)
		return -1;
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
	return rmdir(fixture_directory);
}

void fixture_write_file(const char *name, const void *bytes, size_t len)
{
	char path[512];
	path_of(path, name);
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

const char *fixture_read_file(const char *name, size_t *len)
{
	char path[512];
	path_of(path, name);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	*len = fread(content, 1, CONTENT_MAX, f);
	assert_int_equal(fclose(f), 0);
	content[*len] = '\0';
	return content;
}

const char *fixture_read_chained(size_t *len)
{
	int directory = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[SEGMENT_NAME_MAX];
	uint64_t below = UINT64_MAX;
	size_t at = CONTENT_MAX; /* filled from its end, the newest segment first */
	while (!err_failed(segment_find(directory, below, name, &below))) {
		size_t n = 0;
		const char *text = fixture_read_file(name, &n);
		n = strnlen(text, n);
		assert_true(n <= at);
		at -= n;
		memcpy(log_content + at, text, n);
	}
	assert_int_equal(close(directory), 0);
	*len = CONTENT_MAX - at;
	log_content[CONTENT_MAX] = '\0';
	return log_content + at;
}

const char *fixture_read_log(size_t *len)
{
	size_t left = 0, at = 0;
	struct audit_link link;
	struct view rest = view_of_text(fixture_read_chained(&left));
	while (rest.len > 0) {
		struct view line = view_cut(&rest, '\n');
		bool chained = audit_link_parse(line, &link);
		if (chained && audit_line_attests(line))
			continue;
		struct view text = chained ? link.record : line;
		memcpy(content + at, text.ptr, text.len);
		at += text.len;
		if (chained)
			content[at++] = '}';
		if (rest.ptr != NULL)
			content[at++] = '\n';
	}
	content[at] = '\0';
	*len = at;
	return content;
}

size_t fixture_count_files(const char *ending)
{
	size_t count = 0;
	DIR *d = opendir(fixture_directory);
	assert_non_null(d);
	for (struct dirent *entry = readdir(d); entry != NULL; entry = readdir(d)) {
		size_t len = strlen(entry->d_name);
		size_t tail = strlen(ending);
		count += len >= tail && strcmp(entry->d_name + len - tail, ending) == 0;
	}
	(void)closedir(d);
	return count;
}

void fixture_newest(char name[SEGMENT_NAME_MAX], uint64_t *sequence)
{
	int directory = open(fixture_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_false(err_failed(segment_find(directory, UINT64_MAX, name, sequence)));
	assert_int_equal(close(directory), 0);
}

static bool fails(atomic_int *with)
{
	int error = atomic_load(with);
	errno = error;
	return error != 0;
}

static ssize_t faulty_write(int fd, const struct iovec *parts, int count, off_t at)
{
	atomic_fetch_add(&faults.writes, 1);
	if (atomic_fetch_sub(&faults.writes_until_fault, 1) <= 0 && fails(&faults.write_errno))
		return -1;
	struct iovec part = parts[0];
	size_t max = (size_t)atomic_load(&faults.write_bytes_max);
	if (max == 0)
		return segment_io_system.write(fd, parts, count, at);
	part.iov_len = part.iov_len < max ? part.iov_len : max;
	return segment_io_system.write(fd, &part, 1, at);
}

static int faulty_sync(int fd)
{
	atomic_fetch_add(&faults.syncs, 1);
	if (fixture_before_sync != NULL)
		fixture_before_sync(fd);
	if (fails(&faults.sync_errno))
		return -1;
	int rc = segment_io_system.sync(fd);
	if (fixture_after_sync != NULL)
		fixture_after_sync(fd);
	return rc;
}

static int faulty_truncate(int fd, off_t size)
{
	atomic_fetch_add(&faults.truncates, 1);
	return fails(&faults.truncate_errno) ? -1 : segment_io_system.truncate(fd, size);
}

static int faulty_create(int directory, const char *name, int flags, mode_t mode)
{
	atomic_fetch_add(&faults.creates, 1);
	return fails(&faults.create_errno) ? -1
					   : segment_io_system.create(directory, name, flags, mode);
}

static int faulty_sync_directory(int fd)
{
	atomic_fetch_add(&faults.directory_syncs, 1);
	return fails(&faults.directory_errno) ? -1 : segment_io_system.sync_directory(fd);
}

const struct segment_io faulty_io = {faulty_write, faulty_sync, faulty_truncate, faulty_create,
				     faulty_sync_directory};
