/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of the process itself, under the names that Prometheus' own libraries use. */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/text.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS 1000000
#define STATM_MAX 256

static void close_folder(DIR **folder)
{
	if (*folder != NULL)
		(void)closedir(*folder);
}

/* proc(5), /proc/self/statm: size resident shared ..., in pages. */
static void look_at_memory(void)
{
	char text[STATM_MAX];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ssize_t got = read(fd, text, sizeof text);
	(void)close(fd);
	struct view rest = view_of(text, got > 0 ? (size_t)got : 0);
	(void)view_cut(&rest, ' ');
	int64_t pages = 0;
	if (!err_failed(text_parse_integer(view_cut(&rest, ' '), 0, INT32_MAX, &pages)))
		metric_set(METRIC_PROCESS_RSS, 0, 0,
			   (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

/* The folder's own descriptor is one of those seen, and not counted. */
static void look_at_descriptors(void)
{
	CLEANUP(close_folder) DIR *folder = opendir("/proc/self/fd");
	struct rlimit limit = {0};
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		metric_set(METRIC_PROCESS_MAX_FDS, 0, 0, limit.rlim_cur);
	if (folder == NULL)
		return;
	uint64_t count = 0;
	for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
		count += entry->d_name[0] != '.';
	metric_set(METRIC_PROCESS_FDS, 0, 0, count > 0 ? count - 1 : 0);
}

void metric_process_start(void)
{
	metric_set(METRIC_PROCESS_START, 0, 0, (uint64_t)clock_real_ms(&clock_system) * NS_PER_MS);
	metric_set(METRIC_BUILD_INFO, 0, 0, 1);
}

void metric_process_look(void)
{
	struct timespec cpu = {0};
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		metric_set(METRIC_PROCESS_CPU, 0, 0,
			   (uint64_t)(cpu.tv_sec * NS_PER_S + cpu.tv_nsec));
	look_at_memory();
	look_at_descriptors();
}
