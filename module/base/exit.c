/* SPDX-License-Identifier: Apache-2.0 */
#include "base/exit.h"

#include <errno.h>

#define EXIT_ROW(name, number, meaning) "  " #number "\t" meaning "\n"
const char exit_help[] = "Exit status:\n"
#include "base/exit.def"
	;
#undef EXIT_ROW

/* Errors that do not end as their category does. */
static const struct {
	enum err_code code;
	enum exit_status status;
} special[] = {
	{E_CANCELLED, EXIT_DONE},
	{E_USAGE, EXIT_USAGE},
	{E_NOMEM, EXIT_OS},
	{E_LOCKED_MEMORY, EXIT_OS},
	{E_EXISTS, EXIT_CREATE},
	{E_AUDIT, EXIT_IO},
	{E_STORE_FULL, EXIT_IO},
	{E_ALREADY_RUNNING, EXIT_AWAY},
	{E_HSM_PIN, EXIT_PERMISSION},
	{E_HSM_PEER, EXIT_PERMISSION},
	{E_ACCESS_DENIED, EXIT_PERMISSION},
};

/* E_SYSTEM carries an errno, which says more than the category. */
static enum exit_status of_errno(uint32_t number)
{
	switch (number) {
	case EACCES:
	case EPERM:
		return EXIT_PERMISSION;
	case ENOENT:
	case EROFS:
	case ENOTDIR:
		return EXIT_CREATE;
	case ENOSPC:
	case EIO:
	case EDQUOT:
		return EXIT_IO;
	default:
		return EXIT_OS;
	}
}

enum exit_status exit_of(struct err e)
{
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (err_is(e, special[i].code))
			return special[i].status;
	if (err_is(e, E_SYSTEM))
		return of_errno(e.detail);
	switch (err_category(e)) {
	case ERR_NONE:
		return EXIT_DONE;
	case ERR_DENIED:
		return EXIT_PERMISSION;
	case ERR_OPERATOR:
	case ERR_CALLER:
		return EXIT_SETTINGS;
	case ERR_CAPACITY:
	case ERR_UNAVAILABLE:
		return EXIT_AWAY;
	case ERR_INTERNAL:
		break;
	}
	return EXIT_DEFECT;
}

enum exit_status exit_of_service(struct err e)
{
	/* Its action is a SIGHUP to holdfast-token: the daemon must be there again by then. */
	return err_is(e, E_HSM_PIN) ? EXIT_AWAY : exit_of(e);
}
