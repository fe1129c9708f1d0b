/* SPDX-License-Identifier: Apache-2.0 */
/* The two processes as the kernel shows them, and the units that start them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/doctor.h"

#define PROC_TEXT_MAX 8192
#define PATH_TEXT 256
#define SECCOMP_FILTER 2
#define LOCKED_BYTES_MIN (INT64_C(8) << 20)
#define FILES_PER_CONNECTION 1
#define FILES_BESIDE 64

/* ---- who is there ---- */

/* To a Unix socket: connected, or errno. */
static int reach(const char *path, int fd)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (err_failed(text_copy(address.sun_path, sizeof address.sun_path, view_of_text(path))))
		return ENAMETOOLONG;
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno != EAGAIN)
		return errno;
	return 0;
}

/* unix(7): SO_PEERCRED of a connected stream socket is who called listen(2). */
static void find_peer(const char *path, struct doctor_peer *out)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;
	*out = (struct doctor_peer){.number = ENOENT};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		out->number = errno;
		return;
	}
	out->number = reach(path, fd);
	bool known = out->number == 0 &&
		     getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0;
	(void)close(fd);
	out->there = known;
	out->pid = peer.pid;
	out->uid = peer.uid;
}

void doctor_find_peers(struct doctor *d)
{
	find_peer(d->context->socket, &d->daemon);
	find_peer(d->context->settings->token.socket, &d->token);
}

/* ---- /proc ---- */

