/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler of SIGSYS writes one line in the log's form and lets the signal kill the process.
 * Everything in it is async-signal-safe: what needs a library is prepared when it is installed.
 */
#include "confine/trap.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define NUMBERS_MAX 512 /* of system calls; those of today end below 470 */
#define NAME_MAX_BYTES 32
#define LINE_MAX_BYTES 1024

static struct {
	const char *process;
	const char *action;
	uint32_t arch;
	enum log_form form; /* when it happens, as a reload may change it */
	char names[NUMBERS_MAX][NAME_MAX_BYTES];
} trap;

struct line {
	char text[LINE_MAX_BYTES];
	size_t len;
};

static void put(struct line *line, const char *text)
{
	for (; *text != '\0' && line->len < sizeof line->text - 1; text++)
		line->text[line->len++] = *text;
}

/* Decimal digits, with zeros in front up to `width`. */
static void put_number(struct line *line, uint64_t number, size_t width)
{
	char digits[24];
	size_t at = sizeof digits - 1;
	digits[at] = '\0';
	for (; at > 0 && (number > 0 || sizeof digits - 1 - at < MAX_OF(width, (size_t)1));
	     number /= 10)
		digits[--at] = (char)('0' + number % 10);
	put(line, digits + at);
}

static void put_field(struct line *line, const char *name, const char *value)
{
	bool json = trap.form == LOG_FORM_JSON;
	put(line, json ? ",\"" : " ");
	put(line, name);
	put(line, json ? "\":\"" : "=\"");
	put(line, value);
	put(line, "\"");
}

static void put_number_field(struct line *line, const char *name, uint64_t value)
{
	bool json = trap.form == LOG_FORM_JSON;
	put(line, json ? ",\"" : " ");
	put(line, name);
	put(line, json ? "\":" : "=");
	put_number(line, value, 1);
}

/* Days since 1970-01-01 as a date; years are counted from March, so that February ends one. */
static void put_date(struct line *line, uint64_t days)
{
	uint64_t shifted = days + 719468; /* from 0000-03-01 */
	uint64_t era = shifted / 146097;
	uint64_t day_of_era = shifted % 146097;
	uint64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	uint64_t month = (5 * day + 2) / 153;
	put_number(line, era * 400 + year_of_era + (month >= 10 ? 1 : 0), 4);
	put(line, "-");
	put_number(line, month < 10 ? month + 3 : month - 9, 2);
	put(line, "-");
	put_number(line, day - (153 * month + 2) / 5 + 1, 2);
}

static void put_time(struct line *line)
{
	struct timespec now = {0, 0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	uint64_t seconds = (uint64_t)now.tv_sec;
	put_date(line, seconds / 86400);
	put(line, "T");
	put_number(line, seconds / 3600 % 24, 2);
	put(line, ":");
	put_number(line, seconds / 60 % 60, 2);
	put(line, ":");
	put_number(line, seconds % 60, 2);
	put(line, ".");
	put_number(line, (uint64_t)now.tv_nsec / 1000000, 3);
	put(line, "Z");
}

/* The same heads as log_write()'s. */
static void put_head(struct line *line)
{
	switch (trap.form) {
	case LOG_FORM_JSON:
		put(line, "{\"time\":\"");
		put_time(line);
		put(line, "\",\"level\":\"error\",\"event\":\"sandbox.refused\"");
		return;
	case LOG_FORM_JOURNAL:
		put(line, "<3>sandbox.refused");
		return;
	case LOG_FORM_TEXT:
		put_time(line);
		put(line, " error   sandbox.refused");
		return;
	}
}

static const char *name_of(const siginfo_t *info)
{
	if (info->si_arch != trap.arch)
		return "of another architecture";
	unsigned number = (unsigned)info->si_syscall;
	return number < NUMBERS_MAX && trap.names[number][0] != '\0' ? trap.names[number]
								     : "unknown";
}

static void refused(int number, siginfo_t *info, void *context)
{
	(void)context;
	static struct line line; /* one is enough: the process dies of the first */
	trap.form = log_configured_form();
	put_head(&line);
	put_field(&line, "process", trap.process);
	put_number_field(&line, "pid", (uint64_t)getpid());
	put_field(&line, "syscall", name_of(info));
	put_number_field(&line, "number", (uint64_t)(unsigned)info->si_syscall);
	put_field(&line, "effect", "the process is killed");
	put_field(&line, "action", trap.action);
	put(&line, trap.form == LOG_FORM_JSON ? "}" : "");
	line.text[line.len++] = '\n';
	ssize_t written = write(log_configured_fd(), line.text, line.len);
	(void)written;
	/* SA_RESETHAND: this one takes its default action, and a SIGSYS from elsewhere, too. */
	(void)syscall(SYS_tgkill, getpid(), gettid(), number);
}

/* libseccomp's memory, which it has no function of its own for. */
static void name_free(char *name)
{
	free(name);
}

/* seccomp_syscall_resolve_num_arch() allocates, so it is asked now. */
static void names_read(void)
{
	for (int number = 0; number < NUMBERS_MAX; number++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
		if (name == NULL)
			continue;
		struct err e = text_copy(trap.names[number], NAME_MAX_BYTES, view_of_text(name));
		(void)e; /* a longer name is told as its number */
		name_free(name);
	}
}

NODISCARD struct err trap_install(const char *process, const char *action)
{
	trap.process = process;
	trap.action = action;
	trap.arch = seccomp_arch_native();
	names_read();
	struct sigaction handler = {.sa_sigaction = refused,
				    .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER)};
	(void)sigemptyset(&handler.sa_mask);
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGSYS);
	if (sigaction(SIGSYS, &handler, NULL) != 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) != 0)
		return ERR_DETAIL(E_SANDBOX, errno);
	return OK;
}
