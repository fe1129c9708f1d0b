/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of targets that need codec/json.h and nothing else. */
#include "target.h"

#include "codec/json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	must(!err_failed(json_start()));
	return 0;
}