static bool read_proc(pid_t pid, const char *file, char out[PROC_TEXT_MAX])
{
	char path[PATH_TEXT] = "";
	(void)!err_failed(text_format(path, sizeof path, "/proc/%d/%s", (int)pid, file));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, PROC_TEXT_MAX - 1) : -1;
	if (fd >= 0)
		(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* What stands behind `name` on its line, without blanks around it. */
static struct view find_line(const char *text, const char *name)
{
	struct view rest = view_of_text(text);
	while (rest.ptr != NULL) {
		struct view line = view_cut(&rest, '\n');
		if (view_starts_with(line, view_of_text(name)))
			return view_trim(view_part(line, view_of_text(name).len, line.len));
	}
	return VIEW_NONE;
}

/* A number, or INT64_MAX for "unlimited"; -1: none. */
static int64_t number_of(struct view text)
{
	int64_t number = -1;
	struct view word = view_cut(&text, ' ');
	if (view_equal_text(word, "unlimited"))
		return INT64_MAX;
	return err_failed(text_parse_integer(word, 0, INT64_MAX, &number)) ? -1 : number;
}

struct process {
	const char *name, *limits, *sandbox; /* of rows */
	const char *program;
	const struct doctor_peer *peer;
	int64_t files_min;
};

static void say_limits(struct doctor *d, const struct process *p, const char *text)
{
	int64_t locked = number_of(find_line(text, "Max locked memory"));
	int64_t files = number_of(find_line(text, "Max open files"));
	bool low_locked = locked >= 0 && locked < LOCKED_BYTES_MIN;
	bool low_files = files >= 0 && files < p->files_min;
	if (low_locked)
		check_add(d->list, p->limits, CHECK_WARNING,
			  "raise RLIMIT_MEMLOCK (LimitMEMLOCK=infinity in the unit)",
			  "%lld bytes of memory may be locked, for secrets; %lld and more are "
			  "wanted",
			  (long long)locked, (long long)LOCKED_BYTES_MIN);
	else if (low_files)
		check_add(
			d->list, p->limits, CHECK_WARNING,
			"raise RLIMIT_NOFILE (LimitNOFILE= in the unit), or lower connections_max",
			"%lld files may be open; the settings can need %lld", (long long)files,
			(long long)p->files_min);
	else
		check_add(d->list, p->limits, CHECK_OK, "",
			  locked == INT64_MAX ? "memory may be locked without bound; %lld files"
					      : "memory may be locked as wanted; %lld files",
			  (long long)files);
}

static void look_at_limits(struct doctor *d, const struct process *p)
{
	char text[PROC_TEXT_MAX];
	if (read_proc(p->peer->pid, "limits", text))
		say_limits(d, p, text);
	else
		check_add(d->list, p->limits, CHECK_UNKNOWN, "run this as root to see more",
			  "/proc/%d/limits cannot be read: %s", (int)p->peer->pid,
			  strerrordesc_np(errno));
}

/* The kernel's word for it, beside that of the process. */
static void look_at_sandbox(struct doctor *d, const struct process *p)
{
	char text[PROC_TEXT_MAX];
	const char *wanted = d->context->settings->sandbox.seccomp;
	if (!read_proc(p->peer->pid, "status", text)) {
		check_add(d->list, p->sandbox, CHECK_UNKNOWN, "run this as root to see more",
			  "/proc/%d/status cannot be read: %s", (int)p->peer->pid,
			  strerrordesc_np(errno));
		return;
	}
	bool filtered = number_of(find_line(text, "Seccomp:")) == SECCOMP_FILTER;
	bool bound = number_of(find_line(text, "NoNewPrivs:")) == 1;
	bool well = (filtered || text_equal(wanted, "off")) && bound;
	check_add(d->list, p->sandbox, well ? CHECK_OK : CHECK_WARNING,
		  "set seccomp = enforce in [sandbox] and restart it", "%s; %s",
		  filtered ? "system calls filtered" : "system calls NOT filtered",
		  bound ? "no new privileges" : "may gain privileges");
}

static void look_at_process(struct doctor *d, const struct process *p)
{
	if (!p->peer->there) {
		check_add(d->list, p->name, CHECK_FAILURE,
			  p->peer->number == EACCES ? "run this as root, or as the service's user"
						    : "start it; its last words: journalctl",
			  "%s is not reached: %s", p->program, strerrordesc_np(p->peer->number));
		check_add(d->list, p->limits, CHECK_UNKNOWN, "start it first", "%s is not reached",
			  p->program);
		check_add(d->list, p->sandbox, CHECK_UNKNOWN, "start it first", "%s is not reached",
			  p->program);
		return;
	}
	check_add(d->list, p->name, CHECK_OK, "", "%s runs as process %d", p->program,
		  (int)p->peer->pid);
	look_at_limits(d, p);
	if (p->peer == &d->token)
		look_at_sandbox(d, p);
}

void doctor_look_at_processes(struct doctor *d)
{
	const struct settings *s = d->context->settings;
	const struct process processes[] = {
		{"daemon", "daemon limits", "daemon sandbox", "holdfastd", &d->daemon,
		 s->server.connections_max * FILES_PER_CONNECTION + FILES_BESIDE},
		{"token process", "token limits", "token sandbox", "holdfast-token", &d->token,
		 s->token.connections_max * FILES_PER_CONNECTION + FILES_BESIDE},
	};
	for (size_t i = 0; i < ARRAY_LEN(processes); i++)
		look_at_process(d, &processes[i]);
}

/* ---- units ---- */

static bool find_unit(const char *name, char out[PATH_TEXT])
{
	static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
					      "/usr/local/lib/systemd/system",
					      "/usr/lib/systemd/system", "/lib/systemd/system"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct err e = text_format(out, PATH_TEXT, "%s/%s", folders[i], name);
		if (!err_failed(e) && access(out, F_OK) == 0)
			return true;
	}
	return false;
}

static bool started_by_unit(const struct doctor_peer *peer, const char *unit)
{
	char text[PROC_TEXT_MAX];
	return peer->there && read_proc(peer->pid, "cgroup", text) &&
	       view_search(view_of_text(text), view_of_text(unit)) < view_of_text(text).len;
}

static void look_at_unit(struct doctor *d, const char *unit, const struct doctor_peer *peer)
{
	char path[PATH_TEXT] = "";
	bool installed = find_unit(unit, path), by_unit = started_by_unit(peer, unit);
	if (!installed)
		check_add(d->list, unit, CHECK_OK, "", "not installed: started by hand");
	else if (peer->there && !by_unit)
		check_add(d->list, unit, CHECK_WARNING,
			  "stop the process and start the unit, so that it is restarted and "
			  "confined as the unit says",
			  "%s is there, and what runs was started otherwise", path);
	else
		check_add(d->list, unit, CHECK_OK, "", "%s%s", path,
			  by_unit ? ", and it runs what is running" : "");
}

void doctor_look_at_units(struct doctor *d)
{
	look_at_unit(d, "holdfastd.service", &d->daemon);
	look_at_unit(d, "holdfast-token.service", &d->token);
}
