/* SPDX-License-Identifier: Apache-2.0 */
#include "dying.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static ssize_t (*write_at)(int, const void *, size_t, off_t);
static unsigned writes_left; /* the one that brings it to 0 is done by half, and is the last */

static ssize_t write_and_die(int fd, const void *bytes, size_t n, off_t at)
{
	if (--writes_left > 0)
		return write_at(fd, bytes, n, at);
	(void)write_at(fd, bytes, n / 2, at);
	(void)raise(SIGKILL);
	return -1;
}

/* In the child: SQLite's own door to the system, exchanged. */
static void writes_limit(unsigned count)
{
	static const char *const names[] = {"pwrite64", "pwrite"};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	for (size_t i = 0; i < ARRAY_LEN(names) && write_at == NULL; i++) {
		write_at = (ssize_t(*)(int, const void *, size_t, off_t))vfs->xGetSystemCall(
			vfs, names[i]);
		if (write_at != NULL)
			(void)vfs->xSetSystemCall(vfs, names[i],
						  (sqlite3_syscall_ptr)write_and_die);
	}
	writes_left = count;
}

bool dying_child_ended(struct fixture *f, struct err (*work)(struct fixture *f), unsigned at_write)
{
	int status = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		writes_limit(at_write);
		bool failed = write_at == NULL || err_failed(work(f));
		store_sqlite_close(&f->store);
		_exit(failed);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), SIGKILL);
	else
		assert_int_equal(status, 0);
	return !WIFSIGNALED(status);
}
