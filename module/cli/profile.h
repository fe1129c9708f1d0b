/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A profile of the AWS CLI and SDKs: the access key in their credentials file, Region and endpoint
 * in their config file (AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE; else in ~/.aws). Other
 * profiles in them stay as they are.
 */
#ifndef HOLDFAST_CLI_PROFILE_H
#define HOLDFAST_CLI_PROFILE_H

#include "base/err.h"
#include "base/view.h"

#define PROFILE_PATH_MAX 512
#define PROFILE_FILE_MAX ((size_t)1 << 20)

/* All borrowed. */
struct profile {
	struct view name;
	struct view access_key_id;
	struct view secret_key;
	struct view session_token; /* empty without */
	struct view region;
	struct view endpoint; /* http://127.0.0.1:4599 */
};

/* Before anything is made: the name is sound, neither file has such a profile, both can be written.
 * What is wrong is on standard error. E_USAGE, E_SYSTEM. */
NODISCARD struct err profile_check(struct view name);

/* Adds it to both files, each whole or not at all, the credentials for this user alone; `path` is
 * where the credentials are. Errors likewise. Blocks. */
NODISCARD struct err profile_write(const struct profile *profile, char path[PROFILE_PATH_MAX]);

#endif
